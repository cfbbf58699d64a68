// A deployment bundle in a page, served over loopback, in a real browser.
import assert from "node:assert/strict";
import path from "node:path";
import { bundle } from "../../lib/deploy/index.ts";
import { writeBundle } from "../../lib/deploy/write.node.ts";
import { type NDArray, numbersOf } from "../../lib/ir/index.ts";
import { chosenColumns, mlp, withFolder } from "../lib/deploy/support.ts";
import { oracle } from "../lib/runtime/vm-support.ts";
import { Pages } from "../support/browser.ts";
import { serveFolder } from "../support/folder-server.ts";
import { randomData } from "../support/random-graph.ts";

const ISOLATED = {
  "Cross-Origin-Opener-Policy": "same-origin",
  "Cross-Origin-Embedder-Policy": "require-corp",
};

describe("browser: a deployment bundle", function () {
  this.timeout(60_000);
  const pages = new Pages();

  for (const f16 of [false, true]) {
    it(`computes in a page what the interpreter computes (weights as ${f16 ? "f16" : "f32"})`, () =>
      withFolder(async (folder) => {
        const module = mlp([64, 40, 8]);
        const at = path.join(folder, "b");
        writeBundle(await bundle([{ module }], { f16 }), at);
        const server = await serveFolder(at);
        try {
          const { page, problems } = await pages.page();
          await page.goto(server.url);
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
          assert.deepEqual(problems, []);
          assert.deepEqual(got.shape, [1, 8]);
          assert.ok(got.same);
          assert.match(got.wrong, /TypeError: the inputs do not fit.*It got nothing/);
          const want = numbersOf(oracle(module, [x]) as NDArray);
          for (const [i, v] of got.data.entries())
            assert.ok(Math.abs(v - want[i]) <= 1e-4, `${i}: ${v}, ${want[i]}`);
        } finally {
          server.close();
        }
      }));
  }

  it("gives results in a page whose sizes only the data decides", () =>
    withFolder(async (folder) => {
      const at = path.join(folder, "b");
      writeBundle(await bundle([{ module: chosenColumns() }]), at);
      const server = await serveFolder(at);
      try {
        const { page } = await pages.page();
        await page.goto(server.url);
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
        const one = [-1, -1, -1];
        assert.deepEqual(got, [
          [
            [3, 7, 11, 5, 9, 13, ...one],
            [3, 3],
          ],
          [one, [1, 3]],
        ]);
      } finally {
        server.close();
      }
    }));

  for (const isolated of [true, false]) {
    it(`with threads, in a page that is ${isolated ? "" : "not "}cross-origin isolated`, () =>
      withFolder(async (folder) => {
        const module = mlp([256, 512, 64], 64);
        const at = path.join(folder, "b");
        writeBundle(await bundle([{ module }], { threads: 3 }), at);
        const server = await serveFolder(at, isolated ? ISOLATED : {});
        try {
          const { page, problems } = await pages.page();
          await page.goto(server.url);
          const x = randomData([64, 256], 3);
          const got = (await page.evaluate(`(async (data) => {
            const { load } = await import("/model.js");
            const [model, one] = [await load({ threads: 3 }), await load({ threads: 1 })];
            const inputs = { x: { data: Float32Array.from(data), shape: [64, 256] } };
            const { y } = await one.run(inputs);
            let wrong = 0;
            for (let n = 0; n < 10; n++) (await model.run(inputs)).y.data.forEach((v, i) => { if (v !== y.data[i]) wrong++; });
            const { threads } = model;
            model.dispose();
            const after = await model.run(inputs).catch((e) => String(e));
            return { wrong, threads, after, data: [...y.data] };
          })(${JSON.stringify(numbersOf(x))})`)) as {
            wrong: number;
            threads: { count: number; reason?: string };
            after: string;
            data: number[];
          };
          assert.deepEqual(problems, []);
          assert.equal(got.wrong, 0);
          if (isolated) assert.deepEqual(got.threads, { count: 3 });
          else {
            assert.equal(got.threads.count, 1);
            assert.match(
              got.threads.reason ?? "",
              /not cross-origin isolated: .*Embedder-Policy: require-corp/,
            );
          }
          assert.match(got.after, /the model was disposed/);
          const want = numbersOf(oracle(module, [x]) as NDArray);
          for (const [i, v] of got.data.entries())
            assert.ok(Math.abs(v - want[i]) <= 1e-4 * (1 + Math.abs(want[i])), `${i}: ${v}, ${want[i]}`);
        } finally {
          server.close();
        }
      }));
  }
});
