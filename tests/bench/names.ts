/** What the contenders are called that tables and ratios single out. */

/** What ratios are taken against. */
export const BASELINE = "onnxruntime-web";
/** Native code: the goal behind the ratios. */
export const NATIVE = "onnxruntime-node";
export const OURS = "tilewright";
/** With schedules that search has found. */
export const TUNED = "tilewright, tuned";
