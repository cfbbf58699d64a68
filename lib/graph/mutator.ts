/**
 * Rewriting a graph-level function by emitting it anew, as users of TVM's PyExprMutator know it: override what happens to
 * calls, constants or whole bindings; operands arrive rewritten, types are inferred again, and a value that takes
 * several operators to say is put into normal form by the builder.
 */
import {
  type Attrs,
  type BindingBlock,
  type CallFunc,
  type CallPacked,
  type CallTir,
  type Constant,
  definedBy,
  type GraphBinding,
  type GraphBody,
  type GraphExpr,
  type GraphFunc,
  type GraphIf,
  type GraphVar,
  graphFuncs,
  graphIf,
  graphVar,
  type IRModule,
  mapGraphExpr,
  type OpCall,
  tupleGet,
} from "../ir/index.ts";
import { BlockBuilder } from "./block-builder.ts";
import { boundVars } from "./pattern/bindings.ts";
import { inferAgain } from "./registry.ts";
import { identicalTypes } from "./shape.ts";

/** The calls: of operators, tensor programs, library functions and graph-level functions. */
export type Call = OpCall | CallTir | CallPacked | CallFunc;

/**
 * Subclass it and override `visitCall` (or another of the protected methods). Variables keep their identity; where the
 * type of a value changes, so does the type of its variable.
 */
export class ExprMutator {
  /** Emits what is rewritten, and holds the module that new functions go to. */
  readonly builder: BlockBuilder;
  /** What stands for the variables seen so far. */
  private readonly vars = new Map<number, GraphExpr>();
  private readonly constants = new Map<Constant, GraphExpr>();

  constructor(mod?: IRModule) {
    this.builder = new BlockBuilder(mod);
  }

  /** The function rewritten. It is not put into the builder's module: `builder.updateFunc` does. */
  visitFunc(f: GraphFunc): GraphFunc {
    const emit = (): void => this.builder.emitFuncOutput(this.visitBody(f.body));
    return this.builder.build("the function", f.params, emit, f.attrs, boundVars(f.body));
  }

  /** All graph-level functions of the module rewritten, except those whose attributes `skip` picks. Gives the module. */
  visitModule(skip: (attrs: Attrs) => boolean = () => false): IRModule {
    for (const [name, f] of Object.entries(graphFuncs(this.builder.get()))) {
      if (!skip(f.attrs)) this.builder.updateFunc(name, this.visitFunc(f));
    }
    return this.builder.get();
  }

  /** What stands for a call; its operands are rewritten already, `original` is the call as it was. */
  protected visitCall(call: Call, _original: Call): GraphExpr {
    return call;
  }

  /** What stands for a constant; asked once for each. */
  protected visitConstant(c: Constant): GraphExpr {
    return c;
  }

  /** What stands for any value; its operands are rewritten already. Calls go to `visitCall` from here. */
  protected visitValue(e: GraphExpr, original: GraphExpr): GraphExpr {
    return isCall(e) ? this.visitCall(e, original as Call) : e;
  }

  /** Emits a binding anew. */
  protected visitBinding(b: GraphBinding): void {
    const value = this.visitValue(this.visitOperands(b.value), b.value);
    if (b.kind === "tensorToShape") this.builder.emitSizes(b.sizes, value);
    else if (b.kind === "matchCast") this.builder.emitTo(b.v, value, "matchCast");
    else if (isLeaf(value) && !isLeaf(b.value)) this.vars.set(b.v.id, value);
    else {
      const v = identicalTypes(value.type, b.v.type) ? b.v : graphVar(b.v.name, value.type, b.v.id);
      this.vars.set(v.id, this.builder.emitTo(v, value));
    }
  }

  /** The value bound to a variable of the rewritten function, where it can be mentioned: looked through one step. */
  protected lookupBinding(e: GraphExpr): GraphExpr | undefined {
    return e.kind === "graphVar" ? this.builder.lookupBinding(e) : undefined;
  }

  private visitBody(b: GraphBody): GraphExpr {
    for (const block of b.blocks) {
      if (block.dataflow) this.builder.dataflow(() => this.visitBlock(block));
      else this.visitBlock(block);
    }
    return this.visitLeaf(b.result);
  }

  private visitBlock(block: BindingBlock): void {
    for (const b of block.bindings) this.visitBinding(b);
    if (!block.dataflow) return;
    for (const v of block.bindings.flatMap(definedBy)) {
      if (block.outputs.includes(v.id)) this.visitOutput(v);
    }
  }

  /** What a dataflow block gives has to be bound in it. */
  private visitOutput(v: GraphVar): void {
    const e = this.vars.get(v.id) ?? v;
    if (e.kind === "graphVar" && this.builder.isBoundHere(e)) this.builder.markOutput(e);
    else {
      const bound = this.builder.emitTo(graphVar(v.name, e.type, v.id), e);
      this.vars.set(v.id, bound);
      this.builder.markOutput(bound);
    }
  }

  private visitLeaf(e: GraphExpr): GraphExpr {
    if (e.kind === "graphVar") return this.vars.get(e.id) ?? e;
    if (e.kind === "constant") {
      const made = this.constants.get(e) ?? this.visitConstant(e);
      this.constants.set(e, made);
      return made;
    }
    return mapGraphExpr(e, { expr: (x) => this.visitLeaf(x) });
  }

  private visitOperands(e: GraphExpr): GraphExpr {
    if (isLeaf(e)) return this.visitLeaf(e);
    if (e.kind === "graphIf") return this.visitIf(e);
    const made = mapGraphExpr(e, { expr: (x) => this.visitLeaf(x) });
    if (made === e) return e;
    if (made.kind === "opCall") return inferAgain(made);
    return made.kind === "tupleGet" ? tupleGet(made.tuple, made.index) : made;
  }

  private visitIf(e: GraphIf): GraphExpr {
    const cond = this.visitLeaf(e.cond);
    const then = this.builder.branch(() => this.visitBody(e.then));
    const other = this.builder.branch(() => this.visitBody(e.else));
    return graphIf(cond, then, other);
  }
}

const isLeaf = (e: GraphExpr): boolean => e.kind === "graphVar" || e.kind === "constant";
const isCall = (e: GraphExpr): e is Call =>
  e.kind === "opCall" || e.kind === "callTir" || e.kind === "callPacked" || e.kind === "callFunc";
