/** Statements to closures: a complete table over the kinds. */
import type { Block, Scalar, Stmt, StmtKind, Var } from "../../ir/index.ts";
import { access, compileExpr, compileIndices, compileInt, type Env } from "./expr.ts";
import type { Big, Eval, Num, Scope } from "./scope.ts";
import { offset, type Storage, WRITE } from "./storage.ts";

export interface StmtEnv extends Env {
  /** Counts one loop iteration; absent when there is no limit. */
  readonly step?: (scope: Scope) => void;
  /** Makes the cell of a variable that is defined here. */
  define(v: Var): ReturnType<Env["cell"]>;
  allocate(b: Block["allocs"][number]): Storage;
}

export type Run = () => void;
type OfKind<K extends StmtKind> = Extract<Stmt, { kind: K }>;

const HANDLERS: { readonly [K in StmtKind]: (s: OfKind<K>, env: StmtEnv, scope: Scope) => Run } = {
  for: (s, env, scope) => {
    const here = scope.at(s);
    const min = compileExpr(s.min, env, here);
    const extent = compileExpr(s.extent, env, here);
    const cell = env.define(s.v);
    const inner = scope.with("loop", s.v, cell);
    const body = counted(compileStmt(s.body, env, inner), env, inner.at(s));
    if (s.v.dtype === "i64") return bigLoop(min as Big, extent as Big, cell, body);
    const from = min as Num;
    const count = extent as Num;
    return () => {
      const first = from();
      const end = first + count();
      for (let i = first; i < end; i++) {
        cell.value = i;
        body();
      }
    };
  },
  block: (s, env, scope) => compileBlock(s, env, scope),
  seq: (s, env, scope) => {
    const runs = s.stmts.map((x) => compileStmt(x, env, scope));
    if (runs.length === 2) {
      const [a, b] = runs;
      return () => {
        a();
        b();
      };
    }
    return () => {
      for (let i = 0; i < runs.length; i++) runs[i]();
    };
  },
  store: (s, env, scope) => {
    const here = scope.at(s);
    const storage = env.storage(s.buffer, here);
    const index = compileIndices(s.indices, env, here);
    const value = compileExpr(s.value, env, here);
    const at = offset(storage, index, "store", here);
    const { onStore } = env.hooks;
    if (!onStore) return WRITE[s.buffer.dtype](storage, at, value);
    // Evaluated once: the stored value may load what the store overwrites.
    let v: Scalar = 0;
    const write = WRITE[s.buffer.dtype](storage, at, () => v);
    return () => {
      v = value();
      const what = access(s.buffer, index, v, here);
      write();
      onStore(what);
    };
  },
  if: (s, env, scope) => {
    const cond = compileExpr(s.cond, env, scope.at(s));
    const then = compileStmt(s.then, env, scope);
    const otherwise = s.else && compileStmt(s.else, env, scope);
    return () => {
      if (cond()) then();
      else otherwise?.();
    };
  },
  extern: (s, _, scope) => scope.fail(`the call of ${s.func} was not expanded`),
  let: (s, env, scope) => {
    const value = compileExpr(s.value, env, scope.at(s));
    const cell = env.define(s.v);
    const body = compileStmt(s.body, env, scope.with("let", s.v, cell));
    return () => {
      cell.value = value();
      body();
    };
  },
};

export function compileStmt(s: Stmt, env: StmtEnv, scope: Scope): Run {
  const handler = HANDLERS[s.kind] as (s: Stmt, env: StmtEnv, scope: Scope) => Run;
  return handler(s, env, scope);
}

function counted(body: Run, env: StmtEnv, scope: Scope): Run {
  const { step } = env;
  if (!step) return body;
  return () => {
    step(scope);
    body();
  };
}

function bigLoop(min: Big, extent: Big, cell: ReturnType<Env["cell"]>, body: Run): Run {
  return () => {
    const first = min();
    const end = first + extent();
    for (let i = first; i < end; i++) {
      cell.value = i;
      body();
    }
  };
}

/**
 * An instance of a block: predicate, axes, fresh allocations, init when every reduce axis is at its first value,
 * body. That an axis stays inside its extent is checked here too: the verifier proves it only where it can.
 */
function compileBlock(s: Block, env: StmtEnv, scope: Scope): Run {
  const here = scope.at(s);
  const predicate = s.predicate && compileExpr(s.predicate, env, here);
  const bindings = s.axes.map((a) => compileExpr(a.binding, env, here));
  const extents = s.axes.map((a) => compileExpr(a.extent, env, here));
  let inner = scope.enter(s);
  const cells = s.axes.map((a) => {
    const cell = env.define(a.v);
    inner = inner.with("axis", a.v, cell);
    return cell;
  });
  const allocs = s.allocs.map((b) => {
    const shape = b.shape.map((e) => compileInt(e, env, inner.at(s)));
    const strides = b.strides?.map((e) => compileInt(e, env, inner.at(s)));
    const storage = env.allocate(b);
    return () =>
      storage.allocate(
        shape.map((f) => f()),
        strides?.map((f) => f()),
      );
  });
  const init = s.init && compileStmt(s.init, env, inner);
  const body = compileStmt(s.body, env, inner);
  const reduce = cells.filter((_, i) => s.axes[i].type === "R");

  const enter = (): void => {
    for (let i = 0; i < cells.length; i++) {
      const value = bindings[i]();
      if (value < 0 || value >= extents[i]()) outside(s, i, value, extents[i], here);
      cells[i].value = value;
    }
    for (let i = 0; i < allocs.length; i++) allocs[i]();
    if (init) {
      let first = true;
      // Loose equality: axes may be i32 (numbers) or i64 (bigints).
      for (let i = 0; i < reduce.length; i++) if (Number(reduce[i].value) !== 0) first = false;
      if (first) init();
    }
    body();
  };
  return predicate
    ? () => {
        if (predicate()) enter();
      }
    : enter;
}

function outside(s: Block, i: number, value: Scalar, extent: Eval, scope: Scope): never {
  return scope.fail(
    `axis ${s.axes[i].v.name} of block ${s.name} is ${value}, outside its values 0 to ${Number(extent()) - 1}`,
  );
}
