/**
 * What operators ask of sizes that are known only when the program runs. Where sizes are numbers, type inference refuses
 * what does not fit; where they are symbolic it cannot, and the program has to look before it computes. An operator that is not
 * in this table is not compiled for open sizes.
 */

/**
 * `free`: any sizes will do. `broadcast`: the sizes of all operands agree, aligned at the end. `concat`: all sizes but
 * those along the axis agree. `matmul`: as many columns as rows, and batches that agree. `count`: as many elements before as
 * after. `expand`: sizes that are not 1 are those of the result. `position`: the axis is not empty. `indexed`: the axis is
 * not empty where something is taken. `lookup`: the first operand has known sizes. `unit`: the axes have size 1. `along`: the
 * axis, and sizes given beside the operand, are known. `constantPad`: any sizes will do, where it is filled with a constant.
 * `batch`: only the first axis of the first operand may be open.
 */
export type SizeRule =
  | "free"
  | "broadcast"
  | "concat"
  | "matmul"
  | "count"
  | "expand"
  | "position"
  | "indexed"
  | "lookup"
  | "unit"
  | "along"
  | "constantPad"
  | "batch";

const RULES: Readonly<Record<SizeRule, string>> = {
  free: `nn.relu nn.leakyRelu nn.elu nn.selu nn.celu nn.hardSigmoid nn.hardSwish nn.gelu nn.geluTanh nn.silu nn.mish
    nn.softplus nn.softsign nn.thresholdedRelu nn.shrink logicalNot bitwiseNot negative abs sign square reciprocal floor ceil
    trunc round exp expm1 log log1p log2 sqrt rsqrt sin cos tan asin acos atan sinh cosh tanh asinh acosh atanh erf sigmoid
    isnan isinf isfinite astype shapeToTensor sum prod max min mean sumSquare l1 l2 logSum logSumExp variance std nonzero
    full arange eye tril triu oneHot flatten expandDims permuteDims tile repeat flip cumsum cumprod stridedSlice
    nn.softmax nn.logSoftmax nn.hardmax nn.lpNorm memory.view`,
  broadcast: `add subtract multiply divide floorDivide mod floorMod power maximum minimum equal notEqual less lessEqual
    greater greaterEqual logicalAnd logicalOr logicalXor bitwiseAnd bitwiseOr bitwiseXor leftShift rightShift where clip
    nn.prelu`,
  concat: "concat",
  matmul: "matmul",
  count: "reshape",
  expand: "broadcastTo",
  position: "argmax argmin",
  indexed: "take",
  lookup: "gatherNd",
  unit: "squeeze",
  along: "split sort argsort topk unique",
  constantPad: "nn.pad",
  batch: `nn.conv1d nn.conv2d nn.conv3d nn.conv1dTranspose nn.conv2dTranspose nn.conv3dTranspose nn.maxPool1d nn.maxPool2d
    nn.maxPool3d nn.avgPool1d nn.avgPool2d nn.avgPool3d image.resize nn.batchNorm nn.layerNorm nn.rmsNorm nn.groupNorm
    nn.instanceNorm nn.lrn spaceToDepth depthToSpace nn.linear nn.adaptiveAvgPool quantize dequantize`,
};

const TABLE = new Map<string, SizeRule>(
  Object.entries(RULES).flatMap(([rule, names]) => names.split(/\s+/).map((n) => [n, rule as SizeRule])),
);

/** What an operator asks of open sizes; undefined where it takes none. */
export const sizeRule = (op: string): SizeRule | undefined => TABLE.get(op);
