/** fuse: a nest of loops becomes one. */
import { simplify } from "../arith/index.ts";
import { type Expr, type For, loop, ops, type PrimFunc, usesVar, variable } from "../ir/index.ts";
import { type NameOf, refuse } from "./error.ts";
import { findLoop, rangesOf, replaceIn } from "./lookup.ts";
import { refuseMarkedLoop } from "./loop-rules.ts";
import { rebind, withLoops } from "./rebind.ts";
import type { UnitIterOptions } from "./split.ts";
import type { WithLoop } from "./types.ts";

/**
 * Fuses loops, given outermost first, into one over all their iterations. Each must be the only thing in the one
 * before. The new loop is serial.
 */
export function fuse(f: PrimFunc, loopIds: readonly number[], options: UnitIterOptions = {}): WithLoop {
  if (loopIds.length === 0) refuse("fuse", "no loops are given", "fuse needs at least one", []);
  const places = loopIds.map((id) => findLoop(f, id));
  const loops = places.map((p) => p.node);
  checkNest(f, loops);
  for (const l of loops) refuseMarkedLoop("fuse", l);
  checkIndependent(loops);

  const at = places[0];
  const ranges = rangesOf(f, at.path.slice(0, -1));
  const extent = simplify(
    loops.map((l) => l.extent).reduce((a, b) => ops.mul(a, b)),
    ranges,
  );
  const v = variable(`${loops.map((l) => l.v.name).join("_")}_fused`, loops[0].v.dtype);
  const vars = new Map<number, Expr>();
  let rest: Expr = v;
  for (let i = loops.length - 1; i > 0; i--) {
    vars.set(loops[i].v.id, ops.floormod(rest, loops[i].extent));
    rest = ops.floordiv(rest, loops[i].extent);
  }
  vars.set(loops[0].v.id, rest);
  const fused = loop(v, extent, loops[loops.length - 1].body);
  const body = rebind(fused.body, {
    vars,
    ranges: withLoops(ranges, [fused]),
    preserveUnitIters: options.preserveUnitIters ?? true,
  });
  return { func: replaceIn(f, at, { ...fused, body }), loop: v.id };
}

function checkNest(f: PrimFunc, loops: readonly For[]): void {
  for (let i = 1; i < loops.length; i++) {
    const [outer, inner] = [loops[i - 1], loops[i]];
    if (inner.v.dtype !== outer.v.dtype) {
      refuse(
        "fuse",
        "the loops have different dtypes",
        `${outer.v.name} is ${outer.v.dtype}, ${inner.v.name} is ${inner.v.dtype}`,
        [outer, inner],
      );
    }
    if (outer.body === inner) continue;
    if (outer === inner || findLoop(f, outer.v.id).path.includes(inner)) {
      const rule = "the loops must be given outermost first, each once";
      const detail = `${inner.v.name} is not inside ${outer.v.name}`;
      const sorted = [...new Set(loops)].sort((a, b) => depth(f, a) - depth(f, b));
      const nest = sorted.every((l, k) => k === 0 || sorted[k - 1].body === l);
      const suggestion = nest ? (n: NameOf) => `sch.fuse(${sorted.map(n).join(", ")})` : undefined;
      refuse("fuse", rule, detail, [outer, inner], suggestion);
    }
    const path = findLoop(f, inner.v.id).path;
    const between = path[path.indexOf(outer) + 1];
    if (!path.includes(outer)) {
      const detail = `${inner.v.name} is not inside ${outer.v.name}`;
      refuse("fuse", "a loop is not the parent of the next", detail, [outer, inner]);
    }
    if (between.kind === "for") {
      refuse(
        "fuse",
        "a loop is not the parent of the next",
        `${between.v.name} stands between ${outer.v.name} and ${inner.v.name}`,
        [outer, inner],
        (n) => `sch.reorder(${n(outer)}, ${n(inner)}, ${n(between)}) before`,
      );
    }
    refuse(
      "fuse",
      "a loop is not the only child of the one around it",
      `${outer.v.name} contains more than ${inner.v.name}`,
      [outer, inner],
    );
  }
}

const depth = (f: PrimFunc, l: For): number => findLoop(f, l.v.id).path.length;

function checkIndependent(loops: readonly For[]): void {
  for (let i = 1; i < loops.length; i++) {
    for (const outer of loops.slice(0, i)) {
      if (!usesVar(loops[i].extent, new Set([outer.v.id]))) continue;
      refuse(
        "fuse",
        "the extent of a loop depends on another",
        `the extent of ${loops[i].v.name} changes with ${outer.v.name}`,
        [outer, loops[i]],
      );
    }
  }
}
