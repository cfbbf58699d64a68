/** The tensor program of one operator call. */
import {
  bufferParams,
  type GraphExpr,
  type OpCall,
  outputTypes,
  type PrimFunc,
  typeText,
  type Var,
} from "../../ir/index.ts";
import type { te } from "../../te/index.ts";
import { refuseGraph } from "../error.ts";
import { OpArgs, type OpDef, type TeArg, TeCall, TypedCall } from "../op.ts";
import { getOp } from "../registry.ts";
import { placeholderOf, tensorTypeOf, teProgram } from "../te-call.ts";

export interface OpProgram {
  readonly func: PrimFunc;
  /** Sizes that it takes as scalar parameters. */
  readonly tirVars: readonly Var[];
}

/** Throws a GraphError for an operator without a program, and for one whose program does not fit its type. */
export function programOfCall(e: OpCall): OpProgram {
  const def = getOp(e.op);
  const made = byTe(e, def) ?? byPrim(e, def);
  if (!made) return refuseGraph(e.op, "it has no tensor program");
  const want = outputTypes(e.type);
  const outs = bufferParams(made.func).slice(-want.length);
  want.forEach((t, i) => {
    const o = outs[i];
    if (o?.dtype === t.dtype && o.shape.length === t.shape.length) return;
    const got = o ? typeText({ kind: "tensor", dtype: o.dtype, shape: o.shape }) : "nothing";
    refuseGraph(e.op, `its program gives ${got} for ${typeText(t)}`);
  });
  return made;
}

function byTe(e: OpCall, def: OpDef): OpProgram | undefined {
  if (!def.te) return undefined;
  const of = new OpArgs(e.op, e.args, e.attrs);
  const inputs = e.args.map((a, i) => teArgument(e.op, a, def.args[i]?.name ?? `x${i}`));
  const tensors = inputs.flatMap((x, i) => (e.args[i].kind === "shapeLiteral" ? [] : (x as te.Tensor)));
  return teProgram(e.op, tensors, def.te(new TeCall(of, inputs, e.type)));
}

function teArgument(op: string, a: GraphExpr, name: string): TeArg {
  if (a.kind === "shapeLiteral") return a.values;
  if (a.type.kind === "tuple") {
    return a.type.fields.map((t, k) =>
      t.kind === "tensor"
        ? placeholderOf(t, `${name}${k}`)
        : refuseGraph(op, `field ${k} of ${name} is ${typeText(t)}, not a tensor`),
    );
  }
  return placeholderOf(tensorTypeOf(op, a), name);
}

function byPrim(e: OpCall, def: OpDef): OpProgram | undefined {
  if (!def.prim) return undefined;
  const made = def.prim(new TypedCall(new OpArgs(e.op, e.args, e.attrs), e.type));
  return "kind" in made ? { func: made, tirVars: [] } : { func: made.func, tirVars: made.tirVars };
}
