/** bindParams: parameters of a function become constants. */
import { type BaseFunc, constantOf, type GraphExpr, graphFunc, irModule } from "../../ir/index.ts";
import { constantData, type Data } from "../constant.ts";
import { refuseGraph } from "../error.ts";
import { Specializer } from "./bind-symbolic-vars.ts";
import type { Pass } from "./pass.ts";
import { rewriteFunc } from "./rewrite.ts";
import { type SizeMap, unifyTypes } from "./unify.ts";

/**
 * The parameters of these names stand for the data from here on, and are parameters no more; symbolic sizes of theirs
 * become numbers. Throws when the function has no such parameter, or the data is of another type.
 */
export function bindParams(func: string, values: Readonly<Record<string, Data>>): Pass {
  return {
    name: "bindParams",
    run: (mod) => {
      const f = mod.funcs[func];
      if (f?.kind !== "graphFunc") return refuseGraph("bindParams", `no graph-level function ${func}`);
      const env = new Map<number, GraphExpr>();
      const sizes: SizeMap = new Map();
      for (const [name, given] of Object.entries(values)) {
        const data = constantData(given);
        const p = f.params.find((x) => x.name === name);
        if (!p) {
          const names = f.params.map((x) => x.name).join(", ");
          return refuseGraph("bindParams", `${func} has no parameter ${name}; it has ${names || "none"}`);
        }
        const c = constantOf(data);
        unifyTypes(name, p.type, c.type, sizes);
        env.set(p.id, c);
      }
      const body = rewriteFunc(f, {}, new Map(env)).body;
      const params = f.params.filter((p) => !env.has(p.id));
      const made = graphFunc(params, body, f.attrs);
      const special = new Specializer(mod);
      const done: BaseFunc = sizes.size > 0 ? special.func(made, sizes) : made;
      return irModule({ ...special.module().funcs, [func]: done }, mod.attrs);
    },
  };
}
