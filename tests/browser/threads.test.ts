// Parallel loops in a page: on its workers where it is cross-origin isolated, serially elsewhere, with the reason.
import assert from "node:assert/strict";
import { script } from "../../lib/script/index.ts";
import { scheduledMatmul } from "../bench/matmul.ts";
import { Pages } from "../support/browser.ts";
import { serveSources } from "../support/source-server.ts";

const HEADERS = {
  "Cross-Origin-Opener-Policy": "same-origin",
  "Cross-Origin-Embedder-Policy": "require-corp",
};

interface Seen {
  readonly isolated: boolean;
  readonly shared: boolean;
  readonly threads: { readonly count: number; readonly reason?: string };
  readonly after: { readonly count: number; readonly reason?: string };
  readonly wrong: number;
}

describe("browser: parallel loops", function () {
  this.timeout(120_000);
  const pages = new Pages();

  /** Runs the product of two matrices on one thread and on three, often, and compares. */
  async function inPage(isolated: boolean, missing: readonly string[] = []): Promise<Seen> {
    const tiles = { mr: 4, nr: 8, mc: 64, kc: 256 };
    const [one, many] = [false, true].map((parallel) => script(scheduledMatmul({ ...tiles, parallel }).mod));
    const server = await serveSources({ missing, headers: isolated ? HEADERS : {} });
    try {
      const { page } = await pages.page();
      await page.goto(server.url);
      const run = `(async (one, many) => {
        const { build } = await import("/lib/runtime/build.ts");
        const { cpuMemory } = await import("/lib/runtime/memory.ts");
        const { Tensor } = await import("/lib/runtime/tensor.ts");
        const { setThreads } = await import("/lib/runtime/threads/index.ts");
        const { parseModule } = await import("/lib/script/index.ts");
        setThreads(3, { oversubscribe: true });
        const shape = [1024, 1024];
        const [a, b] = [Tensor.random(shape, { seed: 1 }), Tensor.random(shape, { seed: 2 })];
        const [c, d] = [Tensor.zeros(shape), Tensor.zeros(shape)];
        const serial = await build(parseModule(one), { threads: 1 });
        await serial.matmul(a, b, c);
        const lib = await build(parseModule(many));
        const { threads } = lib;
        let wrong = 0;
        for (let n = 0; n < 4; n++) {
          d.data.fill(Number.NaN);
          await lib.matmul(a, b, d);
          for (let i = 0; i < c.size; i++) if (c.data[i] !== d.data[i]) wrong++;
        }
        return { isolated: crossOriginIsolated, shared: cpuMemory().isShared, threads, after: lib.threads, wrong };
      })(${JSON.stringify(one)}, ${JSON.stringify(many)})`;
      const seen = (await page.evaluate(run)) as Seen;
      return seen;
    } finally {
      server.close();
    }
  }

  it("run on the workers of a page that is cross-origin isolated", async () => {
    const seen = await inPage(true);
    assert.deepEqual(seen, {
      isolated: true,
      shared: true,
      threads: { count: 3, reason: "setThreads(3)" },
      after: { count: 3, reason: "setThreads(3)" },
      wrong: 0,
    });
  });

  it("run serially in a page that is not, and it is said how to isolate it", async () => {
    const { threads, ...seen } = await inPage(false);
    assert.equal(threads.count, 1);
    assert.match(
      threads.reason ?? "",
      /not cross-origin isolated: .*Cross-Origin-Opener-Policy: same-origin/,
    );
    assert.deepEqual(seen, { isolated: false, shared: false, after: threads, wrong: 0 });
  });

  it("run serially where the workers' file is not there, and say so", async () => {
    const seen = await inPage(true, ["lib/runtime/threads/worker.ts"]);
    assert.equal(seen.wrong, 0);
    assert.equal(seen.after.count, 1);
    assert.match(seen.after.reason ?? "", /^workers could not be started: /);
  });
});
