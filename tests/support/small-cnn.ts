/** A small convolutional network as an ONNX file: something for every stage of the pipeline to do. */
import { model, tensor } from "./onnx-model.ts";

const wave = (n: number, step: number): number[] =>
  Array.from({ length: n }, (_, i) => 0.3 * Math.sin(i * step + 1));

/**
 * `x` f32[batch, 4, 8, 8] → `scores` f32[batch, 5] and `gates` f32[batch, 5]; `batch` is open unless a size is given.
 * `first` names the first node.
 */
export function smallCnn(batch: number | string = "batch", first = "stem"): Uint8Array {
  return model({
    inputs: { x: ["f32", [batch, 4, 8, 8]] },
    outputs: ["scores", "gates"],
    weights: {
      w: tensor("f32", [8, 4, 3, 3], wave(288, 0.7)),
      b: tensor("f32", [8], wave(8, 0.3)),
      scale: tensor("f32", [8], [1, 1, 1, 1, 2, 2, 2, 2]),
      variance: tensor("f32", [8], [1, 1, 1, 1, 1, 2, 3, 4]),
      two: tensor("f32", [1], [2]),
      three: tensor("f32", [1], [3]),
      fc: tensor("f32", [8, 5], wave(40, 0.9)),
      rows: tensor("i64", [2], [-1, 8]),
    },
    nodes: [
      { op: "Conv", in: ["x", "w", "b"], out: ["c"], name: first, attrs: { pads: [1, 1, 1, 1] } },
      { op: "BatchNormalization", in: ["c", "scale", "b", "b", "variance"], out: ["normed"] },
      { op: "Relu", in: ["normed"], out: ["a"] },
      { op: "Add", in: ["two", "three"], out: ["five"] },
      { op: "Mul", in: ["a", "five"], out: ["m"] },
      { op: "Mul", in: ["a", "five"], out: ["same"] },
      { op: "Add", in: ["m", "same"], out: ["sum"] },
      { op: "GlobalAveragePool", in: ["sum"], out: ["pooled"] },
      { op: "Reshape", in: ["pooled", "rows"], out: ["flat"] },
      { op: "MatMul", in: ["flat", "fc"], out: ["logits"] },
      { op: "Softmax", in: ["logits"], out: ["scores"] },
      { op: "Sigmoid", in: ["logits"], out: ["gates"] },
    ],
  });
}
