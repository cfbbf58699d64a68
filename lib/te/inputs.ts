/** What tensors are made of. */
import { visitExpr } from "../ir/index.ts";
import { type Compute, type Tensor, tensorOf } from "./tensor.ts";

/** The tensors a computation reads, in the order of their first occurrence. */
function tensorsRead(op: Compute): Tensor[] {
  const found = new Set<Tensor>();
  visitExpr(op.body, (e) => {
    const t = e.kind === "load" ? tensorOf(e.buffer) : undefined;
    if (t) found.add(t);
  });
  return [...found];
}

/** All tensors that the given ones are computed from, themselves included, each after what it reads. */
export function allTensors(outputs: readonly Tensor[]): Tensor[] {
  const done = new Set<Tensor>();
  const go = (t: Tensor): void => {
    if (done.has(t)) return;
    if (t.op.kind === "compute") for (const r of tensorsRead(t.op)) go(r);
    done.add(t);
  };
  for (const t of outputs) go(t);
  return [...done];
}

/** The placeholders that a tensor is computed from. */
export function inputsOf(t: Tensor): Tensor[] {
  return allTensors([t]).filter((x) => x.op.kind === "placeholder");
}
