/** Bundles whose loops threads share, in Node. */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { writeFileSync } from "node:fs";
import path from "node:path";
import process from "node:process";
import { pathToFileURL } from "node:url";
import { promisify } from "node:util";
import ts from "typescript";
import { type Bundle, type BundleOptions, bundle } from "../../../lib/deploy/index.ts";
import { writeBundle } from "../../../lib/deploy/write.node.ts";
import { BlockBuilder, R } from "../../../lib/graph/index.ts";
import { elementsOf, type IRModule, type NDArray, numbersOf } from "../../../lib/ir/index.ts";
import { randomData } from "../../support/random-graph.ts";
import { oracle } from "../runtime/vm-support.ts";
import { type BundleModel, mlp, withFolder } from "./support.ts";

interface Threaded extends BundleModel {
  readonly threads: { readonly count: number; readonly reason?: string };
  dispose(): void;
}
type Load = (options?: { threads?: unknown }) => Promise<Threaded>;

/** Enough work for several threads. */
const large = (): IRModule => mlp([256, 512, 64], 64);
const X = randomData([64, 256], 3);
const input = { x: { data: elementsOf(X) as Float32Array, shape: X.shape } };
const text = (b: Bundle, name: string): string =>
  new TextDecoder().decode(b.files.find((f) => f.name === name)?.bytes);

function loaded<T>(use: (load: Load, at: string) => Promise<T>, module = large()): Promise<T> {
  return withFolder(async (folder) => {
    const at = path.join(folder, "b");
    writeBundle(await bundle([{ module }], { threads: 3 }), at);
    const { load } = (await import(pathToFileURL(path.join(at, "model.js")).href)) as { load: Load };
    return use(load, at);
  });
}

/** `program` in a process of its own that has to end by itself; what it prints. `load` is the bundle's. */
async function alone(at: string, program: string, node: readonly string[] = []): Promise<string> {
  const url = JSON.stringify(pathToFileURL(path.join(at, "model.js")).href);
  const x = `{ data: Float32Array.from(${JSON.stringify(numbersOf(X))}), shape: [64, 256] }`;
  const file = path.join(path.dirname(at), "program.mjs");
  writeFileSync(file, `const { load } = await import(${url});\nconst input = { x: ${x} };\n${program}`);
  const { stdout } = await promisify(execFile)(process.execPath, [...node, file], { timeout: 120_000 });
  return stdout.trim();
}

describe("deploy: bundles with threads", function () {
  this.timeout(180_000);

  it("compute what one thread computes, call after call, and say how many they are", () =>
    loaded(async (load) => {
      const model = await load({ threads: 3 });
      try {
        assert.deepEqual(model.threads, { count: 3 });
        const [one, want] = [await load({ threads: 1 }), numbersOf(oracle(large(), [X]) as NDArray)];
        assert.deepEqual(one.threads, { count: 1, reason: "load({ threads: 1 })" });
        const serial = (await one.run(input)).y;
        Array.from(serial.data, Number).forEach((v, i) => {
          assert.ok(
            Math.abs(v - want[i]) <= 1e-4 * (1 + Math.abs(want[i])),
            `${i}: ${v}, must be ${want[i]}`,
          );
        });
        for (let n = 0; n < 20; n++) assert.deepEqual((await model.run(input)).y, serial);
        const several = await Promise.all([model.run(input), model.run(input)]);
        for (const { y } of several) assert.deepEqual(y, serial);
      } finally {
        model.dispose();
      }
      await assert.rejects(model.run(input), /the model was disposed and may not run any more/);
    }));

  it("are not in a bundle for one thread, which is byte for byte what it is without saying so", async () => {
    const made = (o: BundleOptions): Promise<Bundle> => bundle([{ module: large() }], o);
    const [plain, one] = [await made({}), await made({ threads: 1 })];
    assert.deepEqual(one, plain);
    assert.ok(!/thread|worker|shared/i.test(text(plain, "model.js") + text(plain, "model.d.ts")));
    assert.ok(plain.files.every((f) => f.name !== "worker.js"));
  });

  it("add less than 3 kB after gzip", async () => {
    const [one, three] = [
      await bundle([{ module: large() }]),
      await bundle([{ module: large() }], { threads: 3 }),
    ];
    const size = (b: Bundle): number =>
      b.files.filter((f) => f.name.endsWith(".js")).reduce((n, f) => n + f.gzip, 0);
    assert.ok(size(three) - size(one) < 3000, `${size(three) - size(one)} bytes`);
  });

  it("keep no process alive, with and without dispose", () =>
    loaded(async (load, at) => {
      void load;
      const run = `const model = await load({ threads: 2 });
        const { y } = await model.run(input);
        console.log(model.threads.count, y.shape.join());`;
      assert.equal(await alone(at, run), "2 64,64");
      assert.equal(await alone(at, `${run}\nmodel.dispose();`), "2 64,64");
    }));

  it("run in a worker, whose end is theirs", () =>
    loaded(async (_, at) => {
      const body = `import { parentPort, Worker, isMainThread } from "node:worker_threads";
        if (isMainThread) {
          const w = new Worker(new URL(import.meta.url));
          w.on("message", (m) => { console.log(m); w.terminate(); });
        } else {
          const model = await load({ threads: 2 });
          await model.run(input);
          parentPort.postMessage(model.threads.count);
        }`;
      assert.equal(await alone(at, body), "2");
    }));

  it("run serially where memory cannot be shared, and say why", () =>
    loaded(async (load, at) => {
      const one = await load({ threads: 1 });
      const { y } = await one.run(input);
      const said = (before: string): Promise<string> =>
        alone(
          at,
          `${before}
          const model = await load({ threads: 3 });
          const { y } = await model.run(input);
          console.log(JSON.stringify([model.threads, [...y.data]]));`,
        );
      const expected = (reason: string): string =>
        JSON.stringify([{ count: 1, reason }, Array.from(y.data, Number)]);
      assert.equal(
        await said("delete globalThis.SharedArrayBuffer;"),
        expected("there is no SharedArrayBuffer here"),
      );
      assert.match(
        await said("globalThis.crossOriginIsolated = false;"),
        /"count":1,"reason":"the page is not cross-origin isolated: .*Cross-Origin-Opener-Policy: same-origin/,
      );
    }));

  it("that cannot be started are named; the others do the work", () =>
    loaded(async (load, at) => {
      writeFileSync(path.join(at, "worker.js"), 'throw new Error("no room");');
      const model = await load({ threads: 3 });
      assert.deepEqual(model.threads, { count: 1, reason: "a worker is not there: no room" });
      const one = await load({ threads: 1 });
      assert.deepEqual(await model.run(input), await one.run(input));
      model.dispose();
    }));

  it("one that ends in the middle of a call is an error of that call; the next one goes on", () =>
    loaded(async (load, at) => {
      // It is in the first job from the start (336 and so on: the words of workers), and ends when that begins.
      const dying = `const { parentPort } = process.getBuiltinModule("node:worker_threads");
        parentPort.once("message", ({ c, thread }) => {
          Atomics.store(c, 336 + 16 * thread, 1);
          parentPort.postMessage("ready");
          while (Atomics.load(c, 0) === 0);
          process.exit(3);
        });`;
      writeFileSync(path.join(at, "worker.js"), dying);
      const model = await load({ threads: 2 });
      await assert.rejects(
        model.run(input),
        /a worker ended while it computed: .*the next call goes on without it/,
      );
      assert.equal(model.threads.count, 1);
      assert.match(model.threads.reason ?? "", /^a worker is not there: it ended$/);
      const one = await load({ threads: 1 });
      assert.deepEqual(await model.run(input), await one.run(input));
      model.dispose();
    }));

  it("an error of a loop is that of the call, whichever thread met it", () => {
    const [a, b] = [R.var("a", R.tensor([512, 512], "i32")), R.var("b", R.tensor([512, 512], "i32"))];
    const bb = new BlockBuilder();
    bb.function("main", [a, b], () => bb.emitFuncOutput(bb.emit(R.op("floorDivide", [a, b]))));
    return loaded(async (load) => {
      const model = await load({ threads: 2 });
      assert.equal(model.threads.count, 2);
      const tensor = (fill: number) => ({ data: new Int32Array(512 * 512).fill(fill), shape: [512, 512] });
      for (let n = 0; n < 5; n++) {
        await assert.rejects(model.run({ a: tensor(6), b: tensor(0) }), /divide by zero/);
        const { y } = await model.run({ a: tensor(6), b: tensor(3) });
        assert.ok(Array.from(y.data).every((v) => v === 2));
      }
      model.dispose();
    }, bb.get());
  });

  it("numbers that are none are refused, at compile time and at load", () =>
    loaded(async (load) => {
      for (const threads of [0, 1.5, "2"])
        await assert.rejects(load({ threads }), /^RangeError: threads is a whole number of at least 1, got/);
      const more = await load({ threads: 9 });
      assert.deepEqual(more.threads, { count: 3, reason: "the model was compiled for 3 threads" });
      more.dispose();
      const entries = [{ module: mlp([4, 3]) }];
      for (const threads of [0, 2.5, 1000])
        await assert.rejects(bundle(entries, { threads }), /threads is a whole number from 1 to 256, got/);
      await assert.rejects(
        bundle(entries, { threads: 2, target: "webgpu" }),
        /threads are for bundles of wasm/,
      );
    }));

  it("a model without work for several says so, and has nothing for them", () =>
    withFolder(async (folder) => {
      const at = path.join(folder, "b");
      const made = await bundle([{ module: mlp([4, 3]) }], { threads: 2 });
      writeBundle(made, at);
      assert.ok(made.files.every((f) => f.name !== "worker.js"));
      const { load } = (await import(pathToFileURL(path.join(at, "model.js")).href)) as { load: Load };
      const model = await load();
      assert.deepEqual(model.threads, {
        count: 1,
        reason: "no loop of the model has enough work for several threads",
      });
      await model.run({ x: { data: new Float32Array(4), shape: [1, 4] } });
      model.dispose();
    }));

  it("are in its types", () =>
    loaded(async (_, at) => {
      const file = path.join(path.dirname(at), "use.ts");
      const lines = [
        'import { load } from "./b/model.js";',
        "const model = await load({ threads: 2 });",
        "export const count: number = model.threads.count;",
        "export const why: string | undefined = model.threads.reason;",
        "model.dispose();",
      ];
      writeFileSync(file, lines.join("\n"));
      const program = ts.createProgram([file], {
        ...{ strict: true, noEmit: true, types: [], lib: ["lib.es2022.d.ts", "lib.dom.d.ts"] },
        ...{ target: ts.ScriptTarget.ES2022, module: ts.ModuleKind.ES2022 },
        moduleResolution: ts.ModuleResolutionKind.Bundler,
      });
      const said = [file, path.join(at, "model.d.ts")].flatMap((name) =>
        program
          .getSemanticDiagnostics(program.getSourceFile(name))
          .map((d) => ts.flattenDiagnosticMessageText(d.messageText, " ")),
      );
      assert.deepEqual(said, []);
    }));
});
