/**
 * Functions and modules. Both are plain data; methods (`script()`, the Jupyter display) come from prototypes that
 * the layers which know how to print fill in, so that ir depends on none of them and JSON sees data alone.
 */
import type { Buffer, Var } from "./expr.ts";
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

/** Functions of any level by name. Graph-level functions join this union with lib/graph. */
export type BaseFunc = PrimFunc;

export interface IRModule extends IRModuleMethods {
  readonly kind: "module";
  readonly funcs: { readonly [name: string]: BaseFunc };
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

export function irModule(funcs: { readonly [name: string]: BaseFunc }, attrs: Attrs = NO_ATTRS): IRModule {
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

export const bufferParams = (f: PrimFunc): Buffer[] =>
  f.params.filter((p): p is Buffer => p.kind === "buffer");
