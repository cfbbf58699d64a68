/** The cells of recurrent layers: what one step does with the state. Formulas and order of the gates are those of ONNX. */
import { type Buffer, type Expr, load, ops, type PrimFunc, store } from "../../ir/index.ts";
import type { TypedCall } from "../op.ts";
import {
  activated,
  type Buffers,
  type Cell,
  copyState,
  type Direction,
  emitState,
  gateBuffer,
  inputPart,
  overState,
  recurrentProgram,
  setState,
  stateAt,
  stateSums,
} from "./recurrent-steps.ts";

/** Element `j` of gate `g` of the sums over the state. */
const gate = (q: Direction, sums: Buffer, b: Expr, g: number, j: Expr): Expr =>
  load(sums, [b, ops.add(ops.mul(q.hidden, g), j)]);

/** H = f(X·W + H·R + biases). */
function plainCell(q: Direction): Cell {
  const sums = gateBuffer(q, `sums${q.d}`, 1);
  return {
    allocs: [sums],
    start: [],
    step: (s) => [
      stateSums(q, `state${q.d}`, sums, (b, k) => stateAt(q, q.h, b, k), 0, 1),
      overState(q, `cell${q.d}`, (b, j) => {
        const value = activated(q, 0, ops.add(inputPart(q, b, s, 0, j), gate(q, sums, b, 0, j)));
        return [emitState(q, b, s, j, value), setState(q, q.h, b, s, j, value)];
      }),
    ],
  };
}

/** Gates i, o, f, c. The peepholes (weights of C in the gates i, o, f) are one row of 3 · hidden for each direction. */
function lstmCell(q: Direction, of: Buffers): Cell {
  const sums = gateBuffer(q, `sums${q.d}`, 4);
  const { c0, c, peepholes } = of;
  const [out, cell] = [gateBuffer(q, `hidden${q.d}`, 1), gateBuffer(q, `memory${q.d}`, 1)];
  const peep = (g: number, j: Expr, state: Expr, x: Expr): Expr =>
    peepholes
      ? ops.add(x, ops.mul(load(peepholes, [ops.toExpr(q.d), ops.add(ops.mul(q.hidden, g), j)]), state))
      : x;
  return {
    allocs: [sums, out, cell],
    start: [copyState(q, c0, c, `start_c${q.d}`)],
    step: (s) => {
      const total = (b: Expr, g: number, j: Expr): Expr =>
        ops.add(inputPart(q, b, s, g, j), gate(q, sums, b, g, j));
      return [
        stateSums(q, `state${q.d}`, sums, (b, k) => stateAt(q, q.h, b, k), 0, 4),
        overState(q, `memory${q.d}`, (b, j) => {
          const old = stateAt(q, c, b, j);
          const input = activated(q, 0, peep(0, j, old, total(b, 0, j)));
          const forget = q.c.flag("inputForget")
            ? ops.sub(ops.toExpr(1, input.dtype), input)
            : activated(q, 0, peep(2, j, old, total(b, 2, j)));
          const candidate = activated(q, 1, total(b, 3, j));
          return store(cell, [b, j], ops.add(ops.mul(forget, old), ops.mul(input, candidate)));
        }),
        overState(q, `hidden${q.d}`, (b, j) => {
          const memory = load(cell, [b, j]);
          const open = activated(q, 0, peep(1, j, memory, total(b, 1, j)));
          return store(out, [b, j], ops.mul(open, activated(q, 2, memory)));
        }),
        overState(q, `cell${q.d}`, (b, j) => [
          emitState(q, b, s, j, load(out, [b, j])),
          setState(q, q.h, b, s, j, load(out, [b, j])),
          setState(q, c, b, s, j, load(cell, [b, j])),
        ]),
      ];
    },
  };
}

/** Gates z, r, h. `linearBeforeReset`: the reset applies to the sum over the state, not to the state. */
function gruCell(q: Direction): Cell {
  const linear = q.c.flag("linearBeforeReset");
  const sums = gateBuffer(q, `sums${q.d}`, linear ? 3 : 2);
  const own = gateBuffer(q, `own${q.d}`, 1);
  const reset = gateBuffer(q, `reset${q.d}`, 1);
  const out = gateBuffer(q, `hidden${q.d}`, 1);
  const h = (b: Expr, k: Expr): Expr => stateAt(q, q.h, b, k);
  return {
    allocs: linear ? [sums, reset, out] : [sums, reset, out, own],
    start: [],
    step: (s) => {
      const opening = (b: Expr, g: number, j: Expr): Expr =>
        activated(q, 0, ops.add(inputPart(q, b, s, g, j), gate(q, sums, b, g, j)));
      const candidate = (b: Expr, j: Expr): Expr =>
        linear ? ops.mul(load(reset, [b, j]), gate(q, sums, b, 2, j)) : load(own, [b, j]);
      return [
        stateSums(q, `state${q.d}`, sums, h, 0, linear ? 3 : 2),
        overState(q, `reset${q.d}`, (b, j) => {
          const r = opening(b, 1, j);
          return store(reset, [b, j], linear ? r : ops.mul(r, h(b, j)));
        }),
        ...(linear ? [] : [stateSums(q, `own${q.d}`, own, (b, k) => load(reset, [b, k]), 2, 1)]),
        overState(q, `hidden${q.d}`, (b, j) => {
          const z = opening(b, 0, j);
          const fresh = activated(q, 1, ops.add(inputPart(q, b, s, 2, j), candidate(b, j)));
          const one = ops.toExpr(1, z.dtype);
          const value = ops.add(ops.mul(ops.sub(one, z), fresh), ops.mul(z, h(b, j)));
          return store(out, [b, j], value);
        }),
        overState(q, `cell${q.d}`, (b, j) => [
          emitState(q, b, s, j, load(out, [b, j])),
          setState(q, q.h, b, s, j, load(out, [b, j])),
        ]),
      ];
    },
  };
}

const ARGS = ["x", "r", "bias", "h0"] as const;

export const rnnSteps = (c: TypedCall): PrimFunc =>
  recurrentProgram(c, { args: [...ARGS, "lengths"], results: ["y", "h"] }, 1, plainCell);
export const gruSteps = (c: TypedCall): PrimFunc =>
  recurrentProgram(c, { args: [...ARGS, "lengths"], results: ["y", "h"] }, 2, gruCell);
export const lstmSteps = (c: TypedCall): PrimFunc =>
  recurrentProgram(
    c,
    { args: [...ARGS, "c0", "lengths", "peepholes"], results: ["y", "h", "c"] },
    3,
    lstmCell,
  );
