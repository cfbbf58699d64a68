/** From the bytes of a model file to plain data (`types.ts`). */
import proto, { type onnx } from "onnx-proto";
import {
  decodeTensor,
  dtypeName,
  dtypeOf,
  type Int64,
  type TensorReader,
  toNumber,
} from "./decode-tensor.ts";
import { type OnnxPlace, refuseOnnx } from "./error.ts";
import { sortNodes } from "./order.ts";
import type {
  ExternalData,
  OnnxAttr,
  OnnxFile,
  OnnxFunction,
  OnnxGraph,
  OnnxNode,
  OnnxTensor,
  OnnxType,
  ValueInfo,
} from "./types.ts";
import { fieldsOf } from "./wire.ts";

/** Graphs in graphs (branches, loop bodies) deeper than this are no real model. */
const MAX_DEPTH = 32;

/** AttributeProto.AttributeType */
const KIND = { float: 1, int: 2, string: 3, tensor: 4, graph: 5, floats: 6, ints: 7, strings: 8, type: 13 };

export interface DecodeOptions {
  /** Reads files beside the model, for tensors stored outside it. */
  readonly externalData?: ExternalData;
}

/**
 * Decodes and checks a model: shapes against bytes, names against definitions, order and cycles. Throws an OnnxError.
 * The messages are those of onnx.proto (IR specification of the ONNX standard).
 */
export function decodeModel(bytes: Uint8Array, options: DecodeOptions = {}): OnnxFile {
  const instead = notAModel(bytes);
  if (instead) refuseOnnx(`this is no ONNX model, but ${instead}`);
  const model = parse("ModelProto", bytes);
  if (!model.graph) refuseOnnx("this is no ONNX model: it has no graph");
  if (!model.graph?.output?.length)
    refuseOnnx(
      "the model has no outputs: there is nothing to compute. Name the values it should give as outputs of its graph",
    );
  const d = new Decoder({ external: options.externalData });
  const opsets = opsetsOf(model.opsetImport ?? []);
  if (opsets.size === 0) refuseOnnx("the model does not say which operator set it uses (opset_import)");
  const functions = new Map<string, OnnxFunction>();
  const defaults = readable(() => functionDefaults(bytes, model.functions?.length ?? 0));
  for (const [i, f] of (model.functions ?? []).entries()) {
    const made = d.func(f, opsets, defaults[i]);
    functions.set(functionKey(made.domain, made.name), made);
  }
  return {
    irVersion: toNumber(model.irVersion as Int64),
    producer: [model.producerName, model.producerVersion].filter(Boolean).join(" "),
    opsets,
    graph: d.graph(model.graph as onnx.IGraphProto, "graph", 0, new Set()),
    functions,
  };
}

/** A single tensor, as the `.pb` files of ONNX's test data hold it. */
export function decodeTensorFile(bytes: Uint8Array): OnnxTensor {
  return decodeTensor(parse("TensorProto", bytes), "tensor", {});
}

export const functionKey = (domain: string, name: string): string => `${domain}:${name}`;

type Messages = {
  ModelProto: onnx.IModelProto;
  TensorProto: onnx.ITensorProto;
};

function parse<K extends keyof Messages>(message: K, bytes: Uint8Array): Messages[K] {
  // A plain view: Node's Buffer has methods of the same names that mean something else.
  const plain = new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return readable(() => proto.onnx[message].decode(plain) as Messages[K]);
}

/** What a file is that is downloaded in place of a model again and again; undefined for all others. */
function notAModel(bytes: Uint8Array): string | undefined {
  const begin = String.fromCharCode(...bytes.subarray(0, 64)).trimStart();
  if (begin.startsWith("version https://git-lfs"))
    return "Git LFS's pointer to one: git lfs pull fetches the file itself";
  if (/^<(!doctype|html|\?xml)/i.test(begin)) return "a page of HTML: what was downloaded was not the file";
  if (begin.startsWith("PK\x03\x04")) return "a zip archive (as PyTorch saves models): export it as ONNX";
  return undefined;
}

/** What reading the bytes gives. Whatever goes wrong there is damage of the file. */
function readable<X>(read: () => X): X {
  try {
    return read();
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    const reason = `the file is damaged or no ONNX file: its protobuf cannot be read (${why})`;
    return refuseOnnx(reason, {}, { cause });
  }
}

/** ModelProto.functions, FunctionProto.attribute_proto: the second is younger than onnx-proto. */
const FIELD = { functions: 25, attributes: 11 };

/** The attributes with defaults of each function, in order. */
function functionDefaults(bytes: Uint8Array, count: number): onnx.IAttributeProto[][] {
  if (count === 0) return [];
  const functions = fieldsOf(bytes).filter((f) => f.number === FIELD.functions);
  return functions.map((f) =>
    fieldsOf(f.bytes)
      .filter((a) => a.number === FIELD.attributes)
      .map((a) => proto.onnx.AttributeProto.decode(a.bytes)),
  );
}

function opsetsOf(list: readonly onnx.IOperatorSetIdProto[]): Map<string, number> {
  return new Map(list.map((o) => [standardDomain(o.domain ?? ""), toNumber(o.version as Int64)]));
}

/** The standard's own domain has two names. */
const standardDomain = (domain: string): string => (domain === "ai.onnx" ? "" : domain);

class Decoder {
  private readonly reader: TensorReader;

  constructor(reader: TensorReader) {
    this.reader = reader;
  }

  graph(g: onnx.IGraphProto, part: string, depth: number, outer: ReadonlySet<string>): OnnxGraph {
    if (depth > MAX_DEPTH) refuseOnnx(`graphs are nested more than ${MAX_DEPTH} deep`, { part });
    if (g.sparseInitializer?.length) refuseOnnx("sparse initializers are not supported", { part });
    const initializers = new Map<string, OnnxTensor>();
    for (const t of g.initializer ?? []) {
      const name = t.name ?? "";
      if (name === "") refuseOnnx("an initializer has no name", { part });
      if (initializers.has(name)) refuseOnnx(`there are two initializers "${name}"`, { part });
      initializers.set(name, decodeTensor(t, `initializer "${name}"`, this.reader));
    }
    const inputs = (g.input ?? []).map((v) => this.valueInfo(v, part));
    const names = new Set(inputs.map((v) => v.name));
    if (names.size < inputs.length) refuseOnnx("two inputs have the same name", { part });
    const given = new Set([...outer, ...names, ...initializers.keys()]);
    const nodes = this.nodes(g.node ?? [], part, depth, given);
    const outputs = (g.output ?? []).map((v) => this.valueInfo(v, part));
    const made = new Set(nodes.flatMap((n) => n.outputs));
    for (const { name } of outputs) {
      if (!made.has(name) && !given.has(name)) refuseOnnx(`nothing computes the output "${name}"`, { part });
    }
    return { name: g.name ?? "", nodes, initializers, inputs, outputs };
  }

  func(
    f: onnx.IFunctionProto,
    opsets: ReadonlyMap<string, number>,
    defaults: readonly onnx.IAttributeProto[],
  ): OnnxFunction {
    const part = `function ${f.name ?? ""}`;
    const given = defaults.map((a): [string, OnnxAttr] => [
      a.name ?? "",
      this.attr(a, { part, attribute: a.name ?? "" }, 0, new Set()),
    ]);
    const inputs = [...(f.input ?? [])];
    const nodes = this.nodes(f.node ?? [], part, 0, new Set(inputs));
    return {
      name: f.name ?? "",
      domain: standardDomain((f as { domain?: string | null }).domain ?? ""),
      inputs,
      outputs: [...(f.output ?? [])],
      defaults: new Map(given),
      nodes,
      opsets: new Map([...opsets, ...opsetsOf(f.opsetImport ?? [])]),
    };
  }

  private nodes(
    list: readonly onnx.INodeProto[],
    part: string,
    depth: number,
    given: ReadonlySet<string>,
  ): OnnxNode[] {
    // Branches and bodies see what the graph around them defines.
    const seen = new Set([...given, ...list.flatMap((n) => n.output ?? [])]);
    const nodes = list.map((n, index) => this.node(n, index, part, depth, seen));
    return sortNodes(nodes, given, part);
  }

  private node(
    n: onnx.INodeProto,
    index: number,
    part: string,
    depth: number,
    seen: ReadonlySet<string>,
  ): OnnxNode {
    const name = n.name ?? "";
    const opType = n.opType ?? "";
    const place: OnnxPlace = { ...(part === "graph" ? {} : { part }), node: { name, opType, index } };
    if (opType === "") refuseOnnx("the node does not say what it is", place);
    const attrs = new Map<string, OnnxAttr>();
    for (const a of n.attribute ?? []) {
      attrs.set(a.name ?? "", this.attr(a, { ...place, attribute: a.name ?? "" }, depth, seen));
    }
    const inputs = [...(n.input ?? [])];
    return {
      index,
      name,
      opType,
      domain: standardDomain(n.domain ?? ""),
      inputs,
      outputs: [...(n.output ?? [])],
      attrs,
    };
  }

  private attr(
    a: onnx.IAttributeProto,
    place: OnnxPlace,
    depth: number,
    seen: ReadonlySet<string>,
  ): OnnxAttr {
    if (a.refAttrName) return { kind: "ref", value: a.refAttrName };
    const part = `${place.node?.opType} ${place.node?.name || place.node?.index}, ${place.attribute}`;
    switch (a.type || guessKind(a)) {
      case KIND.int:
        return { kind: "int", value: toNumber(a.i as Int64) };
      case KIND.float:
        return { kind: "float", value: a.f ?? 0 };
      case KIND.string:
        return { kind: "string", value: text(a.s) };
      case KIND.ints:
        return { kind: "ints", value: (a.ints ?? []).map((x) => toNumber(x as Int64)) };
      case KIND.floats:
        return { kind: "floats", value: [...(a.floats ?? [])] };
      case KIND.strings:
        return { kind: "strings", value: (a.strings ?? []).map(text) };
      case KIND.tensor:
        if (!a.t) return refuseOnnx("the tensor is missing", place);
        return { kind: "tensor", value: decodeTensor(a.t, part, this.reader) };
      case KIND.graph:
        if (!a.g) return refuseOnnx("the graph is missing", place);
        return { kind: "graph", value: this.graph(a.g, part, depth + 1, seen) };
      case KIND.type:
        return { kind: "type", value: typeOf(a.tp) };
      default:
        return { kind: "other", value: `attribute type ${a.type}` };
    }
  }

  private valueInfo(v: onnx.IValueInfoProto, part: string): ValueInfo {
    const name = v.name ?? "";
    if (name === "") refuseOnnx("an input or output has no name", { part });
    return { name, type: typeOf(v.type) };
  }
}

/** Old files leave the type out. */
function guessKind(a: onnx.IAttributeProto): number {
  if (a.t) return KIND.tensor;
  if (a.g) return KIND.graph;
  if (a.ints?.length) return KIND.ints;
  if (a.floats?.length) return KIND.floats;
  if (a.strings?.length) return KIND.strings;
  if (a.s?.length) return KIND.string;
  return a.f ? KIND.float : KIND.int;
}

const decoder = new TextDecoder();
const text = (bytes: Uint8Array | null | undefined): string => decoder.decode(bytes ?? new Uint8Array());

const MAX_TYPE_DEPTH = 8;

function typeOf(t: onnx.ITypeProto | null | undefined, depth = 0): OnnxType {
  if (t?.tensorType) {
    const code = t.tensorType.elemType ?? 0;
    const dims = t.tensorType.shape?.dim?.map((d) => {
      if (d.dimParam) return d.dimParam;
      const n = d.dimValue === null || d.dimValue === undefined ? -1 : toNumber(d.dimValue as Int64);
      // Without a value protobufjs gives 0 from the prototype; exporters write -1 for "not known".
      return Object.hasOwn(d, "dimValue") && Number.isSafeInteger(n) && n >= 0 ? n : undefined;
    });
    const hasShape = t.tensorType.shape !== null && t.tensorType.shape !== undefined;
    const dtype = dtypeOf(code);
    return {
      kind: "tensor",
      ...(dtype ? { dtype } : {}),
      dtypeName: dtypeName(code),
      ...(hasShape ? { dims: dims ?? [] } : {}),
    };
  }
  const nested = depth < MAX_TYPE_DEPTH;
  if (t?.sequenceType && nested)
    return { kind: "sequence", elem: typeOf(t.sequenceType.elemType, depth + 1) };
  if (t?.optionalType && nested)
    return { kind: "optional", elem: typeOf(t.optionalType.elemType, depth + 1) };
  return { kind: "other", name: t?.mapType ? "map" : t?.sparseTensorType ? "sparse tensor" : "unknown type" };
}
