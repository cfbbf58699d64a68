/** Bundles for WebGPU, loaded in Node with Dawn's devices. Compared with the interpreter. */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import process from "node:process";
import { fileURLToPath, pathToFileURL } from "node:url";
import { promisify } from "node:util";
import ts from "typescript";
import { type Bundle, type BundleOptions, bundle, sizeReport } from "../../../lib/deploy/index.ts";
import { writeBundle } from "../../../lib/deploy/write.node.ts";
import { BlockBuilder, R } from "../../../lib/graph/index.ts";
import { constantOf, elementsOf, type IRModule, type NDArray, numbersOf } from "../../../lib/ir/index.ts";
import { gpu } from "../../../lib/runtime/webgpu/adapter.ts";
import { gpuDevice, releaseGpu } from "../../../lib/runtime/webgpu/device.ts";
import { CONTROL_FLOW } from "../../support/control-flow.ts";
import { randomData } from "../../support/random-graph.ts";
import { requireGpu } from "../../support/system.ts";
import { oracle } from "../runtime/vm-support.ts";
import { chosenColumns, convNet, mlp, withFolder } from "./support.ts";

interface OnCpu {
  readonly data: ArrayLike<number | bigint>;
  readonly shape: readonly number[];
}
interface OnGpu {
  readonly buffer: GPUBuffer;
  readonly shape: readonly number[];
  read(): Promise<OnCpu>;
}
type Inputs = Readonly<Record<string, OnCpu | Pick<OnGpu, "buffer" | "shape">>>;
interface Model {
  run(inputs: Inputs): Promise<Record<string, OnCpu>>;
  run(inputs: Inputs, options: { outputs: "gpu" }): Promise<Record<string, OnGpu>>;
  readonly device: GPUDevice;
  dispose(): void;
}
type Load = (options: object) => Promise<Model>;

const f32 = (a: NDArray): OnCpu => ({ data: Float32Array.from(numbersOf(a)), shape: a.shape });

function close(got: OnCpu, want: OnCpu | NDArray, relative = 1e-3): void {
  assert.deepEqual([...got.shape], [...want.shape]);
  const numbers = "bytes" in want ? numbersOf(want) : Array.from(want.data, Number);
  const scale = numbers.reduce((m, x) => Math.max(m, Math.abs(x)), 0);
  assert.ok(scale > 0, "there is something to compare");
  numbers.forEach((x, i) => {
    assert.ok(Math.abs(Number(got.data[i]) - x) <= relative * scale, `${i}: ${got.data[i]}, must be ${x}`);
  });
}

/** A device on which submits and read-backs are counted. */
function counted(device: GPUDevice): { device: GPUDevice; submits: number; maps: number } {
  const counts = { device, submits: 0, maps: 0 };
  const wrap = <X extends object>(
    target: X,
    own: Readonly<Record<string, (...args: never[]) => unknown>>,
  ): X =>
    new Proxy(target, {
      get(from, key) {
        if (Object.hasOwn(own, key)) return own[key as string];
        const value: unknown = Reflect.get(from, key, from);
        return typeof value === "function" ? value.bind(from) : value;
      },
    });
  const queue = wrap(device.queue, {
    submit: (lists: GPUCommandBuffer[]) => {
      counts.submits++;
      device.queue.submit(lists);
    },
  });
  counts.device = new Proxy(
    wrap(device, {
      createBuffer: (d: GPUBufferDescriptor) => {
        if (d.usage & 1) counts.maps++;
        return device.createBuffer(d);
      },
    }),
    { get: (from, key) => (key === "queue" ? queue : Reflect.get(from, key)) },
  );
  return counts;
}

describe("deploy: bundles for WebGPU", function () {
  this.timeout(180_000);
  before(async function () {
    await requireGpu(this);
  });
  after(releaseGpu);

  /** Writes a bundle of one or more modules, and gives its `load`. */
  function made<X>(
    modules: IRModule | readonly IRModule[],
    use: (load: Load, made: Bundle, at: string) => Promise<X>,
    options: BundleOptions = {},
  ): Promise<X> {
    return withFolder(async (folder) => {
      const at = path.join(folder, "b");
      const all = Array.isArray(modules) ? (modules as readonly IRModule[]) : [modules as IRModule];
      const b = await bundle(
        all.map((module) => ({ module })),
        { ...options, target: "webgpu" },
      );
      writeBundle(b, at);
      const { load } = (await import(pathToFileURL(path.join(at, "model.js")).href)) as { load: Load };
      return use(load, b, at);
    });
  }

  it("784-200-10 is right, holds no WebAssembly, and its code takes at most 8 kB gzip", () => {
    const module = mlp([784, 200, 10]);
    return made(module, async (load, b, at) => {
      assert.deepEqual(
        b.files.map((f) => f.name),
        ["model.js", "model.d.ts", "kernels.wgsl", "weights.bin", "manifest.json"],
      );
      const loaded = b.files.filter((f) => /\.(js|wgsl)$/.test(f.name)).reduce((n, f) => n + f.gzip, 0);
      assert.ok(loaded <= 8000, `${loaded} bytes`);
      assert.match(sizeReport(b), /code \(js and wgsl\)[\s\S]*memory when it runs: \d+\.\d kB on the GPU/);
      assert.deepEqual(b.manifest.gpu?.onTheCpu, []);
      const manifest = JSON.parse(readFileSync(path.join(at, "manifest.json"), "utf8"));
      assert.equal(manifest.target, "webgpu");
      const model = await load({ gpu: await gpu() });
      const x = randomData([1, 784], 3);
      close((await model.run({ x: f32(x) })).y, oracle(module, [x]) as NDArray);
      model.dispose();
      await assert.rejects(model.run({ x: f32(x) }), /the model was disposed/);
    });
  });

  it("a run is one submit and one read-back, and makes no buffers after the first", () => {
    const module = convNet();
    return made(module, async (load) => {
      const counts = counted((await gpuDevice()).device);
      const model = await load({ device: counts.device });
      const x = randomData([1, 3, 16, 16], 3);
      const want = oracle(module, [x]) as NDArray;
      close((await model.run({ x: f32(x) })).y, want);
      const before = { ...counts };
      close((await model.run({ x: f32(x) })).y, want);
      assert.equal(counts.submits - before.submits, 1);
      assert.equal(counts.maps, before.maps);
      model.dispose();
    });
  });

  it("runs in a process of its own, in an empty folder, beside nothing but the package webgpu", () =>
    withFolder(async (folder) => {
      const module = convNet();
      writeBundle(await bundle([{ module }], { target: "webgpu" }), path.join(folder, "b"));
      const x = randomData([1, 3, 16, 16], 3);
      const dawn = fileURLToPath(new URL("../../../node_modules/webgpu/index.js", import.meta.url));
      const script = `
        const { create } = await import(${JSON.stringify(pathToFileURL(dawn).href)});
        const { load } = await import(${JSON.stringify(pathToFileURL(path.join(folder, "b", "model.js")).href)});
        const model = await load({ gpu: create([]) });
        const data = Float32Array.from(JSON.parse(process.argv[1]));
        const { y } = await model.run({ x: { data, shape: [1, 3, 16, 16] } });
        console.log(JSON.stringify({ data: [...y.data], shape: y.shape }));
        model.dispose();`;
      const args = ["--input-type=module", "--eval", script, JSON.stringify(numbersOf(x))];
      const { stdout } = await promisify(execFile)(process.execPath, args, { cwd: folder });
      close(JSON.parse(stdout.slice(stdout.indexOf("{"))) as OnCpu, oracle(module, [x]) as NDArray);
    }));

  it("weights as f16 take half, and are f32 on the device", () => {
    const module = mlp([64, 40, 8]);
    return made(
      module,
      async (load, b) => {
        assert.deepEqual(
          b.manifest.weights.map((w) => w.dtype),
          ["f32 as f16", "f32"],
        );
        const model = await load({ gpu: await gpu() });
        const x = randomData([1, 64], 3);
        close((await model.run({ x: f32(x) })).y, oracle(module, [x]) as NDArray);
        model.dispose();
      },
      { f16: true },
    );
  });

  it("an entry point for each shape, with one copy of the weights; calls that overlap are right", () => {
    const modules = [mlp([20, 12, 5], 1), mlp([20, 12, 5], 4)];
    return made(modules, async (load, b) => {
      const stored = b.manifest.weights.reduce((n, w) => n + w.count, 0);
      assert.equal(stored, 4);
      const model = await load({ gpu: await gpu() });
      const xs = [1, 4, 4, 1, 1, 4, 1].map((rows, i) => randomData([rows, 20], i));
      const all = await Promise.all(xs.map((x) => model.run({ x: f32(x) })));
      all.forEach(({ y }, i) => {
        close(y, oracle(modules[xs[i].shape[0] === 1 ? 0 : 1], [xs[i]]) as NDArray);
      });
      await assert.rejects(
        model.run({ x: f32(randomData([2, 20], 3)) }),
        /TypeError: the inputs do not fit\. The model takes x: Float32Array \[1,20\]; or x: Float32Array \[4,20\]/,
      );
      model.dispose();
    });
  });

  it("takes inputs that are on the device, and leaves results there", () => {
    const module = mlp([8, 8]);
    return made(module, async (load) => {
      const model = await load({ gpu: await gpu() });
      const x = randomData([1, 8], 3);
      const once = await model.run({ x: f32(x) }, { outputs: "gpu" });
      const twice = await model.run({ x: once.y }, { outputs: "gpu" });
      const { y } = await model.run({ x: twice.y });
      const three = [1, 2, 3].reduce((v) => oracle(module, [v]) as NDArray, x);
      close(y, three);
      close(await twice.y.read(), oracle(module, [oracle(module, [x]) as NDArray]) as NDArray);
      // A buffer that is too small does not fit; one of another usage is an error of the call.
      const device = model.device;
      const small = device.createBuffer({ size: 16, usage: 0x84 });
      await assert.rejects(model.run({ x: { buffer: small, shape: [1, 8] } }), /the inputs do not fit/);
      const unusable = device.createBuffer({ size: 64, usage: 0x4 });
      await assert.rejects(model.run({ x: { buffer: unusable, shape: [1, 8] } }), /usage/i);
      close((await model.run({ x: f32(x) })).y, oracle(module, [x]) as NDArray);
      model.dispose();
    });
  });

  it("what has no form on the GPU runs on the CPU in the same bundle, and is listed", () => {
    const table = randomData([2, 4], 5);
    const [x, n] = [R.var("x", R.tensor([2, 4])), R.var("n", R.tensor([3], "i64"))];
    const bb = new BlockBuilder();
    bb.function("main", [x, n], () => {
      const doubled = bb.emit(R.add(x, x));
      const halved = bb.emit(R.callPacked("test.halve", [doubled], R.tensor([2, 4])));
      const wide = bb.emit(R.op("astype", [halved], { dtype: "f64" }));
      const sum = bb.emit(R.op("astype", [bb.emit(R.add(wide, wide))], { dtype: "f32" }));
      const y = bb.emit(R.nn.relu(bb.emit(R.add(sum, constantOf(table)))));
      bb.emitFuncOutput(R.tuple(y, bb.emit(R.multiply(n, n)), x));
    });
    const module = bb.get();
    const halve = ([from]: { data: Float32Array }[], [to]: { data: Float32Array }[]) =>
      to.data.set(from.data.map((v) => v / 2));
    return made(module, async (load, b, at) => {
      assert.ok(existsSync(path.join(at, "kernels.wasm")));
      const notes = b.manifest.gpu?.onTheCpu.join("\n") ?? "";
      assert.match(notes, /test\.halve, which computes .*: a library function/);
      assert.match(notes, /WGSL has no f64/);
      assert.match(notes, /i64 arithmetic/);
      await assert.rejects(load({ gpu: await gpu() }), /load\(\{ functions \}\) takes test\.halve/);
      const model = await load({ gpu: await gpu(), functions: { "test.halve": halve } });
      const given = randomData([2, 4], 3);
      const big = BigInt64Array.of(2n ** 20n, 3n, -(2n ** 30n));
      const run = (first: Inputs["x"]) => model.run({ x: first, n: { data: big, shape: [3] } });
      // x is halved, and taken twice twice.
      const [xs, ts] = [numbersOf(given), numbersOf(table)];
      const same = f32(given);
      const y = { data: xs.map((v, i) => Math.max(0, 2 * v + ts[i])), shape: [2, 4] };
      for (let i = 0; i < 2; i++) {
        const out = await run(f32(given));
        close(out.y0, y);
        assert.deepEqual([...(out.y1.data as BigInt64Array)], [2n ** 40n, 9n, 2n ** 60n]);
        close(out.y2, same, 0);
      }
      // An input on the device that the CPU needs too, and results of both on the device.
      const buffer = model.device.createBuffer({ size: 32, usage: 0x8c });
      model.device.queue.writeBuffer(buffer, 0, Float32Array.from(numbersOf(given)));
      const small = { data: BigInt64Array.of(2n, 3n, -4n), shape: [3] };
      const kept = await model.run({ x: { buffer, shape: [2, 4] }, n: small }, { outputs: "gpu" });
      close(await kept.y0.read(), y);
      close(await kept.y2.read(), same, 0);
      assert.deepEqual([...((await kept.y1.read()).data as BigInt64Array)], [4n, 9n, 16n]);
      model.dispose();
    });
  });

  for (const [name, make] of Object.entries(CONTROL_FLOW)) {
    it(`${name}: bodies run on the GPU`, () => {
      const { module, inputs } = make();
      return made(module, async (load, b) => {
        const model = await load({ gpu: await gpu() });
        for (const given of inputs) {
          const want = [oracle(module, Object.values(given))].flat() as readonly NDArray[];
          const tensors = Object.entries(given).map(
            ([n, a]) => [n, { data: elementsOf(a) as Float32Array, shape: a.shape }] as const,
          );
          const all = await Promise.all([1, 2].map(() => model.run(Object.fromEntries(tensors))));
          for (const out of all)
            b.manifest.entries[0].outputs.forEach((p, k) => {
              close(out[p.name], want[k]);
            });
        }
        model.dispose();
      });
    });
  }

  it("what cannot run is said before anything is written", async () => {
    await assert.rejects(bundle([{ module: chosenColumns() }], { target: "webgpu" }), {
      name: "DeployError",
      message:
        /sizes that depend on data, which a bundle for webgpu cannot have: make one with --target wasm/,
    });
  });

  it("no WebGPU, no adapter, limits too low: each is named", () =>
    made(mlp([4, 3]), async (load, _, at) => {
      await assert.rejects(load({}), /there is no WebGPU here.*load\(\{ gpu \}\)/);
      await assert.rejects(load({ gpu: { requestAdapter: async () => null } }), /finds no adapter/);
      const file = path.join(at, "asks.mjs");
      const text = readFileSync(path.join(at, "model.js"), "utf8");
      const asks = '{"features":["shader-f16"],"limits":{"maxBufferSize":1e15}}';
      writeFileSync(file, text.replace(/const needs = .*;/, `const needs = ${asks};`));
      const { load: asking } = (await import(pathToFileURL(file).href)) as { load: Load };
      const adapter = (...features: string[]) => ({
        requestAdapter: async () => ({ features: new Set(features), limits: { maxBufferSize: 4096 } }),
      });
      await assert.rejects(asking({ gpu: adapter() }), /the GPU's adapter lacks shader-f16/);
      await assert.rejects(
        asking({ gpu: adapter("shader-f16") }),
        /needs a maxBufferSize of 1000000000000000; the GPU's adapter has 4096/,
      );
    }));

  it("a kernel that does not compile is named with its line, and the file's", () =>
    made(mlp([4, 3]), async (load, _, at) => {
      const file = path.join(at, "kernels.wgsl");
      const lines = readFileSync(file, "utf8").split("\n");
      const broken = lines.findIndex((l) => l.includes("fn main"));
      writeFileSync(file, [...lines.slice(0, broken), "fn oh dear", ...lines.slice(broken)].join("\n"));
      await assert.rejects(load({ gpu: await gpu() }), (e: Error) => {
        assert.match(e.message, new RegExp(`kernels\\.wgsl, line ${broken + 1}, \`fn oh dear\`: `));
        return true;
      });
      writeFileSync(file, lines.join("\n"));
      (await load({ gpu: await gpu() })).dispose();
    }));

  it("goes on with another device when its own is lost; says so when it was given one", () => {
    const module = mlp([4, 3]);
    return made(module, async (load) => {
      const x = randomData([1, 4], 3);
      const want = oracle(module, [x]) as NDArray;
      const model = await load({ gpu: await gpu() });
      close((await model.run({ x: f32(x) })).y, want);
      const lost = model.device;
      lost.destroy();
      await lost.lost;
      close((await model.run({ x: f32(x) })).y, want);
      assert.notEqual(model.device, lost);
      // In the middle of a run: that one fails.
      const now = model.device;
      const running = model.run({ x: f32(x) });
      now.destroy();
      await assert.rejects(running, /lost/);
      await now.lost;
      close((await model.run({ x: f32(x) })).y, want);
      model.dispose();

      const adapter = (await (await gpu()).requestAdapter()) as GPUAdapter;
      const device = await adapter.requestDevice();
      const given = await load({ device });
      close((await given.run({ x: f32(x) })).y, want);
      device.destroy();
      await device.lost;
      await assert.rejects(
        given.run({ x: f32(x) }),
        /device that load was given was lost.*load the model again/,
      );
    });
  });

  it("its types accept what it takes, and nothing else, with and without those of WebGPU", () =>
    made(mlp([4, 3]), async (_, __, at) => {
      const write = (name: string, body: string): string => {
        const file = path.join(at, name);
        writeFileSync(
          file,
          `import { load } from "./model.js";\nconst model = await load({ gpu: {} });\n${body}\n`,
        );
        return file;
      };
      const data = "{ data: new Float32Array(4), shape: [1, 4] } as const";
      const right = write(
        "right.ts",
        `const { y } = await model.run({ x: ${data} });
const kept = await model.run({ x: ${data} }, { outputs: "gpu" });
await model.run({ x: { buffer: kept.y.buffer, shape: [1, 4] } });
export const out: Float32Array = (await kept.y.read()).data.subarray(y.data.length);`,
      );
      const wrong = write("wrong.ts", "await model.run({ x: { data: new Int32Array(4), shape: [1, 4] } });");
      for (const lib of [["lib.es2022.d.ts", "lib.dom.d.ts"], ["lib.es2022.d.ts"]]) {
        const program = ts.createProgram([right, wrong], {
          ...{ strict: true, noEmit: true, types: [], lib },
          ...{ target: ts.ScriptTarget.ES2022, module: ts.ModuleKind.ES2022 },
          moduleResolution: ts.ModuleResolutionKind.Bundler,
        });
        const said = (file: string): string[] =>
          program
            .getSemanticDiagnostics(program.getSourceFile(file))
            .map((d) => ts.flattenDiagnosticMessageText(d.messageText, " "))
            // Without the DOM's types there is no URL either.
            .filter((m) => lib.length > 1 || !m.includes("'URL'"));
        assert.deepEqual([said(right), said(path.join(at, "model.d.ts"))], [[], []]);
        assert.match(said(wrong).join(), /Int32Array/);
      }
    }));
});
