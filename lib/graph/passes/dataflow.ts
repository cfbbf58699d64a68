/** toDataflow and toNonDataflow: which bindings stand in dataflow blocks. */
import {
  type BindingBlock,
  type GraphBinding,
  type GraphBody,
  mapGraphExpr,
  withGraphBody,
} from "../../ir/index.ts";
import { graphPass, type Pass } from "./pass.ts";
import { countUses } from "./uses.ts";

/** Bindings without side effects, at least `minSize` in a row, are put into dataflow blocks. */
export function toDataflow(minSize = 2): Pass {
  return graphPass("toDataflow", (f) => withGraphBody(f, dataflowBody(f.body, minSize)));
}

/** All bindings stand in ordinary blocks, as memory and its planning need it. */
export const toNonDataflow: Pass = graphPass("toNonDataflow", (f) => withGraphBody(f, bodyOf(f.body)));

const MEMORY = new Set(["memory.allocStorage", "memory.allocTensor", "memory.kill"]);

function pure(b: GraphBinding): boolean {
  if (b.kind !== "bind") return false;
  const e = b.value;
  if ("into" in e && e.into) return false;
  if (e.kind === "opCall") return !MEMORY.has(e.op);
  return e.kind !== "graphIf" && e.kind !== "graphLoop" && e.kind !== "callFunc";
}

function inBranches(b: GraphBinding, body: (x: GraphBody) => GraphBody): GraphBinding {
  if (b.value.kind !== "graphIf") return b;
  const value = mapGraphExpr(b.value, { expr: (x) => x, body });
  return value === b.value ? b : { ...b, value };
}

function dataflowBody(b: GraphBody, minSize: number): GraphBody {
  const parts: { dataflow: boolean; bindings: GraphBinding[] }[] = [];
  let changed = false;
  for (const block of b.blocks) {
    for (const given of block.bindings) {
      const x = inBranches(given, (y) => dataflowBody(y, minSize));
      changed ||= x !== given;
      const dataflow = pure(x) || block.dataflow;
      const last = parts.at(-1);
      if (last?.dataflow === dataflow) last.bindings.push(x);
      else parts.push({ dataflow, bindings: [x] });
    }
  }
  const was = new Set(b.blocks.flatMap((x) => (x.dataflow ? x.bindings : [])));
  const made = parts.map((p) =>
    p.dataflow && (p.bindings.length >= minSize || p.bindings.some((x) => was.has(x)))
      ? p
      : { ...p, dataflow: false },
  );
  changed ||= made.filter((p) => p.dataflow).some((p) => p.bindings.some((x) => !was.has(x)));
  changed ||= made.length !== b.blocks.length;
  if (!changed) return b;
  return { blocks: withOutputs(made, b), result: b.result };
}

/** The blocks with the variables that are used after them as their outputs. */
function withOutputs(
  parts: readonly { dataflow: boolean; bindings: GraphBinding[] }[],
  b: GraphBody,
): BindingBlock[] {
  const blocks: BindingBlock[] = [];
  const after = countUses({ blocks: [], result: b.result });
  for (const p of [...parts].reverse()) {
    const own = p.bindings.flatMap((x) => (x.kind === "tensorToShape" ? [] : [x.v.id]));
    blocks.push({
      dataflow: p.dataflow,
      bindings: p.bindings,
      outputs: p.dataflow ? own.filter((id) => after.has(id)) : [],
    });
    for (const id of countUses({ blocks: [{ ...p, outputs: [] }], result: NOTHING }).keys()) after.set(id, 1);
  }
  return blocks.reverse();
}

const NOTHING = { kind: "tupleExpr", fields: [], type: { kind: "tuple", fields: [] } } as const;

/** The body in one ordinary block. */
export function bodyOf(b: GraphBody): GraphBody {
  const bindings = b.blocks.flatMap((x) => x.bindings.map((y) => inBranches(y, bodyOf)));
  const only = b.blocks.length === 1 ? b.blocks[0] : undefined;
  if (b.blocks.length === 0 || (only && !only.dataflow && only.bindings.every((x, i) => x === bindings[i])))
    return b;
  return { blocks: [{ dataflow: false, bindings, outputs: [] }], result: b.result };
}
