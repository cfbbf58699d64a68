// Programs written by hand, one instruction after another: what the pipeline would give, without it.
import assert from "node:assert/strict";
import type { VmFunction, VmInstr, VmProgram, VmSlot } from "../../../lib/graph/vm-code.ts";
import {
  BYTES,
  type DType,
  irModule,
  ndarray,
  sizeOf,
  tensorType,
  tupleType,
} from "../../../lib/ir/index.ts";
import { cpuMemory, Tensor } from "../../../lib/runtime/index.ts";
import type { Output } from "../../../lib/runtime/vm/held.ts";
import { compileKernels } from "../../../lib/runtime/vm/kernels.ts";
import { LinkedProgram } from "../../../lib/runtime/vm/linked.ts";
import { registerFunc } from "../../../lib/runtime/vm/packed.ts";
import { T } from "../../../lib/script/index.ts";

const mod = irModule({
  /** y = x + 1 */
  inc: T.primFunc({ x: T.buffer([4]), y: T.buffer([4]) }, ({ x, y }) => {
    for (const i of T.serial(4)) y[i] = x[i] + 1;
  }),
  /** z = x * y */
  mul: T.primFunc({ x: T.buffer([4]), y: T.buffer([4]), z: T.buffer([4]) }, ({ x, y, z }) => {
    for (const i of T.serial(4)) z[i] = x[i] * y[i];
  }),
  /** c = x[0] < 20 */
  small: T.primFunc({ x: T.buffer([4]), c: T.buffer([1], "bool") }, ({ x, c }) => {
    c[0] = x[0] < 20;
  }),
  /** y = x + s */
  plus: T.primFunc({ x: T.buffer([4]), y: T.buffer([4]), s: T.scalar("i64") }, ({ x, y, s }) => {
    for (const i of T.serial(4)) y[i] = x[i] + T.cast(s, "f32");
  }),
});

const slot = (
  name: string,
  source: VmSlot["source"],
  dtype: DType = "f32",
  shape: readonly number[] = [4],
): VmSlot => ({
  ...{ name, dtype, shape, source },
  bytes: sizeOf(shape) * BYTES[dtype],
});
const param = (index: number) => ({ kind: "param", index }) as const;
const arena = (offset: number) => ({ kind: "arena", offset }) as const;
const set = { kind: "set" } as const;

function func(name: string, slots: VmSlot[], code: VmInstr[], results: number[], arenaBytes = 0): VmFunction {
  const count = slots.filter((s) => s.source.kind === "param").length;
  const params = Array.from({ length: count }, (_, i) => ({ name: `p${i}`, type: tensorType([4]) }));
  const resultType = tupleType(results.map((r) => tensorType(slots[r].shape, slots[r].dtype)));
  return { name, params, slots, sizes: [], code, results, resultType, arenaBytes };
}

const noRest = (): Output[] => {
  throw new Error("nothing is specialised here");
};

function link(
  functions: VmFunction[],
  constants: VmProgram["constants"] = [],
  target: "wasm" | "interpreter" = "wasm",
) {
  const program = { functions: Object.fromEntries(functions.map((f) => [f.name, f])), constants };
  return new LinkedProgram(program, compileKernels(mod, { target }), noRest);
}

/** Runs `main`, takes the results' numbers, and gives their memory back. */
function run(p: LinkedProgram, ...args: Tensor[]): number[][] {
  const outputs = p.run(
    "main",
    args.map((t) => t.address),
  );
  return outputs.map((o) => {
    const values = [...cpuMemory().view(o.dtype, o.address, sizeOf(o.shape))].map(Number);
    p.heap.drop(o.held);
    return values;
  });
}

const branches = (yes: VmInstr[], no: VmInstr[], cond: number): VmInstr => ({
  ...{ op: "if", cond, node: "r" },
  // biome-ignore lint/suspicious/noThenProperty: data of an instruction, never awaited
  then: yes,
  else: no,
});

const call = (name: string, args: number[], scalars: number[] = []): VmInstr => ({
  ...{ op: "callTir", func: name, args, scalars, node: `v${args.at(-1)}` },
});

/** What a run leaves allocated, results dropped: nothing. */
function keepsMemory(body: () => void): void {
  body();
  const before = cpuMemory().usedBytes;
  for (let i = 0; i < 20; i++) body();
  assert.equal(cpuMemory().usedBytes, before);
}

describe("runtime: instructions of the virtual machine", () => {
  const x = Tensor.from([1, 2, 3, 4]);
  const y = Tensor.from([5, 6, 7, 8]);
  const two = ndarray("f32", [4], new Uint8Array(Float32Array.of(2, 2, 2, 2).buffer));

  for (const target of ["wasm", "interpreter"] as const) {
    it(`callTir, alloc, kill and constants (${target})`, () => {
      const main = func(
        "main",
        [slot("x", param(0)), slot("c", { kind: "constant", index: 0 }), slot("a", arena(0)), slot("r", set)],
        [call("inc", [0, 2]), { op: "alloc", dst: 3 }, call("mul", [2, 1, 3]), { op: "kill", slots: [2] }],
        [3],
        64,
      );
      const p = link([main], [two], target);
      keepsMemory(() => assert.deepEqual(run(p, x), [[4, 6, 8, 10]]));
      p.dispose();
    });

    it(`scalars, 64 bits wide too (${target})`, () => {
      const main = func(
        "main",
        [slot("x", param(0)), slot("r", set)],
        [{ op: "alloc", dst: 1 }, call("plus", [0, 1], [7])],
        [1],
      );
      assert.deepEqual(run(link([main], [], target), x), [[8, 9, 10, 11]]);
    });
  }

  it("an argument or a constant as the result; the same value twice", () => {
    const main = func(
      "main",
      [slot("x", param(0)), slot("c", { kind: "constant", index: 0 }), slot("r", set)],
      [{ op: "alloc", dst: 2 }, call("inc", [0, 2])],
      [0, 1, 2, 2],
    );
    const p = link([main], [two]);
    keepsMemory(() =>
      assert.deepEqual(run(p, x), [
        [1, 2, 3, 4],
        [2, 2, 2, 2],
        [2, 3, 4, 5],
        [2, 3, 4, 5],
      ]),
    );
  });

  it("views and moves share memory, which goes back with the last of them", () => {
    const main = func(
      "main",
      [slot("x", param(0)), slot("a", set), slot("b", set, "f32", [2, 2]), slot("c", set)],
      [
        { op: "alloc", dst: 1 },
        call("inc", [0, 1]),
        { op: "view", dst: 2, src: 1 },
        { op: "move", dst: 3, src: 2 },
        { op: "kill", slots: [1, 2] },
        call("inc", [0, 3]),
      ],
      [3],
    );
    const p = link([main]);
    keepsMemory(() => assert.deepEqual(run(p, x), [[2, 3, 4, 5]]));
  });

  it("if runs one of its branches", () => {
    const main = func(
      "main",
      [slot("x", param(0)), slot("c", arena(0), "bool", [1]), slot("t", set), slot("e", set), slot("r", set)],
      [
        call("small", [0, 1]),
        branches(
          [{ op: "alloc", dst: 2 }, call("inc", [0, 2]), { op: "move", dst: 4, src: 2 }],
          [{ op: "alloc", dst: 3 }, call("mul", [0, 0, 3]), { op: "move", dst: 4, src: 3 }],
          1,
        ),
      ],
      [4],
      64,
    );
    const p = link([main]);
    const big = Tensor.from([30, 1, 2, 3]);
    keepsMemory(() => {
      assert.deepEqual(run(p, x), [[2, 3, 4, 5]]);
      assert.deepEqual(run(p, big), [[900, 1, 4, 9]]);
    });
  });

  /** (iteration, condition, v) → (v[0] < 20 before, v * 2, v) */
  const body = func(
    "body",
    [
      ...[slot("i", param(0), "i64", [1]), slot("on", param(1), "bool", [1]), slot("v", param(2))],
      ...[slot("c", { kind: "constant", index: 0 }), slot("go", set, "bool", [1]), slot("w", set)],
    ],
    [{ op: "alloc", dst: 4 }, call("small", [2, 4]), { op: "alloc", dst: 5 }, call("mul", [2, 3, 5])],
    [4, 5, 2],
  );

  it("loop: while the condition holds, carried and stacked values", () => {
    const main = func(
      "main",
      [slot("x", param(0)), slot("last", set), slot("all", set, "f32", [6, 4])],
      [{ op: "loop", func: "body", carried: [0], captured: [], dst: [1, 2], node: "last" }],
      [1, 2],
    );
    const p = link([body, main], [two]);
    keepsMemory(() => {
      const [last, all] = run(p, x);
      // 1, 2, 4, 8, 16 are below 20; 32 is not, and is still run.
      assert.deepEqual(last, [64, 128, 192, 256]);
      assert.deepEqual(
        all.filter((_, i) => i % 4 === 0),
        [1, 2, 4, 8, 16, 32],
      );
    });
  });

  it("loop: at most `trip` times; none at all; another number of rows than its type says", () => {
    const trips = (rows: number) =>
      link(
        [
          body,
          func(
            "main",
            [
              slot("x", param(0)),
              slot("n", param(1), "i64", [1]),
              slot("last", set),
              slot("all", set, "f32", [rows, 4]),
            ],
            [{ op: "loop", func: "body", trip: 1, carried: [0], captured: [], dst: [2, 3], node: "last" }],
            [2, 3],
          ),
        ],
        [two],
      );
    const [none, two2, three3, four] = [0n, 2n, 3n, 4n].map((k) => Tensor.from([k]));
    const three = trips(3);
    assert.deepEqual(run(three, x, three3)[0], [8, 16, 24, 32]);
    assert.deepEqual(run(trips(0), x, none), [[1, 2, 3, 4], []]);
    keepsMemory(() => {
      assert.throws(
        () => run(three, x, two2),
        /all has one row for each iteration, 3 by its type; the loop made 2/,
      );
      assert.throws(() => run(three, x, four), /3 by its type; the loop made 4/);
    });
  });

  it("callFunc: results of two calls are two tensors, and what is passed on lives on", () => {
    const twice = func(
      "twice",
      [slot("v", param(0)), slot("r", arena(0))],
      [call("inc", [0, 1])],
      [1, 0],
      64,
    );
    const main = func(
      "main",
      [slot("x", param(0)), ...[1, 2, 3, 4].map((k) => slot(`s${k}`, set)), slot("r", set)],
      [
        { op: "callFunc", func: "twice", args: [0], dst: [1, 2], node: "a" },
        { op: "callFunc", func: "twice", args: [1], dst: [3, 4], node: "b" },
        { op: "kill", slots: [1] },
        { op: "alloc", dst: 5 },
        call("mul", [3, 4, 5]),
      ],
      [5, 4],
    );
    const p = link([main, twice]);
    keepsMemory(() =>
      assert.deepEqual(run(p, x), [
        [6, 12, 20, 30],
        [2, 3, 4, 5],
      ]),
    );
  });

  it("callPacked gets views of the values themselves", () => {
    const seen: number[] = [];
    registerFunc(
      "test.scale",
      ([a, out], { inputs, attrs }) => {
        seen.push(a.address, inputs);
        for (let i = 0; i < a.size; i++) out.set(Number(a.at(i)) * (attrs.by as number), i);
      },
      { override: true },
    );
    const main = func(
      "main",
      [slot("x", param(0)), slot("r", set)],
      [
        { op: "alloc", dst: 1 },
        { op: "callPacked", func: "test.scale", args: [0], outputs: [1], attrs: { by: 3 }, node: "r" },
      ],
      [1],
    );
    const p = link([main]);
    assert.deepEqual(run(p, x), [[3, 6, 9, 12]]);
    assert.deepEqual(run(p, y), [[15, 18, 21, 24]]);
    assert.deepEqual(seen, [x.address, 1, y.address, 1]);
  });

  it("an error in the middle gives everything back, and the next run is right", () => {
    let fail = true;
    registerFunc(
      "test.fails",
      ([, out]) => {
        if (fail) throw new Error("not today");
        out.data.fill(1 as never);
      },
      { override: true },
    );
    const main = func(
      "main",
      [slot("x", param(0)), slot("a", set), slot("r", set)],
      [
        ...[{ op: "alloc", dst: 1 } as const, call("inc", [0, 1]), { op: "alloc", dst: 2 } as const],
        { op: "callPacked", func: "test.fails", args: [1], outputs: [2], attrs: {}, node: "r" },
      ],
      [2],
    );
    const p = link([main]);
    keepsMemory(() => {
      fail = true;
      assert.throws(() => run(p, x), /not today/);
      fail = false;
      assert.deepEqual(run(p, x), [[1, 1, 1, 1]]);
    });
  });

  it("what is not there is told when the program is linked", () => {
    const packed = func(
      "main",
      [slot("x", param(0)), slot("r", set)],
      [{ op: "callPacked", func: "test.nobody", args: [0], outputs: [1], attrs: {}, node: "r" }],
      [1],
    );
    const used = cpuMemory().usedBytes;
    assert.throws(
      () => link([packed], [two]),
      /no library function "test.nobody" \(registerFunc\); registered: /,
    );
    assert.equal(cpuMemory().usedBytes, used);
  });

  it("after dispose nothing is left, and nothing runs", () => {
    const main = func("main", [slot("c", { kind: "constant", index: 0 })], [], [0]);
    const used = cpuMemory().usedBytes;
    const [a, b] = [link([main], [two]), link([main], [two])];
    assert.ok(cpuMemory().usedBytes - used <= 64, "a constant of two programs is uploaded once");
    assert.deepEqual(run(a), [[2, 2, 2, 2]]);
    a.dispose();
    assert.deepEqual(run(b), [[2, 2, 2, 2]]);
    b.dispose();
    assert.equal(cpuMemory().usedBytes, used);
    assert.throws(() => run(b), /disposed/);
  });
});
