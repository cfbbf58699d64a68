// A deployment bundle in a page, served over loopback, in a real browser.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import path from "node:path";
import type { Browser } from "playwright-core";
import { bundle } from "../../lib/deploy/index.ts";
import { writeBundle } from "../../lib/deploy/write.node.ts";
import { type NDArray, numbersOf } from "../../lib/ir/index.ts";
import { chosenColumns, mlp, withFolder } from "../lib/deploy/support.ts";
import { oracle } from "../lib/runtime/vm-support.ts";
import { startBrowser } from "../support/page.ts";
import { randomData } from "../support/random-graph.ts";
import { requireSystem } from "../support/system.ts";

const TYPES: Readonly<Record<string, string>> = {
  ".html": "text/html",
  ".js": "text/javascript",
  ".wasm": "application/wasm",
};

/** Serves a folder's files, and a page that loads the bundle in it. */
function serve(folder: string): Promise<Server> {
  const server = createServer((request, response) => {
    const name = path.basename(new URL(request.url ?? "/", "http://localhost").pathname);
    if (name === "") {
      response.setHeader("Content-Type", "text/html");
      response.end("<!doctype html><title>a page</title>");
      return;
    }
    try {
      const bytes = readFileSync(path.join(folder, name));
      response.setHeader("Content-Type", TYPES[path.extname(name)] ?? "application/octet-stream");
      response.end(bytes);
    } catch {
      response.statusCode = 404;
      response.end();
    }
  });
  return new Promise((resolve) => {
    server.listen(0, "127.0.0.1", () => resolve(server));
  });
}

describe("browser: a deployment bundle", function () {
  this.timeout(60_000);
  let browser: Browser;
  before(async function () {
    requireSystem(this, "chromium");
    browser = await startBrowser();
  });
  after(() => browser?.close());

  for (const f16 of [false, true]) {
    it(`computes in a page what the interpreter computes (weights as ${f16 ? "f16" : "f32"})`, () =>
      withFolder(async (folder) => {
        const module = mlp([64, 40, 8]);
        const at = path.join(folder, "b");
        writeBundle(await bundle([{ module }], { f16 }), at);
        const server = await serve(at);
        try {
          const { port } = server.address() as AddressInfo;
          const page = await browser.newPage();
          const complaints: string[] = [];
          page.on("pageerror", (error) => complaints.push(String(error)));
          await page.goto(`http://127.0.0.1:${port}/`);
          const x = randomData([1, 64], 3);
          const run = `(async (data) => {
            const { load } = await import("/model.js");
            const model = await load();
            const inputs = { x: { data: Float32Array.from(data), shape: [1, 64] } };
            const [first, { y }] = [await model.run(inputs), await model.run(inputs)];
            const wrong = await model.run({}).catch((e) => String(e));
            return { data: [...y.data], shape: y.shape, same: String(first.y.data) === String(y.data), wrong };
          })(${JSON.stringify(numbersOf(x))})`;
          const got = (await page.evaluate(run)) as {
            data: number[];
            shape: number[];
            same: boolean;
            wrong: string;
          };
          await page.close();
          assert.deepEqual(complaints, []);
          assert.deepEqual(got.shape, [1, 8]);
          assert.ok(got.same);
          assert.match(got.wrong, /TypeError: the inputs do not fit.*It got nothing/);
          const want = numbersOf(oracle(module, [x]) as NDArray);
          for (const [i, v] of got.data.entries())
            assert.ok(Math.abs(v - want[i]) <= 1e-4, `${i}: ${v}, ${want[i]}`);
        } finally {
          server.closeAllConnections();
          server.close();
        }
      }));
  }

  it("gives results in a page whose sizes only the data decides", () =>
    withFolder(async (folder) => {
      const at = path.join(folder, "b");
      writeBundle(await bundle([{ module: chosenColumns() }]), at);
      const server = await serve(at);
      try {
        const { port } = server.address() as AddressInfo;
        const page = await browser.newPage();
        await page.goto(`http://127.0.0.1:${port}/`);
        const got = await page.evaluate(`(async () => {
          const { load } = await import("/model.js");
          const model = await load();
          const x = { data: Float32Array.of(1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12), shape: [3, 4] };
          const out = [];
          for (const mask of [[0, 1, 0, 1], [0, 0, 0, 0]]) {
            const { y0 } = await model.run({ x, mask: { data: Uint8Array.from(mask), shape: [4] } });
            out.push([[...y0.data], y0.shape]);
          }
          return out;
        })()`);
        await page.close();
        const one = [-1, -1, -1];
        assert.deepEqual(got, [
          [
            [3, 7, 11, 5, 9, 13, ...one],
            [3, 3],
          ],
          [one, [1, 3]],
        ]);
      } finally {
        server.closeAllConnections();
        server.close();
      }
    }));
});
