/** Calls of generated code as text. */
import type { WasmFunction } from "../../codegen/index.ts";
import type { Slot, VmFunction, VmInstr } from "../../graph/vm-code.ts";
import { bufferParams, type Expr, intervalOf, ops, type PrimFunc, substExpr } from "../../ir/index.ts";
import { sizesOfCall } from "../../runtime/vm/kernels.ts";
import { refuseDeploy } from "../error.ts";
import type { Address, Places } from "./places.ts";

export interface Kernel {
  /** The exported function that a tensor program became. */
  readonly name: string;
  readonly code: WasmFunction;
}

type Call = Extract<VmInstr, { op: "callTir" }>;

/** The symbolic sizes of the program that is called, in terms of those of the caller. */
export function sizesOf(func: PrimFunc, f: Pick<VmFunction, "slots">, i: Pick<Call, "args" | "scalars">) {
  const sizesAt = (s: Slot): readonly Expr[] =>
    f.slots[s].sizes ?? f.slots[s].shape.map((n) => ops.toExpr(n));
  return sizesOfCall<Expr>(
    func,
    i.args.slice(0, bufferParams(func).length).map(sizesAt),
    i.scalars.map((x) => ops.toExpr(x)),
  );
}

/** `k.name(addresses and scalars, sizes, workspace)`. */
export function callText(
  { name, code }: Kernel,
  func: PrimFunc,
  args: readonly Address[],
  scalars: readonly (number | Expr)[],
  sizes: ReadonlyMap<number, Expr>,
  places: Pick<Places, "size">,
  scratch: number,
): string {
  let [buffer, scalar] = [0, 0];
  const given = func.params.map((p) => {
    if (p.kind === "buffer") return args[buffer++];
    const x = places.size(ops.toExpr(scalars[scalar++]));
    return p.dtype !== "i64" ? x : /^-?\d+$/.test(x) ? `${x}n` : `BigInt(${x})`;
  });
  const tail = code.sizes.map((v) => places.size(sizes.get(v.id) as Expr));
  const member = /^[A-Za-z_$][\w$]*$/.test(name) ? `.${name}` : `[${JSON.stringify(name)}]`;
  return `k${member}(${[...given, ...tail, scratch].join(", ")});`;
}

/** The most workspace that a call needs. Throws a `DeployError` when nothing bounds it. */
export function workspaceOf(
  code: WasmFunction,
  sizes: ReadonlyMap<number, Expr>,
  ranges: Places["ranges"],
  where: string,
): number {
  const { max } = intervalOf(substExpr(code.workspace, sizes), ranges);
  return Number.isFinite(max)
    ? max
    : refuseDeploy(`${where}: nothing bounds the memory that ${code.name} works in`);
}
