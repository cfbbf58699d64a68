/** The statements of a kernel as WGSL, each line with the node it stands for. */
import {
  type Buffer,
  constInt,
  type Expr,
  type Interval,
  loopRange,
  ops,
  type Stmt,
  type Store,
  unreachable,
} from "../../ir/index.ts";
import { isBarrier } from "./barriers.ts";
import { WgslError } from "./error.ts";
import {
  accessKey,
  type ExprEnv,
  elementText,
  exprText,
  help,
  indexText,
  LANES,
  offsetOf,
  offsetText,
  vectorText,
} from "./expr.ts";
import type { WgslLine } from "./line.ts";
import { matrixCall, matrixLine } from "./matrix.ts";
import { loadsOfRun, runsOf, vectorFrom, vectorStore } from "./runs.ts";
import { combineLines, combineOf, identityOf, isCombine } from "./subgroups.ts";
import { elementType } from "./types.ts";

/** Adds the lines of a statement to `out`. Ranges of loop variables are added to `ranges`, which `env` reads. */
export function emitStmt(
  s: Stmt,
  indent: string,
  env: ExprEnv,
  ranges: Map<number, Interval>,
  out: WgslLine[],
): void {
  const put = (text: string): void => {
    out.push({ text: indent + text, node: s });
  };
  const inner = (x: Stmt): void => emitStmt(x, `${indent}  `, env, ranges, out);
  switch (s.kind) {
    case "seq":
    case "block":
    case "store":
      for (const r of runsOf([s])) {
        if (isRun(r)) emitRun(r, indent, env, out);
        else emitStmt(r, indent, env, ranges, out);
      }
      return;
    case "if":
      put(`if (${exprText(s.cond, env)}) {`);
      inner(s.then);
      if (s.else) {
        put("} else {");
        inner(s.else);
      }
      put("}");
      return;
    case "let":
      put("{");
      put(`  let ${env.variable(s.v.id, s.v.name)} = ${exprText(s.value, env)};`);
      inner(s.body);
      put("}");
      return;
    case "for": {
      const v = env.variable(s.v.id, s.v.name);
      const [min, end] = [indexText(s.min, env), endOf(s.min, s.extent, env)];
      ranges.set(s.v.id, loopRange(s.min, s.extent, ranges));
      put(`for (var ${v} = ${min}; ${v} < ${end}; ${v}++) {`);
      inner(s.body);
      put("}");
      return;
    }
    case "extern":
      if (matrixCall(s)) {
        const texts = {
          ...{ matrices: env.matrices, ranges: env.ranges, name: (b: Buffer) => env.buffer(b) },
          index: (e: Expr) => indexText(e, env),
        };
        put(matrixLine(s, texts));
        return;
      }
      if (isCombine(s)) {
        const c = combineOf(s);
        const { meeting, workgroup, ids } = env.subgroups;
        const texts = {
          own: offsetText(c.own, ops.toExpr(0), env),
          parts: env.buffer(meeting.get(c.own.id) as Buffer),
          identity: exprText(identityOf(c), env),
          workgroup,
          ids,
          help: (name: string) => help(name, env),
        };
        for (const line of combineLines(c, texts)) put(line);
        return;
      }
      if (!isBarrier(s)) throw new WgslError(`the call of ${s.func} was not expanded`);
      put("workgroupBarrier();");
      put("storageBarrier();");
      return;
    default:
      unreachable(s);
  }
}

function endOf(min: Expr, extent: Expr, env: ExprEnv): string {
  const [a, n] = [constInt(min), constInt(extent)];
  if (a !== undefined && n !== undefined) return String(a + n);
  return a === 0 ? indexText(extent, env) : `(${indexText(min, env)} + ${indexText(extent, env)})`;
}

const isRun = (r: readonly Store[] | Stmt): r is readonly Store[] => Array.isArray(r);

function emitRun(run: readonly Store[], indent: string, given: ExprEnv, out: WgslLine[]): void {
  const loads = loadsOfRun(run, given.ranges);
  const made = new Map(given.made);
  const env: ExprEnv = { ...given, made };
  const lets = (name: string, text: string, node: object): string => {
    const v = env.fresh(name);
    out.push({ text: `${indent}let ${v} = ${text};`, node });
    return v;
  };
  for (const [key, p] of loads) {
    if (made.has(key) || given.registers.has(p.buffer.id)) continue;
    const { buffer, offset } = p;
    const four = env.vectors.has(buffer.id) ? vectorFrom(p, loads, env.ranges) : undefined;
    if (four) {
      const v = lets(`${buffer.name}_v`, `${env.buffer(buffer)}[${vectorText(offset, env)}]`, run[0]);
      four.forEach((l, n) => {
        made.set(accessKey(buffer, l.offset), `${v}.${"xyzw"[n]}`);
      });
    }
  }
  for (const [key, { buffer, offset, times }] of loads) {
    if (times < 2 || made.has(key) || given.registers.has(buffer.id)) continue;
    made.set(key, lets(`${buffer.name}_e`, offsetText(buffer, offset, env), run[0]));
  }
  for (let i = 0; i < run.length; ) {
    const s = run[i];
    const four = env.vectors.has(s.buffer.id) ? vectorStore(run, i, env.ranges) : undefined;
    if (four) {
      const at = vectorText(offsetOf(s.buffer, s.indices, env.ranges), env);
      const values = four.map((x) => exprText(x.value, env)).join(", ");
      const type = elementType(s.buffer, env.f16);
      out.push({
        text: `${indent}${env.buffer(s.buffer)}[${at}] = vec${LANES}<${type}>(${values});`,
        node: s,
      });
      i += LANES;
      continue;
    }
    const value = exprText(s.value, env);
    const text = s.value.dtype === "bool" ? `select(0u, 1u, ${value})` : value;
    out.push({ text: `${indent}${elementText(s.buffer, s.indices, env)} = ${text};`, node: s });
    i++;
  }
}
