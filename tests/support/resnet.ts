/** ResNet-18 (He et al., 2015) at graph level, as an importer gives it: weights are parameters, batch norm is folded. */
import { BlockBuilder, R } from "../../lib/graph/index.ts";
import type { GraphExpr, GraphVar, IRModule } from "../../lib/ir/index.ts";

/** `main` takes an image [1, 3, size, size] and the weights, and gives 1000 numbers. */
export function resnet18(size = 224): IRModule {
  const bb = new BlockBuilder();
  const x = R.var("x", R.tensor([1, 3, size, size]));
  const params: GraphVar[] = [x];
  const weight = (...shape: number[]): GraphVar => {
    const w = R.var(`w${params.length}`, R.tensor(shape));
    params.push(w);
    return w;
  };
  bb.function("main", undefined, () => {
    const conv = (v: GraphExpr, ci: number, co: number, k: number, stride: number): GraphVar => {
      const p = (k - 1) / 2;
      const y = bb.emit(
        R.nn.conv2d(v, weight(co, ci, k, k), { strides: [stride, stride], padding: [p, p, p, p] }),
      );
      return bb.emit(R.add(y, weight(co, 1, 1)));
    };
    const block = (v: GraphVar, ci: number, co: number, stride: number): GraphVar => {
      const a = bb.emit(R.nn.relu(conv(v, ci, co, 3, stride)));
      const b = conv(a, co, co, 3, 1);
      const way = stride === 1 && ci === co ? v : conv(v, ci, co, 1, stride);
      return bb.emit(R.nn.relu(bb.emit(R.add(b, way))));
    };
    const result = bb.dataflow(() => {
      let v = bb.emit(R.nn.relu(conv(x, 3, 64, 7, 2)));
      v = bb.emit(R.nn.maxPool2d(v, { poolSize: [3, 3], strides: [2, 2], padding: [1, 1, 1, 1] }));
      let channels = 64;
      for (const [i, co] of [64, 128, 256, 512].entries()) {
        v = block(v, channels, co, i === 0 ? 1 : 2);
        v = block(v, co, co, 1);
        channels = co;
      }
      const pooled = bb.emit(R.mean(v, { axis: [2, 3] }));
      const out = bb.emit(R.matmul(pooled, weight(512, 1000)));
      return bb.emitOutput(R.add(out, weight(1000)));
    });
    bb.emitFuncOutput(result, params);
  });
  return bb.get();
}
