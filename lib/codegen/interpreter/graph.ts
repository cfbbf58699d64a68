/**
 * The reference interpreter of graph-level programs: binding by binding, every operator by its tensor program on the
 * sizes there are, every tensor program by `interpret`. Slow and exact; what passes and the virtual machine are compared
 * with.
 */
import { BlockBuilder, callOp, GraphError, getOp, type OpArg, OpArgs } from "../../graph/index.ts";
import { programOfCall } from "../../graph/passes/op-program.ts";
import {
  ARRAYS,
  type Attrs,
  BYTES,
  type CallPacked,
  type Expr,
  elementsOf,
  type GraphBinding,
  type GraphBody,
  type GraphExpr,
  type GraphLoop,
  type GraphType,
  type GraphVar,
  getGraphFunc,
  getPrimFunc,
  graphVar,
  type IRModule,
  irModule,
  type NDArray,
  ndarray,
  numbersOf,
  type OpCall,
  outputTypes,
  type PrimFunc,
  primFuncs,
  shapeLiteral,
  sizeOf,
  type TensorType,
  tensorType,
  tupleExpr,
  tupleType,
  typeText,
  visitStmt,
} from "../../ir/index.ts";
import type { BufferArg } from "../arguments.ts";
import { evalSize } from "../size.ts";
import { interpret } from "./interpret.ts";

/** A value: tensors, and tuples of values. */
export type GraphData = NDArray | readonly GraphData[];

export interface GraphInterpretOptions {
  /** Library functions by name: they write the outputs. */
  readonly packed?: Readonly<
    Record<string, (inputs: readonly BufferArg[], outputs: readonly BufferArg[], attrs: Attrs) => void>
  >;
  /** More loop iterations than this in one tensor program are an error. */
  readonly maxSteps?: number;
  /** Values that take more bytes than this together are an error. */
  readonly maxBytes?: number;
}

/**
 * Runs a graph-level function of a module. Throws a GraphError when arguments do not fit its parameters, and what
 * `interpret` throws.
 */
export function interpretGraph(
  mod: IRModule,
  name: string,
  inputs: readonly GraphData[],
  options: GraphInterpretOptions = {},
): GraphData {
  return new GraphInterpreter(mod, options).call(name, inputs);
}

type Sizes = Map<number, number>;

class Frame {
  readonly values = new Map<number, GraphData>();
  readonly sizes: Sizes = new Map();
}

/** Outputs are written through it. */
const argOf = (a: NDArray): BufferArg => ({ data: elementsOf(a), shape: a.shape, dtype: a.dtype });

export const isTensor = (v: GraphData): v is NDArray => !Array.isArray(v);

class GraphInterpreter {
  private readonly mod: IRModule;
  private readonly options: GraphInterpretOptions;
  private bytes = 0;

  constructor(mod: IRModule, options: GraphInterpretOptions) {
    this.mod = mod;
    this.options = options;
  }

  call(name: string, inputs: readonly GraphData[]): GraphData {
    const f = getGraphFunc(this.mod, name);
    if (inputs.length !== f.params.length) {
      throw new GraphError(name, `it takes ${f.params.length} argument(s), got ${inputs.length}`);
    }
    const frame = new Frame();
    f.params.forEach((p, i) => {
      this.bind(name, p, inputs[i], frame);
    });
    return this.body(f.body, frame);
  }

  private bind(where: string, v: GraphVar, value: GraphData, frame: Frame): void {
    this.match(where, v.name, v.type, value, frame.sizes);
    frame.values.set(v.id, value);
  }

  /** Checks a value against a type and binds the symbolic sizes it is the first to have. */
  private match(where: string, what: string, t: GraphType, value: GraphData, sizes: Sizes): void {
    const fail = (): never => {
      throw new GraphError(where, `${what} must be ${typeText(t)}, got ${typeText(typeOf(value))}`);
    };
    if (t.kind === "tuple") {
      if (isTensor(value) || value.length !== t.fields.length) return fail();
      t.fields.forEach((f, i) => {
        this.match(where, `${what}.${i}`, f, value[i], sizes);
      });
      return;
    }
    if (t.kind !== "tensor" || !isTensor(value)) return fail();
    if (value.dtype !== t.dtype || value.shape.length !== t.shape.length) return fail();
    t.shape.forEach((s, d) => {
      if (s.kind === "var" && !sizes.has(s.id)) sizes.set(s.id, value.shape[d]);
    });
    t.shape.forEach((s, d) => {
      const want = evalSize(s, sizes);
      if (want !== undefined && want !== value.shape[d]) fail();
    });
  }

  private body(b: GraphBody, frame: Frame): GraphData {
    for (const block of b.blocks) for (const x of block.bindings) this.binding(x, frame);
    return this.value(b.result, frame);
  }

  private binding(b: GraphBinding, frame: Frame): void {
    const value = this.value(b.value, frame);
    if (b.kind !== "tensorToShape") return this.bind("the program", b.v, value, frame);
    const numbers = numbersOf(value as NDArray);
    if (numbers.length !== b.sizes.length) {
      throw new GraphError("tensorToShape", `${numbers.length} elements for ${b.sizes.length} sizes`);
    }
    b.sizes.forEach((v, i) => {
      frame.sizes.set(v.id, numbers[i]);
    });
  }

  private value(e: GraphExpr, frame: Frame): GraphData {
    const all = (list: readonly GraphExpr[]): GraphData[] => list.map((x) => this.value(x, frame));
    switch (e.kind) {
      case "graphVar": {
        const v = frame.values.get(e.id);
        if (!v) throw new GraphError("the program", `${e.name} is not bound`);
        return v;
      }
      case "constant":
        return e.data;
      case "shapeLiteral":
        return [];
      case "tupleExpr":
        return all(e.fields);
      case "tupleGet":
        return (this.value(e.tuple, frame) as readonly GraphData[])[e.index];
      case "opCall":
        return this.op(e, all(e.args), frame.sizes);
      case "callTir": {
        const outs = e.into ? flat(all(e.into)) : this.allocate(e.type, frame.sizes);
        const scalars = e.tirVars.map((s) => this.size(s, frame.sizes));
        this.run(getPrimFunc(this.mod, e.func), e.func, flat(all(e.args)), outs, scalars);
        return tupled(e.type, outs);
      }
      case "callPacked":
        return this.packed(e, flat(all(e.args)), frame, e.into && flat(all(e.into)));
      case "callFunc":
        return this.call(e.func, all(e.args));
      case "graphIf": {
        const cond = numbersOf(this.value(e.cond, frame) as NDArray)[0];
        return this.body(cond !== 0 ? e.then : e.else, frame);
      }
      case "graphLoop":
        return this.loop(e, frame);
    }
  }

  /** An operator, on values instead of arguments: typed again by the shapes there are. */
  private op(e: OpCall, values: readonly GraphData[], sizes: Sizes): GraphData {
    const args = e.args.map((a, i): OpArg => {
      if (a.kind === "shapeLiteral") return shapeLiteral(a.values.map((s) => this.size(s, sizes)));
      return placeholder(values[i], `x${i}`);
    });
    const call = callOp(e.op, args, e.attrs);
    const { graph, builtin } = getOp(e.op);
    if (builtin) return this.memory(call, values);
    if (graph) return this.expand(call, values, graph);
    const outs = this.allocate(call.type, sizes);
    const { func, tirVars } = programOfCall(call);
    this.run(
      func,
      e.op,
      flat(values),
      outs,
      tirVars.map((v) => this.size(v, sizes)),
    );
    return tupled(call.type, outs);
  }

  /** Memory as values (`lib/graph/ops/memory.ts`): planned tensors really lie in one another's place. */
  private memory(call: OpCall, values: readonly GraphData[]): GraphData {
    const [type] = outputTypes(call.type);
    if (!type) return []; // memory.kill
    const shape = type.shape.map((s) => this.size(s, new Map()));
    const within = (call.op === "memory.view" ? values[0] : values[1]) as NDArray | undefined;
    if (!within) return this.tensor(type.dtype, shape);
    const offset = typeof call.attrs.offset === "number" ? call.attrs.offset : 0;
    const bytes = within.bytes.subarray(offset, offset + sizeOf(shape) * BYTES[type.dtype]);
    if (bytes.byteOffset % BYTES[type.dtype] !== 0) {
      throw new GraphError(call.op, `byte ${offset} is no place for elements of ${type.dtype}`);
    }
    return ndarray(type.dtype, shape, bytes);
  }

  private expand(
    call: OpCall,
    values: readonly GraphData[],
    graph: (c: OpArgs, bb: BlockBuilder) => GraphExpr,
  ): GraphData {
    const bb = new BlockBuilder();
    const params = call.args.flatMap(varsIn);
    bb.function("main", params, () => {
      bb.emitFuncOutput(graph(new OpArgs(call.op, call.args, call.attrs), bb));
    });
    const inner = new GraphInterpreter(irModule({ ...primFuncs(this.mod), ...bb.get().funcs }), this.options);
    return inner.call("main", flat(values));
  }

  private packed(
    e: CallPacked,
    inputs: readonly NDArray[],
    frame: Frame,
    into: readonly NDArray[] | undefined,
  ): GraphData {
    const f = this.options.packed?.[e.func];
    if (!f) throw new GraphError("callPacked", `there is no library function ${e.func}`);
    const outs = into ?? this.allocate(e.type, frame.sizes);
    f(inputs.map(argOf), outs.map(argOf), e.attrs);
    return tupled(e.type, outs);
  }

  private loop(e: GraphLoop, frame: Frame): GraphData {
    const f = getGraphFunc(this.mod, e.func);
    const captured = e.captured.map((x) => this.value(x, frame));
    let carried = e.carried.map((x) => this.value(x, frame));
    const trip = e.trip ? numbersOf(this.value(e.trip, frame) as NDArray)[0] : Number.POSITIVE_INFINITY;
    let cond: GraphData = e.cond ? this.value(e.cond, frame) : scalar("bool", 1);
    const scanned: NDArray[][] = [];
    for (let i = 0; i < trip && numbersOf(cond as NDArray)[0] !== 0; i++) {
      const result = this.call(e.func, [scalar("i64", i), cond, ...carried, ...captured]);
      const [next, ...rest] = result as readonly GraphData[];
      cond = next;
      carried = rest.slice(0, carried.length);
      rest.slice(carried.length).forEach((v, k) => {
        scanned[k] ??= [];
        scanned[k].push(v as NDArray);
      });
    }
    const types = f.body.result.type.kind === "tuple" ? f.body.result.type.fields : [];
    const stacked = types.slice(1 + carried.length).map((t, k) => {
      if (scanned[k]) return this.stack(scanned[k]);
      const inner = new Frame();
      const args = [scalar("i64", 0), cond, ...carried, ...captured];
      f.params.forEach((p, i) => {
        this.bind(e.func, p, args[i], inner);
      });
      const { dtype, shape } = t as TensorType;
      // Of no iteration nobody knows the sizes that it would have computed.
      return this.tensor(dtype, [0, ...shape.map((s) => evalSize(s, inner.sizes) ?? 0)]);
    });
    return [...carried, ...stacked];
  }

  private stack(parts: readonly NDArray[]): NDArray {
    const [first] = parts;
    const out = this.tensor(first.dtype, [parts.length, ...first.shape]);
    parts.forEach((p, i) => {
      if (p.shape.join() !== first.shape.join()) {
        throw new GraphError("loop", `iterations give tensors of shapes [${first.shape}] and [${p.shape}]`);
      }
      out.bytes.set(p.bytes, i * first.bytes.length);
    });
    return out;
  }

  private size(e: Expr, sizes: Sizes): number {
    const n = evalSize(e, sizes);
    if (n === undefined) throw new GraphError("the program", "a size depends on one that is not bound");
    return n;
  }

  private allocate(t: GraphType, sizes: Sizes): NDArray[] {
    return outputTypes(t).map((o) =>
      this.tensor(
        o.dtype,
        o.shape.map((s) => this.size(s, sizes)),
      ),
    );
  }

  private tensor(dtype: NDArray["dtype"], shape: readonly number[]): NDArray {
    if (shape.some((s) => s < 0)) throw new GraphError("the program", `a tensor has the shape [${shape}]`);
    const bytes = sizeOf(shape) * BYTES[dtype];
    this.take(bytes);
    // Floats that nobody writes are NaN, so that it shows.
    return ndarray(dtype, shape, new Uint8Array(bytes).fill(0xff));
  }

  private take(bytes: number): void {
    this.bytes += bytes;
    if (this.bytes > (this.options.maxBytes ?? Number.POSITIVE_INFINITY)) {
      throw new GraphError("the program", `its values take more than ${this.options.maxBytes} bytes`);
    }
  }

  private run(
    f: PrimFunc,
    name: string,
    inputs: readonly NDArray[],
    outputs: readonly NDArray[],
    scalars: readonly number[],
  ): void {
    const { maxSteps } = this.options;
    const before = this.bytes;
    this.take(scratchBytes(f));
    interpret(f, [...inputs.map(argOf), ...outputs.map(argOf), ...scalars], {
      name,
      functions: primFuncs(this.mod),
      ...(maxSteps === undefined ? {} : { maxSteps }),
    });
    this.bytes = before;
  }
}

/** The bytes of known size that a tensor program allocates. */
function scratchBytes(f: PrimFunc): number {
  let bytes = 0;
  visitStmt(f.body, {
    stmt: (s) => {
      for (const b of s.kind === "block" ? (s.allocs ?? []) : []) {
        bytes += b.shape.reduce((n, x) => n * (evalSize(x, new Map()) ?? 1), BYTES[b.dtype]);
      }
    },
  });
  return bytes;
}

function typeOf(v: GraphData): GraphType {
  return isTensor(v) ? tensorType(v.shape, v.dtype) : tupleType(v.map(typeOf));
}

/** Variables in place of a value, one for each tensor. */
function placeholder(v: GraphData, name: string): GraphExpr {
  return isTensor(v)
    ? graphVar(name, tensorType(v.shape, v.dtype))
    : tupleExpr(v.map((x, i) => placeholder(x, `${name}_${i}`)));
}

function varsIn(e: GraphExpr): GraphVar[] {
  if (e.kind === "graphVar") return [e];
  return e.kind === "tupleExpr" ? e.fields.flatMap(varsIn) : [];
}

const flat = (values: readonly GraphData[]): NDArray[] =>
  values.flatMap((v) => (isTensor(v) ? [v] : flat(v)));

/** The tensors in the form that the type has. */
function tupled(t: GraphType, outs: readonly NDArray[]): GraphData {
  return t.kind === "tuple" ? outs : outs[0];
}

function scalar(dtype: "i64" | "bool", value: number): NDArray {
  const data = dtype === "i64" ? BigInt64Array.of(BigInt(value)) : ARRAYS.bool.of(value);
  return ndarray(dtype, [], new Uint8Array(data.buffer));
}
