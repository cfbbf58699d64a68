/**
 * Graph-level programs run one binding at a time, for comparing a program before and after a pass. Memory is taken
 * seriously: what is newly allocated, and what is killed, is filled with 0xaa, so that a plan that gives one place to two
 * living tensors shows.
 */
import assert from "node:assert/strict";
import { simplify } from "../../lib/arith/index.ts";
import { interpret } from "../../lib/codegen/index.ts";
import { Legalizer } from "../../lib/graph/passes/index.ts";
import {
  ARRAYS,
  BYTES,
  bindingsOf,
  constant,
  type DType,
  type Expr,
  elementsOf,
  type GraphBinding,
  type GraphBody,
  type GraphExpr,
  type GraphFunc,
  type GraphType,
  getGraphFunc,
  graphVar,
  type IRModule,
  irModule,
  type NDArray,
  ndarray,
  type OpCall,
  outputTypes,
  type PrimFunc,
  substExpr,
  type TensorType,
} from "../../lib/ir/index.ts";

/** A tensor, or a tuple of values. */
export type Value = NDArray | readonly Value[];
type Packed = (inputs: readonly NDArray[], outputs: readonly NDArray[]) => void;

export interface EvalOptions {
  readonly packed?: Readonly<Record<string, Packed>>;
}

/** What a function of a module gives for these arguments. */
export function evalGraph(mod: IRModule, func: string, args: readonly Value[], o: EvalOptions = {}): Value {
  return new Evaluation(mod, o).call(getGraphFunc(mod, func), args);
}

/** All numbers of a value, tensor by tensor. */
function flatValue(v: Value): { dtype: DType; shape: readonly number[]; values: number[] }[] {
  if (Array.isArray(v)) return v.flatMap(flatValue);
  const a = v as NDArray;
  const values = Array.from(elementsOf(a) as ArrayLike<number | bigint>, Number);
  return [{ dtype: a.dtype, shape: a.shape, values }];
}

/** Fails unless two values have the same types, and elements that differ by rounding at most. */
export function assertSame(got: Value, want: Value, what = "", tolerance = 1e-4): void {
  const [a, b] = [flatValue(got), flatValue(want)];
  assert.equal(a.length, b.length, `${what}: number of tensors`);
  a.forEach((x, i) => {
    const y = b[i];
    assert.equal(`${x.dtype}[${x.shape}]`, `${y.dtype}[${y.shape}]`, `${what}: type of result ${i}`);
    x.values.forEach((n, k) => {
      const m = y.values[k];
      const near = Object.is(n, m) || Math.abs(n - m) <= tolerance * Math.max(1, Math.abs(m));
      assert.ok(near || n === m, `${what}: result ${i}, element ${k}: ${n} against ${m}`);
    });
  });
}

class Evaluation {
  private readonly mod: IRModule;
  private readonly packed: Readonly<Record<string, Packed>>;
  private readonly legal: Legalizer;

  constructor(mod: IRModule, o: EvalOptions) {
    this.mod = mod;
    this.packed = o.packed ?? {};
    this.legal = new Legalizer(irModule({}));
  }

  call(f: GraphFunc, args: readonly Value[]): Value {
    const scope = new Scope();
    f.params.forEach((p, i) => {
      scope.values.set(p.id, args[i]);
    });
    f.params.forEach((p, i) => {
      declare(p.type, args[i], scope);
    });
    return this.body(f.body, scope);
  }

  private body(b: GraphBody, s: Scope): Value {
    for (const x of bindingsOf(b)) this.binding(x, s);
    return this.value(b.result, s);
  }

  private binding(b: GraphBinding, s: Scope): void {
    const value = this.value(b.value, s);
    if (b.kind === "tensorToShape") {
      const numbers = flatValue(value)[0].values;
      b.sizes.forEach((v, i) => {
        s.sizes.set(v.id, constant(numbers[i], v.dtype));
      });
      return;
    }
    if (b.kind === "matchCast") declare(b.v.type, value, s);
    s.values.set(b.v.id, value);
  }

  private value(e: GraphExpr, s: Scope): Value {
    const go = (x: GraphExpr): Value => this.value(x, s);
    switch (e.kind) {
      case "constant":
        return e.data;
      case "graphVar":
        return s.values.get(e.id) ?? assert.fail(`${e.name} is not bound`);
      case "tupleExpr":
        return e.fields.map(go);
      case "tupleGet":
        return (go(e.tuple) as Value[])[e.index];
      case "shapeLiteral":
        return [];
      case "opCall":
        return e.op.startsWith("memory.") ? this.memory(e, s) : this.operator(e, s);
      case "callTir": {
        const f = this.mod.funcs[e.func] ?? this.legal.module().funcs[e.func];
        const scalars = e.tirVars.map((x) => s.size(x));
        return this.run(f as PrimFunc, e, s, (inputs, outputs) =>
          interpret(f as PrimFunc, [...inputs, ...outputs].map(argument).concat(scalars as never[])),
        );
      }
      case "callPacked": {
        const f = this.packed[e.func] ?? assert.fail(`no library function ${e.func}`);
        return this.run(undefined, e, s, f);
      }
      case "callFunc":
        return this.call(getGraphFunc(this.mod, e.func), e.args.map(go));
      case "graphIf":
        return this.body(flatValue(go(e.cond))[0].values[0] ? e.then : e.else, s);
      case "graphLoop":
        return this.loop(e, s);
    }
  }

  private run(
    _f: PrimFunc | undefined,
    e: GraphExpr & { kind: "callTir" | "callPacked" },
    s: Scope,
    f: Packed,
  ): Value {
    const inputs = e.args.flatMap((a) => tensorsIn(this.value(a, s)));
    const outputs = e.into
      ? e.into.flatMap((a) => tensorsIn(this.value(a, s)))
      : outputTypes(e.type).map((t) => poisoned(t, s));
    f(inputs, outputs);
    return e.type.kind === "tuple" ? outputs : outputs[0];
  }

  private memory(e: OpCall, s: Scope): Value {
    const shape = (i: number): number[] => {
      const a = e.args[i];
      return a.kind === "shapeLiteral" ? a.values.map((v) => s.size(v)) : assert.fail("no shape");
    };
    switch (e.op) {
      case "memory.allocStorage":
        return ndarray("u8", shape(0), new Uint8Array(shape(0)[0]).fill(0xaa));
      case "memory.allocTensor": {
        const dtype = e.attrs.dtype as DType;
        const bytes = shape(0).reduce((a, b) => a * b, BYTES[dtype]);
        if (e.args.length < 2) return ndarray(dtype, shape(0), new Uint8Array(bytes).fill(0xaa));
        const storage = this.value(e.args[1], s) as NDArray;
        const at = e.attrs.offset as number;
        assert.ok(at % 64 === 0, "tensors begin at multiples of 64 bytes");
        return ndarray(dtype, shape(0), storage.bytes.subarray(at, at + bytes));
      }
      case "memory.view": {
        const x = this.value(e.args[0], s) as NDArray;
        return ndarray(x.dtype, shape(1), x.bytes);
      }
      case "memory.kill":
        (this.value(e.args[0], s) as NDArray).bytes.fill(0xaa);
        return [];
    }
    return assert.fail(e.op);
  }

  private operator(e: OpCall, s: Scope): Value {
    const emitted: GraphBinding[] = [];
    const result = this.legal.call(e, {
      binding: { kind: "bind", v: graphVar("op", e.type), value: e },
      emit: (value, name) => {
        const v = graphVar(name ?? "lv", value.type);
        emitted.push({ kind: "bind", v, value });
        return v;
      },
      splice: (bindings) => {
        emitted.push(...bindings);
      },
    });
    for (const b of emitted) this.binding(b, s);
    return this.value(result, s);
  }

  private loop(e: GraphExpr & { kind: "graphLoop" }, s: Scope): Value {
    const f = getGraphFunc(this.mod, e.func);
    const one = (x: GraphExpr | undefined, otherwise: number): number =>
      x ? flatValue(this.value(x, s))[0].values[0] : otherwise;
    const trip = one(e.trip, Number.POSITIVE_INFINITY);
    let cond = one(e.cond, 1);
    let carried: readonly Value[] = e.carried.map((x) => this.value(x, s));
    const captured = e.captured.map((x) => this.value(x, s));
    const rows: Value[][] = [];
    for (let i = 0; i < trip && cond; i++) {
      const args = [scalar("i64", i), scalar("bool", cond), ...carried, ...captured];
      const out = this.call(f, args) as Value[];
      cond = flatValue(out[0])[0].values[0];
      carried = out.slice(1, 1 + carried.length);
      rows.push(out.slice(1 + carried.length));
    }
    const scanned = (rows[0] ?? []).map((first, k) => {
      const parts = rows.map((r) => r[k] as NDArray);
      const { dtype, shape } = first as NDArray;
      return ndarray(dtype, [parts.length, ...shape], concat(parts.map((p) => p.bytes)));
    });
    return [...carried, ...scanned];
  }
}

class Scope {
  readonly values = new Map<number, Value>();
  readonly sizes = new Map<number, Expr>();

  size(e: Expr): number {
    const known = simplify(substExpr(e, this.sizes));
    return known.kind === "const" ? Number(known.value) : assert.fail("a size is not known");
  }
}

function declare(t: GraphType, v: Value, s: Scope): void {
  if (t.kind === "tuple") for (const [i, f] of t.fields.entries()) declare(f, (v as Value[])[i], s);
  if (t.kind !== "tensor") return;
  t.shape.forEach((e, d) => {
    const size = (v as NDArray).shape[d];
    if (e.kind === "var" && !s.sizes.has(e.id)) s.sizes.set(e.id, constant(size, e.dtype));
  });
}

/** A tensor program on inputs, with outputs of these types, by the interpreter. */
export function runProgram(
  f: PrimFunc,
  inputs: readonly NDArray[],
  outputs: readonly TensorType[],
): NDArray[] {
  const made = outputs.map((t) => poisoned(t, new Scope()));
  interpret(f, [...inputs, ...made].map(argument));
  return made;
}

const tensorsIn = (v: Value): NDArray[] => (Array.isArray(v) ? v.flatMap(tensorsIn) : [v as NDArray]);

const poisoned = (t: TensorType, s: Scope): NDArray => {
  const shape = t.shape.map((x) => s.size(x));
  return ndarray(t.dtype, shape, new Uint8Array(shape.reduce((a, b) => a * b, BYTES[t.dtype])).fill(0xaa));
};

/** The elements in place: what a program writes has to arrive. */
function argument(a: NDArray): never {
  const { buffer, byteOffset, byteLength } = a.bytes;
  const data = new ARRAYS[a.dtype](buffer as ArrayBuffer, byteOffset, byteLength / BYTES[a.dtype]);
  return { data, shape: a.shape, dtype: a.dtype } as never;
}

function scalar(dtype: "i64" | "bool", n: number): NDArray {
  const bytes = dtype === "bool" ? Uint8Array.of(n) : new Uint8Array(BigInt64Array.of(BigInt(n)).buffer);
  return ndarray(dtype, [], bytes);
}

function concat(parts: readonly Uint8Array[]): Uint8Array {
  const out = new Uint8Array(parts.reduce((n, p) => n + p.byteLength, 0));
  let at = 0;
  for (const p of parts) {
    out.set(p, at);
    at += p.byteLength;
  }
  return out;
}
