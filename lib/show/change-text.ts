/** A change in one line, as a reader would say it. */
import { count } from "./bounds.ts";
import type { Change, LoopRef } from "./structural-change.ts";

/** `j split into j_0 (16) × j_1 (8)`; with the function's name where a module has several. */
export function changeText(c: Change, withFunc = false): string {
  return withFunc ? `${c.func}: ${text(c)}` : text(c);
}

const sized = (l: LoopRef): string => `${l.name} (${l.extent}${l.kind ? `, ${l.kind}` : ""})`;
const named = (ls: readonly { readonly name: string }[], most = 6): string =>
  ls.length <= most
    ? ls.map((l) => l.name).join(", ")
    : `${ls
        .slice(0, most - 1)
        .map((l) => l.name)
        .join(", ")} and ${ls.length - most + 1} more`;
const product = (ls: readonly LoopRef[]): string => ls.map(sized).join(" × ");

function text(c: Change): string {
  switch (c.kind) {
    case "functionAdded":
      return `function ${c.func} added`;
    case "functionRemoved":
      return `function ${c.func} removed`;
    case "split":
      return `${c.loop.name} split into ${product(c.into)}`;
    case "partitioned":
      return `${c.loop.name} parted into ${c.into.map(sized).join(" then ")}`;
    case "fused":
      return `${named(c.loops)} fused into ${sized(c.into)}`;
    case "retiled":
      return `${named(c.loops)} became ${product(c.into)}`;
    case "reordered":
      return `loops reordered: ${named(c.loops, 9)} (was ${named(c.before, 9)})`;
    case "loopAdded":
      return `loop ${sized(c.loop)} put around ${named(c.around, 3)}`;
    case "loopRemoved":
      return `loop ${sized(c.loop)} around ${named(c.around, 3)} removed`;
    case "loopKind":
      return `${c.loop.name} is ${c.after}${c.before === "serial" ? "" : ` (was ${c.before})`}`;
    case "loopRange":
      return `extent of ${c.loop.name}: ${c.before} → ${c.after}`;
    case "annotation": {
      const value = (x: unknown): string => JSON.stringify(x);
      if (c.after === undefined) return `annotation ${c.name} of ${c.on.name} removed`;
      return `${c.on.name} annotated ${c.name} = ${value(c.after)}${c.before === undefined ? "" : ` (was ${value(c.before)})`}`;
    }
    case "blockMoved": {
      const loops =
        c.loops.length > 0 ? `, with ${c.loops.length === 1 ? "loop" : "loops"} ${product(c.loops)}` : "";
      if (c.under) return `block ${c.block.name} moved under ${c.under.name}${loops}`;
      if (c.outOf) return `block ${c.block.name} moved out of ${c.outOf.name}${loops}`;
      return `block ${c.block.name} moved ${c.ahead ? `before ${c.ahead.name}` : "to the end"}`;
    }
    case "blockAdded": {
      if (c.initOf) return `init of ${c.initOf.name} became block ${c.block.name}${place(c)}`;
      if (c.around.length > 0) return `block ${c.block.name} made around ${named(c.around, 3)}${place(c)}`;
      if (!c.copies) return `block ${c.block.name} added${place(c)}`;
      const { from, to, scope } = c.copies;
      return `block ${c.block.name} added${place(c)}: copies ${from} to ${to}${scope === "global" ? "" : ` (${scope})`}`;
    }
    case "blockRemoved":
      if (c.inlinedInto.length === 0) return `block ${c.block.name} removed`;
      return `block ${c.block.name} inlined into ${named(c.inlinedInto, 4)}`;
    case "blockRenamed":
      return `block ${c.before} is now ${c.block.name}`;
    case "blockAccess":
      if (c.removed.length === 0) return `block ${c.block.name} also ${c.access} ${c.added.join(", ")}`;
      if (c.added.length === 0) return `block ${c.block.name} no longer ${c.access} ${c.removed.join(", ")}`;
      return `block ${c.block.name} ${c.access} ${c.added.join(", ")} in place of ${c.removed.join(", ")}`;
    case "blockPart":
      return `${c.part} of block ${c.block.name} ${c.change}`;
    case "bufferAdded":
      return `buffer ${c.declared} added`;
    case "bufferRemoved":
      return `buffer ${c.declared} removed`;
    case "bufferChanged":
      if (c.what === "place") return `buffer ${c.buffer} is ${c.after} (was ${c.before})`;
      return `${c.what} of buffer ${c.buffer}: ${c.before} → ${c.after}`;
  }
}

const place = (c: { readonly under?: LoopRef; readonly loops: readonly LoopRef[] }): string =>
  c.under ? ` under ${c.under.name}` : c.loops.length > 4 ? ` with ${count(c.loops.length, "loop")}` : "";

/** Keys (`data-node`) of the loops and blocks of the later program that a change is about, and what it says there. */
export function touched(c: Change): { readonly key: string; readonly mark: Mark }[] {
  const at = (mark: Mark, ...refs: readonly { readonly key: string }[]) =>
    refs.map((r) => ({ key: r.key, mark }));
  switch (c.kind) {
    case "split":
    case "partitioned":
    case "retiled":
      return at("new", ...c.into);
    case "fused":
      return at("new", c.into);
    case "reordered":
      return at("moved", ...c.loops);
    case "loopAdded":
      return at("new", c.loop);
    case "loopKind":
    case "loopRange":
      return at("changed", c.loop);
    case "annotation":
      return at("changed", c.on);
    case "blockMoved":
      return [...at("moved", c.block), ...at("new", ...c.loops)];
    case "blockAdded":
      return at("new", c.block, ...c.loops);
    case "blockRenamed":
    case "blockAccess":
    case "blockPart":
      return at("changed", c.block);
    case "blockRemoved":
      return at("changed", ...c.inlinedInto);
    default:
      return [];
  }
}

/** What happened to a node of the later program; the first of several that applies is shown. */
export type Mark = "new" | "moved" | "changed";
