/** legalizeOps: operators become calls of tensor programs. */
import {
  type BaseFunc,
  bindingsOf,
  callTir,
  type Expr,
  type GraphExpr,
  type GraphType,
  type IRModule,
  irModule,
  type OpCall,
  Recent,
  tupleGet,
} from "../../ir/index.ts";
import { attrsText } from "../attrs-text.ts";
import { BlockBuilder } from "../block-builder.ts";
import { refuseGraph } from "../error.ts";
import { OpArgs, type OpDef } from "../op.ts";
import { getOp } from "../registry.ts";
import { constShape } from "../shape.ts";
import { type OpProgram, programOfCall } from "./op-program.ts";
import { isDeferred, type Pass } from "./pass.ts";
import { type Place, rewriteBody, rewriteFunc } from "./rewrite.ts";

/** A legalization of one's own: the value in other terms (operators, `bb.emitTe`, calls); undefined: the usual one. */
export type Legalization = (call: OpCall, bb: BlockBuilder) => GraphExpr | undefined;

export interface LegalizeOptions {
  /** Legalizations by operator, instead of those of the registry. */
  readonly custom?: Readonly<Record<string, Legalization>>;
  /** Operators that are left as they are. */
  readonly skip?: readonly string[];
}

/** Every operator call becomes calls of tensor programs; what the runtime does itself (`memory.view`) stays. */
export function legalizeOps(options: LegalizeOptions = {}): Pass {
  return { name: "legalizeOps", run: (mod) => new Legalizer(mod, options).run(mod) };
}

/** An expansion without end would hang; no operator is made of others this deeply. */
const MAX_DEPTH = 32;

/** Rewrites calls of operators one at a time and collects the programs they need. */
export class Legalizer {
  private readonly bb: BlockBuilder;
  private readonly options: LegalizeOptions;
  /** Equal calls have one program, without making it twice. */
  private readonly programs = new Map<string, { name: string; program: OpProgram }>();

  constructor(mod: IRModule, options: LegalizeOptions = {}) {
    this.bb = new BlockBuilder(mod);
    this.options = options;
  }

  run(mod: IRModule): IRModule {
    const done: Record<string, BaseFunc> = {};
    let changed = false;
    for (const [name, f] of Object.entries(mod.funcs)) {
      if (f.kind !== "graphFunc" || isDeferred(f)) continue;
      done[name] = rewriteFunc(f, { value: (e, at) => (e.kind === "opCall" ? this.call(e, at) : e) });
      changed ||= done[name] !== f;
    }
    return changed ? irModule({ ...this.module().funcs, ...done }, mod.attrs) : mod;
  }

  /** The module with the programs that were made. */
  module(): IRModule {
    return this.bb.get();
  }

  /** The value of a call in terms of tensor programs; what it needs besides is put before it. */
  call(e: OpCall, at: Place, depth = 0): GraphExpr {
    if (depth > MAX_DEPTH) refuseGraph(e.op, "its meaning in terms of operators has no end");
    const { custom, skip } = this.options;
    if (skip?.includes(e.op)) return e;
    const own = custom && Object.hasOwn(custom, e.op) ? custom[e.op] : undefined;
    const replaced = own && this.expand(e, at, depth, (bb) => own(e, bb));
    if (replaced) return replaced;
    const def = getOp(e.op);
    if (def.builtin) return e;
    const { graph } = def;
    const expanded = graph && this.expand(e, at, depth, (bb) => graph(new OpArgs(e.op, e.args, e.attrs), bb));
    return expanded ?? this.program(e, at);
  }

  /** The value that `make` emits, with the operators among it legalized in turn. */
  private expand(
    e: OpCall,
    at: Place,
    depth: number,
    make: (bb: BlockBuilder) => GraphExpr | undefined,
  ): GraphExpr | undefined {
    let declined = false;
    const made = this.bb.scratch(() => {
      const value = make(this.bb);
      declined = value === undefined;
      return value ?? e;
    });
    if (declined) return undefined;
    const inner = rewriteBody(
      made,
      { value: (x, p) => (x.kind === "opCall" ? this.call(x, p, depth + 1) : x) },
      new Map(),
    );
    at.splice(bindingsOf(inner));
    return inner.result;
  }

  private program(e: OpCall, at: Place): GraphExpr {
    const key = keyOf(e);
    let known = key === undefined ? undefined : this.programs.get(key);
    if (!known) {
      const program = key === undefined ? programOfCall(e) : programOnce(e, key);
      known = { name: this.bb.addFunc(program.func, e.op.split(".").at(-1) as string), program };
      if (key !== undefined) this.programs.set(key, known);
    }
    const args = e.args.flatMap((a): readonly GraphExpr[] => {
      if (a.kind === "shapeLiteral") return [];
      if (a.kind === "tupleExpr") return a.fields;
      const { type } = a;
      return type.kind === "tuple" ? type.fields.map((_, i) => at.emit(tupleGet(a, i))) : [a];
    });
    return callTir(known.name, args, e.type, { tirVars: known.program.tirVars });
  }
}

/** Programs of calls that were met lately, by what the operator was at that time. */
const MOST_KNOWN = 256;
const known = new WeakMap<OpDef, Recent<string, OpProgram>>();

/** The same program whenever the call comes again: a model is compiled for one set of sizes after another. */
function programOnce(e: OpCall, key: string): OpProgram {
  const def = getOp(e.op);
  const programs = known.get(def) ?? new Recent<string, OpProgram>(MOST_KNOWN);
  known.set(def, programs);
  return programs.get(key, () => programOfCall(e));
}

/** Calls with the same key have the same program; undefined where sizes are symbolic. */
function keyOf(e: OpCall): string | undefined {
  const parts = [e.op, attrsText(e.attrs)];
  for (const a of e.args) {
    const text = a.kind === "shapeLiteral" ? sizesText(a.values) : typeText(a.type);
    if (text === undefined) return undefined;
    parts.push(text);
  }
  const type = typeText(e.type);
  return type === undefined ? undefined : `${parts.join(" ")} -> ${type}`;
}

function sizesText(shape: readonly Expr[]): string | undefined {
  const known = constShape(shape);
  return known && `[${known}]`;
}

/** Undefined for a type with symbolic sizes. */
function typeText(t: GraphType): string | undefined {
  if (t.kind === "tensor") {
    const sizes = sizesText(t.shape);
    return sizes && t.dtype + sizes;
  }
  if (t.kind !== "tuple") return JSON.stringify(t);
  const fields = t.fields.map(typeText);
  return fields.some((f) => f === undefined) ? undefined : `(${fields})`;
}
