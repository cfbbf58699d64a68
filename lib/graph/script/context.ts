/** What the parts of the parser of graph-level functions carry. */
import {
  type BindingBlock,
  type Constant,
  type GraphBinding,
  type GraphExpr,
  type GraphVar,
  graphVar,
  type Var,
  withSpan,
} from "../../ir/index.ts";
import { type ConstantTable, ScriptError } from "../../script/index.ts";
import { type Context, type Place, spanAt } from "../../script/parse/context.ts";
import { Scope } from "../../script/parse/scope.ts";
import { GraphError } from "../error.ts";

/** What a name stands for: a value, or the several outputs of a dataflow block. */
export type Meaning = GraphExpr | readonly GraphVar[];

/** Names of values; sizes and captured numbers are in the `Scope` beside it, which tensor programs have as well. */
export class Values {
  private readonly names = new Map<string, Meaning>();
  private readonly parent: Values | undefined;

  constructor(parent?: Values) {
    this.parent = parent;
  }

  declare(name: string, m: Meaning): void {
    this.names.set(name, m);
  }

  find(name: string): Meaning | undefined {
    return this.names.get(name) ?? this.parent?.find(name);
  }

  *all(): Generator<string> {
    yield* this.names.keys();
    if (this.parent) yield* this.parent.all();
  }
}

interface OpenBlock extends BindingBlock {
  readonly bindings: GraphBinding[];
  readonly outputs: number[];
}

/** The blocks of a body, while it is read. */
export class OpenBody {
  readonly blocks: OpenBlock[] = [];
  private flow: OpenBlock | undefined;

  get dataflow(): boolean {
    return this.flow !== undefined;
  }

  push(b: GraphBinding): void {
    const last = this.flow ?? this.blocks.at(-1);
    if (last && (this.flow || !last.dataflow)) last.bindings.push(b);
    else this.blocks.push({ dataflow: false, bindings: [b], outputs: [] });
  }

  /** Runs `read` with a dataflow block open. */
  within(read: (block: OpenBlock) => void): void {
    const block: OpenBlock = { dataflow: true, bindings: [], outputs: [] };
    this.blocks.push(block);
    this.flow = block;
    read(block);
    this.flow = undefined;
  }
}

export interface GraphContext extends Context {
  readonly values: Values;
  readonly body: OpenBody;
  /** Data by name; undefined where they are given later, with the module. */
  readonly constants: ConstantTable | undefined;
  /** Constants that were mentioned, by name: what is mentioned twice is one. */
  readonly mentioned: Map<string, Constant>;
}

/** The inside of a function, block or branch: names declared in it end with it. */
export function inner(cx: GraphContext, body: OpenBody = cx.body): GraphContext {
  const values = new Values(cx.values);
  const scope = new Scope(cx.scope, {
    explain: (name) =>
      values.find(name) ? `${name} is a value of the program; a number (a size) is needed here` : undefined,
  });
  return { ...cx, values, scope, body };
}

/** Runs what operators and factories refuse (GraphError, TypeError, RangeError) into an error at this place. */
function graphAt<X>(cx: { readonly source: string }, place: Place, build: () => X): X {
  try {
    return build();
  } catch (e) {
    if (e instanceof GraphError || e instanceof TypeError || e instanceof RangeError) {
      throw new ScriptError(e.message, cx.source, place.start, { cause: e });
    }
    throw e;
  }
}

/** `graphAt`, and the value built remembers the place. */
export function made<N extends object>(cx: GraphContext, place: Place, build: () => N): N {
  return withSpan(graphAt(cx, place, build), spanAt(cx, place));
}

/** Binds a value to a new variable. */
export function emit(
  cx: GraphContext,
  place: Place,
  value: GraphExpr,
  name = cx.body.dataflow ? "lv" : "gv",
  type = value.type,
  kind: "bind" | "matchCast" = "bind",
): GraphVar {
  const v = graphVar(name, type);
  cx.body.push(withSpan({ kind, v, value }, spanAt(cx, place)));
  return v;
}

/** The value as an operand: itself where it is one, a variable it is bound to otherwise. */
export function operand(cx: GraphContext, place: Place, e: GraphExpr): GraphExpr {
  const stays = e.kind === "graphVar" || e.kind === "constant" || e.kind === "shapeLiteral";
  // The fields of a tuple were made operands when it was read.
  return stays || e.kind === "tupleExpr" ? e : emit(cx, place, e);
}

export function declareSize(cx: GraphContext, name: string, v: Var): void {
  cx.scope.declare(name, { kind: "size", v });
}
