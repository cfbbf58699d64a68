/** ONNX model files written by tests. */
import proto, { type onnx } from "onnx-proto";

/** TensorProto.DataType */
export const TYPE = { f32: 1, u8: 2, i8: 3, i32: 6, i64: 7, string: 8, bool: 9, f16: 10, f64: 11, u32: 12 };
export type TypeName = keyof typeof TYPE;

/** AttributeProto.AttributeType */
const KIND = { float: 1, int: 2, string: 3, tensor: 4, graph: 5, floats: 6, ints: 7, strings: 8 };

export type AttrValue =
  | number
  | string
  | readonly number[]
  | { readonly float: number }
  | { readonly ref: string }
  | { readonly tensor: onnx.ITensorProto }
  | { readonly graph: onnx.IGraphProto };

export interface NodeSpec {
  readonly op: string;
  readonly in?: readonly string[];
  readonly out?: readonly string[];
  readonly attrs?: Readonly<Record<string, AttrValue>>;
  readonly name?: string;
  readonly domain?: string;
}

/** Shapes: numbers, names of symbolic sizes, null where a size is not known. */
export type ValueSpec = readonly [TypeName, readonly (number | string | null)[]];

export interface GraphSpec {
  readonly inputs?: Readonly<Record<string, ValueSpec>>;
  readonly outputs: readonly string[];
  readonly nodes: readonly NodeSpec[];
  readonly weights?: Readonly<Record<string, onnx.ITensorProto>>;
}

export interface ModelSpec extends GraphSpec {
  readonly opset?: number;
  readonly functions?: readonly onnx.IFunctionProto[];
  readonly opsets?: Readonly<Record<string, number>>;
}

export const tensor = (
  dtype: TypeName,
  dims: readonly number[],
  values: readonly number[],
): onnx.ITensorProto => {
  const base = { dims: [...dims], dataType: TYPE[dtype] };
  if (dtype === "f32") return { ...base, floatData: [...values] };
  if (dtype === "i64") return { ...base, int64Data: [...values] };
  if (dtype === "f64") return { ...base, doubleData: [...values] };
  return { ...base, int32Data: [...values] };
};

export function node(n: NodeSpec): onnx.INodeProto {
  return {
    opType: n.op,
    input: [...(n.in ?? [])],
    output: [...(n.out ?? [])],
    ...(n.name ? { name: n.name } : {}),
    ...(n.domain ? { domain: n.domain } : {}),
    attribute: Object.entries(n.attrs ?? {}).map(([name, v]) => attribute(name, v)),
  };
}

function attribute(name: string, v: AttrValue): onnx.IAttributeProto {
  if (typeof v === "number") return { name, type: KIND.int, i: v };
  if (typeof v === "string") return { name, type: KIND.string, s: new TextEncoder().encode(v) };
  if ("float" in v) return { name, type: KIND.float, f: v.float };
  if ("ref" in v) return { name, type: KIND.int, refAttrName: v.ref };
  if ("tensor" in v) return { name, type: KIND.tensor, t: v.tensor };
  if ("graph" in v) return { name, type: KIND.graph, g: v.graph };
  return { name, type: KIND.ints, ints: [...v] };
}

export function graph(g: GraphSpec): onnx.IGraphProto {
  return {
    name: "g",
    node: g.nodes.map(node),
    input: Object.entries(g.inputs ?? {}).map(([name, [dtype, dims]]) => ({
      name,
      type: {
        tensorType: {
          elemType: TYPE[dtype],
          shape: {
            dim: dims.map((d) =>
              typeof d === "number" ? { dimValue: d } : d === null ? {} : { dimParam: d },
            ),
          },
        },
      },
    })),
    output: g.outputs.map((name) => ({ name, type: { tensorType: { elemType: TYPE.f32 } } })),
    initializer: Object.entries(g.weights ?? {}).map(([name, t]) => ({ ...t, name })),
  };
}

/** The bytes of a model file. */
export function model(m: ModelSpec): Uint8Array {
  const others = Object.entries(m.opsets ?? {}).map(([domain, version]) => ({ domain, version }));
  return proto.onnx.ModelProto.encode({
    irVersion: 8,
    opsetImport: [{ domain: "", version: m.opset ?? 13 }, ...others],
    graph: graph(m),
    ...(m.functions ? { functions: [...m.functions] } : {}),
  }).finish();
}
