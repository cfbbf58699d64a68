/** Instructions to closures: one handler for each. */
import type { Slot, VmFunction, VmInstr, VmSlot } from "../../graph/vm-code.ts";
import type { PrimFunc } from "../../ir/index.ts";
import { Tensor } from "../tensor.ts";
import { kept, type Output } from "./held.ts";
import { type Step, sizesOfCall } from "./kernels.ts";
import { lateRun } from "./late.ts";
import { getFunc } from "./packed.ts";
import type { Host, StepInfo } from "./types.ts";

export interface MadeStep {
  readonly step: Step;
  readonly info?: StepInfo;
}

/** An instruction of one function, whose slots' cells start at `base`. */
interface Site<I> {
  readonly p: Host;
  readonly func: VmFunction;
  readonly base: number;
  readonly i: I;
}

type Instr<Op extends VmInstr["op"]> = Extract<VmInstr, { op: Op }>;
type Handlers = { readonly [Op in VmInstr["op"]]: (s: Site<Instr<Op>>) => MadeStep };

export function compileStep(p: Host, func: VmFunction, base: number, i: VmInstr): MadeStep {
  const handle = HANDLERS[i.op] as (s: Site<VmInstr>) => MadeStep;
  return handle({ p, func, base, i });
}

const slotsOf = (func: VmFunction, slots: readonly Slot[]): VmSlot[] => slots.map((s) => func.slots[s]);
const total = (slots: readonly VmSlot[]): number => slots.reduce((n, s) => n + s.bytes, 0);

const HANDLERS: Handlers = {
  callTir({ p, func, base, i }) {
    const slots = slotsOf(func, i.args);
    const shapes = slots.map((s) => s.shape);
    const given = i.scalars.map((x) => (typeof x === "number" ? x : refuseOpen(i.node)));
    const call = p.kernels.call(i.func, shapes, given, (value) => p.cell(value));
    p.needWorkspace(call.workspace);
    const scalars = scalarsOf(call.func, given).map((x) => p.cell(x));
    const cells = [...i.args.map((s) => base + s), ...scalars];
    const program = p.unscheduled.get(i.func) ?? call.func;
    const info = {
      node: i.node,
      func: i.func,
      program,
      sizes: sizesOfCall(program, shapes, given),
      bytes: total(slots),
    };
    return { step: call.bind(p.cells, cells, p.scratchCell), info };
  },

  callPacked({ p, func, base, i }) {
    getFunc(i.func); // Throws now rather than in the middle of a run.
    const all = [...i.args, ...i.outputs];
    const slots = slotsOf(func, all);
    const views: (Tensor | undefined)[] = all.map(() => undefined);
    const addresses: number[] = all.map(() => -1);
    const call = { inputs: i.args.length, attrs: i.attrs };
    const info = { node: i.node, func: i.func, bytes: total(slots) };
    const step = (): void => {
      all.forEach((slot, k) => {
        const address = p.cells[base + slot] as number;
        if (views[k] && addresses[k] === address && !views[k].disposed) return;
        addresses[k] = address;
        views[k] = Tensor.over(p.heap.memory, address, slots[k].shape, slots[k].dtype, false);
      });
      const given: unknown = getFunc(i.func)(views as Tensor[], call);
      if (given instanceof Promise) {
        throw new TypeError(
          `the library function "${i.func}" is asynchronous: it has to be done when it returns`,
        );
      }
    };
    return { step, info };
  },

  callFunc({ p, func, base, i }) {
    return {
      step: () => {
        const args = i.args.map((s) => p.share(func, base, s));
        try {
          const outputs = p.call(
            p.frame(i.func),
            args.map((a) => a.address),
          );
          receive(p, base, i.dst, kept(outputs, args));
        } finally {
          for (const a of args) p.heap.drop(a.held);
        }
      },
    };
  },

  if({ p, func, base, i }) {
    const then = p.list(func, base, i.then);
    const other = p.list(func, base, i.else);
    const cond = base + i.cond;
    return {
      step: () => p.runList(p.heap.bytes[p.cells[cond] as number] !== 0 ? then : other),
    };
  },

  loop(s) {
    const { p } = s;
    // i64 iteration number and bool condition: what the body is told.
    const counter = p.reserve(8);
    const flag = p.reserve(1);
    return { step: () => runLoop(s, counter, flag) };
  },

  size: ({ i }) => refuseOpen(i.node),
  sameSize: ({ i }) => refuseOpen(i.node),

  alloc({ p, func, base, i }) {
    const { bytes } = func.slots[i.dst];
    const cell = base + i.dst;
    return {
      step: () => {
        const held = p.heap.hold(bytes);
        p.put(cell, held);
        p.cells[cell] = held.address;
      },
    };
  },

  view: ({ p, base, i }) => alias(p, base + i.dst, base + i.src),
  move: ({ p, base, i }) => alias(p, base + i.dst, base + i.src),

  kill({ p, base, i }) {
    const cells = i.slots.map((s) => base + s);
    return {
      step: () => {
        for (const cell of cells) p.put(cell, undefined);
      },
    };
  },

  specialize({ p, func, base, i }) {
    const late = i.late && lateRun(p, func, base, i.late);
    return {
      step: () => {
        const args = i.args.map((s) => p.share(func, base, s));
        try {
          if (late) args.push(...late());
          p.frame(func.name).outputs = kept(p.specialize(p, i.func, args), args);
        } finally {
          for (const a of args) p.heap.drop(a.held);
        }
      },
    };
  },
};

/** Programs that are run here were specialised to all sizes. */
function refuseOpen(node: string): never {
  throw new Error(`${node} has open sizes: the program was compiled whole, for a bundle`);
}

function alias(p: Host, dst: number, src: number): MadeStep {
  return {
    step: () => {
      const held = p.held[src];
      if (held) held.users++;
      p.put(dst, held);
      p.cells[dst] = p.cells[src];
    },
  };
}

/** Scalars as generated code takes them. */
function scalarsOf(f: PrimFunc, values: readonly number[]): (number | bigint)[] {
  const params = f.params.filter((x) => x.kind === "var");
  return values.map((v, k) => (params[k]?.dtype === "i64" ? BigInt(v) : v));
}

/** Puts what a function gave into slots. */
function receive(p: Host, base: number, dst: readonly Slot[], outputs: readonly Output[]): void {
  dst.forEach((slot, k) => {
    p.put(base + slot, outputs[k].held);
    p.cells[base + slot] = outputs[k].address;
  });
}

function runLoop({ p, func, base, i }: Site<Instr<"loop">>, counter: number, flag: number): void {
  const { heap, cells } = p;
  const at = (slot: Slot): number => cells[base + slot] as number;
  const body = p.frame(i.func);
  const most = i.trip === undefined ? Number.POSITIVE_INFINITY : heap.integers(at(i.trip), "i64", 1)[0];
  let goes = i.cond === undefined || heap.bytes[at(i.cond)] !== 0;
  let carried = i.carried.map((slot) => p.share(func, base, slot));
  const captured = i.captured.map(at);
  const stacks = i.dst.slice(carried.length).map((slot) => {
    const { bytes, shape, name } = func.slots[slot];
    const held = heap.hold(bytes);
    p.put(base + slot, held);
    cells[base + slot] = held.address;
    const rows = shape[0];
    return { address: held.address, rows, name, rowBytes: rows === 0 ? 0 : bytes / rows };
  });
  let n = 0;
  try {
    for (; goes && n < most; n++) {
      for (const s of stacks) if (n >= s.rows) refuseCount(i, s, n + 1);
      heap.words.setBigInt64(cells[counter] as number, BigInt(n), true);
      heap.bytes[cells[flag] as number] = 1;
      const own = carried.map((c) => c.address);
      const args = [cells[counter] as number, cells[flag] as number, ...own, ...captured];
      const [cond, ...outputs] = p.call(body, args);
      goes = heap.bytes[cond.address] !== 0;
      heap.drop(cond.held);
      const next = kept(outputs.slice(0, carried.length), carried);
      for (const c of carried) heap.drop(c.held);
      outputs.slice(carried.length).forEach((o, k) => {
        const s = stacks[k];
        heap.copy(o.address, s.address + n * s.rowBytes, s.rowBytes);
        heap.drop(o.held);
      });
      carried = next;
    }
    for (const s of stacks) if (n !== s.rows) refuseCount(i, s, n);
  } catch (e) {
    for (const c of carried) heap.drop(c.held);
    throw e;
  }
  receive(p, base, i.dst.slice(0, carried.length), carried);
}

function refuseCount(i: Instr<"loop">, s: { name: string; rows: number }, n: number): never {
  throw new Error(
    `loop ${i.node}: ${s.name} has one row for each iteration, ${s.rows} by its type; the loop made ${n}`,
  );
}
