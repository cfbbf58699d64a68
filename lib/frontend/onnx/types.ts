/** A model file as plain data of our own; what the messages of ONNX's protobuf definition mean, checked. */
import type { DType, NDArray } from "../../ir/index.ts";

/** A tensor whose elements have a type that is not supported; `dtype` is ONNX's name for it. */
export interface ForeignTensor {
  readonly kind: "foreignTensor";
  readonly dtype: string;
  readonly shape: readonly number[];
}
export type OnnxTensor = NDArray | ForeignTensor;

export type OnnxAttr =
  /** i64 values beyond 2^53 are rounded: they only stand for "to the end". */
  | { readonly kind: "int"; readonly value: number }
  | { readonly kind: "float"; readonly value: number }
  | { readonly kind: "string"; readonly value: string }
  | { readonly kind: "tensor"; readonly value: OnnxTensor }
  | { readonly kind: "graph"; readonly value: OnnxGraph }
  | { readonly kind: "ints"; readonly value: readonly number[] }
  | { readonly kind: "floats"; readonly value: readonly number[] }
  | { readonly kind: "strings"; readonly value: readonly string[] }
  | { readonly kind: "type"; readonly value: OnnxType }
  /** Inside a function body: the attribute of that name of the call. */
  | { readonly kind: "ref"; readonly value: string }
  /** A kind that is not supported (sparse tensors, lists of graphs, …). */
  | { readonly kind: "other"; readonly value: string };

export type OnnxType =
  | {
      readonly kind: "tensor";
      /** Absent when the elements' type is not supported; `dtypeName` is ONNX's name for it. */
      readonly dtype?: DType;
      readonly dtypeName: string;
      /** A number, the name of a symbolic size, or undefined where nothing is known; absent: the rank is unknown. */
      readonly dims?: readonly (number | string | undefined)[];
    }
  | { readonly kind: "sequence"; readonly elem: OnnxType }
  | { readonly kind: "optional"; readonly elem: OnnxType }
  | { readonly kind: "other"; readonly name: string };

export interface ValueInfo {
  readonly name: string;
  readonly type: OnnxType;
}

export interface OnnxNode {
  /** Its place in the file's list of nodes. */
  readonly index: number;
  readonly name: string;
  readonly opType: string;
  /** Empty for the standard's own operators. */
  readonly domain: string;
  /** Names of values; empty for an optional one that is not given. */
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly attrs: ReadonlyMap<string, OnnxAttr>;
}

export interface OnnxGraph {
  readonly name: string;
  /** In an order in which every value is made before it is used. */
  readonly nodes: readonly OnnxNode[];
  readonly initializers: ReadonlyMap<string, OnnxTensor>;
  readonly inputs: readonly ValueInfo[];
  readonly outputs: readonly ValueInfo[];
}

/** A function of the model: an operator defined by a graph. */
export interface OnnxFunction {
  readonly name: string;
  readonly domain: string;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  /** Attributes that calls need not give. */
  readonly defaults: ReadonlyMap<string, OnnxAttr>;
  readonly nodes: readonly OnnxNode[];
  readonly opsets: ReadonlyMap<string, number>;
}

export interface OnnxFile {
  readonly irVersion: number;
  readonly producer: string;
  /** Version of the operator set by domain; "" is the standard's own. */
  readonly opsets: ReadonlyMap<string, number>;
  readonly graph: OnnxGraph;
  /** By `domain:name`. */
  readonly functions: ReadonlyMap<string, OnnxFunction>;
}

/** The bytes of a file beside the model. Throws when there is none. */
export type ExternalData = (location: string) => Uint8Array;

export const isForeign = (t: OnnxTensor): t is ForeignTensor => t.kind === "foreignTensor";
