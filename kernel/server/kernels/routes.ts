import { isObject, type JsonObject } from "../../protocol/messages.ts";
import { contentType } from "../contents/mime.ts";
import { HttpError } from "../errors.ts";
import { jsonBody, newRoutes, objectBody, type Routes } from "../http.ts";
import { defaultKernel, type Kernels } from "./manager.ts";
import type { Sessions } from "./sessions.ts";
import { specModel, specResource } from "./specs.ts";

/** /api/kernels, /api/sessions, /api/kernelspecs and /kernelspecs of a server whose paths begin with `base`. */
export function kernelRoutes(kernels: Kernels, sessions: Sessions, base: string): Routes {
  const routes = newRoutes();

  routes.get("/api/kernelspecs", (c) => {
    const specs = [...kernels.specs().values()].map((spec) => [spec.name, specModel(spec, base)]);
    return c.json({ default: defaultKernel, kernelspecs: Object.fromEntries(specs) });
  });
  routes.get("/api/kernelspecs/:name", (c) => c.json(specModel(specNamed(c.req.param("name")), base)));
  routes.get("/kernelspecs/:name/:file", (c) => {
    const file = c.req.param("file");
    const bytes = specResource(specNamed(c.req.param("name")), file);
    if (!bytes) throw new HttpError(404, `Kernel spec has no resource ${file}`);
    return c.body(new Uint8Array(bytes), 200, {
      "Content-Type": contentType(file),
    });
  });
  const specNamed = (name: string) => {
    const spec = kernels.specs().get(name.toLowerCase());
    if (!spec) throw new HttpError(404, `Kernel spec ${name} not found`);
    return spec;
  };

  routes.get("/api/kernels", (c) => c.json(kernels.list()));
  routes.post("/api/kernels", async (c) => {
    const body = await jsonBody(c);
    const { name, path }: JsonObject = isObject(body) ? body : {};
    const id = await kernels.start(text(name), text(path));
    return c.json(kernels.model(id), 201, { Location: `${base}api/kernels/${id}` });
  });
  routes.get("/api/kernels/:id", (c) => c.json(kernels.model(c.req.param("id"))));
  routes.delete("/api/kernels/:id", async (c) => {
    await kernels.shutdown(c.req.param("id"));
    return c.body(null, 204);
  });
  routes.post("/api/kernels/:id/interrupt", async (c) => {
    await kernels.get(c.req.param("id")).interrupt();
    return c.body(null, 204);
  });
  routes.post("/api/kernels/:id/restart", async (c) => {
    const id = c.req.param("id");
    await kernels.get(id).restart();
    return c.json(kernels.model(id));
  });

  routes.get("/api/sessions", (c) => c.json(sessions.list()));
  routes.post("/api/sessions", async (c) => {
    const model = await sessions.create(await objectBody(c));
    return c.json(model, 201, { Location: `${base}api/sessions/${model.id}` });
  });
  routes.get("/api/sessions/:id", (c) => c.json(sessions.get(c.req.param("id"))));
  routes.patch("/api/sessions/:id", async (c) =>
    c.json(await sessions.update(c.req.param("id"), await objectBody(c))),
  );
  routes.delete("/api/sessions/:id", async (c) => {
    await sessions.delete(c.req.param("id"));
    return c.body(null, 204);
  });
  return routes;
}

function text(value: unknown): string | undefined {
  return typeof value === "string" ? value : undefined;
}
