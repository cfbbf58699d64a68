import assert from "node:assert/strict";
import { type GraphData, interpretGraph } from "../../../../lib/codegen/index.ts";
import {
  decodeModel,
  fromOnnx,
  NeedsValue,
  OnnxError,
  OnnxModel,
  onnxParams,
} from "../../../../lib/frontend/onnx/index.ts";
import { constantData } from "../../../../lib/graph/index.ts";
import {
  assertModuleWellFormed,
  bindingsOf,
  type DType,
  type GraphFunc,
  type IRModule,
  type NDArray,
  ndarray,
  numbersOf,
  typeText,
} from "../../../../lib/ir/index.ts";
import { graph, model, node, tensor } from "../../../support/onnx-model.ts";

const data = (values: readonly number[], shape: readonly number[], dtype: DType = "f32"): NDArray => {
  const { bytes } = constantData(values, dtype);
  return ndarray(dtype, shape, bytes);
};

const main = (mod: IRModule): GraphFunc => assertModuleWellFormed(mod).funcs.main as GraphFunc;
const resultText = (mod: IRModule): string => typeText(main(mod).body.result.type);
const kinds = (mod: IRModule): string[] =>
  bindingsOf(main(mod).body).map((b) => (b.kind === "bind" ? b.value.kind : b.kind));

/** Specialises for the inputs and runs. */
function run(bytes: Uint8Array, inputs: Record<string, NDArray>): number[][] {
  const m = new OnnxModel(bytes);
  const mod = assertModuleWellFormed(m.specialise(inputs));
  const out = interpretGraph(
    mod,
    "main",
    m.inputs.map((v) => inputs[v.name]),
  ) as readonly GraphData[];
  return out.map((x) => numbersOf(x as NDArray));
}
const i64 = (values: readonly number[]) => tensor("i64", [values.length], values);

describe("sizes of ONNX models", () => {
  const flatten = model({
    inputs: { x: ["f32", ["batch", "n", 4]], z: ["f32", ["batch", 8]] },
    outputs: ["y"],
    nodes: [
      { op: "Shape", in: ["x"], out: ["s"] },
      { op: "Gather", in: ["s", "zero"], out: ["b"], attrs: { axis: 0 } },
      { op: "Unsqueeze", in: ["b", "axes"], out: ["b1"] },
      { op: "Concat", in: ["b1", "rest"], out: ["to"], attrs: { axis: 0 } },
      { op: "Reshape", in: ["x", "to"], out: ["r"] },
      { op: "Relu", in: ["r"], out: ["y"] },
    ],
    weights: { zero: tensor("i64", [], [0]), axes: i64([0]), rest: i64([-1]) },
  });

  it("that are open stay symbolic; sizes of one name are one", () => {
    const mod = fromOnnx(flatten);
    assert.equal(resultText(mod), "(f32[batch, n * 4])");
    const [x, z] = main(mod).params.map((p) => (p.type.kind === "tensor" ? p.type.shape[0] : assert.fail()));
    assert.equal(x, z);
    assert.deepEqual(kinds(mod), ["opCall", "opCall"]);
  });

  it("are numbers where they are given, by name or by shape", () => {
    assert.equal(resultText(fromOnnx(flatten, { dims: { batch: 3, n: 5 } })), "(f32[3, 20])");
    assert.equal(resultText(fromOnnx(flatten, { shapes: { x: [2, 3, 4], z: [2, 8] } })), "(f32[2, 12])");
    assert.throws(
      () => fromOnnx(flatten, { shapes: { x: [2, 3, 5] } }),
      /input "x": the shape \[2, 3, 5\] is not what it takes, \[batch, n, 4\]/,
    );
  });

  it("that are values of inputs are asked for", () => {
    const bytes = model({
      inputs: { x: ["f32", [6]], to: ["i64", [2]] },
      outputs: ["y"],
      nodes: [
        { op: "Add", in: ["to", "one"], out: ["t"] },
        { op: "Reshape", in: ["x", "t"], out: ["y"], name: "r" },
      ],
      weights: { one: i64([1]) },
    });
    assert.throws(
      () => fromOnnx(bytes),
      (e: NeedsValue) => e instanceof NeedsValue && e.inputs.join() === "to" && /Reshape "r"/.test(e.message),
    );
    assert.equal(resultText(fromOnnx(bytes, { values: { to: data([1, 2], [2], "i64") } })), "(f32[2, 3])");
    assert.throws(
      () => fromOnnx(bytes, { values: { to: data([-2, -2], [2], "i64") } }),
      /node 1 \(Reshape "r"\): only one size of the shape may be -1/,
    );
    const m = new OnnxModel(bytes);
    const x = data([1, 2, 3, 4, 5, 6], [6]);
    const first = m.specialise({ x, to: data([1, 2], [2], "i64") });
    assert.deepEqual(m.valueInputs, ["to"]);
    assert.equal(m.specialise({ x, to: data([1, 2], [2], "i64") }), first);
    assert.equal(resultText(m.specialise({ x, to: data([2, 1], [2], "i64") })), "(f32[3, 2])");
  });

  it("that the program computes are read when it runs", () => {
    const bytes = model({
      inputs: { x: ["f32", ["n"]] },
      outputs: ["y"],
      nodes: [
        { op: "NonZero", in: ["x"], out: ["where"] },
        { op: "Shape", in: ["where"], out: ["s"] },
        { op: "Gather", in: ["s", "one"], out: ["count"] },
        { op: "Expand", in: ["two", "count"], out: ["y"] },
      ],
      weights: { one: i64([1]), two: tensor("f32", [], [2]) },
    });
    assert.deepEqual(run(bytes, { x: data([0, 3, 0, 4, 5], [5]) }), [[2, 2, 2]]);
  });

  it("keeps a bounded number of programs", () => {
    const m = new OnnxModel(flatten, { keep: 2 });
    const at = (n: number): IRModule =>
      m.specialise({ x: data(new Array(n * 4).fill(0), [1, n, 4]), z: data(new Array(8).fill(0), [1, 8]) });
    const one = at(1);
    at(2);
    assert.equal(at(1), one);
    at(3);
    assert.equal(at(1), one);
    at(4);
    at(5);
    assert.notEqual(at(1), one);
  });
});

describe("weights of ONNX models", () => {
  it("are constants, or parameters after the inputs", () => {
    const bytes = model({
      inputs: { x: ["f32", [2]], w: ["f32", [2]] },
      outputs: ["y"],
      nodes: [{ op: "Add", in: ["x", "w"], out: ["y"] }],
      weights: { w: tensor("f32", [2], [1, 2]) },
    });
    assert.deepEqual(
      main(fromOnnx(bytes)).params.map((p) => p.name),
      ["x"],
    );
    const kept = main(fromOnnx(bytes, { keepParamsInInput: true }));
    assert.deepEqual(
      kept.params.map((p) => p.name),
      ["x", "w"],
    );
    assert.deepEqual(kept.attrs, { inputs: ["x"], outputs: ["y"], weights: ["w"] });
    assert.deepEqual(numbersOf(onnxParams(decodeModel(bytes)).w), [1, 2]);
  });
});

describe("control flow of ONNX models", () => {
  const branch = (op: string, y: string) => graph({ outputs: [y], nodes: [{ op, in: ["x"], out: [y] }] });
  const either = (cond: "input" | "weight") =>
    model({
      inputs: { x: ["f32", [2]], ...(cond === "input" ? { c: ["bool", []] as const } : {}) },
      outputs: ["y"],
      nodes: [
        {
          op: "If",
          in: ["c"],
          out: ["y"],
          attrs: { then_branch: { graph: branch("Relu", "a") }, else_branch: { graph: branch("Neg", "b") } },
        },
      ],
      ...(cond === "weight" ? { weights: { c: tensor("bool", [], [0]) } } : {}),
    });

  it("is in the program where the condition is not known", () => {
    assert.deepEqual(kinds(fromOnnx(either("input"))), ["graphIf", "tupleGet"]);
    const x = data([-1, 2], [2]);
    assert.deepEqual(run(either("input"), { x, c: data([1], [], "bool") }), [[0, 2]]);
    assert.deepEqual(run(either("input"), { x, c: data([0], [], "bool") }), [[1, -2]]);
  });

  it("asks for the condition where only one branch fits the inputs", () => {
    const flat = graph({ outputs: ["a"], nodes: [{ op: "Relu", in: ["x"], out: ["a"] }] });
    const multiplied = graph({ outputs: ["b"], nodes: [{ op: "MatMul", in: ["x", "m"], out: ["b"] }] });
    const bytes = model({
      inputs: { x: ["f32", ["n"]], c: ["bool", [1]] },
      outputs: ["y"],
      nodes: [
        {
          op: "If",
          in: ["c"],
          out: ["y"],
          attrs: { then_branch: { graph: flat }, else_branch: { graph: multiplied } },
        },
      ],
      weights: { m: tensor("f32", [3, 1], [1, 1, 1]) },
    });
    assert.deepEqual(run(bytes, { x: data([-1, 2], [2]), c: data([1], [1], "bool") }), [[0, 2]]);
    assert.deepEqual(run(bytes, { x: data([-1, 2, 3], [3]), c: data([0], [1], "bool") }), [[4]]);
    assert.throws(
      () => run(bytes, { x: data([-1, 2], [2]), c: data([0], [1], "bool") }),
      /node 0 \(MatMul\)/,
    );
  });

  it("is decided at import where it is", () => {
    assert.deepEqual(kinds(fromOnnx(either("weight"))), ["opCall"]);
  });

  /** y = x + i in each iteration; the sums are stacked. */
  const loop = (body: ReturnType<typeof graph>, trip: "input" | number, carried = "x") =>
    model({
      inputs: { x: ["f32", [2]], ...(trip === "input" ? { n: ["i64", []] as const } : {}) },
      outputs: ["y", "all"],
      nodes: [{ op: "Loop", in: ["n", "", carried], out: ["y", "all"], attrs: { body: { graph: body } } }],
      ...(trip === "input" ? {} : { weights: { n: tensor("i64", [], [trip]) } }),
    });
  const steps = { i: ["i64", []], c: ["bool", []], v: ["f32", [2]] } as const;
  const adding = graph({
    inputs: steps,
    outputs: ["c", "next", "next"],
    nodes: [
      { op: "Cast", in: ["i"], out: ["f"], attrs: { to: 1 } },
      { op: "Add", in: ["v", "f"], out: ["sum"] },
      // x is seen from around the loop.
      { op: "Add", in: ["sum", "x"], out: ["next"] },
    ],
  });

  it("is a loop over a function of the module", () => {
    const mod = fromOnnx(loop(adding, 3));
    assert.deepEqual(Object.keys(mod.funcs), ["loop_body", "main"]);
    assert.equal(resultText(mod), "(f32[2], f32[3, 2])");
    const x = data([1, 2], [2]);
    assert.deepEqual(run(loop(adding, 3), { x }), [
      [7, 11],
      [2, 4, 4, 7, 7, 11],
    ]);
    assert.deepEqual(run(loop(adding, "input"), { x, n: data([2], [], "i64") }), [
      [4, 7],
      [2, 4, 4, 7],
    ]);
    assert.deepEqual(run(loop(adding, "input"), { x, n: data([0], [], "i64") }), [[1, 2], []]);
  });

  it("is written out where shapes change and the number of iterations is known", () => {
    const growing = graph({
      inputs: steps,
      outputs: ["c", "next"],
      nodes: [{ op: "Concat", in: ["v", "x"], out: ["next"], attrs: { axis: 0 } }],
    });
    const bytes = (trip: "input" | number) =>
      model({
        inputs: { x: ["f32", [2]], ...(trip === "input" ? { n: ["i64", []] as const } : {}) },
        outputs: ["y"],
        nodes: [{ op: "Loop", in: ["n", "", "x"], out: ["y"], attrs: { body: { graph: growing } } }],
        ...(trip === "input" ? {} : { weights: { n: tensor("i64", [], [trip]) } }),
      });
    const mod = fromOnnx(bytes(2));
    assert.equal(resultText(mod), "(f32[6])");
    assert(!kinds(mod).includes("graphLoop"));
    // Otherwise the number is asked for.
    assert.deepEqual(run(bytes("input"), { x: data([1, 2], [2]), n: data([2], [], "i64") }), [
      [1, 2, 1, 2, 1, 2],
    ]);
  });

  it("that changes what the types say is refused with the node", () => {
    const turning = graph({
      inputs: steps,
      outputs: ["c", "next", "next"],
      nodes: [{ op: "Cast", in: ["v"], out: ["next"], attrs: { to: 7 } }],
    });
    const x = data([1, 2], [2]);
    assert.throws(
      () => run(loop(turning, "input"), { x, n: data([2 ** 40], [], "i64") }),
      (e: OnnxError) => e instanceof OnnxError && /node 0 \(Loop\)/.test(e.message),
    );
  });
});

describe("functions of ONNX models", () => {
  it("are the nodes they stand for, with the attributes of the call", () => {
    const bytes = model({
      inputs: { x: ["f32", [2]] },
      outputs: ["y"],
      nodes: [{ op: "Twice", in: ["x"], out: ["y"], domain: "own", attrs: { to: 6 } }],
      opsets: { own: 1 },
      functions: [
        {
          name: "Twice",
          domain: "own",
          input: ["a"],
          output: ["b"],
          attribute: ["to"],
          opsetImport: [{ domain: "", version: 13 }],
          node: [
            node({ op: "Add", in: ["a", "a"], out: ["s"] }),
            node({ op: "Cast", in: ["s"], out: ["b"], attrs: { to: { ref: "to" } } }),
          ],
        },
      ],
    });
    assert.equal(resultText(fromOnnx(bytes)), "(i32[2])");
    assert.deepEqual(run(bytes, { x: data([1, 2.5], [2]) }), [[2, 5]]);
  });

  it("that call themselves are refused", () => {
    const again = {
      name: "F",
      domain: "own",
      input: ["a"],
      output: ["b"],
      node: [node({ op: "F", in: ["a"], out: ["b"], domain: "own" })],
    };
    const bytes = model({
      inputs: { x: ["f32", [2]] },
      outputs: ["y"],
      nodes: [{ op: "F", in: ["x"], out: ["y"], domain: "own" }],
      opsets: { own: 1 },
      functions: [again],
    });
    assert.throws(() => fromOnnx(bytes), /the function F calls itself/);
  });
});

describe("sequences of ONNX models", () => {
  it("are known at import and leave no trace in the program", () => {
    const bytes = model({
      inputs: { x: ["f32", [4, 2]] },
      outputs: ["y", "n"],
      nodes: [
        { op: "SplitToSequence", in: ["x", "two"], out: ["s"], attrs: { axis: 0 } },
        { op: "SequenceErase", in: ["s", "zero"], out: ["rest"] },
        { op: "SequenceLength", in: ["rest"], out: ["n"] },
        { op: "SequenceInsert", in: ["rest", "x", "zero"], out: ["more"] },
        { op: "ConcatFromSequence", in: ["more"], out: ["y"], attrs: { axis: 0 } },
      ],
      weights: { two: tensor("i64", [], [2]), zero: tensor("i64", [], [0]) },
    });
    const x = data([1, 2, 3, 4, 5, 6, 7, 8], [4, 2]);
    assert.deepEqual(run(bytes, { x }), [[1, 2, 3, 4, 5, 6, 7, 8, 5, 6, 7, 8], [1]]);
  });
});
