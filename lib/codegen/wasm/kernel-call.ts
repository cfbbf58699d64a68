/** The code of a call of an imported kernel: addresses of parts, values, sizes. */
import { exprKey, prove, simplify } from "../../arith/index.ts";
import {
  BYTES,
  constant,
  constInt,
  type Expr,
  type Extern,
  ops,
  type PrimFunc,
  type Region,
  stridesOf,
  substExpr,
} from "../../ir/index.ts";
import { ExternFunc, sizesOfCall } from "../externs.ts";
import { symbolicSizes } from "../size.ts";
import { address, index32, linearIndex } from "./access.ts";
import type { Context } from "./context.ts";
import type { Value } from "./graph.ts";
import { kernelCall } from "./kernel.ts";

/** Calls the kernel. Throws when a part does not lie in memory as the kernel's parameter says. */
export function callKernel(c: Context, s: Extern): void {
  const program = ExternFunc.get(s.func);
  if (!program) throw new Error(`the call of ${s.func} was not expanded`);
  const sizes = sizesOfCall(s, program);
  checkParts(c, s, program, sizes);
  const values = s.args.map((a): Value => (a.kind === "accessPtr" ? start(c, a.region) : c.scalar(a)));
  const named = symbolicSizes(program).map((v) => index32(c, sizes.get(v.id) as Expr));
  const changes = s.args.flatMap((a) =>
    a.kind === "accessPtr" && a.access !== "r" ? [a.region.buffer.id] : [],
  );
  c.g.effect(kernelCall(s.func), [...values, ...named], new Set(changes));
}

/** The byte address of the first element of a part. */
function start(c: Context, { buffer, ranges }: Region): Value {
  const first = linearIndex(
    c,
    buffer,
    ranges.map((r) => r.min),
  );
  const { addr, offset } = address(c, buffer, first);
  return c.g.make("i32.add", [addr, c.g.i32(offset)]);
}

/** Strides and starts, now that buffers have the shape they have in memory. */
function checkParts(c: Context, s: Extern, program: PrimFunc, sizes: ReadonlyMap<number, Expr>): void {
  s.args.forEach((a, i) => {
    const p = program.params[i];
    if (a.kind !== "accessPtr" || p.kind !== "buffer") return;
    const { buffer, ranges } = a.region;
    const lead = ranges.length - p.shape.length;
    const have = stridesOf(buffer);
    stridesOf(p).forEach((stride, d) => {
      const want = substExpr(stride, sizes);
      if (constInt(ranges[lead + d].extent) === 1 || same(c, want, have[lead + d])) return;
      const [x, y] = [have[lead + d], want].map((e) => constInt(simplify(e, c.ranges)) ?? "a size");
      throw new Error(
        `kernel "${s.func}": dimension ${d} of ${p.name} has stride ${y}, the part of ${buffer.name} ${x}; a stride that is a name, T.buffer(shape, dtype, { strides: ["s", 1] }), takes any`,
      );
    });
    if (p.offsetFactor === undefined) return;
    const at = ranges.reduce<Expr>((e, r, d) => ops.add(e, ops.mul(r.min, have[d])), constant(0));
    if (prove(ops.eq(ops.floormod(at, p.offsetFactor), 0), c.ranges)) return;
    throw new Error(
      `kernel "${s.func}": ${p.name} starts at multiples of ${p.offsetFactor} elements (${p.offsetFactor * BYTES[p.dtype]} bytes), which cannot be shown of the part of ${buffer.name}`,
    );
  });
}

const same = (c: Context, a: Expr, b: Expr): boolean =>
  exprKey(simplify(a, c.ranges)) === exprKey(simplify(b, c.ranges));
