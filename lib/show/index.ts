/** Values → HTML, SVG, Vega-Lite, text. Each view has a JSON twin. */
export { type BarPlotOptions, barPlot } from "./bar-plot.ts";
export { type BoxCall, boxDiagram } from "./box-diagram.ts";
export { type DiffRow, type DiffSide, type DiffStats, diffStats, programDiff } from "./diff.ts";
export { type DiffOptions, diff } from "./diff-view.ts";
export { DISPLAY, type Displayable, displayable, type MimeBundle } from "./display.ts";
export { executableBundle, type FunctionSignature, signatures } from "./executable.ts";
export { historyDiffs, type ScheduleLike, type StepDiff, type StepLike, scheduleBundle } from "./history.ts";
export { type ImageGridOptions, imageGrid } from "./image-grid.ts";
export { type LinePlotOptions, linePlot } from "./line-plot.ts";
export { type LoopTree, loopTree, loopTrees, type TreeNode } from "./loop-tree.ts";
export { Plot, type PlotSpec } from "./plot.ts";
export { scheduleErrorBundle } from "./schedule-error.ts";
export { type SourceLanguage, type SourceOptions, source } from "./source.ts";
export { type SpeedPlotOptions, speedPlot } from "./speed-plot.ts";
export { tensorBundle } from "./tensor.ts";
export { type TensorLike, type TensorStats, type TensorSummary, tensorSummary } from "./tensor-summary.ts";
export { type TimingLike, type TimingRow, timingBundle, timingRows, timingTable } from "./timing.ts";
export { type ShowOptions, show } from "./view.ts";
