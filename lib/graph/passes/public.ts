/**
 * What users of the library find under `transform`: the passes of the graph level, how a pass of one's own is made, and the
 * analyses that such a pass asks for. What the passes share among themselves is in `index.ts`.
 */
export { adjustMatmulOrder } from "./adjust-matmul-order.ts";
export { alterOpImpl, type Implementation } from "./alter-op-impl.ts";
export { applyDatabase, type ScheduleSource } from "./apply-database.ts";
export { bindParams } from "./bind-params.ts";
export { bindSymbolicVars } from "./bind-symbolic-vars.ts";
export { bundleParams } from "./bundle-params.ts";
export { callTirRewrite } from "./call-tir-rewrite.ts";
export { canonicalizeBindings } from "./canonicalize.ts";
export { combineParallelMatmul } from "./combine-parallel-matmul.ts";
export { eliminateCommonSubexpr } from "./common-subexpr.ts";
export { convertLayout, type DesiredLayouts } from "./convert-layout.ts";
export { toDataflow, toNonDataflow } from "./dataflow.ts";
export { type DeadCodeOptions, deadCodeElimination } from "./dead-code.ts";
export { decomposeForInference } from "./decompose-for-inference.ts";
export { embedScalars } from "./embed-scalars.ts";
export { expandOps } from "./expand-ops.ts";
export { type FoldOptions, foldConstant } from "./fold-constant.ts";
export {
  type Codegen,
  type ExternalCode,
  type FusionPattern,
  fuseByPattern,
  mergeComposite,
  runCodegen,
} from "./fuse-by-pattern.ts";
export { type FuseOptions, fuseOps } from "./fuse-ops.ts";
export { fuseTir } from "./fuse-tir.ts";
export { holdSizes } from "./hold-sizes.ts";
export { inlinePrivateFunctions } from "./inline-private-functions.ts";
export { killAfterLastUse } from "./kill-after-last-use.ts";
export { annotateLayoutFree } from "./layout-free.ts";
export { type Legalization, type LegalizeOptions, legalizeOps } from "./legalize-ops.ts";
export { liftTransformParams } from "./lift-transform-params.ts";
export { normalize } from "./normalize.ts";
export { annotateOpPattern, type OpPattern, opPatternOf, patternOf } from "./op-pattern.ts";
export { graphPass, mapFuncs, modulePass, type Pass, type PassHook, primPass, sequential } from "./pass.ts";
export { type MemoryPlan, memoryPlanOf, type PlannedTensor, planMemory } from "./plan-memory.ts";
export { rewriteReshape } from "./rewrite-reshape.ts";
export { sizeBounds } from "./size-bounds.ts";
export { specializePrim } from "./specialize-prim.ts";
export { splitAtSizes } from "./split-at-sizes.ts";
export { splitLayoutRewritePreproc } from "./split-layout-preproc.ts";
export { type MixedPrecisionOptions, toMixedPrecision } from "./to-mixed-precision.ts";
export { countUses, functionsCalled, varsUsed } from "./uses.ts";
export { vmLower } from "./vm-lower.ts";
export { winogradConv2d } from "./winograd.ts";
