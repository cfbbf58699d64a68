/**
 * Builds graph-level programs one binding at a time, in normal form: `emit` gives every intermediate value a name.
 * Names and conventions are those of TVM's BlockBuilder; scopes are functions.
 */
import {
  type Attrs,
  type BaseFunc,
  type BindingBlock,
  callTir,
  type Expr,
  type GraphBinding,
  type GraphBody,
  type GraphExpr,
  type GraphFunc,
  type GraphType,
  type GraphVar,
  graphFunc,
  graphVar,
  type IRModule,
  irModule,
  mapGraphExpr,
  NO_ATTRS,
  type PrimFunc,
  structuralEqual,
  tupleGet,
  type Var,
  variable,
} from "../ir/index.ts";
import type { te } from "../te/index.ts";
import { refuseGraph } from "./error.ts";
import { placeholderOf, tensorTypeOf, teProgram } from "./te-call.ts";

/** A value, several, or anything else that the te function takes as it is. */
export type TeInput =
  | GraphExpr
  | readonly GraphExpr[]
  | number
  | string
  | boolean
  | Expr
  | Attrs
  | undefined
  | null;

export interface EmitTeOptions {
  /** The name of the tensor program; that of the (first) result otherwise. */
  readonly name?: string;
}

interface OpenBlock {
  readonly dataflow: boolean;
  readonly bindings: GraphBinding[];
  readonly outputs: number[];
}

interface OpenFunction {
  readonly name: string;
  params: readonly GraphVar[] | undefined;
  readonly attrs: Attrs;
  /** One for the function and one for each branch that is being built. */
  readonly bodies: OpenBlock[][];
  readonly names: Map<string, number>;
  /** What is bound to each variable, and where. */
  readonly values: Map<number, { readonly value: GraphExpr; readonly block: OpenBlock }>;
  result?: GraphExpr;
}

export class BlockBuilder {
  private readonly funcs: Record<string, BaseFunc>;
  private readonly attrs: Attrs;
  private open: OpenFunction | undefined;

  /** Starts from the functions of a module, where one is given. */
  constructor(mod?: IRModule) {
    this.funcs = { ...mod?.funcs };
    this.attrs = mod?.attrs ?? NO_ATTRS;
  }

  /**
   * A graph-level function: `body` emits its bindings and ends with `emitFuncOutput`. Parameters are given here, or
   * there. Throws when a function of that name is there already.
   */
  function(
    name: string,
    params: readonly GraphVar[] | undefined,
    body: () => void,
    attrs: Attrs = NO_ATTRS,
  ): GraphFunc {
    if (Object.hasOwn(this.funcs, name)) refuseGraph("function", `the module has a function ${name} already`);
    const made = this.build(name, params, body, attrs);
    this.funcs[name] = made;
    return made;
  }

  /**
   * A graph-level function that is not added to the module: what rewriting one gives. New variables get other names
   * than those of `taken`.
   */
  build(
    name: string,
    params: readonly GraphVar[] | undefined,
    body: () => void,
    attrs: Attrs = NO_ATTRS,
    taken: readonly GraphVar[] = [],
  ): GraphFunc {
    if (this.open)
      refuseGraph("function", `${this.open.name} is still open: functions do not stand in functions`);
    const f: OpenFunction = { name, params, attrs, bodies: [[]], names: new Map(), values: new Map() };
    for (const p of [...(params ?? []), ...taken]) f.names.set(p.name, 1);
    this.open = f;
    try {
      body();
    } finally {
      this.open = undefined;
    }
    if (!f.result) return refuseGraph("function", `${name} has no output: end it with emitFuncOutput(value)`);
    return graphFunc(f.params ?? [], { blocks: closed(f.bodies[0]), result: f.result }, attrs);
  }

  /** A dataflow block: `emit` puts bindings into it; `emitOutput` those that are seen after it. */
  dataflow<X>(body: () => X): X {
    const f = this.current("dataflow");
    const blocks = top(f.bodies);
    if (blocks.at(-1)?.dataflow && this.inDataflow) refuseGraph("dataflow", "dataflow blocks do not nest");
    blocks.push({ dataflow: true, bindings: [], outputs: [] });
    this.inDataflow = true;
    try {
      return body();
    } finally {
      this.inDataflow = false;
      // What follows belongs to another block.
      blocks.push({ dataflow: false, bindings: [], outputs: [] });
    }
  }
  private inDataflow = false;

  /** Binds a value to a new variable. */
  emit(value: GraphExpr, name?: string): GraphVar {
    return this.bind("bind", value, value.type, name);
  }

  /** `emit`, seen after the dataflow block. */
  emitOutput(value: GraphExpr, name?: string): GraphVar {
    const v =
      value.kind === "graphVar" && !name && this.isBoundHere(value)
        ? value
        : this.bind("bind", value, value.type, name, "gv");
    this.markOutput(v);
    return v;
  }

  /** Asserts that a value has a type; symbolic sizes that are new in it are bound by the value. */
  matchCast(value: GraphExpr, type: GraphType, name?: string): GraphVar {
    return this.bind("matchCast", value, type, name);
  }

  /** The elements of an integer tensor as new symbolic sizes. */
  tensorToShape(value: GraphExpr, names: readonly string[]): Var[] {
    const sizes = names.map((n) => variable(n));
    this.emitSizes(sizes, value);
    return sizes;
  }

  /**
   * Calls a te function with values as tensors, adds the tensor program it makes to the module, and gives the call of
   * it (not yet bound). Everything else among the arguments reaches the function as it is.
   */
  callTe(
    fn: (...args: never[]) => te.Tensor | readonly te.Tensor[],
    args: readonly TeInput[],
    options: EmitTeOptions = {},
  ): GraphExpr {
    const values: GraphExpr[] = [];
    const inputs: te.Tensor[] = [];
    const where = options.name ?? (fn.name || "emitTe");
    const tensor = (e: GraphExpr): te.Tensor => {
      const leaf = this.leaf(e);
      const name = leaf.kind === "graphVar" ? leaf.name : `p${values.length}`;
      const t = placeholderOf(tensorTypeOf(where, leaf), name);
      values.push(leaf);
      inputs.push(t);
      return t;
    };
    const given = args.map((a) =>
      isValue(a) ? tensor(a) : Array.isArray(a) && a.length > 0 && a.every(isValue) ? a.map(tensor) : a,
    );
    const result = fn(...(given as never[]));
    const { func, type, tirVars } = teProgram(where, inputs, result);
    const first = (Array.isArray(result) ? result[0] : result) as te.Tensor;
    const name = this.addFunc(func, options.name ?? first.name);
    return callTir(name, values, type, { tirVars });
  }

  /** `callTe`, bound to a variable: `bb.emitTe(topi.matmul, [x, w])`. */
  emitTe(
    fn: (...args: never[]) => te.Tensor | readonly te.Tensor[],
    args: readonly TeInput[],
    options: EmitTeOptions = {},
  ): GraphVar {
    return this.emit(this.callTe(fn, args, options));
  }

  /** The function's result; `params` where they were not given to `function` (first or last: as the caller lists them). */
  emitFuncOutput(value: GraphExpr, params?: readonly GraphVar[]): void {
    const f = this.current("emitFuncOutput");
    if (params && f.params) refuseGraph("emitFuncOutput", `${f.name} was given its parameters already`);
    if (params) f.params = params;
    if (!f.params) refuseGraph("emitFuncOutput", `give the parameters of ${f.name}, here or to function()`);
    f.result = this.leaf(value);
  }

  /** The bindings that `build` emits and the value it gives, as a body: for the branches of an if. */
  branch(build: () => GraphExpr): GraphBody {
    const f = this.current("branch");
    f.bodies.push([]);
    const flow = this.inDataflow;
    this.inDataflow = false;
    try {
      const value = build();
      const result = this.leaf(value);
      return { blocks: closed(top(f.bodies)), result };
    } finally {
      this.inDataflow = flow;
      f.bodies.pop();
    }
  }

  /** The bindings that `build` emits outside of any function and the value it gives: for passes that put them in place. */
  scratch(build: () => GraphExpr): GraphBody {
    if (this.open) refuseGraph("scratch", `${this.open.name} is still open`);
    const bodies: OpenBlock[][] = [[]];
    this.open = { name: "", params: [], attrs: NO_ATTRS, bodies, names: new Map(), values: new Map() };
    try {
      const value = build();
      const result = this.leaf(value);
      return { blocks: closed(bodies[0]), result };
    } finally {
      this.open = undefined;
      this.inDataflow = false;
    }
  }

  /** Adds a function under a name that is free; a tensor program that is there already is not added again. */
  addFunc(func: BaseFunc, name: string): string {
    const base = name.replace(/[^\p{ID_Continue}$]/gu, "_");
    for (let n = 0; ; n++) {
      const free = n === 0 ? base : `${base}${n}`;
      const there = Object.hasOwn(this.funcs, free) ? this.funcs[free] : undefined;
      if (!there && free !== this.open?.name) {
        this.funcs[free] = func;
        return free;
      }
      if (there?.kind === "primFunc" && func.kind === "primFunc" && structuralEqual(there, func as PrimFunc))
        return free;
    }
  }

  /** Replaces a function of the module. */
  updateFunc(name: string, func: BaseFunc): void {
    if (!Object.hasOwn(this.funcs, name)) refuseGraph("updateFunc", `the module has no function ${name}`);
    this.funcs[name] = func;
  }

  /**
   * The value bound to a variable of the function that is being built, if it is bound there, and what it is made of can
   * be mentioned here: values inside a dataflow block that has ended cannot.
   */
  lookupBinding(v: GraphVar): GraphExpr | undefined {
    const found = this.current("lookupBinding").values.get(v.id);
    return found && (!found.block.dataflow || found.block === this.block()) ? found.value : undefined;
  }

  /** Binds a value to a variable that there is already: what is rewritten keeps its identity. */
  emitTo(v: GraphVar, value: GraphExpr, kind: "bind" | "matchCast" = "bind"): GraphVar {
    const normal = mapGraphExpr(value, { expr: (x) => this.leaf(x) });
    return this.add({ kind, v, value: normal });
  }

  /** `tensorToShape` with variables that there are already. */
  emitSizes(sizes: readonly Var[], value: GraphExpr): void {
    const leaf = this.leaf(value);
    this.block().bindings.push({ kind: "tensorToShape", sizes, value: leaf });
  }

  /** Whether the variable is bound in the block that is open. */
  isBoundHere(v: GraphVar): boolean {
    return this.current("isBoundHere").values.get(v.id)?.block === this.block();
  }

  /** A variable of the open dataflow block is seen after it. */
  markOutput(v: GraphVar): void {
    const { dataflow, outputs } = this.block();
    if (dataflow && !outputs.includes(v.id)) outputs.push(v.id);
  }

  /** The module as it is now. */
  get(): IRModule {
    return irModule({ ...this.funcs }, this.attrs);
  }

  /** A leaf for a value: itself, or a variable it is bound to. Tuples and shapes stay, of leaves. */
  leaf(e: GraphExpr): GraphExpr {
    if (e.kind === "graphVar" || e.kind === "constant" || e.kind === "shapeLiteral") return e;
    if (e.kind === "tupleExpr") return mapGraphExpr(e, { expr: (x) => this.leaf(x) });
    return this.emit(e);
  }

  /** A field of a tuple, bound to a variable. */
  field(tuple: GraphExpr, index: number, name?: string): GraphVar {
    return this.emit(tupleGet(this.leaf(tuple), index), name);
  }

  private bind(
    kind: "bind" | "matchCast",
    value: GraphExpr,
    type: GraphType,
    name?: string,
    prefix?: string,
  ): GraphVar {
    const normal = mapGraphExpr(value, { expr: (x) => this.leaf(x) });
    const block = this.block();
    const v = graphVar(this.unused(name ?? prefix ?? (block.dataflow ? "lv" : "gv")), type);
    return this.add({ kind, v, value: normal });
  }

  private add(b: GraphBinding & { readonly v: GraphVar }): GraphVar {
    const block = this.block();
    block.bindings.push(b);
    this.current("emit").values.set(b.v.id, { value: b.value, block });
    return b.v;
  }

  private block(): OpenBlock {
    const blocks = top(this.current("emit").bodies);
    if (blocks.length === 0) blocks.push({ dataflow: false, bindings: [], outputs: [] });
    return blocks.at(-1) as OpenBlock;
  }

  private current(what: string): OpenFunction {
    return this.open ?? refuseGraph(what, "no function is open: bb.function(name, params, () => { … })");
  }

  /** The name, or the name with the first number that makes it a new one. */
  private unused(base: string): string {
    const { names } = this.current("emit");
    for (let n = names.get(base) ?? 0; ; n++) {
      const name = n === 0 ? base : `${base}${n}`;
      if (n > 0 && names.has(name)) continue;
      names.set(base, n + 1);
      if (n > 0) names.set(name, 1);
      return name;
    }
  }
}

const top = (bodies: OpenBlock[][]): OpenBlock[] => bodies.at(-1) as OpenBlock[];

const closed = (blocks: readonly OpenBlock[]): BindingBlock[] =>
  blocks
    .filter((b) => b.bindings.length > 0)
    .map((b) => ({ dataflow: b.dataflow, bindings: b.bindings, outputs: b.outputs }));

const VALUES = new Set([
  "graphVar",
  "constant",
  "tupleGet",
  "opCall",
  "callTir",
  "callPacked",
  "callFunc",
  "graphIf",
  "graphLoop",
]);

function isValue(a: unknown): a is GraphExpr {
  return typeof a === "object" && a !== null && VALUES.has((a as { kind?: string }).kind ?? "");
}
