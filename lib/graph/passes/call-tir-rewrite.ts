/** callTirRewrite: the memory that calls write into becomes visible. */
import {
  type CallPacked,
  type CallTir,
  type GraphExpr,
  outputTypes,
  shapeLiteral,
  tupleExpr,
} from "../../ir/index.ts";
import { callOp } from "../registry.ts";
import { graphPass, type Pass } from "./pass.ts";
import { type Place, rewriteFunc } from "./rewrite.ts";

/**
 * Each call of a tensor program or library function gets its outputs allocated (`memory.allocTensor`) and passed `into`
 * it. What had several results becomes the tuple of that memory. Functions that are fused groups still stay as they are.
 */
export const callTirRewrite: Pass = graphPass("callTirRewrite", (f) =>
  f.attrs.Primitive
    ? f
    : rewriteFunc(f, {
        value: (e, at) =>
          (e.kind === "callTir" || e.kind === "callPacked") && !e.into ? allocated(e, at) : e,
      }),
);

function allocated(e: CallTir | CallPacked, at: Place): GraphExpr {
  const into = outputTypes(e.type).map((t) =>
    at.emit(callOp("memory.allocTensor", [shapeLiteral(t.shape)], { dtype: t.dtype }), "alloc"),
  );
  const call: GraphExpr = { ...e, into };
  if (e.type.kind !== "tuple") return call;
  at.emit(call, "written");
  return tupleExpr(into);
}
