/** A graph-level function as nodes and edges: what the graph view draws, and its JSON twin. */
import {
  bindingsOf,
  type GraphBinding,
  type GraphBody,
  type GraphExpr,
  type GraphFunc,
  graphOperands,
  type IRModule,
  typeText,
} from "../ir/index.ts";

export type GraphNodeKind =
  | "input"
  | "operator"
  | "program"
  | "library"
  | "call"
  | "control"
  | "sizes"
  | "output";

export interface GraphNode {
  readonly id: string;
  readonly kind: GraphNodeKind;
  /** The operator, tensor program or library function; the name of an input. */
  readonly label: string;
  /** Name and type of what it gives. */
  readonly value: string;
  readonly type: string;
  /** Types of the constants among its arguments. */
  readonly constants: readonly string[];
  /** The tensor program behind it, by its name in the module. */
  readonly program?: string;
  /** Milliseconds one call took, where it was measured. */
  readonly ms?: number;
}

export interface GraphEdge {
  readonly from: string;
  readonly to: string;
  /** What flows along it. */
  readonly type: string;
}

export interface GraphViewData {
  readonly name: string;
  /** In an order in which every node stands after those it uses. */
  readonly nodes: readonly GraphNode[];
  readonly edges: readonly GraphEdge[];
}

/** Milliseconds by the name of the value that was computed. */
export type NodeTimes = Readonly<Record<string, number>>;

/** What is needed of a profile: the time of each step, under the name of the value that it computes. */
export interface StepTimes {
  readonly steps: readonly { readonly name: string; readonly ms: number }[];
}

/** The times of a profile's steps by value. What a loop computes several times is added up. */
export function nodeTimes(profile: StepTimes): NodeTimes {
  const times = new Map<string, number>();
  for (const { name, ms } of profile.steps) times.set(name, (times.get(name) ?? 0) + ms);
  return Object.fromEntries(times);
}

/** Nodes and edges of a function. Fields of tuples and renamed values are seen through; constants are noted at their users. */
export function graphData(f: GraphFunc, name = "main", times: NodeTimes = {}): GraphViewData {
  const nodes: GraphNode[] = [];
  const edges: GraphEdge[] = [];
  /** Which node makes a variable. */
  const maker = new Map<number, string>();
  for (const p of f.params) {
    const id = `v${p.id}`;
    maker.set(p.id, id);
    nodes.push({ id, kind: "input", label: p.name, value: p.name, type: typeText(p.type), constants: [] });
  }
  const connect = (e: GraphExpr, to: string): void => {
    for (const v of variablesIn(e)) {
      const from = maker.get(v.id);
      const edge = from && { from, to, type: typeText(v.type) };
      if (edge && !edges.some((x) => x.from === edge.from && x.to === to && x.type === edge.type))
        edges.push(edge);
    }
  };
  const add = (b: GraphBinding): void => {
    if (b.kind === "tensorToShape") {
      const id = `s${b.sizes.map((s) => s.id).join("_")}`;
      const value = b.sizes.map((s) => s.name).join(", ");
      nodes.push({ id, kind: "sizes", label: "tensorToShape", value, type: "sizes", constants: [] });
      connect(b.value, id);
      return;
    }
    const alias = aliasOf(b.value);
    const made = alias === undefined ? undefined : maker.get(alias);
    if (made) {
      maker.set(b.v.id, made);
      return;
    }
    const id = `v${b.v.id}`;
    maker.set(b.v.id, id);
    const ms = Object.hasOwn(times, b.v.name) ? times[b.v.name] : undefined;
    nodes.push({
      id,
      ...labelled(b.value),
      value: b.v.name,
      type: typeText(b.v.type),
      constants: constantsIn(b.value),
      ...(ms === undefined ? {} : { ms }),
    });
    connect(b.value, id);
  };
  bindingsOf(f.body).forEach(add);
  const out = `out`;
  nodes.push({
    id: out,
    kind: "output",
    label: "output",
    value: "",
    type: typeText(f.body.result.type),
    constants: [],
  });
  connect(f.body.result, out);
  return { name, nodes, edges };
}

/** `graphData` of every graph-level function of a module that is no fused group. */
export function graphsOf(mod: IRModule): readonly GraphViewData[] {
  return Object.entries(mod.funcs).flatMap(([name, f]) =>
    f.kind === "graphFunc" && f.attrs.Primitive !== true ? [graphData(f, name)] : [],
  );
}

function aliasOf(e: GraphExpr): number | undefined {
  if (e.kind === "graphVar") return e.id;
  return e.kind === "tupleGet" && e.tuple.kind === "graphVar" ? e.tuple.id : undefined;
}

function labelled(e: GraphExpr): Pick<GraphNode, "kind" | "label" | "program"> {
  switch (e.kind) {
    case "opCall":
      return { kind: "operator", label: e.op };
    case "callTir":
      return { kind: "program", label: e.func, program: e.func };
    case "callPacked":
      return { kind: "library", label: e.func };
    case "callFunc":
      return { kind: "call", label: e.func };
    case "graphLoop":
      return { kind: "control", label: `loop ${e.func}` };
    case "graphIf":
      return { kind: "control", label: "if" };
    default:
      return { kind: "operator", label: e.kind };
  }
}

type Variable = Extract<GraphExpr, { kind: "graphVar" }>;

/** The variables a value uses, those of branches too. */
function variablesIn(e: GraphExpr): readonly Variable[] {
  const out: Variable[] = [];
  const inBody = (b: GraphBody): void => {
    for (const x of bindingsOf(b)) go(x.value);
    go(b.result);
  };
  const go = (x: GraphExpr): void => {
    if (x.kind === "graphVar") out.push(x);
    graphOperands(x).forEach(go);
    if (x.kind === "graphIf") {
      inBody(x.then);
      inBody(x.else);
    }
  };
  go(e);
  return out;
}

function constantsIn(e: GraphExpr): string[] {
  const out: string[] = [];
  const go = (x: GraphExpr): void => {
    if (x.kind === "constant") out.push(typeText(x.type));
    graphOperands(x).forEach(go);
  };
  go(e);
  return out;
}
