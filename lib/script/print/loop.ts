/** Loops as lines. */
import { type For, type LoopKind, type Stmt, usesVar } from "../../ir/index.ts";
import { attrsText } from "./data.ts";
import { exprText, sharedTexts } from "./expression.ts";
import type { Names } from "./names.ts";
import { isZero, type Out } from "./out.ts";

const ITERATORS: Readonly<Record<LoopKind, string>> = {
  serial: "serial",
  parallel: "parallel",
  vectorized: "vectorized",
  unrolled: "unroll",
  threadBinding: "threadBinding",
};

/** Whether the loop says nothing but its extent, so that it can be part of a `T.grid`. */
function isPlain(s: Stmt): s is For {
  return (
    s.kind === "for" && s.loopKind === "serial" && isZero(s.min) && Object.keys(s.annotations).length === 0
  );
}

/** A loop, or the nest of plain loops that begins with it as one `T.grid`. */
export function printLoops(first: For, out: Out): void {
  const { lines, names } = out;
  const chain = [first];
  const ids = new Set([first.v.id]);
  for (let s = first.body; isPlain(first) && isPlain(s) && !usesVar(s.extent, ids); s = s.body) {
    chain.push(s);
    ids.add(s.v.id);
  }
  for (const s of chain) out.loops.set(s.v.id, s);
  const last = chain[chain.length - 1];
  const over =
    chain.length === 1
      ? iterator(first, names)
      : `T.grid(${chain.map((s) => exprText(s.extent, names, "i32")).join(", ")})`;
  const opener = lines.all.length;
  names.within(() => {
    const vars = chain.map((s) => names.declare(s.v));
    const left = chain.length === 1 ? vars[0] : `[${vars.join(", ")}]`;
    lines.line(`for (const ${left} of ${over}) {`, chain);
    lines.indented(() => names.within(() => out.stmt(last.body, out)));
  });
  lines.all[opener].close = lines.all.length;
  lines.line("}");
}

function iterator(s: For, names: Names): string {
  const [min, extent] = sharedTexts([s.min, s.extent], names, "i32");
  const options = [
    ...(isZero(s.min) ? [] : [`min: ${min}`]),
    ...(Object.keys(s.annotations).length > 0 ? [`annotations: ${attrsText(s.annotations)}`] : []),
  ];
  const args = [
    // Alone, the extent is all the parser has to go by.
    isZero(s.min) ? exprText(s.extent, names, "i32") : extent,
    ...(s.thread === undefined ? [] : [JSON.stringify(s.thread)]),
    ...(options.length > 0 ? [`{ ${options.join(", ")} }`] : []),
  ];
  return `T.${ITERATORS[s.loopKind]}(${args.join(", ")})`;
}
