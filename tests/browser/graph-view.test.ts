// The graph view in a real browser: boxes that open without scripts, and layouts in a page's own worker.
import assert from "node:assert/strict";
import { BlockBuilder, R } from "../../lib/graph/index.ts";
import { DISPLAY } from "../../lib/show/display.ts";
import { graphView } from "../../lib/show/index.ts";
import { Pages } from "../support/browser.ts";
import { serveSources } from "../support/source-server.ts";

describe("browser: the graph view", function () {
  this.timeout(60_000);
  const pages = new Pages();

  it("groups and nodes open in their place in a page that runs no scripts, one at a time", async () => {
    const bb = new BlockBuilder();
    const x = R.var("x", R.tensor([4, 8]));
    bb.function("main", [x], () => {
      let y: ReturnType<typeof bb.emit> = x;
      for (let i = 0; i < 20; i++) y = bb.emit(R.tanh(bb.emit(R.nn.relu(y))));
      bb.emitFuncOutput(y);
    });
    const bundle = await graphView(bb.get(), { foldAbove: 10 })[DISPLAY]();
    const { page } = await pages.page({ javaScriptEnabled: false });
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
  });

  for (const broken of [false, true]) {
    it(
      broken ? "without its worker a page lays out itself, and says so" : "a page lays out in its own worker",
      async () => {
        const server = await serveSources({
          folder: "lib/show",
          missing: broken ? ["layout-worker.ts"] : [],
        });
        try {
          const { page } = await pages.page();
          await page.goto(server.url);
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
          await Promise.all(page.workers().map((worker) => worker.waitForEvent("close")));
          assert.equal(page.workers().length, 0, "no worker is left");
          assert.equal(seen.ys.length, 80);
          assert.ok(seen.ys.every((y, i) => i === 0 || y > seen.ys[i - 1]));
          assert.equal(seen.off, "called off");
          if (broken) assert.match(seen.note ?? "", /^Laid out on this thread, without a worker \(/);
          else assert.equal(seen.note, undefined);
        } finally {
          server.close();
        }
      },
    );
  }
});
