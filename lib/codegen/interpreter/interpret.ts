/** Running a program: compiled to closures once, run on arguments as often as wanted. */
import type { Buffer, PrimFunc, Var } from "../../ir/index.ts";
import { type Argument, type BufferArg, bindArguments } from "../arguments.ts";
import { expandExterns } from "../externs.ts";
import { symbolicSizes } from "../size.ts";
import { compileInt } from "./expr.ts";
import { Cell, type Hooks, Scope } from "./scope.ts";
import { compileStmt, type StmtEnv } from "./stmt.ts";
import { Storage } from "./storage.ts";

export interface InterpretOptions extends Hooks {
  /** Functions of the same module, which may be called. */
  readonly functions?: { readonly [name: string]: PrimFunc };
  /** The function's name in errors. */
  readonly name?: string;
  /** More loop iterations than this (in one call) are an error: a guard against programs that would run for hours. */
  readonly maxSteps?: number;
}

/**
 * Runs `func` on `args` (one per parameter, in order), which it writes into. Loops of every kind run serially in
 * order. Memory a program allocates starts out as NaN (0xaa bytes for integers), so that reading what was never
 * written shows. Throws `ArgumentError` when arguments do not fit, `InterpretError` for an access out of bounds, an
 * integer division by zero, a block axis outside its extent, or too many steps.
 */
export function interpret(func: PrimFunc, args: readonly Argument[], options: InterpretOptions = {}): void {
  compileInterpreter(func, options)(args);
}

/** `interpret` in two steps, for functions that run often. The result is not re-entrant. */
export function compileInterpreter(
  given: PrimFunc,
  options: InterpretOptions = {},
): (args: readonly Argument[]) => void {
  const func = expandExterns(given, (callee) => options.functions?.[callee]);
  const name = options.name ?? "the function";
  const cells = new Map<number, Cell>();
  const storages = new Map<number, Storage>();
  const { maxSteps } = options;
  let steps = 0;

  const define = (v: Var): Cell => {
    const cell = new Cell();
    cells.set(v.id, cell);
    return cell;
  };
  const allocate = (b: Buffer): Storage => {
    const storage = new Storage(b);
    storages.set(b.id, storage);
    return storage;
  };
  const env: StmtEnv = {
    hooks: options,
    define,
    allocate,
    cell: (v, scope) => cells.get(v.id) ?? scope.fail(`variable ${v.name} is not defined`),
    storage: (b, scope) => storages.get(b.id) ?? scope.fail(`buffer ${b.name} is not defined`),
    ...(maxSteps === undefined
      ? {}
      : {
          step: (scope) => {
            if (++steps > maxSteps) scope.fail(`stopped after ${maxSteps} loop iterations`);
          },
        }),
  };

  const sizes = symbolicSizes(func);
  for (const v of sizes) define(v);
  for (const p of func.params) {
    if (p.kind === "var") define(p);
    else allocate(p);
  }
  const scope = new Scope(name);
  const strides = new Map(
    func.params.flatMap((p) =>
      p.kind === "buffer" && p.strides
        ? [[p.id, p.strides.map((e) => compileInt(e, env, scope))] as const]
        : [],
    ),
  );
  const run = compileStmt(func.body, env, scope);

  return (args) => {
    const bound = bindArguments(func, args, name);
    for (const v of sizes) {
      const n = bound.sizes.get(v.id);
      if (n !== undefined) cells.get(v.id)!.value = v.dtype === "i64" ? BigInt(n) : n;
    }
    for (const [id, value] of bound.scalars) cells.get(id)!.value = value;
    func.params.forEach((p, i) => {
      if (p.kind === "var") return;
      const a = args[i] as BufferArg;
      storages.get(p.id)!.bind(
        a.data,
        a.shape,
        strides.get(p.id)?.map((f) => f()),
      );
    });
    steps = 0;
    run();
  };
}
