import assert from "node:assert/strict";
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { pathToFileURL } from "node:url";
import ts from "typescript";
import { hostFunctions } from "../../../lib/codegen/index.ts";
import { bundle, DeployError, sizeReport } from "../../../lib/deploy/index.ts";
import { HOST_TEXT } from "../../../lib/deploy/wasm/hosts.ts";
import { writeBundle } from "../../../lib/deploy/write.node.ts";
import { BlockBuilder, R } from "../../../lib/graph/index.ts";
import type { Pass } from "../../../lib/graph/passes/pass.ts";
import { graphIf, type NDArray, numbersOf, variable } from "../../../lib/ir/index.ts";
import { defaultSchedules } from "../../../lib/tune/default/index.ts";
import { randomData } from "../../support/random-graph.ts";
import { oracle } from "../runtime/vm-support.ts";
import { mlp, runInNode, withFolder } from "./support.ts";

const plain = (a: NDArray, array = "Float32Array") => ({ data: numbersOf(a), shape: a.shape, array });

function close(got: readonly number[], want: readonly number[], tolerance = 1e-5): void {
  assert.equal(got.length, want.length);
  got.forEach((x, i) => {
    assert.ok(Math.abs(x - want[i]) <= tolerance * (1 + Math.abs(want[i])), `${i}: ${x}, must be ${want[i]}`);
  });
}

describe("deploy: bundles", function () {
  this.timeout(30_000);

  it("a model runs in Node, in an empty folder, with nothing beside it", () =>
    withFolder(async (folder) => {
      const module = mlp([20, 12, 5]);
      writeBundle(await bundle([{ module }], { name: "mlp" }), path.join(folder, "b"));
      const names = readdirSync(path.join(folder, "b")).sort();
      assert.deepEqual(names, ["kernels.wasm", "manifest.json", "model.d.ts", "model.js", "weights.bin"]);
      const x = randomData([1, 20], 3);
      const { y } = await runInNode(path.join(folder, "b"), { x: plain(x) });
      assert.deepEqual(y.shape, [1, 5]);
      close(y.data, numbersOf(oracle(module, [x]) as NDArray));
    }));

  it("784-200-10 takes at most 6 kB gzip beside the weights", async () => {
    const made = await bundle([{ module: mlp([784, 200, 10]) }], { name: "mlp" });
    const weights = made.files.find((f) => f.name === "weights.bin");
    // Panels of weights are filled up to whole vectors.
    const elements = 784 * 200 + 200 + 200 * 10 + 10;
    const stored = (weights?.bytes.length ?? 0) / 4;
    assert.ok(stored >= elements && stored <= 1.15 * elements, `${stored} of ${elements} elements`);
    const rest = made.files.filter((f) => f !== weights).reduce((n, f) => n + f.gzip, 0);
    assert.ok(rest <= 6000, `${rest} bytes`);
    assert.match(
      sizeReport(made),
      /weights\.bin +\d+\.\d kB[\s\S]*code \(js and wasm\)[\s\S]*memory when it runs: /,
    );
  });

  it("is the same wherever it is made: scheduled for any engine, unless it is told for which", async () => {
    const bb = new BlockBuilder();
    const x = R.var("x", R.tensor([48, 40]));
    bb.function("main", [x], () => bb.emitFuncOutput(bb.emit(R.matmul(x, R.const(randomData([40, 64], 5))))));
    const kernels = async (schedule?: Pass) => {
      const made = await bundle([{ module: bb.get() }], schedule ? { pipeline: { schedule } } : {});
      return made.files.find((f) => f.name === "kernels.wasm")?.bytes;
    };
    const [here, any, other] = [
      await kernels(),
      await kernels(defaultSchedules()),
      await kernels(defaultSchedules("node 24.0.0, V8 13.6")),
    ];
    assert.deepEqual(here, any);
    assert.notDeepEqual(other, any);
  });

  it("weights as f16 take half, and cost little of the result", () =>
    withFolder(async (folder) => {
      const module = mlp([64, 40, 8]);
      const [whole, half] = [await bundle([{ module }]), await bundle([{ module }], { f16: true })];
      const size = (b: typeof whole) => b.files.find((f) => f.name === "weights.bin")?.bytes.length ?? 0;
      assert.ok(size(half) < 0.55 * size(whole), `${size(half)} of ${size(whole)}`);
      assert.deepEqual(
        half.manifest.weights.map((w) => w.dtype),
        ["f32 as f16", "f32"],
      );
      writeBundle(half, path.join(folder, "b"));
      const x = randomData([1, 64], 3);
      const { y } = await runInNode(path.join(folder, "b"), { x: plain(x) });
      // The random weights have few digits, which f16 holds exactly.
      close(y.data, numbersOf(oracle(module, [x]) as NDArray));
    }));

  it("an entry point for each shape, with one copy of the weights", () =>
    withFolder(async (folder) => {
      const [one, four] = [mlp([20, 12, 5], 1), mlp([20, 12, 5], 4)];
      const made = await bundle([{ module: one }, { module: four }]);
      const alone = await bundle([{ module: one }]);
      const weights = (b: typeof made) => b.files.find((f) => f.name === "weights.bin")?.bytes.length;
      assert.equal(weights(made), weights(alone));
      writeBundle(made, path.join(folder, "b"));
      for (const [module, rows] of [
        [one, 1],
        [four, 4],
      ] as const) {
        const x = randomData([rows, 20], 3);
        const { y } = await runInNode(path.join(folder, "b"), { x: plain(x) });
        assert.deepEqual(y.shape, [rows, 5]);
        close(y.data, numbersOf(oracle(module, [x]) as NDArray));
      }
      const { error } = await runInNode(path.join(folder, "b"), { x: plain(randomData([2, 20], 3)) });
      assert.match(
        error ?? "",
        /TypeError: the inputs do not fit\. The model takes x: Float32Array \[1,20\]; or x: Float32Array \[4,20\]\. It got x: Float32Array of 40, \[2,20\]/,
      );
    }));

  it("several outputs, an if, i64 and bool", () =>
    withFolder(async (folder) => {
      const x = R.var("x", R.tensor([4]));
      const on = R.var("on", R.tensor([], "bool"));
      const n = R.var("n", R.tensor([3], "i64"));
      const bb = new BlockBuilder();
      bb.function("main", [x, on, n], () => {
        const a = bb.branch(() => bb.emit(R.add(x, x)));
        const b = bb.branch(() => bb.emit(R.multiply(x, x)));
        const y = bb.emit(graphIf(on, a, b));
        bb.emitFuncOutput(R.tuple(y, bb.emit(R.add(n, n)), bb.emit(R.less(x, y)), x));
      });
      writeBundle(await bundle([{ module: bb.get() }]), path.join(folder, "b"));
      for (const flag of [1, 0]) {
        const out = await runInNode(path.join(folder, "b"), {
          x: { data: [1, 2, 3, 4], shape: [4], array: "Float32Array" },
          on: { data: [flag], shape: [], array: "Uint8Array" },
          n: { data: [1, 2, 2 ** 40], shape: [3], array: "BigInt64Array" },
        });
        assert.deepEqual(out.y0.data, flag ? [2, 4, 6, 8] : [1, 4, 9, 16]);
        assert.deepEqual(out.y1.data, [2, 4, 2 ** 41]);
        assert.deepEqual(out.y2.data, flag ? [1, 1, 1, 1] : [0, 1, 1, 1]);
        assert.deepEqual(out.y3.data, [1, 2, 3, 4]);
      }
    }));

  it("its types accept what it takes, and nothing else", () =>
    withFolder(async (folder) => {
      writeBundle(await bundle([{ module: mlp([4, 3]) }]), path.join(folder, "b"));
      const write = (name: string, data: string): string => {
        const file = path.join(folder, name);
        const call = `const { y } = await model.run({ x: { data: ${data}, shape: [1, 4] } });`;
        const lines = ['import { load } from "./b/model.js";', "const model = await load();", call];
        writeFileSync(file, [...lines, "export const out: Float32Array = y.data;"].join("\n"));
        return file;
      };
      const files = [write("right.ts", "new Float32Array(4)"), write("wrong.ts", "new Int32Array(4)")];
      const program = ts.createProgram(files, {
        ...{ strict: true, noEmit: true, types: [], lib: ["lib.es2022.d.ts", "lib.dom.d.ts"] },
        ...{ target: ts.ScriptTarget.ES2022, module: ts.ModuleKind.ES2022 },
        moduleResolution: ts.ModuleResolutionKind.Bundler,
      });
      const [right, wrong, types] = [...files, path.join(folder, "b", "model.d.ts")].map((file) =>
        program
          .getSemanticDiagnostics(program.getSourceFile(file))
          .map((d) => ts.flattenDiagnosticMessageText(d.messageText, " ")),
      );
      assert.deepEqual([right, types], [[], []]);
      assert.match(wrong.join(), /Int32Array.* is not assignable to type 'Float32Array/);
    }));

  it("an input that nothing reads is taken all the same; calls that overlap are right", () =>
    withFolder(async (folder) => {
      const [x, unread] = [R.var("x", R.tensor([2])), R.var("unread", R.tensor([1000]))];
      const bb = new BlockBuilder();
      bb.function("main", [x, unread], () => bb.emitFuncOutput(bb.emit(R.add(x, x))));
      const at = path.join(folder, "b");
      writeBundle(await bundle([{ module: bb.get() }]), at);
      const { load } = (await import(pathToFileURL(path.join(at, "model.js")).href)) as {
        load: () => Promise<{ run: (inputs: object) => Promise<{ y: { data: Float32Array } }> }>;
      };
      const model = await load();
      const run = (a: number, b: number) =>
        model.run({
          x: { data: Float32Array.of(a, b), shape: [2] },
          unread: { data: new Float32Array(1000).fill(7), shape: [1000] },
        });
      const [first, second] = await Promise.all([run(1, 2), run(3, 4)]);
      assert.deepEqual(
        [[...first.y.data], [...second.y.data]],
        [
          [2, 4],
          [6, 8],
        ],
      );
    }));

  it("what a bundle cannot do is said, with what to do", async () => {
    const x = R.var("x", R.tensor([variable("batch"), 4]));
    const open = new BlockBuilder();
    open.function("main", [x], () => open.emitFuncOutput(open.emit(R.nn.relu(x))));
    await assert.rejects(bundle([{ module: open.get() }]), {
      name: "DeployError",
      message: "a bundle has fixed sizes; these are open: x: f32[batch, 4]",
    });
    await assert.rejects(bundle([]), DeployError);
    const nothing = new BlockBuilder();
    nothing.function("main", [R.var("x", R.tensor([4]))], () => nothing.emitFuncOutput(R.tuple()));
    for (const target of ["wasm", "webgpu"] as const)
      await assert.rejects(bundle([{ module: nothing.get() }], { target }), {
        name: "DeployError",
        message: "the function gives nothing: a bundle needs at least one output",
      });
  });

  it("replaces a bundle, and nothing else", () =>
    withFolder(async (folder) => {
      const made = await bundle([{ module: mlp([4, 3]) }]);
      const at = path.join(folder, "deep", "b");
      writeBundle(made, at);
      writeFileSync(path.join(at, "model.js"), "broken");
      writeBundle(made, at);
      assert.notEqual(readFileSync(path.join(at, "model.js"), "utf8"), "broken");
      assert.deepEqual(readdirSync(path.join(folder, "deep")), ["b"], "nothing is left aside");
      writeFileSync(path.join(at, "notes.txt"), "mine");
      assert.throws(() => writeBundle(made, at), /holds files that are not of the bundle: notes\.txt/);
      const other = path.join(folder, "other");
      mkdirSync(other);
      writeFileSync(path.join(other, "a.txt"), "mine");
      assert.throws(() => writeBundle(made, other), /not empty and not a bundle/);
      assert.ok(existsSync(path.join(other, "a.txt")));
      assert.throws(() => writeBundle(made, path.join(other, "a.txt")), /is no folder/);
      const empty = path.join(folder, "empty");
      mkdirSync(empty);
      writeBundle(made, empty);
      assert.ok(existsSync(path.join(empty, "model.js")));
    }));

  it("the functions that bundles carry are those that generated code imports", () => {
    const carried = (name: string): unknown =>
      Object.hasOwn(HOST_TEXT, name)
        ? new Function(`return ${HOST_TEXT[name]}`)()
        : (Math as unknown as Record<string, unknown>)[name];
    const xs = [-8, -2.5, -1, -1e-9, -0, 0, 0.3, 1, 2.4, 2.6, 5.9, 7, Number.NaN, Number.POSITIVE_INFINITY];
    for (const [name, f] of Object.entries(hostFunctions)) {
      const g = carried(name) as typeof f;
      assert.equal(typeof g, "function", name);
      for (const a of xs) for (const b of xs) assert.ok(Object.is(g(a, b), f(a, b)), `${name}(${a}, ${b})`);
    }
  });
});
