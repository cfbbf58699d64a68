/** Runs tensor programs at compile time, for constant folding. */
import { type BufferArg, interpret } from "../../codegen/index.ts";
import { type Evaluation, setEvaluator } from "../../graph/evaluate.ts";
import { constShape } from "../../graph/shape.ts";
import {
  BYTES,
  blocksIn,
  elementsOf,
  irModule,
  type NDArray,
  ndarray,
  type PrimFunc,
} from "../../ir/index.ts";
import { features } from "../features.ts";
import { countFlops } from "../flops.ts";
import { cpuMemory } from "../memory.ts";
import { compileKernels, sizesOfCall } from "./kernels.ts";

/** Above this many elements, or operations, compiling takes less time than interpreting. */
const SMALL_ELEMENTS = 2048;
const SMALL_FLOPS = 16384;
/** Constants of more bytes are left to be computed in every call rather than stored. */
const MOST_BYTES = 1 << 28;

interface Shaped {
  readonly dtype: NDArray["dtype"];
  readonly shape: readonly number[];
  readonly size: number;
  readonly bytes: number;
}

/** The outputs of a program on constants; undefined where they are too large to be kept. */
function evaluateConstants(e: Evaluation): readonly NDArray[] | undefined {
  const outputs: Shaped[] = [];
  for (const { dtype, shape } of e.outputs) {
    const known = constShape(shape);
    if (!known) return undefined;
    const size = known.reduce((n, s) => n * s, 1);
    outputs.push({ dtype, shape: known, size, bytes: size * BYTES[dtype] });
  }
  if (outputs.reduce((n, o) => n + o.bytes, 0) > MOST_BYTES) return undefined;
  return isSmall(e, outputs) || !features().simd ? interpreted(e, outputs) : compiled(e, outputs);
}

function isSmall(e: Evaluation, outputs: readonly Shaped[]): boolean {
  // What only picks elements (a row of a table) need not look at all of them.
  const picks = blocksIn(e.func.body).every((b) => b.axes.every((a) => a.type === "S"));
  const inputs = picks ? 0 : e.inputs.reduce((n, x) => n + x.bytes.length / BYTES[x.dtype], 0);
  const elements = outputs.reduce((n, o) => n + o.size, inputs);
  if (elements > SMALL_ELEMENTS) return false;
  const shapes = [...e.inputs, ...outputs].map((t) => t.shape);
  return (
    (countFlops(e.func, sizesOfCall(e.func, shapes, e.scalars)) ?? Number.POSITIVE_INFINITY) <= SMALL_FLOPS
  );
}

/** Arguments in the order of the program's parameters. */
function inOrder<B>(f: PrimFunc, buffers: readonly B[], scalars: readonly number[]): (B | number | bigint)[] {
  let [buffer, scalar] = [0, 0];
  return f.params.map((p) => {
    if (p.kind === "buffer") return buffers[buffer++];
    const x = scalars[scalar++];
    return p.dtype === "i64" ? BigInt(x) : x;
  });
}

function interpreted(e: Evaluation, outputs: readonly Shaped[]): NDArray[] {
  const made = outputs.map((o) => ndarray(o.dtype, o.shape, new Uint8Array(o.bytes)));
  const buffers = [...e.inputs, ...made].map(
    (x): BufferArg => ({ data: elementsOf(x), shape: x.shape, dtype: x.dtype }),
  );
  interpret(e.func, inOrder(e.func, buffers, e.scalars), { name: e.name });
  return made;
}

function compiled(e: Evaluation, outputs: readonly Shaped[]): NDArray[] {
  const memory = cpuMemory();
  const addresses: number[] = [];
  const place = (bytes: number): number => {
    const at = memory.alloc(bytes);
    addresses.push(at);
    return at;
  };
  try {
    const kernels = compileKernels(irModule({ [e.name]: e.func }));
    const tensors = [...e.inputs.map((x) => ({ ...x, bytes: x.bytes.length })), ...outputs];
    const table: (number | bigint)[] = tensors.map((t) => place(t.bytes));
    const cell = (value: number | bigint): number => table.push(value) - 1;
    const shapes = tensors.map((t) => t.shape);
    const call = kernels.call(e.name, shapes, e.scalars, cell);
    const vars = e.func.params.filter((p) => p.kind === "var");
    const scalars = e.scalars.map((x, i) => cell(vars[i].dtype === "i64" ? BigInt(x) : x));
    const scratch = cell(place(call.workspace));
    e.inputs.forEach((x, i) => {
      new Uint8Array(memory.memory.buffer).set(x.bytes, table[i] as number);
    });
    call.bind(table, [...tensors.keys(), ...scalars], scratch)();
    return outputs.map((o, i) => {
      const at = table[e.inputs.length + i] as number;
      return ndarray(o.dtype, o.shape, new Uint8Array(memory.memory.buffer).slice(at, at + o.bytes));
    });
  } finally {
    for (const at of addresses) memory.free(at);
  }
}

/** Puts the runtime at the disposal of the passes. */
export function installEvaluator(): void {
  setEvaluator(evaluateConstants);
}
