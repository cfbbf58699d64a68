/** Programs as written against programs as scheduled: interpreted and compiled, on the same data. */
import assert from "node:assert/strict";
import { interpret } from "../../../lib/codegen/index.ts";
import { BlockBuilder, R } from "../../../lib/graph/index.ts";
import {
  assertWellFormed,
  bufferParams,
  constInt,
  type DType,
  type GraphExpr,
  graphVar,
  type PrimFunc,
} from "../../../lib/ir/index.ts";
import { assertAllclose, build, Tensor } from "../../../lib/runtime/index.ts";
import { defaultSchedule } from "../../../lib/tune/default/index.ts";
import { extractTasks } from "../../../lib/tune/index.ts";

export function argumentsFor(f: PrimFunc): Tensor[] {
  return bufferParams(f).map((p, n) => {
    const shape = p.shape.map((s) => constInt(s) as number);
    return Tensor.random(shape, { dtype: p.dtype, seed: n + 1 });
  });
}

/** Interpreted as written, interpreted and compiled as scheduled; `given` fills the arguments otherwise than at random. */
export async function check(
  f: PrimFunc,
  tolerance = { rtol: 1e-4, atol: 1e-5 },
  given: (f: PrimFunc) => Tensor[] = argumentsFor,
): Promise<void> {
  const g = assertWellFormed(defaultSchedule(f), "the scheduled program");
  const [want, interpreted, compiled] = [given(f), given(f), given(f)];
  interpret(f, want);
  interpret(g, interpreted);
  const lib = await build(g);
  await lib.main(...compiled);
  const last = want.length - 1;
  assertAllclose(interpreted[last], want[last], tolerance);
  assertAllclose(compiled[last], want[last], tolerance);
  for (const t of [...want, ...interpreted, ...compiled]) t.dispose();
}

/** The one program that the pipeline makes of an operator. */
export function operator(
  name: string,
  shapes: readonly (readonly number[])[],
  attrs: Readonly<Record<string, unknown>>,
  dtype: DType = "f32",
): PrimFunc {
  const bb = new BlockBuilder();
  const params = shapes.map((shape, i) => graphVar(`x${i}`, R.tensor([...shape], dtype)));
  bb.function("main", params, () => {
    const out = bb.dataflow(() =>
      bb.emitOutput(R.op(name, params as readonly GraphExpr[], attrs as Parameters<typeof R.op>[2])),
    );
    bb.emitFuncOutput(out);
  });
  const tasks = extractTasks(bb.get());
  assert.equal(tasks.length, 1, `${name} is one program`);
  return tasks[0].func;
}
