/** alterOpImpl: another tensor program in the place of an operator's own, with its operands in other layouts. */
import {
  bufferParams,
  type CallTir,
  callTir,
  constInt,
  type GraphExpr,
  irModule,
  type OpCall,
  type PrimFunc,
  typeText,
} from "../../ir/index.ts";
import { refuseGraph } from "../error.ts";
import { type Layout, lettersOf, parseLayout, plainLayout, shapeIn } from "../layout.ts";
import { formOf, isPadded } from "./layout-forms.ts";
import { LaidValues, shapeOf } from "./layout-moves.ts";
import { mapFuncs, modulePass, type Pass } from "./pass.ts";
import type { Place } from "./rewrite.ts";

export interface Implementation {
  /** Its buffers are the operands in order, then the result. */
  readonly program: PrimFunc;
  /**
   * The layout in which it takes each operand, then that of its result; what the axes are called before is the letters
   * in the order given. `["NCHW", "NCHW4c"]`; null for a buffer that stays as it is.
   */
  readonly layouts: readonly (readonly [standard: string, layout: string] | null)[];
  /** Whether it does this call; all of them otherwise. */
  readonly when?: (e: OpCall | CallTir) => boolean;
  /** What it is called in the module. */
  readonly name?: string;
}

/**
 * Calls of operators, or of tensor programs, with these names become calls of the programs given. Operands and results are
 * transformed to their layouts; as with convertLayout, transformations move forward and undo each other. Operands whose
 * axes do not divide into blocks are padded with zeros; a result must divide. Throws a GraphError for a program whose
 * buffers do not fit the call.
 */
export function alterOpImpl(implementations: Readonly<Record<string, Implementation>>): Pass {
  return modulePass("alterOpImpl", (mod) => {
    const used = new Map<string, PrimFunc>();
    const nameFor = (op: string, { program, name }: Implementation): string => {
      const stem = name ?? `${op.replaceAll(".", "_")}_altered`;
      let free = stem;
      for (let i = 1; Object.hasOwn(mod.funcs, free) || (used.get(free) ?? program) !== program; i++)
        free = `${stem}_${i}`;
      used.set(free, program);
      return free;
    };
    const names = new Map<string, string>();
    const out = mapFuncs(mod, (f) => {
      if (f.kind !== "graphFunc") return f;
      const values = new LaidValues();
      return values.rewrite(f, (e, at) => {
        const key = e.kind === "opCall" ? e.op : e.kind === "callTir" && !e.into ? e.func : undefined;
        if (key === undefined || !Object.hasOwn(implementations, key)) return undefined;
        const by = implementations[key];
        const call = e as OpCall | CallTir;
        if (by.when && !by.when(call)) return undefined;
        const name = names.get(key) ?? nameFor(key, by);
        names.set(key, name);
        return altered(call, by, name, values, at);
      });
    });
    return used.size === 0 ? out : irModule({ ...out.funcs, ...Object.fromEntries(used) }, out.attrs);
  });
}

function altered(
  e: OpCall | CallTir,
  { program, layouts }: Implementation,
  name: string,
  values: LaidValues,
  at: Place,
): ReturnType<LaidValues["look"]> {
  const refuse = (why: string): never => refuseGraph("alterOpImpl", `${name}: ${why}`);
  const { type } = e;
  if (type.kind !== "tensor") return refuse(`the result is ${typeText(type)}, not one tensor`);
  if (layouts.length !== e.args.length + 1)
    return refuse(`${layouts.length} layouts for ${e.args.length} operand(s) and a result`);
  const args = e.args.map((a, i): GraphExpr => {
    const l = layouts[i];
    if (!l) return a;
    const [layout, standard] = layoutPair(l, shapeOf(a).length, refuse);
    return values.put(a, formOf(layout, standard), at);
  });
  const rank = type.shape.length;
  const [layout, standard] = layoutPair(
    layouts[e.args.length] ?? ["ABCDEFGH".slice(0, rank), "ABCDEFGH".slice(0, rank)],
    rank,
    refuse,
  );
  const form = formOf(layout, standard);
  if (isPadded(form, type.shape)) refuse(`the result ${typeText(type)} does not divide into its blocks`);
  const shape = shapeIn(layout, Object.fromEntries([...standard].map((s, d) => [s, type.shape[d]])));
  const made = callTir(name, args, { ...type, shape });
  const buffers = bufferParams(program);
  const types = [...args.map((a) => a.type), made.type];
  const wrong = types.findIndex((t, i) => {
    const b = buffers[i];
    if (t.kind !== "tensor" || !b || b.dtype !== t.dtype || b.shape.length !== t.shape.length) return true;
    return b.shape.some((s, d) => {
      const [x, y] = [constInt(s), constInt(t.shape[d])];
      return x !== undefined && y !== undefined && x !== y;
    });
  });
  if (buffers.length !== types.length)
    refuse(`its program has ${buffers.length} buffers, the call ${types.length}`);
  if (wrong >= 0) {
    const b = buffers[wrong];
    const has = typeText({ kind: "tensor", dtype: b.dtype, shape: b.shape });
    refuse(`buffer ${b.name} of its program is ${has}, the call gives it ${typeText(types[wrong])}`);
  }

  return { source: at.emit(made), form, shape: type.shape };
}

function layoutPair(
  [standard, text]: readonly [string, string],
  rank: number,
  refuse: (why: string) => never,
): readonly [Layout, string] {
  const layout = parseLayout(text);
  if (typeof layout === "string") return refuse(`${text}: ${layout}`);
  const letters = (l: Layout): string => [...lettersOf(l)].sort().join();
  if (standard.length !== rank || letters(layout) !== letters(plainLayout(standard)))
    refuse(`${text} is no layout of ${standard}, which must name ${rank} axes`);
  return [layout, standard];
}
