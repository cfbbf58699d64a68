/**
 * Tensor intrinsics: a description (what a block has to compute) and an implementation (what takes its place), both
 * tensor programs over the same buffers. The registry is one for the realm, as traces name intrinsics.
 */
import { type Block, bufferParams, constInt, type PrimFunc, type Stmt } from "../ir/index.ts";

export interface Intrin {
  readonly name: string;
  readonly description: PrimFunc;
  readonly implementation: PrimFunc;
}

const registry = new Map<string, Intrin>();

/**
 * Tensor intrinsics by name. `register(name, description, implementation)` takes two programs of the same buffers. In
 * the description stand the loops and the block to be replaced; the implementation may do the same work in any way. Its
 * parameters may have strides that are names (they stand for the strides of the buffer it is used on) and an
 * `offsetFactor` (the tile has to start at a multiple of it).
 */
export const TensorIntrin = {
  register(
    name: string,
    description: PrimFunc,
    implementation: PrimFunc,
    options: { override?: boolean } = {},
  ): void {
    if (registry.has(name) && !options.override) {
      throw new Error(`there is an intrinsic "${name}" already; { override: true } replaces it`);
    }
    check(name, description, implementation);
    registry.set(name, { name, description, implementation });
  },

  /** The intrinsic of that name; undefined when there is none. */
  get: (name: string): Intrin | undefined => registry.get(name),

  /** Names of all intrinsics. */
  names: (): string[] => [...registry.keys()],
} as const;

function check(name: string, a: PrimFunc, b: PrimFunc): void {
  const [xs, ys] = [bufferParams(a), bufferParams(b)];
  if (xs.length !== a.params.length || ys.length !== b.params.length) {
    throw new TypeError(`intrinsic "${name}": parameters are buffers`);
  }
  if (xs.length !== ys.length) {
    throw new TypeError(
      `intrinsic "${name}": the description has ${xs.length} buffer(s), the implementation ${ys.length}`,
    );
  }
  xs.forEach((x, i) => {
    const y = ys[i];
    const sizes = (z: typeof x): string => z.shape.map((s) => constInt(s) ?? "?").join(", ");
    if (x.shape.some((s) => constInt(s) === undefined)) {
      throw new TypeError(`intrinsic "${name}": the shape of ${x.name} is not constant`);
    }
    if (x.dtype !== y.dtype || x.scope !== y.scope || sizes(x) !== sizes(y)) {
      throw new TypeError(
        `intrinsic "${name}": buffer ${i} is ${x.dtype}[${sizes(x)}] ${x.scope} in the description, ${y.dtype}[${sizes(y)}] ${y.scope} in the implementation`,
      );
    }
  });
}

/** What a program of an intrinsic consists of: its root block, or the one block without axes that fills it. */
export function insideOf(root: Block): Block {
  const only: Stmt = root.body;
  const wraps = only.kind === "block" && only.axes.length === 0 && !only.predicate && !only.init;
  return wraps ? { ...only, allocs: [...root.allocs, ...only.allocs] } : root;
}
