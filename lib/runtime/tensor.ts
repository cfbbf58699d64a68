/** Tensors: arrays in the memory of the CPU device. */
import type { BufferArg } from "../codegen/index.ts";
import {
  BYTES,
  type DType,
  isDType,
  isFloat,
  roundF16,
  type Scalar,
  sizeOf,
  type TypedArray,
} from "../ir/index.ts";
import {
  checkShape,
  dtypeOfArray,
  dtypeOfValue,
  encode,
  flatten,
  type Nested,
  nest,
  onlyZeroOrOne,
  readElement,
  writeElement,
} from "./elements.ts";
import { cpuMemory, type DeviceMemory } from "./memory.ts";
import { Random } from "./random.ts";

/**
 * A piece of device memory, alive as long as one of its owners: the tensors that view it, and the arrays that their `data`
 * gave, so that whoever holds such an array alone still reads its elements.
 */
interface Allocation {
  readonly memory: DeviceMemory;
  readonly address: number;
  owners: number;
}

function release(a: Allocation): void {
  if (--a.owners === 0) a.memory.free(a.address);
}

/** Frees the memory of tensors that were dropped without `dispose()`, whenever the garbage collector finds them. */
const forgotten = new FinalizationRegistry<Allocation>(release);

function own(owner: object, a: Allocation): void {
  a.owners++;
  forgotten.register(owner, a, owner);
}

function disown(owner: object, a: Allocation): void {
  forgotten.unregister(owner);
  release(a);
}

export interface RandomOptions {
  /** The same seed gives the same tensor. Default 0. */
  readonly seed?: number;
  readonly dtype?: DType;
  /** Uniform in [min, max): [0, 1) for floats, [0, 10) for integers unless given. */
  readonly min?: number;
  readonly max?: number;
  /** Normal instead of uniform. */
  readonly normal?: boolean | { readonly mean?: number; readonly std?: number };
}

/** A dense row-major array of one dtype. lib/show adds its display by declaration merging. */
export class Tensor implements BufferArg {
  readonly dtype: DType;
  readonly shape: readonly number[];
  /** Number of elements. */
  readonly size: number;
  #allocation: Allocation | undefined;
  readonly #address: number;
  /** Made when the elements are first asked for: many tensors only pass from one program to the next. */
  #view: TypedArray | undefined;
  /** Those of before the memory grew. */
  #older: TypedArray[] | undefined;

  /** Use `Tensor.from`, `zeros`, `full`, `arange`, `random` or `empty`. */
  private constructor(dtype: DType, shape: readonly number[], allocation: Allocation, address: number) {
    this.dtype = dtype;
    this.shape = Object.freeze([...shape]);
    this.size = sizeOf(shape);
    this.#allocation = allocation;
    this.#address = address;
    own(this, allocation);
  }

  /** A tensor whose elements are whatever the memory held before: for outputs that are written whole. */
  static empty(shape: readonly number[], dtype: DType = "f32"): Tensor {
    if (!isDType(dtype)) throw new TypeError(`unknown dtype ${JSON.stringify(dtype)}`);
    const size = checkShape(shape);
    const memory = cpuMemory();
    const address = memory.alloc(size * BYTES[dtype]);
    return new Tensor(dtype, shape, { memory, address, owners: 0 }, address);
  }

  /**
   * A tensor over memory that is allocated already. `owned`: it goes back when the tensor is disposed; otherwise it
   * stays whose it is, and the tensor is a view that must not outlive it.
   */
  static over(
    memory: DeviceMemory,
    address: number,
    shape: readonly number[],
    dtype: DType,
    owned: boolean,
  ): Tensor {
    // One owner more than there are tensors: nobody gives the memory back through a view.
    return new Tensor(dtype, shape, { memory, address, owners: owned ? 0 : 1 }, address);
  }

  /**
   * A copy of nested arrays, a number, or a typed array (then with `shape`, otherwise it has one dimension).
   * Without a dtype: that of the typed array; f32 for numbers, bool for booleans, i64 for bigints.
   * A Uint16Array with dtype "f16" holds the bits of the halves.
   */
  static from(data: Nested | ArrayBufferView, shape?: readonly number[], dtype?: DType): Tensor {
    if (ArrayBuffer.isView(data)) return fromTyped(data, shape, dtype);
    const nested = flatten(data);
    const type = dtype ?? dtypeOfValue(nested.flat[0]);
    const t = Tensor.empty(resolveShape(nested.flat.length, shape ?? nested.shape), type);
    return t.#fill((i) => nested.flat[i]);
  }

  static zeros(shape: readonly number[], dtype: DType = "f32"): Tensor {
    return Tensor.full(shape, 0, dtype);
  }

  static full(shape: readonly number[], value: Scalar | boolean, dtype: DType = "f32"): Tensor {
    const x = encode(value, dtype);
    const t = Tensor.empty(shape, dtype);
    t.data.fill(x as never);
    return t;
  }

  /** `arange(n)` is 0 … n-1; `arange(start, stop, step)` stops before `stop`. i32 unless said otherwise. */
  static arange(start: number, stop?: number, step = 1, dtype: DType = "i32"): Tensor {
    const [from, to] = stop === undefined ? [0, start] : [start, stop];
    if (step === 0 || !Number.isFinite(step)) throw new RangeError(`arange: step ${step}`);
    const t = Tensor.empty([Math.max(0, Math.ceil((to - from) / step))], dtype);
    return t.#fill((i) => from + i * step);
  }

  /** Reproducible random elements. Integers are drawn from [min, max) too. */
  static random(shape: readonly number[], options: RandomOptions = {}): Tensor {
    const { seed = 0, dtype = "f32", normal } = options;
    const random = new Random(seed);
    const float = isFloat(dtype);
    const { min = 0, max = min + (float ? 1 : dtype === "bool" ? 2 : 10) } = options;
    if (!(max > min)) throw new RangeError(`random: max (${max}) must be above min (${min})`);
    const t = Tensor.empty(shape, dtype);
    if (normal) {
      if (!float) throw new TypeError(`random: normal ${dtype} elements do not exist`);
      const { mean = 0, std = 1 } = normal === true ? {} : normal;
      return t.#fill(() => mean + std * random.normal());
    }
    if (!float) return t.#fill(() => min + random.below(max - min));
    const round = dtype === "f32" ? Math.fround : dtype === "f16" ? roundF16 : (x: number) => x;
    return t.#fill(() => {
      // Rounding to the dtype may reach the excluded end; then draw again. (A range between two neighbours of the
      // dtype has nothing better to offer after some tries.)
      let x = max;
      for (let tries = 0; tries < 64 && x >= max; tries++) x = round(min + random.uniform() * (max - min));
      return x;
    });
  }

  /** The elements, row-major (f16 as bits, bool as 0 and 1). Take it anew rather than keep it: memory may grow. */
  get data(): TypedArray {
    const a = this.#alive("its data");
    if (!this.#view || a.memory.isStale(this.#view)) this.#view = this.#makeView(a);
    return this.#view;
  }

  /** Byte address in the device's memory. */
  get address(): number {
    this.#alive("its address");
    return this.#address;
  }

  get disposed(): boolean {
    return this.#allocation === undefined;
  }

  /** The element at these indices, as a number (bigint for i64). Negative indices count from the end. */
  at(...indices: number[]): Scalar {
    return readElement(this.data, this.dtype, this.#offset(indices));
  }

  /** Writes one element. Throws for what the dtype cannot hold. */
  set(value: Scalar | boolean, ...indices: number[]): void {
    writeElement(this.data, this.dtype, this.#offset(indices), value);
  }

  /** The only element of a tensor that has one. */
  item(): Scalar {
    if (this.size !== 1) throw new RangeError(`item() of ${this}: it has ${this.size} elements`);
    return readElement(this.data, this.dtype, 0);
  }

  /** Nested arrays of the elements (0 and 1 for bool). */
  toArray(): Nested {
    const data = this.data;
    return nest(this.shape, (i) => readElement(data, this.dtype, i));
  }

  /** The elements in row-major order. */
  *[Symbol.iterator](): Generator<Scalar> {
    for (let i = 0; i < this.size; i++) yield readElement(this.data, this.dtype, i);
  }

  /** The same memory under another shape; one size may be -1 and follows from the rest. */
  reshape(shape: readonly number[]): Tensor {
    const a = this.#alive("reshape");
    return new Tensor(this.dtype, resolveShape(this.size, shape, this), a, this.#address);
  }

  /** The same memory, rows `start` up to but not including `end` of the first dimension. */
  slice(start: number, end: number = this.shape[0]): Tensor {
    const a = this.#alive("slice");
    const [rows, ...rest] = this.shape;
    const legal = Number.isInteger(start) && Number.isInteger(end) && start >= 0 && start <= end;
    if (rows === undefined || !legal || end > rows)
      throw new RangeError(`slice(${start}, ${end}) of ${this}`);
    const rowBytes = sizeOf(rest) * BYTES[this.dtype];
    return new Tensor(this.dtype, [end - start, ...rest], a, this.#address + start * rowBytes);
  }

  /** A copy in memory of its own. */
  clone(): Tensor {
    this.#alive("clone");
    const t = Tensor.empty(this.shape, this.dtype);
    t.data.set(this.data as never); // taken after the allocation, which may have made memory grow
    return t;
  }

  /** A new tensor of `f` of each element; of the same dtype unless another is given. */
  map(f: (x: Scalar, i: number) => Scalar | boolean, dtype: DType = this.dtype): Tensor {
    this.#alive("map");
    const t = Tensor.empty(this.shape, dtype);
    // `data` is asked for each element: `f` may make tensors, and memory grow.
    return t.#fill((i) => f(readElement(this.data, this.dtype, i), i));
  }

  /** Gives the memory back; views made by `reshape` and `slice` keep it alive until they are disposed too. */
  dispose(): void {
    const a = this.#allocation;
    if (!a) return;
    this.#allocation = undefined;
    disown(this, a);
    if (this.#view) disown(this.#view, a);
    for (const view of this.#older ?? []) disown(view, a);
    this.#view = undefined;
    this.#older = undefined;
  }

  [Symbol.dispose](): void {
    this.dispose();
  }

  /** `Tensor f32[2, 3]`. */
  toString(): string {
    return `Tensor ${this.dtype}[${this.shape.join(", ")}]${this.disposed ? " (disposed)" : ""}`;
  }

  #makeView(a: Allocation): TypedArray {
    if (this.#view) {
      this.#older ??= [];
      this.#older.push(this.#view);
    }
    const view = a.memory.view(this.dtype, this.#address, this.size);
    own(view, a);
    return view;
  }

  #alive(what: string): Allocation {
    if (!this.#allocation) throw new Error(`${what}: ${this} was disposed and may not be used any more`);
    return this.#allocation;
  }

  #offset(indices: readonly number[]): number {
    const { shape } = this;
    if (indices.length !== shape.length) {
      throw new RangeError(`${this} has ${shape.length} dimension(s), got ${indices.length} index(es)`);
    }
    let at = 0;
    for (let d = 0; d < shape.length; d++) {
      const i = indices[d] < 0 ? indices[d] + shape[d] : indices[d];
      if (!Number.isInteger(i) || i < 0 || i >= shape[d]) {
        throw new RangeError(`[${indices.join(", ")}] is outside of ${this}`);
      }
      at = at * shape[d] + i;
    }
    return at;
  }

  /** Writes all elements; when one does not fit, the memory is given back and the error says which. */
  #fill(value: (i: number) => Scalar | boolean): this {
    const { dtype } = this;
    let i = 0;
    try {
      for (; i < this.size; i++) {
        const x = value(i);
        writeElement(this.data, dtype, i, x);
      }
      return this;
    } catch (e) {
      this.dispose();
      if (e instanceof Error) e.message += ` (element ${i})`;
      throw e;
    }
  }
}

function fromTyped(data: ArrayBufferView, shape: readonly number[] | undefined, dtype?: DType): Tensor {
  const natural = data instanceof Uint16Array && dtype === "f16" ? "f16" : dtypeOfArray(data);
  const type = dtype ?? natural;
  if (type === undefined || data instanceof DataView) {
    throw new TypeError(`Tensor.from: name the dtype for a ${data.constructor.name}`);
  }
  const elements = data as TypedArray;
  const t = Tensor.empty(resolveShape(elements.length, shape ?? [elements.length]), type);
  if (natural === type || (type === "bool" && data instanceof Uint8Array && onlyZeroOrOne(data))) {
    cpuMemory().write(type, t.address, elements);
    return t;
  }
  const { data: to } = t;
  for (let i = 0; i < elements.length; i++) writeElement(to, type, i, elements[i]);
  return t;
}

/** The shape for `size` elements, a -1 filled in. Throws when they do not fit. */
function resolveShape(size: number, shape: readonly number[], of?: Tensor): readonly number[] {
  const open = shape.indexOf(-1);
  const rest = shape.reduce((n, s, d) => (d === open ? n : n * s), 1);
  const full = open < 0 ? shape : shape.map((s, d) => (d === open ? size / rest : s));
  if (full.some((s) => !Number.isSafeInteger(s) || s < 0) || sizeOf(full) !== size) {
    throw new RangeError(`${of ?? "data"} with ${size} element(s) cannot have shape [${shape.join(", ")}]`);
  }
  return full;
}
