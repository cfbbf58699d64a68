/** fuseTir: a fused group becomes one tensor program. */
import {
  type BaseFunc,
  type Block,
  type Buffer,
  bindingsOf,
  buffer,
  bufferParams,
  type CallTir,
  callTir,
  type Expr,
  freshenFunc,
  freshId,
  type GraphFunc,
  type GraphVar,
  type IRModule,
  irModule,
  mapStmt,
  type Param,
  type PrimFunc,
  ProgramFacts,
  primFunc,
  Recent,
  removeFuncs,
  replaceBuffers,
  type Stmt,
  seq,
  structuralEqual,
  substStmt,
  type TensorType,
  type Var,
  varsOf,
  withAttrs,
} from "../../ir/index.ts";
import { BlockBuilder } from "../block-builder.ts";
import { refuseGraph } from "../error.ts";
import { constShape } from "../shape.ts";
import { type OpPattern, patternOf, worse } from "./op-pattern.ts";
import { isDeferred, type Pass } from "./pass.ts";
import { rewriteFunc } from "./rewrite.ts";
import { boundSize, type SizeMap, unifyTypes } from "./unify.ts";

const WHERE = "fuseTir";

/**
 * Every function marked `Primitive` becomes a tensor program that holds the blocks of all it calls, with the values
 * between as its intermediates, and calls of it become `callTir`. Equal ones become the same program. A schedule may then
 * put the intermediates where they are used (computeInline and its kin).
 */
export const fuseTir: Pass = { name: WHERE, run };

interface Program {
  readonly name: string;
  readonly tirVars: readonly Var[];
  readonly func: GraphFunc;
}

function run(mod: IRModule): IRModule {
  const bb = new BlockBuilder(mod);
  const programs = new Map<string, Program>();
  /** By name without numbers: equal groups need not be made into a program twice. */
  const groups = new Map<string, Program[]>();
  for (const [name, f] of Object.entries(mod.funcs)) {
    if (f.kind !== "graphFunc" || isDeferred(f) || !f.attrs.Primitive) continue;
    const base = name.replace(/\d+$/, "");
    const made = groups.get(base) ?? [];
    const equal = made.find((g) => structuralEqual(g.func, f));
    if (equal) {
      programs.set(name, equal);
      continue;
    }
    const key = keyOf(f, mod);
    const fused = () => fusedProgram(f, mod, name);
    const { func, tirVars } = key === undefined ? fused() : known.get(key, fused);
    const program = { name: bb.addFunc(func, `${base}_program`), tirVars, func: f };
    programs.set(name, program);
    groups.set(base, [...made, program]);
  }
  if (programs.size === 0) return mod;
  const done: Record<string, BaseFunc> = { ...bb.get().funcs };
  for (const [name, f] of Object.entries(mod.funcs)) {
    if (f.kind !== "graphFunc" || programs.has(name)) continue;
    done[name] = rewriteFunc(f, {
      value: (e) => {
        const p = e.kind === "callFunc" ? programs.get(e.func) : undefined;
        if (e.kind !== "callFunc" || !p) return e;
        const sizes: SizeMap = new Map();
        p.func.params.forEach((x, i) => {
          unifyTypes(e.func, x.type, e.args[i].type, sizes);
        });
        const tirVars = p.tirVars.map((v) => boundSize(v, sizes));
        return callTir(p.name, e.args, e.type, { tirVars });
      },
    });
  }
  const without = removeFuncs(irModule(done, mod.attrs), new Set(programs.keys()));
  return renamed(without, programs);
}

/** The program of a group takes the name of the group, which is free now. */
function renamed(mod: IRModule, programs: ReadonlyMap<string, { readonly name: string }>): IRModule {
  const names = new Map<string, string>();
  for (const [group, { name }] of programs) if (!names.has(name)) names.set(name, group);
  const funcs: Record<string, BaseFunc> = {};
  for (const [name, f] of Object.entries(mod.funcs)) {
    const now =
      f.kind === "graphFunc"
        ? rewriteFunc(f, {
            value: (e) =>
              e.kind === "callTir" && names.has(e.func) ? { ...e, func: names.get(e.func) as string } : e,
          })
        : f;
    funcs[names.get(name) ?? name] = now;
  }
  return irModule(funcs, mod.attrs);
}

interface Fused {
  readonly func: PrimFunc;
  /** Sizes that it cannot read off its parameters' shapes. */
  readonly tirVars: readonly Var[];
}

/** Programs of groups that were met lately: a model is compiled for one set of sizes after another. */
const known = new Recent<string, Fused>(256);
const numbers = new ProgramFacts<number>();

/** Groups with the same key become the same program, names included; undefined where sizes are symbolic. */
function keyOf(f: GraphFunc, mod: IRModule): string | undefined {
  const places = new Map<number, number>();
  let fits = true;
  const bound = (v: GraphVar): string => {
    places.set(v.id, places.size);
    const shape = v.type.kind === "tensor" ? constShape(v.type.shape) : undefined;
    fits &&= shape !== undefined;
    return `${v.name} ${v.type.kind === "tensor" ? v.type.dtype : ""}[${shape}]`;
  };
  const parts = f.params.map(bound);
  for (const b of bindingsOf(f.body)) {
    const func = b.kind === "bind" && b.value.kind === "callTir" ? mod.funcs[b.value.func] : undefined;
    if (b.kind !== "bind" || b.value.kind !== "callTir" || func?.kind !== "primFunc") return undefined;
    const args = b.value.args.map((a) => (a.kind === "graphVar" ? places.get(a.id) : undefined));
    fits &&= b.value.tirVars.length === 0 && args.every((a) => a !== undefined);
    parts.push(`${numbers.of(func, freshId)}(${args}) ${bound(b.v)}`);
  }
  const { result } = f.body;
  return fits && result.kind === "graphVar" ? `${parts.join("; ")} -> ${places.get(result.id)}` : undefined;
}

function fusedProgram(f: GraphFunc, mod: IRModule, name: string): Fused {
  const calls = bindingsOf(f.body).map((b) => {
    if (b.kind === "bind" && b.value.kind === "callTir") return { v: b.v, call: b.value };
    return refuseGraph(
      WHERE,
      `${name} holds a ${b.value.kind}; a Primitive function holds calls of tensor programs`,
    );
  });
  const { result } = f.body;
  const buffers = new Map<number, Buffer>();
  const bufferOf = (v: { readonly id: number; readonly name: string; readonly type: unknown }): Buffer => {
    const t = v.type as TensorType;
    const made = buffers.get(v.id) ?? buffer(v.name, t.shape, t.dtype);
    buffers.set(v.id, made);
    return made;
  };
  const params = f.params.map(bufferOf);
  const out =
    result.kind === "graphVar" && calls.some((c) => c.v.id === result.id) ? bufferOf(result) : undefined;
  if (!out) return refuseGraph(WHERE, `${name} does not give what a call in it makes`);
  const stmts: Stmt[] = [];
  const allocs: Buffer[] = [];
  const names = new Set<string>(["root"]);
  let pattern: OpPattern = "elemWise";
  for (const { v, call } of calls) {
    const given = mod.funcs[call.func];
    if (given?.kind !== "primFunc")
      return refuseGraph(WHERE, `the module has no tensor program ${call.func}`);
    pattern = worse(pattern, patternOf(given));
    const args = call.args.map((a) =>
      a.kind === "graphVar"
        ? bufferOf(a)
        : refuseGraph(WHERE, `${name}: a ${a.kind} is no argument of ${call.func}`),
    );
    const root = placed(given, [...args, bufferOf(v)], call);
    if (bufferOf(v) !== out) allocs.push(bufferOf(v));
    allocs.push(...root.allocs);
    stmts.push(uniquelyNamed(root.body, names));
  }
  const bound = new Set(params.flatMap((b) => b.shape.flatMap((s) => (s.kind === "var" ? [s.id] : []))));
  const free = new Map<number, Var>();
  const note = (e: Expr): void => {
    for (const [id, x] of varsOf(e)) if (!bound.has(id)) free.set(id, x);
  };
  for (const b of [...params, out, ...allocs]) b.shape.forEach(note);
  for (const { call } of calls) call.tirVars.forEach(note);
  const tirVars = [...free.values()];
  const list: Param[] = [...params, out, ...tirVars];
  const func = freshenFunc(primFunc(list, seq(stmts), { allocs }));
  return { func: withAttrs(func, { opPattern: pattern }), tirVars };
}

/** The root block of a copy of a program with these buffers as its parameters. */
function placed(f: PrimFunc, args: readonly Buffer[], call: CallTir): Block {
  const copy = freshenFunc(f);
  const buffers = new Map<number, Buffer>();
  const sizes: SizeMap = new Map();
  bufferParams(copy).forEach((p, i) => {
    buffers.set(p.id, args[i]);
    unifyTypes(
      call.func,
      { kind: "tensor", dtype: p.dtype, shape: p.shape },
      { kind: "tensor", dtype: args[i].dtype, shape: args[i].shape },
      sizes,
    );
  });
  copy.params
    .filter((p): p is Var => p.kind === "var")
    .forEach((v, i) => {
      sizes.set(v.id, call.tirVars[i]);
    });
  const root = replaceBuffers(substStmt(copy.body, sizes), buffers);
  const resized = new Map(
    root.allocs.map((b) => [b.id, { ...b, shape: b.shape.map((s) => boundSize(s, sizes)) }]),
  );
  return replaceBuffers(root, resized);
}

/** Blocks are found by name, so no two have the same. */
function uniquelyNamed(s: Stmt, used: Set<string>): Stmt {
  const go = (x: Stmt): Stmt => {
    const inner = mapStmt(x, { stmt: go });
    if (inner.kind !== "block") return inner;
    let name = inner.name;
    for (let n = 1; used.has(name); n++) name = `${inner.name}_${n}`;
    used.add(name);
    return name === inner.name ? inner : { ...inner, name };
  };
  return go(s);
}
