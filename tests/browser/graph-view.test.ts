// The graph view in a real browser: boxes that open without scripts, and layouts in a page's own worker.
import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import { createRequire } from "node:module";
import type { AddressInfo } from "node:net";
import type { Browser } from "playwright-core";
import ts from "typescript";
import { BlockBuilder, R } from "../../lib/graph/index.ts";
import { DISPLAY } from "../../lib/show/display.ts";
import { graphView } from "../../lib/show/index.ts";
import { startBrowser } from "../support/page.ts";
import { requireSystem } from "../support/system.ts";

/** Serves files of lib/show as a bundler would: without types, and packages by their place. Not those of `missing`. */
function serve(missing: readonly string[]): Promise<Server> {
  const dagre = createRequire(import.meta.url)
    .resolve("@dagrejs/dagre")
    .replace(/\.cjs$/, ".esm.js");
  const server = createServer((request, response) => {
    const { pathname } = new URL(request.url ?? "/", "http://localhost");
    const name = pathname.slice(1).replace(/\.js$/, ".ts");
    const source = pathname === "/dagre" ? dagre : `lib/show/${name}`;
    if (missing.includes(name) || name === "" || !existsSync(source)) {
      response.writeHead(name === "" ? 200 : 404, { "Content-Type": "text/html" });
      response.end("<!doctype html><title>a page</title>");
      return;
    }
    const text = readFileSync(source, "utf8").replaceAll('"@dagrejs/dagre"', '"/dagre"');
    const options = { module: ts.ModuleKind.ESNext, target: ts.ScriptTarget.ES2022 };
    response.setHeader("Content-Type", "text/javascript");
    response.end(source === dagre ? text : ts.transpile(text, options));
  });
  return new Promise((resolve) => {
    server.listen(0, "127.0.0.1", () => resolve(server));
  });
}

describe("browser: the graph view", function () {
  this.timeout(60_000);
  let browser: Browser;
  before(async function () {
    requireSystem(this, "chromium");
    browser = await startBrowser();
  });
  after(() => browser?.close());

  it("groups and nodes open in their place in a page that runs no scripts, one at a time", async () => {
    const bb = new BlockBuilder();
    const x = R.var("x", R.tensor([4, 8]));
    bb.function("main", [x], () => {
      let y: ReturnType<typeof bb.emit> = x;
      for (let i = 0; i < 20; i++) y = bb.emit(R.tanh(bb.emit(R.nn.relu(y))));
      bb.emitFuncOutput(y);
    });
    const bundle = await graphView(bb.get(), { foldAbove: 10 })[DISPLAY]();
    const context = await browser.newContext({ javaScriptEnabled: false });
    const page = await context.newPage();
    await page.setContent(bundle["text/html"] ?? "");
    const group = (n: number) =>
      page.locator(".tw-graph").first().locator("> .tw-canvas > details.tw-group").nth(n);
    const face = group(1).locator("> summary");
    const [box, node] = [group(1), group(1).locator("details.tw-box").first()];
    const program = node.locator("pre.tw-code");
    assert.equal(await program.isVisible(), false);
    await face.click();
    await node.locator("> summary").click();
    assert.equal(await program.isVisible(), true);
    assert.match((await program.innerText()).replace(/\s+/g, " "), /T\.block\("relu"/);
    // In its place: beneath the box, above the boxes that follow, and the box has not moved.
    const [at, open] = [await face.boundingBox(), await box.locator("> .tw-inside").boundingBox()];
    assert.ok(at && open && open.y >= at.y + at.height && open.y < at.y + at.height + 8);
    await face.focus();
    await page.keyboard.press("Enter");
    assert.equal(await program.isVisible(), false);
    await page.keyboard.press("Enter");
    await group(0).locator("> summary").click();
    assert.deepEqual([await group(0).getAttribute("open"), await box.getAttribute("open")], ["", null]);
    await context.close();
  });

  for (const broken of [false, true]) {
    it(
      broken ? "without its worker a page lays out itself, and says so" : "a page lays out in its own worker",
      async () => {
        const server = await serve(broken ? ["layout-worker.ts"] : []);
        try {
          const page = await browser.newPage();
          await page.goto(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`);
          const chain = (n: number) => ({
            nodes: Array.from({ length: n }, (_, i) => ({ id: `n${i}`, width: 60, height: 20 })),
            edges: Array.from({ length: n - 1 }, (_, i) => ({ from: `n${i}`, to: `n${i + 1}` })),
          });
          const run = `(async (graph, huge) => {
          const { layOut } = await import("/layout.ts");
          const done = await layOut([graph]);
          const controller = new AbortController();
          const off = layOut([huge], { signal: controller.signal }).then(() => "placed", (e) => e.message);
          controller.abort(new Error("called off"));
          return { ys: Object.values(done.placements[0].at).map((p) => p.y), note: done.note, off: await off };
        })(${JSON.stringify(chain(80))}, ${JSON.stringify(chain(2000))})`;
          const seen = (await page.evaluate(run)) as { ys: number[]; note?: string; off: string };
          // The browser tells of a worker's end a little later.
          for (let i = 0; i < 100 && page.workers().length > 0; i++) await page.waitForTimeout(20);
          assert.equal(page.workers().length, 0, "no worker is left");
          assert.equal(seen.ys.length, 80);
          assert.ok(seen.ys.every((y, i) => i === 0 || y > seen.ys[i - 1]));
          assert.equal(seen.off, "called off");
          if (broken) assert.match(seen.note ?? "", /^Laid out on this thread, without a worker \(/);
          else assert.equal(seen.note, undefined);
          await page.close();
        } finally {
          server.close();
        }
      },
    );
  }
});
