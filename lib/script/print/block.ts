/** The inside of blocks and functions as lines. */
import {
  type AxisType,
  type Block,
  type BlockAxis,
  type Buffer,
  type Expr,
  structuralEqual,
} from "../../ir/index.ts";
import { attrsText } from "./data.ts";
import { exprText, regionText, sharedTexts } from "./expression.ts";
import type { Names } from "./names.ts";
import { braces, isZero, type Out } from "./out.ts";
import { storeText } from "./store.ts";

const AXES: Readonly<Record<AxisType, string>> = { S: "spatial", R: "reduce", O: "opaque" };

/** The inside of a block: axes, what is said about it, its buffers, init, body. */
export function printBlockBody(b: Block, out: Out): void {
  const { lines, names } = out;
  printAxes(b, out);
  if (b.predicate) lines.line(`T.where(${exprText(b.predicate, names, "bool")});`);
  printDeclarations(b, out);
  const init = b.init;
  if (init) {
    const one = init.kind === "store" ? `T.init(() => { ${storeText(init, names)} });` : undefined;
    if (one && lines.fits(one)) lines.line(one, [init]);
    else braces("T.init(() => {", "});", [], out, () => out.stmt(init, out));
  }
  out.stmt(b.body, out);
}

/** What may stand in a function's body as well: buffers, regions, annotations. */
export function printDeclarations(b: Block, { lines, names }: Out): void {
  for (const x of b.allocs) {
    const args = allocArgs(x, names);
    lines.line(`const ${names.declare(x)} = T.alloc(${args});`);
  }
  for (const what of ["reads", "writes"] as const) {
    const regions = b[what];
    if (regions) lines.line(`T.${what}(${regions.map((r) => regionText(r, names)).join(", ")});`);
  }
  if (Object.keys(b.annotations).length > 0) lines.line(`T.annotate(${attrsText(b.annotations)});`);
}

function allocArgs(b: Buffer, names: Names): string {
  const sizes = (es: readonly Expr[]) => `[${es.map((e) => exprText(e, names, "i32")).join(", ")}]`;
  const args = [sizes(b.shape)];
  const rest = b.strides
    ? `{ ${b.scope === "global" ? "" : `scope: ${JSON.stringify(b.scope)}, `}strides: ${sizes(b.strides)} }`
    : b.scope === "global"
      ? undefined
      : JSON.stringify(b.scope);
  if (rest !== undefined || b.dtype !== "f32") args.push(JSON.stringify(b.dtype));
  if (rest !== undefined) args.push(rest);
  return args.join(", ");
}

function printAxes(b: Block, { lines, names, loops }: Out): void {
  if (b.axes.length === 0) return;
  // Bindings speak about the loops outside: all are printed before an axis gets its name.
  const bindings = b.axes.map((a) => sharedTexts([a.extent, a.binding], names, "i32"));
  if (b.axes.every((a) => followsLoop(a, loops))) {
    const types = b.axes.map((a) => a.type).join("");
    const vars = b.axes.map((a) => names.declare(a.v)).join(", ");
    lines.line(`const [${vars}] = T.axis.remap("${types}", [${bindings.map((t) => t[1]).join(", ")}]);`);
    return;
  }
  b.axes.forEach((a, k) => {
    lines.line(`const ${names.declare(a.v)} = T.axis.${AXES[a.type]}(${bindings[k].join(", ")});`);
  });
}

/** Whether the axis takes exactly the values of one loop. */
function followsLoop(a: BlockAxis, loops: Out["loops"]): boolean {
  const loop = a.binding.kind === "var" ? loops.get(a.binding.id) : undefined;
  return loop !== undefined && isZero(loop.min) && structuralEqual(loop.extent, a.extent);
}
