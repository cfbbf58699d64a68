/** loopPartition: one loop becomes several, one after another. */
import { prove } from "../arith/index.ts";
import {
  type Block,
  constInt,
  type For,
  freshenStmt,
  loop,
  mapSame,
  ops,
  type PrimFunc,
  type Ranges,
  rewriteStmt,
  type Stmt,
  seq,
  variable,
} from "../ir/index.ts";
import { refuse } from "./error.ts";
import { findLoop, rangesOf, replaceIn } from "./lookup.ts";
import { refuseMarkedLoop } from "./loop-rules.ts";
import { rebind, withLoops } from "./rebind.ts";
import type { Factor, UnitIterOptions } from "./split.ts";
import type { WithLoops } from "./types.ts";

const NAME = "loopPartition";

/**
 * Cuts a loop into consecutive ranges of the given lengths; what remains is the last range. One length may be null,
 * and is then what remains. The new loops are serial and start at 0. The first keeps the identities of what is below;
 * blocks are named `<name>_<loop>0`, `<name>_<loop>1`, …
 */
export function loopPartition(
  f: PrimFunc,
  loopId: number,
  lengths: readonly Factor[],
  options: UnitIterOptions = {},
): WithLoops {
  const at = findLoop(f, loopId);
  const old = at.node;
  const all = checkLengths(old, lengths);
  refuseMarkedLoop(NAME, old);

  const ranges = rangesOf(f, at.path.slice(0, -1));
  let start = 0;
  const parts = all.map((n, i): For => {
    const v = variable(`${old.v.name}_${i}`, old.v.dtype);
    const part = loop(v, n, old.body);
    const inside = withLoops(ranges, [part]);
    const moved = rebind(old.body, {
      vars: new Map([[old.v.id, ops.add(v, start)]]),
      ranges: inside,
      preserveUnitIters: options.preserveUnitIters ?? true,
    });
    start += n;
    const own = i === 0 ? moved : freshenStmt(moved);
    const body = rewriteStmt(own, {
      stmt: (s) => (s.kind === "block" ? partOf(s, `${old.v.name}${i}`, part, inside) : s),
    });
    return { ...part, body };
  });
  return { func: replaceIn(f, at, seq(parts)), loops: parts.map((l) => l.v.id) };
}

/**
 * The block under its new name. An axis bound to the loop alone takes as many values as the loop; an init that belongs
 * to another part, in which the reduction starts, goes.
 */
function partOf(b: Block, suffix: string, part: For, ranges: Ranges): Stmt {
  const { init, ...rest } = b;
  const later = b.axes.some((a) => a.type === "R" && prove(ops.gt(a.binding, 0), ranges));
  const axes = mapSame(b.axes, (a) =>
    a.binding.kind === "var" && a.binding.id === part.v.id ? { ...a, extent: part.extent } : a,
  );
  return { ...rest, ...(init && !later ? { init } : {}), axes, name: `${b.name}_${suffix}` };
}

function checkLengths(old: For, lengths: readonly Factor[]): number[] {
  const { name } = old.v;
  const extent = constInt(old.extent);
  if (extent === undefined) {
    const detail = `the number of iterations of loop ${name} is symbolic`;
    return refuse(NAME, "the extent of the loop is not a number", detail, [old]);
  }
  if (lengths.length === 0) {
    refuse(NAME, "no lengths are given", `loop ${name} needs at least one`, [old]);
  }
  const bad = lengths.find((x) => x !== null && !(Number.isInteger(x) && x > 0));
  if (bad !== undefined) {
    const detail = `the length ${bad} for loop ${name} is not`;
    refuse(NAME, "every length must be a whole number above 0, or null", detail, [old]);
  }
  const nulls = lengths.filter((x) => x === null).length;
  if (nulls > 1) {
    const detail = `[${lengths.map(String).join(", ")}] has ${nulls}`;
    refuse(NAME, "only one length may be null", detail, [old]);
  }
  const given = lengths.reduce<number>((n, x) => n + (x ?? 0), 0);
  if (given >= extent) {
    const detail = `${lengths.filter((x) => x !== null).join(" + ")} = ${given}, but loop ${name} has ${extent} iterations`;
    refuse(NAME, "the lengths must leave a rest of the loop", detail, [old], (n) => {
      return `sch.loopPartition(${n(old)}, [${Math.max(1, Math.floor(extent / 2))}])`;
    });
  }
  const rest = extent - given;
  return nulls === 1 ? lengths.map((x) => x ?? rest) : [...(lengths as readonly number[]), rest];
}
