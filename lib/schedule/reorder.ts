/** reorder: the loops of a chain in another order. */
import { type For, type PrimFunc, type Stmt, usesVar } from "../ir/index.ts";
import { drives, repeatedBy, whyNotAffine, whyNotScan } from "./conditions.ts";
import { refuse } from "./error.ts";
import { childBlocks, findBlock, findLoop, type Located, replaceIn } from "./lookup.ts";

/**
 * Puts loops of one chain into the given order, outermost first. They need not be neighbours: loops that are not
 * named keep their places. The blocks below must have quasi-affine bindings, and spatial and reduce axes only; or they are
 * scans (conditions.ts), and loops of opaque axes keep their order.
 */
export function reorder(f: PrimFunc, loopIds: readonly number[]): PrimFunc {
  const places = loopIds.map((id) => findLoop(f, id));
  places.forEach((p, i) => {
    if (loopIds.indexOf(p.node.v.id) === i) return;
    const unique = [...new Set(places.map((x) => x.node))];
    refuse("reorder", "a loop is given twice", `${p.node.v.name} occurs more than once`, [p.node], (n) => {
      return `sch.reorder(${unique.map(n).join(", ")})`;
    });
  });
  if (places.length < 2) return f;
  const { top, chain } = chainOf(places);

  const named = new Set(loopIds);
  const order = places.map((p) => p.node);
  const next = chain.map((l) => (named.has(l.v.id) ? (order.shift() as For) : l));
  checkBlocks(f, chain, next);
  checkBounds(next);
  checkInitFirst(f, chain, next);
  const body = chain[chain.length - 1].body;
  const by = next.reduceRight<Stmt>((s, l) => (l.body === s ? l : { ...l, body: s }), body);
  return replaceIn(f, top, by);
}

/** The loops from the outermost given one to the innermost, each the only child of the one before. */
function chainOf(places: readonly Located<For>[]): { top: Located<For>; chain: For[] } {
  const deepest = places.reduce((a, b) => (b.path.length > a.path.length ? b : a));
  const top = places.reduce((a, b) => (b.path.length < a.path.length ? b : a));
  const rule = "the loops do not form a chain";
  for (const p of places) {
    if (deepest.path.includes(p.node)) continue;
    const detail = `neither of ${p.node.v.name} and ${deepest.node.v.name} is inside the other`;
    refuse("reorder", rule, detail, [p.node, deepest.node]);
  }
  const chain = deepest.path.slice(deepest.path.indexOf(top.node));
  chain.forEach((s, i) => {
    if (s.kind === "for") return;
    const above = chain[i - 1] as For;
    const what =
      s.kind === "block"
        ? `block ${s.name} stands between ${above.v.name} and ${deepest.node.v.name}`
        : s.kind === "seq"
          ? `${above.v.name} contains more than one statement`
          : `${s.kind === "if" ? "a condition" : "a let"} stands below ${above.v.name}`;
    refuse("reorder", rule, what, [above, deepest.node]);
  });
  return { top, chain: chain as For[] };
}

function checkBlocks(f: PrimFunc, before: readonly For[], after: readonly For[]): void {
  for (const b of childBlocks(before[before.length - 1])) {
    const at = findBlock(f, b.id);
    const opaque = b.axes.find((a) => a.type === "O");
    if (opaque) {
      const ordered = (loops: readonly For[]): For[] => loops.filter((l) => drives(l, b, "O"));
      const [was, is] = [ordered(before), ordered(after)];
      const why = whyNotScan(f, at);
      if (why !== undefined || was.some((l, n) => is[n] !== l)) {
        const detail = `axis ${opaque.v.name} of ${b.name} is opaque: its order may matter${why ? ` (no scan: ${why})` : ""}`;
        refuse("reorder", "a block below has an opaque axis", detail, [b]);
      }
    }
    const why = whyNotAffine(f, at);
    if (why) refuse("reorder", "the bindings of a block below are not affine", why, [b]);
  }
}

/** The bounds of a loop may mention only loops outside it. */
function checkBounds(order: readonly For[]): void {
  order.forEach((l, i) => {
    for (const inner of order.slice(i)) {
      const ids = new Set([inner.v.id]);
      if (!usesVar(l.min, ids) && !usesVar(l.extent, ids)) continue;
      refuse(
        "reorder",
        "a loop's bounds depend on a loop that would be inside it",
        `the bounds of ${l.v.name} mention ${inner.v.name}`,
        [l, inner],
        (n) => `sch.reorder(${n(inner)}, ${n(l)})`,
      );
    }
  });
}

/**
 * The init of a reduction runs at reduce value 0, which must stay the first that is met. It does where each loop
 * drives either spatial or reduce axes. Two kinds of loops have to keep their order among themselves:
 * loops that drive both (a fuse split off the old borders), and loops that repeat the reduction, which start it
 * over, together with its reduce loops.
 */
function checkInitFirst(f: PrimFunc, before: readonly For[], after: readonly For[]): void {
  for (const b of childBlocks(before[before.length - 1])) {
    if (!b.init || !b.axes.some((a) => a.type === "R")) continue;
    const moved = (matters: (l: For) => boolean): For[] => {
      const [was, is] = [before.filter(matters), after.filter(matters)];
      return was.some((l, n) => is[n] !== l) ? was : [];
    };
    const repeats = repeatedBy(f, findBlock(f, b.id));
    if (repeats.length > 0) {
      const order = moved((l) => repeats.includes(l) || drives(l, b, "R"));
      if (order.length > 0) {
        refuse(
          "reorder",
          "a loop repeats a reduction",
          `iterations of ${names(repeats)} compute the same instances of ${b.name}, which start the sum again: the order of ${names(order)} matters`,
          [...order, b],
        );
      }
    }
    const mixed = moved((l) => drives(l, b, "S") && drives(l, b, "R"));
    if (mixed.length > 0) {
      refuse(
        "reorder",
        "the init of a reduction would not come first",
        `${names(mixed)} drive both spatial and reduce axes of ${b.name}: in another order the sum would be reset on the way`,
        [...mixed, b],
        (n) => `sch.decomposeReduction(${n(b)}, ${n(before[0])}) before`,
      );
    }
  }
}

const names = (loops: readonly For[]): string => loops.map((l) => l.v.name).join(", ");
