/** Values → HTML, SVG, Vega-Lite, text. Each view has a JSON twin. */

export { animate } from "./animation.ts";
export { assembly } from "./assembly.ts";
export { type BarPlotOptions, barPlot } from "./bar-plot.ts";
export {
  type BlockGraph,
  type Box,
  blockGraph,
  blockGraphs,
  type GraphAccess,
  type GraphBlock,
  type GraphEdge,
} from "./block-graph.ts";
export { graph } from "./block-graph-svg.ts";
export { type BoxCall, boxDiagram } from "./box-diagram.ts";
export { changeText } from "./change-text.ts";
export { comparePasses, type PassPair, passPairs } from "./compare-passes.ts";
export {
  type ComparisonView,
  type CompilerView,
  comparisonViews,
  compilerViews,
  valueKind,
} from "./compiler-views.ts";
export { type DiffRow, type DiffSide, type DiffStats, diffStats, programDiff } from "./diff.ts";
export { type DiffOptions, diff } from "./diff-view.ts";
export { DISPLAY, type Displayable, displayable, type MimeBundle } from "./display.ts";
export { estimates, estimateTable, type FunctionEstimate } from "./estimate-view.ts";
export { executableBundle, type FunctionSignature, signatures } from "./executable.ts";
export { type ExploreOptions, explore, type Variant } from "./explore.ts";
export {
  type GraphNode,
  type GraphViewData,
  graphData,
  graphsOf,
  type NodeTimes,
  nodeTimes,
  type StepTimes,
} from "./graph-data.ts";
export { GraphView, type GraphViewOptions, graphView } from "./graph-view.ts";
export { scheduleBundle } from "./history.ts";
export { type ImageGridOptions, imageGrid } from "./image-grid.ts";
export {
  type AnimateOptions,
  type IterationTrace,
  iterationTrace,
  type TracedAccess,
  type TracedBuffer,
  type TracedStep,
} from "./iteration-trace.ts";
export { type LinePlotOptions, linePlot } from "./line-plot.ts";
export { type LoopTree, loopTree, loopTrees, type TreeNode } from "./loop-tree.ts";
export { memoryPlanView } from "./memory-plan.ts";
export { type PassesOptions, passDiff, passesView } from "./passes-view.ts";
export type { MemoryPlanLike } from "./planned-function.ts";
export { Plot, type PlotSpec } from "./plot.ts";
export { type ProfileLike, profileBundle, profileView } from "./profile-view.ts";
export { programTree } from "./program-tree.ts";
export {
  type PlacedTiming,
  type RooflineLike,
  type RooflinePlace,
  type RooflinePlotOptions,
  rooflinePlaces,
  rooflinePlot,
} from "./roofline-plot.ts";
export { scheduleErrorBundle } from "./schedule-error.ts";
export { type ShaderOptions, shader } from "./shader.ts";
export {
  type Side,
  type SideBySideOptions,
  type SideSummary,
  sideBySide,
  sideSummary,
} from "./side-by-side.ts";
export { type SourceLanguage, type SourceOptions, source } from "./source.ts";
export { type SpeedPlotOptions, speedPlot } from "./speed-plot.ts";
export { historyDiffs, type ScheduleLike, type StepDiff, type StepLike } from "./steps.ts";
export type { BlockRef, Change, LoopRef } from "./structural-change.ts";
export { structuralDiff } from "./structural-diff.ts";
export { tensorBundle } from "./tensor.ts";
export { type TensorLike, type TensorStats, type TensorSummary, tensorSummary } from "./tensor-summary.ts";
export { type TimingLike, type TimingRow, timingBundle, timingRows, timingTable } from "./timing.ts";
export {
  type Expectation,
  expectations,
  predictedPlot,
  rankAgreement,
  type SpaceAxis,
  spaceAxes,
  spacePlot,
  type TrialLike,
  type TuningPlotOptions,
  tuningCurve,
} from "./tuning-plots.ts";
export { type ShowOptions, show } from "./view.ts";
