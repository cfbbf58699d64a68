/**
 * Functions and modules. Both are plain data; methods (`script()`, the Jupyter display) come from prototypes that
 * the layers which know how to print fill in, so that ir depends on none of them and JSON sees data alone.
 */
import type { Buffer, Var } from "./expr.ts";
import type { GraphFunc } from "./graph.ts";
import { type Attrs, type Block, block, NO_ATTRS, type Stmt } from "./stmt.ts";

export type Param = Buffer | Var;

/** What lib/script and lib/show add (by declaration merging) to every function. */
// biome-ignore lint/suspicious/noEmptyInterface: filled by declaration merging
export interface PrimFuncMethods {}
/** What lib/script and lib/show add (by declaration merging) to every module. */
// biome-ignore lint/suspicious/noEmptyInterface: filled by declaration merging
export interface IRModuleMethods {}

/**
 * A primitive tensor function. The body is the root block: no axes, and the function's intermediate buffers as its
 * allocations. Variables in the shapes of parameters are the symbolic sizes; they are bound by the arguments.
 */
export interface PrimFunc extends PrimFuncMethods {
  readonly kind: "primFunc";
  readonly params: readonly Param[];
  readonly body: Block;
  readonly attrs: Attrs;
}

/** Functions of either level: tensor programs, and graph-level functions that call them. */
export type BaseFunc = PrimFunc | GraphFunc;

export type Funcs = { readonly [name: string]: BaseFunc };

/** `F`: what is known of the functions, where a module was just written out. */
export interface IRModule<F extends Funcs = Funcs> extends IRModuleMethods {
  readonly kind: "module";
  readonly funcs: F;
  readonly attrs: Attrs;
}

/** Prototypes of functions and modules: empty here. */
export const primFuncMethods: object = {};
export const moduleMethods: object = {};

/** A function from its parameters and root block (a bare statement is put into one). */
export function primFunc(
  params: readonly Param[],
  body: Stmt,
  options: { allocs?: readonly Buffer[]; attrs?: Attrs } = {},
): PrimFunc {
  const isRoot = body.kind === "block" && body.name === "root" && body.axes.length === 0 && !options.allocs;
  const root = isRoot ? body : block({ name: "root", body, allocs: options.allocs });
  return Object.assign(Object.create(primFuncMethods), {
    kind: "primFunc",
    params,
    body: root,
    attrs: options.attrs ?? NO_ATTRS,
  });
}

/** The function with another root block; the same object when nothing changes. */
export function withBody(f: PrimFunc, body: Block): PrimFunc {
  return body === f.body ? f : primFunc(f.params, body, { attrs: f.attrs });
}

export function withAttrs(f: PrimFunc, attrs: Attrs): PrimFunc {
  return primFunc(f.params, f.body, { attrs: { ...f.attrs, ...attrs } });
}

export function irModule<const F extends Funcs>(funcs: F, attrs: Attrs = NO_ATTRS): IRModule<F> {
  return Object.assign(Object.create(moduleMethods), { kind: "module", funcs: { ...funcs }, attrs });
}

/** The module with one function added or replaced. */
export function updateFunc(mod: IRModule, name: string, f: BaseFunc): IRModule {
  return mod.funcs[name] === f ? mod : irModule({ ...mod.funcs, [name]: f }, mod.attrs);
}

/** The function of that name. Throws, listing the names there are. */
export function getFunc(mod: IRModule, name: string): BaseFunc {
  const f = Object.hasOwn(mod.funcs, name) ? mod.funcs[name] : undefined;
  if (!f)
    throw new Error(
      `the module has no function "${name}"; it has ${Object.keys(mod.funcs).join(", ") || "none"}`,
    );
  return f;
}

/** The tensor program of that name. Throws when there is none, or a graph-level function has the name. */
export function getPrimFunc(mod: IRModule, name: string): PrimFunc {
  const f = getFunc(mod, name);
  if (f.kind === "primFunc") return f;
  const programs = Object.keys(primFuncs(mod)).join(", ") || "none";
  throw new TypeError(
    `"${name}" is a graph-level function; the tensor programs of the module are: ${programs}`,
  );
}

/** The graph-level function of that name. Throws when there is none, or a tensor program has the name. */
export function getGraphFunc(mod: IRModule, name: string): GraphFunc {
  const f = getFunc(mod, name);
  if (f.kind === "graphFunc") return f;
  const graphs = Object.keys(graphFuncs(mod)).join(", ") || "none";
  throw new TypeError(
    `"${name}" is a tensor program; the graph-level functions of the module are: ${graphs}`,
  );
}

const ofKind = <K extends BaseFunc["kind"]>(mod: IRModule, kind: K) =>
  Object.fromEntries(Object.entries(mod.funcs).filter(([, f]) => f.kind === kind)) as Record<
    string,
    Extract<BaseFunc, { kind: K }>
  >;

/** The tensor programs of a module by name, in its order. */
export const primFuncs = (mod: IRModule): Record<string, PrimFunc> => ofKind(mod, "primFunc");
/** The graph-level functions of a module by name, in its order. */
export const graphFuncs = (mod: IRModule): Record<string, GraphFunc> => ofKind(mod, "graphFunc");

/** The module without some functions; the same object when it has none of them. */
export function removeFuncs(mod: IRModule, names: ReadonlySet<string>): IRModule {
  const kept = Object.entries(mod.funcs).filter(([name]) => !names.has(name));
  return kept.length === Object.keys(mod.funcs).length ? mod : irModule(Object.fromEntries(kept), mod.attrs);
}

export const bufferParams = (f: PrimFunc): Buffer[] =>
  f.params.filter((p): p is Buffer => p.kind === "buffer");
