/**
 * What a converter of an ONNX operator is given: the node's inputs as values of the program, what is known of them, its
 * attributes, and the builder. A converter returns one value, or one for each output, not yet bound to variables.
 */
import type { BlockBuilder } from "../../graph/index.ts";
import {
  constInt,
  type DType,
  type Expr,
  type GraphExpr,
  type NDArray,
  numbersOf,
  type TensorType,
  typeText,
} from "../../ir/index.ts";
import { dtypeName, dtypeOf } from "./decode-tensor.ts";
import { elemExpr, type Literal } from "./literal.ts";
import { isForeign, type OnnxAttr, type OnnxNode } from "./types.ts";
import { dataIn, literalIn, type TensorValue, type Value, valueText } from "./value.ts";

/** Nothing for outputs that the converter leaves out (optional outputs that nobody reads). */
export type Converted = GraphExpr | readonly (GraphExpr | undefined)[];
export type Converter = (cx: NodeContext) => Converted;
/** Converters by operator; those outside the standard's own domain as `domain:Operator`. */
export type ConverterTable = Readonly<Record<string, Converter>>;

/** Thrown by `cx.refuse`; the importer adds the place. */
export class Refusal extends Error {
  override readonly name = "Refusal";
  readonly attribute?: string;
  constructor(reason: string, attribute?: string) {
    super(reason);
    if (attribute !== undefined) this.attribute = attribute;
  }
}

/** Thrown where the value of an input of the model is needed to import the node. */
export class ValueNeeded extends Error {
  override readonly name = "ValueNeeded";
  readonly inputs: readonly string[];
  constructor(inputs: readonly string[], what: string) {
    super(`${what} depends on the value of the input ${inputs.join(", ")}`);
    this.inputs = inputs;
  }
}

export class NodeContext {
  readonly node: OnnxNode;
  /** Version of the operator set of the node's domain. */
  readonly opset: number;
  readonly bb: BlockBuilder;
  readonly values: readonly (Value | undefined)[];
  readonly attr: NodeAttrs;

  constructor(
    node: OnnxNode,
    opset: number,
    bb: BlockBuilder,
    values: readonly (Value | undefined)[],
    attrs: ReadonlyMap<string, OnnxAttr>,
  ) {
    this.node = node;
    this.opset = opset;
    this.bb = bb;
    this.values = values;
    this.attr = new NodeAttrs(attrs);
  }

  /** The number of inputs, absent ones in the middle included. */
  get count(): number {
    return this.values.length;
  }

  /** The number of outputs the node lists. */
  get outputs(): number {
    return this.node.outputs.length;
  }

  /** Whether output `k` is named, so that somebody may read it. */
  wants(k: number): boolean {
    return (this.node.outputs[k] ?? "") !== "";
  }

  /** Whether input `i` is given. */
  has(i: number): boolean {
    return this.values[i] !== undefined;
  }

  /** Input `i` as a value of the program: a variable or a constant. */
  input(i: number): GraphExpr {
    return this.tensor(i).leaf();
  }

  /** All inputs as values of the program, for operators with any number of them. */
  inputs(): GraphExpr[] {
    return this.values.map((_, i) => this.input(i));
  }

  type(i: number): TensorType {
    return this.tensor(i).type;
  }
  dtype(i: number): DType {
    return this.type(i).dtype;
  }
  shape(i: number): readonly Expr[] {
    return this.type(i).shape;
  }
  rank(i: number): number {
    return this.shape(i).length;
  }

  /** The data of input `i` where it is known at import; undefined where it is not, or the input is not given. */
  known(i: number): NDArray | undefined {
    return this.has(i) ? dataIn(this.tensor(i)) : undefined;
  }

  /** The data of input `i`. Where it is not known, the import is refused, or asks for an input's value. */
  need(i: number): NDArray {
    return this.known(i) ?? this.unknown(i);
  }

  /** The elements of input `i` as numbers (i64 as doubles); they must be known, as for `need`. */
  ints(i: number): number[] {
    return numbersOf(this.need(i));
  }

  /** The one element of input `i` as a number; it must be known, as for `need`. */
  scalar(i: number): number {
    const all = this.ints(i);
    return all.length === 1 ? all[0] : this.refuse(`input ${i} has ${all.length} elements, not one`);
  }

  /** The elements of input `i` where they are known: numbers, or symbolic sizes. */
  literal(i: number): Literal | undefined {
    return this.has(i) ? literalIn(this.tensor(i)) : undefined;
  }

  /**
   * The elements of an integer input of rank 0 or 1 as sizes, which may be symbolic. Where they are computed from data,
   * they become new symbolic sizes (`tensorToShape`); those of an input of the model are asked for.
   */
  sizes(i: number): Expr[] {
    const v = this.tensor(i);
    const known = literalIn(v);
    if (known) return known.elems.map(elemExpr);
    if (v.needs) return this.unknown(i);
    const { dtype, shape } = v.type;
    const n = shape.length === 0 ? 1 : constInt(shape[0]);
    if (shape.length > 1 || n === undefined || (dtype !== "i64" && dtype !== "i32")) {
      return this.refuse(`input ${i} is ${typeText(v.type)}: sizes are needed, so many that can be counted`);
    }
    const stem = (this.node.outputs[0] || this.node.opType).replace(/[^\p{ID_Continue}]/gu, "_");
    return this.bb.tensorToShape(
      v.leaf(),
      Array.from({ length: n }, (_, k) => `${stem}_s${k}`),
    );
  }

  /** Whether `sizes(i)` gives sizes that are only known when the program runs: they may be negative. */
  computed(i: number): boolean {
    return this.has(i) && literalIn(this.tensor(i)) === undefined;
  }

  /** Binds a value to a variable, for use as an argument more than once. */
  emit(value: GraphExpr): GraphExpr {
    return this.bb.emit(value);
  }

  /** The node cannot be imported: why, in words that follow its name. */
  refuse(reason: string, attribute?: string): never {
    throw new Refusal(reason, attribute);
  }

  tensor(i: number): TensorValue {
    const v = this.values[i];
    if (!v) return this.refuse(`input ${i} is missing`);
    return v.kind === "tensor" ? v : this.refuse(`input ${i} is ${valueText(v)}, not a tensor`);
  }

  private unknown(i: number): never {
    const v = this.tensor(i);
    if (v.needs) throw new ValueNeeded([...v.needs], `input ${i} of ${this.node.opType}`);
    return this.refuse(`the value of input ${i} must be known when the model is imported; it is computed`);
  }
}

type ValueOf<K extends OnnxAttr["kind"]> = Extract<OnnxAttr, { kind: K }>["value"];

/** The attributes of a node. A default makes an attribute optional; without one it must be there. */
export class NodeAttrs {
  readonly all: ReadonlyMap<string, OnnxAttr>;

  constructor(all: ReadonlyMap<string, OnnxAttr>) {
    this.all = all;
  }

  has(name: string): boolean {
    return this.all.has(name);
  }

  int(name: string, otherwise?: number): number {
    return this.get("int", name, otherwise);
  }
  /** 0 is false, everything else true. */
  flag(name: string, otherwise = false): boolean {
    return this.get("int", name, otherwise ? 1 : 0) !== 0;
  }
  float(name: string, otherwise?: number): number {
    const a = this.all.get(name);
    return a?.kind === "int" ? a.value : this.get("float", name, otherwise);
  }
  string(name: string, otherwise?: string): string {
    return this.get("string", name, otherwise);
  }
  /** An element type of ONNX's numbering, such as Cast's `to`. */
  dtype(name: string, otherwise?: DType): DType {
    if (otherwise !== undefined && !this.all.has(name)) return otherwise;
    const code = this.get("int", name);
    const dtype = dtypeOf(code);
    if (!dtype) throw new Refusal(`elements of type ${dtypeName(code)} are not supported`, name);
    return dtype;
  }
  ints(name: string, otherwise?: readonly number[]): readonly number[] {
    return this.get("ints", name, otherwise);
  }
  floats(name: string, otherwise?: readonly number[]): readonly number[] {
    return this.get("floats", name, otherwise);
  }
  strings(name: string, otherwise?: readonly string[]): readonly string[] {
    return this.get("strings", name, otherwise);
  }
  tensor(name: string, otherwise?: NDArray): NDArray {
    const t = this.get("tensor", name, otherwise);
    if (isForeign(t)) throw new Refusal(`elements of type ${t.dtype} are not supported`, name);
    return t;
  }

  get<K extends OnnxAttr["kind"]>(kind: K, name: string, otherwise?: ValueOf<K>): ValueOf<K> {
    const a = this.all.get(name);
    if (!a) {
      if (otherwise !== undefined) return otherwise;
      throw new Refusal("it must be given", name);
    }
    if (a.kind === kind) return a.value as ValueOf<K>;
    // An empty list says nothing of what it is a list of.
    if (Array.isArray(a.value) && a.value.length === 0) return [] as unknown as ValueOf<K>;
    throw new Refusal(
      `it is of kind ${a.kind}${a.kind === "other" ? ` (${a.value})` : ""}, not ${kind}`,
      name,
    );
  }
}
