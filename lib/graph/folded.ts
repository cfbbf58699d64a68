/**
 * Constants made of constants, remembered: a model is compiled anew for each set of sizes, and what its weights become on
 * the way (transposed, laid out in panels) is mostly the same each time. The same object comes out again, so programs share it
 * in memory, as long as anybody holds it.
 */
import { type NDArray, ndarray, structuralHash } from "../ir/index.ts";
import { type Evaluation, evaluate } from "./evaluate.ts";

/** How a constant came about: from which one, through which programs. The steps between need not be kept. */
interface Origin {
  readonly root: NDArray;
  readonly path: string;
}

const origins = new WeakMap<NDArray, Origin>();
const known = new WeakMap<NDArray, Map<string, readonly WeakRef<NDArray>[]>>();

/** Smaller constants are not worth the bookkeeping. */
const SMALL_BYTES = 4096;

/** As `evaluate`, but a program on one large constant is run once. */
export function evaluateOnce(e: Evaluation): readonly NDArray[] | undefined {
  const [input] = e.inputs;
  if (e.inputs.length !== 1 || input.bytes.byteLength < SMALL_BYTES) return evaluate(e);
  const types = e.outputs.map(
    (t) => `${t.dtype}[${t.shape.map((s) => (s.kind === "const" ? s.value : "?"))}]`,
  );
  return once(input, `${structuralHash(e.func)}(${e.scalars})${types}`, () => evaluate(e));
}

/** The same elements in another shape. Throws when their number differs. */
export function viewOnce(x: NDArray, shape: readonly number[]): NDArray {
  const make = () => [ndarray(x.dtype, shape, x.bytes)];
  return x.bytes.byteLength < SMALL_BYTES ? make()[0] : (once(x, `view[${shape}]`, make) as NDArray[])[0];
}

function once(
  input: NDArray,
  step: string,
  make: () => readonly NDArray[] | undefined,
): readonly NDArray[] | undefined {
  const { root, path } = origins.get(input) ?? { root: input, path: "" };
  const key = `${path}/${step}`;
  const all = known.get(root) ?? new Map<string, readonly WeakRef<NDArray>[]>();
  known.set(root, all);
  const before = all.get(key)?.map((ref) => ref.deref());
  if (before?.every((x) => x !== undefined)) return before;
  const made = make();
  if (!made) return undefined;
  all.set(
    key,
    made.map((x) => new WeakRef(x)),
  );
  for (const [i, x] of made.entries()) origins.set(x, { root, path: `${key}#${i}` });
  return made;
}
