/** Structural equality of graph-level functions: the part of `equal.ts` that compares values of whole tensors. */
import type { Expr, Var } from "./expr.ts";
import type { BindingBlock, GraphBinding, GraphBody, GraphExpr, GraphFunc, GraphType } from "./graph.ts";
import { sameData } from "./ndarray.ts";
import type { Attrs } from "./stmt.ts";

/** What the comparison needs of the matcher of tensor programs. */
export interface GraphMatching {
  fail(what: string, a: unknown, b: unknown): never;
  same(what: string, x: unknown, y: unknown, a?: unknown, b?: unknown): void;
  identity(what: string, a: Named, b: Named): void;
  bindId(a: number, b: number): void;
  bindVar(a: Var, b: Var): void;
  declares(run: () => void): void;
  within(name: string, run: () => void): void;
  expr(a: Expr, b: Expr): void;
  attrs(a: Attrs, b: Attrs): void;
}
type Named = { readonly kind: string; readonly id: number; readonly name: string };

export function matchGraphFunc(a: GraphFunc, b: GraphFunc, m: GraphMatching): void {
  m.same("number of parameters", a.params.length, b.params.length, a, b);
  m.declares(() => {
    a.params.forEach((p, i) => {
      matchType(p.type, b.params[i].type, m);
      m.bindId(p.id, b.params[i].id);
    });
  });
  m.attrs(a.attrs, b.attrs);
  matchBody(a.body, b.body, m);
}

/** Blocks that are no dataflow blocks mean the same as one when they stand side by side, and nothing when empty. */
function joined(blocks: readonly BindingBlock[]): BindingBlock[] {
  const out: BindingBlock[] = [];
  for (const b of blocks) {
    const last = out.at(-1);
    if (b.dataflow) out.push(b);
    else if (last && !last.dataflow)
      out[out.length - 1] = { ...last, bindings: [...last.bindings, ...b.bindings] };
    else if (b.bindings.length > 0) out.push(b);
  }
  return out;
}

function matchBody(a: GraphBody, b: GraphBody, m: GraphMatching): void {
  const [xs, ys] = [joined(a.blocks), joined(b.blocks)];
  m.same("number of binding blocks", xs.length, ys.length, a, b);
  xs.forEach((x, i) => {
    const y = ys[i];
    m.same("dataflow", x.dataflow, y.dataflow, x, y);
    for (let k = 0; k < Math.min(x.bindings.length, y.bindings.length); k++) {
      matchBinding(x.bindings[k], y.bindings[k], m);
    }
    m.same("number of bindings", x.bindings.length, y.bindings.length, x, y);
    if (!x.dataflow) return;
    m.same("number of outputs of a dataflow block", x.outputs.length, y.outputs.length, x, y);
    x.outputs.forEach((id, k) => {
      m.identity("output", named(id), named(y.outputs[k]));
    });
  });
  matchExpr(a.result, b.result, m);
}

const named = (id: number): Named => ({ kind: "graphVar", id, name: `#${id}` });

function matchBinding(a: GraphBinding, b: GraphBinding, m: GraphMatching): void {
  if (a.kind === "tensorToShape") {
    if (b.kind !== "tensorToShape") m.fail(`${a.kind} against ${b.kind}`, a, b);
    matchExpr(a.value, b.value, m);
    m.same("number of sizes", a.sizes.length, b.sizes.length, a, b);
    a.sizes.forEach((v, i) => {
      m.bindVar(v, b.sizes[i]);
    });
    return;
  }
  if (b.kind === "tensorToShape" || a.kind !== b.kind) m.fail(`${a.kind} against ${b.kind}`, a, b);
  m.within(a.v.name, () => {
    matchExpr(a.value, b.value, m);
    if (a.kind === "matchCast") m.declares(() => matchType(a.v.type, b.v.type, m));
    else matchType(a.v.type, b.v.type, m);
  });
  m.bindId(a.v.id, b.v.id);
}

function matchType(a: GraphType, b: GraphType, m: GraphMatching): void {
  if (a.kind === "tensor" && b.kind === "tensor") {
    m.same("dtype", a.dtype, b.dtype, a, b);
    m.same("rank", a.shape.length, b.shape.length, a, b);
    a.shape.forEach((s, i) => {
      m.expr(s, b.shape[i]);
    });
  } else if (a.kind === "tuple" && b.kind === "tuple") {
    m.same("number of fields", a.fields.length, b.fields.length, a, b);
    a.fields.forEach((f, i) => {
      matchType(f, b.fields[i], m);
    });
  } else if (a.kind === "shape" && b.kind === "shape") m.same("rank", a.rank, b.rank, a, b);
  else m.fail(`type ${a.kind} against ${b.kind}`, a, b);
}

function matchAll(as: readonly GraphExpr[], bs: readonly GraphExpr[], m: GraphMatching): void {
  m.same("number of arguments", as.length, bs.length, as, bs);
  as.forEach((x, i) => {
    matchExpr(x, bs[i], m);
  });
}

const list = (x: GraphExpr | undefined): readonly GraphExpr[] => (x ? [x] : []);

function matchExpr(a: GraphExpr, b: GraphExpr, m: GraphMatching): void {
  if (a.kind !== b.kind) m.fail(`${a.kind} against ${b.kind}`, a, b);
  switch (a.kind) {
    case "graphVar":
      return m.identity("value", a, b as typeof a);
    case "constant":
      if (!sameData(a.data, (b as typeof a).data)) m.fail("constant", a, b);
      return;
    case "shapeLiteral": {
      const o = b as typeof a;
      m.same("number of sizes", a.values.length, o.values.length, a, b);
      a.values.forEach((v, i) => {
        m.expr(v, o.values[i]);
      });
      return;
    }
    case "tupleExpr":
      return matchAll(a.fields, (b as typeof a).fields, m);
    case "tupleGet":
      m.same("field", a.index, (b as typeof a).index, a, b);
      return matchExpr(a.tuple, (b as typeof a).tuple, m);
    case "opCall": {
      const o = b as typeof a;
      m.same("operator", a.op, o.op, a, b);
      m.attrs(a.attrs, o.attrs);
      return matchAll(a.args, o.args, m);
    }
    case "callTir":
    case "callPacked": {
      const o = b as typeof a;
      m.same("function", a.func, o.func, a, b);
      matchAll(a.args, o.args, m);
      matchAll(a.into ?? [], o.into ?? [], m);
      if (a.kind === "callPacked") m.attrs(a.attrs, (o as typeof a).attrs);
      else {
        const vars = (o as typeof a).tirVars;
        m.same("number of scalars", a.tirVars.length, vars.length, a, b);
        a.tirVars.forEach((v, i) => {
          m.expr(v, vars[i]);
        });
      }
      return matchType(a.type, o.type, m);
    }
    case "callFunc":
      m.same("function", a.func, (b as typeof a).func, a, b);
      return matchAll(a.args, (b as typeof a).args, m);
    case "graphIf": {
      const o = b as typeof a;
      matchExpr(a.cond, o.cond, m);
      matchBody(a.then, o.then, m);
      return matchBody(a.else, o.else, m);
    }
    case "graphLoop": {
      const o = b as typeof a;
      m.same("function", a.func, o.func, a, b);
      matchAll(list(a.trip), list(o.trip), m);
      matchAll(list(a.cond), list(o.cond), m);
      matchAll(a.carried, o.carried, m);
      return matchAll(a.captured, o.captured, m);
    }
  }
}
