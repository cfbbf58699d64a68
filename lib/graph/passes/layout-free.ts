/** annotateLayoutFree: tensor programs learn which of their operands are weights. */
import {
  bufferParams,
  type GraphExpr,
  type IRModule,
  type PrimFunc,
  ProgramFacts,
  withAttrs,
} from "../../ir/index.ts";
import { LAYOUT_FREE } from "../layout-attrs.ts";
import { mapFuncs, type Pass } from "./pass.ts";
import { rewriteFunc } from "./rewrite.ts";

/**
 * Every tensor program gets the attribute `layoutFreeBuffers`: the numbers of the parameters for which all calls of the
 * module pass a constant. A schedule may have those laid out anew (see `splitLayoutRewritePreproc`).
 */
export const annotateLayoutFree: Pass = { name: "annotateLayoutFree", run };

const annotated = new ProgramFacts<PrimFunc>();

function run(mod: IRModule): IRModule {
  const constant = new Map<string, boolean[]>();
  forEachCall(mod, (func, args) => {
    const now = args.map((a) => a.kind === "constant");
    const before = constant.get(func);
    constant.set(func, before ? now.map((c, i) => c && before[i]) : now);
  });
  return mapFuncs(mod, (f, name) => {
    const free = (constant.get(name) ?? []).flatMap((c, i) => (c ? [i] : []));
    if (f.kind !== "primFunc" || free.length === 0) return f;
    return annotated.of(f, () => withAttrs(f, { [LAYOUT_FREE]: free }), free.join());
  });
}

/** Calls of tensor programs in all graph-level functions, also in branches. */
export function forEachCall(mod: IRModule, see: (func: string, args: readonly GraphExpr[]) => void): void {
  for (const f of Object.values(mod.funcs)) {
    if (f.kind !== "graphFunc") continue;
    rewriteFunc(f, {
      value: (e) => {
        if (e.kind === "callTir") see(e.func, e.args);
        return e;
      },
    });
  }
}

/** The buffers of a program that `annotateLayoutFree` found to be constants, by id. */
export function layoutFreeBuffers(f: PrimFunc): ReadonlySet<number> {
  const free = f.attrs[LAYOUT_FREE];
  const params = bufferParams(f);
  return new Set(Array.isArray(free) ? free.flatMap((i) => params[Number(i)]?.id ?? []) : []);
}
