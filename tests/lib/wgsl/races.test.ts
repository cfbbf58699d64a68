/**
 * Loops that say they are threads, written by hand: where their iterations use the same elements, they run one after
 * another, as in the interpreter; and random programs of that kind, most of which have some race.
 */
import assert from "node:assert/strict";
import fc from "fast-check";
import { WgslError } from "../../../lib/codegen/wgsl/index.ts";
import {
  assertWellFormed,
  type Buffer,
  buffer,
  type Expr,
  load,
  loop,
  ops,
  type PrimFunc,
  primFunc,
  type Stmt,
  seq,
  store,
  type Var,
  variable,
} from "../../../lib/ir/index.ts";
import { Tensor } from "../../../lib/runtime/index.ts";
import { releaseGpu } from "../../../lib/runtime/webgpu/device.ts";
import { T } from "../../../lib/script/index.ts";
import { requireGpu } from "../../support/system.ts";
import { assertAgrees, wholeNumbers } from "./harness.ts";

const asked = process.env.TILEWRIGHT_SEED ?? "20261122";
const seed = asked === "random" ? Date.now() % 2 ** 31 : Number(asked);
const runs = Math.min(500, Number(process.env.TILEWRIGHT_RUNS ?? 200));

const N = 32;

/** A statement over random loops: `to[index] = from[index] (+ to[index])`. */
interface Part {
  readonly loops: readonly ("x" | "y" | "serial")[];
  readonly to: number;
  readonly from: number;
  readonly coefs: readonly number[];
  readonly reads: readonly number[];
  readonly adds: boolean;
}

const part: fc.Arbitrary<Part> = fc.record({
  loops: fc.array(fc.constantFrom("x" as const, "y" as const, "serial" as const), {
    minLength: 0,
    maxLength: 2,
  }),
  to: fc.nat(1),
  from: fc.nat(2),
  coefs: fc.array(fc.nat(4), { minLength: 5, maxLength: 5 }),
  reads: fc.array(fc.nat(4), { minLength: 5, maxLength: 5 }),
  adds: fc.boolean(),
});

const around = fc.array(fc.constantFrom("group", "x", "y", "serial"), { minLength: 1, maxLength: 3 });

const THREAD = { group: "blockIdx.x", x: "threadIdx.x", y: "threadIdx.y" } as const;

function programOf(outer: readonly string[], parts: readonly Part[]): PrimFunc {
  const [A, B] = [buffer("A", [N], "i32"), buffer("B", [N], "i32")];
  const C = buffer("C", [N], "i32", "shared");
  const buffers: Buffer[] = [B, C, A];
  const nest = (
    kinds: readonly string[],
    known: readonly Var[],
    inside: (vars: readonly Var[]) => Stmt,
  ): Stmt => {
    const [kind, ...rest] = kinds;
    if (kind === undefined) return inside(known);
    const v = variable(`v${known.length}`);
    const thread = THREAD[kind as keyof typeof THREAD];
    const body = nest(rest, [...known, v], inside);
    return thread ? loop(v, 3, body, { loopKind: "threadBinding", thread }) : loop(v, 2, body);
  };
  const at = (vars: readonly Var[], coefs: readonly number[]): Expr[] => [
    ops.floormod(
      vars.reduce<Expr>((e, v, i) => ops.add(e, ops.mul(v, coefs[i] ?? 1)), ops.toExpr(coefs[4])),
      N,
    ),
  ];
  const statement = (p: Part, vars: readonly Var[]): Stmt =>
    nest(p.loops, vars, (all) => {
      const to = buffers[p.to];
      const value = ops.add(load(buffers[p.from], at(all, p.reads)), all.at(-1) ?? ops.toExpr(1));
      const kept = p.adds ? ops.add(value, load(to, at(all, p.coefs))) : value;
      return store(to, at(all, p.coefs), kept);
    });
  const fill = variable("f");
  const body = nest(outer, [], (vars) =>
    seq([loop(fill, N, store(C, [fill], fill)), ...parts.map((p) => statement(p, vars))]),
  );
  return assertWellFormed(primFunc([A, B], body, { allocs: [C] }));
}

const inputs = (): Tensor[] => [Tensor.arange(0, N), Tensor.arange(N, 2 * N)];

describe(`wgsl, threads that use the same elements (TILEWRIGHT_SEED=${seed})`, function () {
  this.timeout(300_000);
  before(async function () {
    await requireGpu(this);
  });
  after(releaseGpu);

  const agrees = async (f: PrimFunc): Promise<string> => {
    const { notes } = await assertAgrees(f, f, () => wholeNumbers(f));
    return notes.join("\n");
  };

  it("several threads write one element: the last one's value stays", async () => {
    const f = T.primFunc({ A: T.buffer([64]), B: T.buffer([4]) }, ({ A, B }) => {
      for (const t of T.threadBinding(64, "threadIdx.x")) B[t % 4] = A[t];
    });
    assert.match(
      await agrees(f),
      /threads of threadIdx.x would use the same elements of B .*one thread runs/,
    );
  });

  it("several workgroups write one element", async () => {
    const f = T.primFunc({ A: T.buffer([64]), B: T.buffer([4]) }, ({ A, B }) => {
      for (const t of T.threadBinding(64, "blockIdx.x")) B[t % 4] = A[t];
    });
    assert.match(await agrees(f), /workgroups would use each other's elements of B/);
  });

  it("adds up in one element", async () => {
    const f = T.primFunc({ A: T.buffer([64]), B: T.buffer([1]) }, ({ A, B }) => {
      for (const t of T.threadBinding(64, "threadIdx.x")) B[0] += A[t] * 0 + 1;
    });
    assert.match(await agrees(f), /one thread runs/);
  });

  it("a thread reads what the one before wrote", async () => {
    const f = T.primFunc({ A: T.buffer([64]), B: T.buffer([65]) }, ({ A, B }) => {
      for (const t of T.threadBinding(64, "threadIdx.x")) B[t + 1] = B[t] + A[t];
    });
    assert.match(await agrees(f), /one thread runs/);
  });

  it("a thread writes what the next one writes again", async () => {
    const f = T.primFunc({ A: T.buffer([64]), B: T.buffer([65]) }, ({ A, B }) => {
      for (const t of T.threadBinding(64, "threadIdx.x")) {
        B[t] = A[t];
        B[t + 1] = A[t] * 2;
      }
    });
    assert.match(await agrees(f), /one thread runs/);
  });

  it("loops on one axis, one in another, that both count", async () => {
    const f = T.primFunc({ B: T.buffer([8, 8]) }, ({ B }) => {
      for (const t of T.threadBinding(8, "threadIdx.x")) {
        for (const u of T.threadBinding(8, "threadIdx.x")) B[t][u] = T.cast(t * 8 + u, "f32");
      }
    });
    assert.match(await agrees(f), /mentions the loop around it/);
  });

  it("what all write alike stays with the threads", async () => {
    const f = T.primFunc({ A: T.buffer([70]), B: T.buffer([70]) }, ({ A, B }) => {
      for (const t of T.threadBinding(64, "threadIdx.x")) {
        for (const k of T.serial(7)) B[t + k] = A[t + k] * 2;
      }
    });
    assert.equal(await agrees(f), "");
  });

  it("transposed elements stay with the threads", async () => {
    const f = T.primFunc({ A: T.buffer([48, 20]), B: T.buffer([20, 48]) }, ({ A, B }) => {
      for (const b of T.threadBinding(30, "blockIdx.x")) {
        for (const t of T.threadBinding(32, "threadIdx.x"))
          B[(b * 32 + t) % 20][T.floordiv(b * 32 + t, 20)] = A[T.floordiv(b * 32 + t, 20)][(b * 32 + t) % 20];
      }
    });
    assert.equal(await agrees(f), "");
  });

  it(`${runs} random programs give what the interpreter gives`, async () => {
    let alone = 0;
    let refused = 0;
    await fc.assert(
      fc.asyncProperty(around, fc.array(part, { minLength: 1, maxLength: 3 }), async (outer, parts) => {
        const f = programOf(outer, parts);
        try {
          const { notes } = await assertAgrees(f, f, inputs);
          if (notes.length > 0) alone++;
        } catch (e) {
          if (!(e instanceof WgslError)) throw e;
          refused++;
        }
      }),
      { numRuns: runs, seed },
    );
    console.log(`      ${runs} programs: ${alone} with loops in one thread, ${refused} refused`);
    assert.ok(refused < runs / 4);
  });
});
