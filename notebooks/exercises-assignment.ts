/** The exercises of the assignment: what is compared, and the hints. */
import type { FunctionExercise, TargetExercise } from "./exercises.ts";
import type { NetworkExercise } from "./exercises-network.ts";

/** The convolution with its bias, four images of one channel. */
export const conv2d: FunctionExercise = {
  name: "conv2d",
  tensors: [{ shape: [4, 1, 28, 28] }, { shape: [32, 1, 3, 3] }, { shape: [32] }, { shape: [4, 32, 26, 26] }],
  reference: (x, w, b, out) => {
    for (let n = 0; n < 4; n++)
      for (let co = 0; co < 32; co++)
        for (let h = 0; h < 26; h++)
          for (let v = 0; v < 26; v++) {
            let sum = b.at(co) as number;
            for (let r = 0; r < 3; r++)
              for (let s = 0; s < 3; s++)
                sum += (x.at(n, 0, h + r, v + s) as number) * (w.at(co, 0, r, s) as number);
            out.set(sum, n, co, h, v);
          }
  },
  hints: [
    'Three reduction axes: te.reduceAxis(1, "ci"), te.reduceAxis(3, "r") and te.reduceAxis(3, "s"). te.sum takes them all: te.sum(…, [ci, r, s]).',
    "Indices are expressions: x.at(n, ci, te.add(h, r), te.add(v, s)).",
    "The second stage reads the first: te.compute([4, 32, 26, 26], (n, co, h, v) => te.add(conv.at(n, co, h, v), b.at(co))).",
  ],
};

export const maxPool: FunctionExercise = {
  name: "maxPool",
  tensors: [{ shape: [4, 32, 26, 26] }, { shape: [4, 32, 13, 13] }],
  reference: (x, out) => {
    for (let n = 0; n < 4; n++)
      for (let c = 0; c < 32; c++)
        for (let h = 0; h < 13; h++)
          for (let v = 0; v < 13; v++) {
            const at = (r: number, s: number) => x.at(n, c, 2 * h + r, 2 * v + s) as number;
            out.set(Math.max(at(0, 0), at(0, 1), at(1, 0), at(1, 1)), n, c, h, v);
          }
  },
  hints: [
    "It is a reduction like a sum, by te.max(value, [r, s]), over two axes of extent 2.",
    "The index of a row is te.add(te.mul(h, 2), r).",
  ],
};

/** What is left open of an exercise on the network: its input, and what it must give. */
type Network = Omit<NetworkExercise, "input" | "expected">;

export const fromTe: Network = {
  name: "network from te functions",
  uses: ["callTir"],
  avoids: ["opCall", "callPacked"],
  hints: [
    "Start from the worked example: only the parameter, and the list of emitTe calls, are longer.",
    "In order: conv2d, relu, maxPool, flatten, linear (w1, b1), relu, linear (w2, b2), softmax. Each takes the variable that the one before gave.",
    'The first is bb.emitTe(conv2d, [x, R.const(w0), R.const(b0)]), with const x = R.var("x", R.tensor([4, 1, 28, 28])).',
  ],
};

export const fromOperators: Network = {
  name: "network from operators",
  uses: ["opCall"],
  avoids: ["callTir", "callPacked"],
  hints: [
    "The convolution with its bias: R.add(R.nn.conv2d(x, R.const(w0)), R.reshape(R.const(b0), R.shape([1, 32, 1, 1]))).",
    "A linear layer: R.add(R.matmul(f, R.permuteDims(R.const(w1))), R.const(b1)).",
  ],
};

export const withLibrary: Network = {
  name: "network with a library's convolution",
  uses: ["callPacked"],
  hints: [
    "Only the line with the convolution changes.",
    'bb.emit(R.callPacked("env.conv2d", [x, R.const(w0), R.const(b0)], R.tensor([4, 32, 26, 26])))',
  ],
};

export const schedule: Omit<TargetExercise, "target"> = {
  name: "schedule the convolution",
  hints: [
    'First sch.computeInline(sch.getBlock("add")). Then take the loops of block conv2d: n, co, h, w, r, s.',
    "Split co by [null, 4], reorder to n, h, w, r, s, co_0, co_1, and fuse n, h, w. The fused loop is parallel, co_0 unrolled, co_1 vectorised.",
    "Move relu under the fused loop with reverseComputeAt. Its innermost loop, over the filters, is split by 4, too: one half unrolled, the other vectorised.",
    "Last: decomposeReduction(conv2d, r), where r is the loop over the filter's rows.",
  ],
};
