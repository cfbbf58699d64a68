// What the server says of itself: to clients, and to Jupyter's tools that look for running servers.
import { mkdirSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { packageVersion } from "../paths.ts";
import { HttpError } from "./errors.ts";
import { newRoutes, type Routes } from "./http.ts";
import type { Kernels } from "./kernels/manager.ts";
import type { Settings } from "./settings.ts";

/** The version of Jupyter's server interface that this one follows, which clients look at. */
const interfaceVersion = "2.14.0";

/** /api itself, /api/status, /api/me, and what clients ask for that is not here; `end` ends the server. */
export function infoRoutes(kernels: Kernels, end: () => void): Routes {
  const app = newRoutes();
  const started = new Date();
  app.get("/api", (c) => c.json({ version: interfaceVersion, tilewright: packageVersion() }));
  app.get("/api/status", (c) => {
    const all = kernels.all();
    const active = all.map(({ lastActivity }) => lastActivity.getTime());
    return c.json({
      started: started.toISOString(),
      last_activity: new Date(Math.max(started.getTime(), ...active)).toISOString(),
      connections: all.reduce((sum, { id }) => sum + kernels.connections(id), 0),
      kernels: all.length,
    });
  });
  const { username } = userInfo();
  const identity = {
    username,
    name: username,
    display_name: username,
    initials: username.slice(0, 1).toUpperCase(),
    avatar_url: null,
    color: null,
  };
  app.get("/api/me", (c) => c.json({ identity, permissions: {} }));
  // Clients may tell of events; nobody listens to theirs.
  app.post("/api/events", (c) => c.body(null, 204));
  app.get("/api/terminals", () => {
    throw new HttpError(404, "This server has no terminals");
  });
  app.post("/api/shutdown", (c) => {
    setImmediate(end);
    return c.body(null, 200);
  });
  return app;
}

/** Tells of a server where Jupyter's tools look for running ones; only its user can read it. */
export function leaveWord(file: string, url: string, { ip, port, token, base, root }: Settings): void {
  const word = {
    base_url: base,
    hostname: ip,
    password: false,
    pid: process.pid,
    port,
    root_dir: root,
    secure: false,
    sock: "",
    token,
    url,
    version: interfaceVersion,
  };
  mkdirSync(path.dirname(file), { recursive: true, mode: 0o700 });
  writeFileSync(file, JSON.stringify(word, null, 2), { mode: 0o600 });
}

function userInfo(): { username: string } {
  try {
    return os.userInfo();
  } catch {
    // A container's user may have no name.
    return { username: "reader" };
  }
}
