/** Checks for exercises on whole networks: te functions, and modules with graph-level functions. */
import {
  assertAllclose,
  BlockBuilder,
  build,
  type CnnWeights,
  type IRModule,
  ir,
  R,
  Tensor,
  te,
  visitExpr,
} from "tilewright";
import { checkFunction, type FunctionExercise, type Verdict, verdict } from "./exercises.ts";

/** A function of te tensors. */
type TeFunction = (...inputs: never[]) => te.Tensor;

/** How values of a graph-level function are made, by the words the chapters use. */
const CALLS = { callTir: "R.callTir", callPacked: "R.callPacked", opCall: "operators (R.…)" } as const;
type CallKind = keyof typeof CALLS;

export interface NetworkExercise {
  readonly name: string;
  /** The input of `main`, and what it must give. */
  readonly input: Tensor;
  readonly expected: Tensor;
  /** What must be in `main`, and what must not. */
  readonly uses: readonly CallKind[];
  readonly avoids?: readonly CallKind[];
  readonly hints: readonly string[];
}

/** Makes a tensor program of a te function, for inputs of the exercise's shapes, and checks it. */
export async function checkTe(exercise: FunctionExercise, fn: TeFunction | undefined): Promise<Verdict> {
  if (!fn)
    return verdict(exercise, false, "Nothing to check yet: the exercise's variable holds no function.");
  try {
    const inputs = exercise.tensors.slice(0, -1).map((t, n) => te.placeholder(t.shape, `X${n}`, t.dtype));
    const result: unknown = fn(...(inputs as never[]));
    if (!(result instanceof te.Tensor)) {
      return verdict(exercise, false, "The function gives no tensor: return what te.compute gives.");
    }
    const wanted = exercise.tensors[inputs.length].shape.join(", ");
    const shape = result.shape.map((s) => ir.constInt(s) ?? "?").join(", ");
    if (shape !== wanted)
      return verdict(exercise, false, `The result is [${shape}], it should be [${wanted}].`);
    return await checkFunction(exercise, te.createPrimFunc([...inputs, result]));
  } catch (e) {
    return verdict(exercise, false, (e as Error).message);
  }
}

/** Builds a module, runs its `main` on the input, and compares at a relative tolerance of 1e-4. */
export async function checkNetwork(
  exercise: NetworkExercise,
  attempt: IRModule | undefined,
): Promise<Verdict> {
  if (!attempt)
    return verdict(exercise, false, "Nothing to check yet: the exercise's variable holds no module.");
  const refused = formOf(exercise, attempt);
  if (refused) return verdict(exercise, false, refused);
  try {
    const lib = await build(attempt);
    const got: unknown = await lib.main(exercise.input);
    if (!(got instanceof Tensor)) return verdict(exercise, false, "main should give one tensor.");
    assertAllclose(got, exercise.expected, { rtol: 1e-4, atol: 1e-6 });
    return verdict(exercise, true, "It gives what the plain code gives.");
  } catch (e) {
    return verdict(exercise, false, (e as Error).message);
  }
}

/** What is wrong with the form of the module, if anything. */
function formOf({ uses, avoids = [] }: NetworkExercise, mod: IRModule): string | undefined {
  const main = ir.graphFuncs(mod).main;
  if (!main) return "The module has no graph-level function main.";
  if (main.params.length !== 1) {
    return `main has ${main.params.length} parameters. The image is the only one: weights are constants, R.const(w0).`;
  }
  const found = new Set<CallKind>();
  const count = (kind: CallKind) => (_: unknown, next: () => void) => {
    found.add(kind);
    next();
  };
  visitExpr(main, {
    callTir: count("callTir"),
    callPacked: count("callPacked"),
    opCall: count("opCall"),
  });
  const missing = uses.find((kind) => !found.has(kind));
  if (missing) return `main uses no ${CALLS[missing]} yet, which is what this exercise is about.`;
  const unwanted = avoids.find((kind) => found.has(kind));
  if (unwanted) return `main uses ${CALLS[unwanted]}; this exercise is to do without.`;
  return undefined;
}

/** The assignment's network from operators, for the parts that do not ask for one. */
export function givenNetwork({ w0, b0, w1, b1, w2, b2 }: CnnWeights): IRModule {
  const bb = new BlockBuilder();
  const x = R.var("x", R.tensor([4, 1, 28, 28]));
  const linear = (v: ir.GraphExpr, w: Tensor, b: Tensor) =>
    R.add(R.matmul(v, R.permuteDims(R.const(w))), R.const(b));
  bb.function("main", [x], () => {
    const out = bb.dataflow(() => {
      const bias = R.reshape(R.const(b0), R.shape([1, 32, 1, 1]));
      const c = R.nn.relu(R.add(R.nn.conv2d(x, R.const(w0)), bias));
      const p = bb.emit(R.nn.maxPool2d(c, { poolSize: [2, 2], strides: [2, 2] }));
      const h = bb.emit(R.nn.relu(linear(R.reshape(p, R.shape([4, 5408])), w1, b1)));
      return bb.emitOutput(R.nn.softmax(linear(h, w2, b2)));
    });
    bb.emitFuncOutput(out);
  });
  return bb.get();
}
