/** Loop partition: what is left of conditions, and that every part together does what the loop did. */
import assert from "node:assert/strict";
import fc from "fast-check";
import { interpret } from "../../../lib/codegen/index.ts";
import { lower } from "../../../lib/codegen/lower/index.ts";
import { allocations } from "../../../lib/codegen/lower/storage.ts";
import {
  bufferParams,
  constInt,
  type For,
  loopsIn,
  type PrimFunc,
  primFunc,
  rewriteStmt,
  type Stmt,
  visitExpr,
  visitStmt,
} from "../../../lib/ir/index.ts";
import { build, Tensor } from "../../../lib/runtime/index.ts";
import { Schedule, ScheduleError } from "../../../lib/schedule/index.ts";
import { te } from "../../../lib/te/index.ts";
import { programOf, type Recipe, recipe } from "../../support/random-program.ts";

/** The body after the pass, and before it. */
function around(f: PrimFunc, threads = 1): { before: Stmt; after: Stmt } {
  let [before, after]: Stmt[] = [];
  let last: Stmt = f.body;
  lower(
    f,
    (pass, body) => {
      if (pass.name === "partitionLoops") [before, after] = [last, body];
      last = body;
    },
    { threads },
  );
  assert.ok(before && after);
  return { before, after };
}

/** Conditions of ifs, and of selects that choose whether something is loaded. */
function conditions(s: Stmt): number {
  let n = 0;
  visitStmt(s, {
    stmt: (x) => {
      if (x.kind === "if") n++;
      if (x.kind !== "store") return;
      visitExpr(x.value, (e) => {
        if (e.kind === "select") n++;
      });
    },
  });
  return n;
}

const extents = (s: Stmt, kind: For["loopKind"]): (number | undefined)[] =>
  loopsIn(s)
    .filter((l) => l.loopKind === kind)
    .map((l) => constInt(l.extent));

/** Doubles n numbers, in pieces of `factor`. */
function pieces(n: number, factor: number, outer?: "parallel"): PrimFunc {
  const A = te.placeholder([n], "A");
  const B = te.compute([n], (i) => te.mul(A.at(i), 2), "B");
  const sch = new Schedule(te.createPrimFunc([A, B]));
  const [i] = sch.getLoops(sch.getBlock("B"));
  const [i0, i1] = sch.split(i, [null, factor]);
  sch.vectorize(i1);
  if (outer) sch.parallel(i0);
  return sch.func();
}

function padded(n: number, by: number): PrimFunc {
  const A = te.placeholder([n, n], "A");
  const inside = (i: te.Index) => te.and(te.ge(i, by), te.lt(i, n + by));
  const B = te.compute(
    [n + 2 * by, n + 2 * by],
    (i, j) => te.select(te.and(inside(i), inside(j)), A.at(te.sub(i, by), te.sub(j, by)), te.const(0, "f32")),
    "B",
  );
  return te.createPrimFunc([A, B]);
}

describe("partitionLoops", () => {
  it("makes the ragged tail of vectors a shorter vector, without conditions", () => {
    const { before, after } = around(pieces(197, 16));
    assert.equal(conditions(before), 1);
    assert.equal(conditions(after), 0);
    assert.deepEqual(extents(after, "vectorized"), [16, 5]);
    assert.deepEqual(extents(after, "serial"), [12]);
  });

  it("leaves even loops as they are", () => {
    const { before, after } = around(pieces(192, 16));
    assert.equal(after, before);
  });

  it("cuts padding off, so that nothing is asked where all is data", () => {
    const { before, after } = around(padded(10, 2));
    assert.equal(conditions(before), 1);
    assert.equal(conditions(after), 0);
    // Rows above, rows with data, rows below; columns of the rows in the middle likewise.
    assert.deepEqual(extents(after, "serial"), [2, 14, 10, 2, 10, 2, 2, 14]);
  });

  it("keeps one parallel loop, with a question in it", () => {
    const { after } = around(pieces(197, 16, "parallel"), 2);
    assert.deepEqual(extents(after, "parallel"), [13]);
    assert.deepEqual(extents(after, "vectorized"), [16, 5]);
  });

  it("copies small tiles and leaves large ones", () => {
    const tiled = (factor: number) => {
      const A = te.placeholder([70, 70], "A");
      const B = te.compute([70, 70], (i, j) => te.mul(A.at(i, j), 2), "B");
      const sch = new Schedule(te.createPrimFunc([A, B]));
      for (const l of sch.getLoops(sch.getBlock("B"))) sch.unroll(sch.split(l, [null, factor])[1]);
      return around(sch.func());
    };
    const small = tiled(4);
    assert.deepEqual(extents(small.before, "serial"), [18, 18]);
    assert.deepEqual(extents(small.after, "serial"), [17, 17, 17]);
    // Rows have 32 × 32 stores in a tile, its columns 32.
    const large = tiled(32);
    assert.deepEqual(extents(large.before, "serial"), [3, 3]);
    assert.deepEqual(extents(large.after, "serial"), [3, 2]);
  });

  const seed = Number(process.env.TILEWRIGHT_SEED ?? 20261122) || Date.now() % 2 ** 31;
  const runs = Number(process.env.TILEWRIGHT_RUNS ?? 60);
  const factors = fc.array(
    fc.record({
      factor: fc.integer({ min: 2, max: 9 }),
      kind: fc.constantFrom("serial", "vectorize", "unroll", "parallel"),
    }),
    { minLength: 4, maxLength: 12 },
  );

  it(`keeps what random programs with ragged splits compute (seed ${seed})`, async function () {
    this.timeout(300_000);
    let cut = 0;
    await fc.assert(
      fc.asyncProperty(recipe, factors, async (r, steps) => {
        if (await agrees(r, steps)) cut++;
      }),
      { numRuns: runs, seed },
    );
    assert.ok(cut > runs / 10, `only ${cut} programs had something to partition`);
  });
});

interface Step {
  readonly factor: number;
  readonly kind: "serial" | "vectorize" | "unroll" | "parallel";
}

/** Whether the pass changed the program; throws unless interpreter and WebAssembly agree with the program as written. */
async function agrees(r: Recipe, steps: readonly Step[]): Promise<boolean> {
  const given = programOf(r);
  const sch = new Schedule(given);
  for (const [n, step] of steps.entries()) {
    const block = sch.getChildBlocks(sch.getBlock("root"))[n % 3];
    const loops = block ? sch.getLoops(block) : [];
    const loop = loops[n % Math.max(1, loops.length)];
    if (!loop) continue;
    try {
      const parts = sch.split(loop, [null, step.factor]);
      if (step.kind === "parallel") sch.parallel(parts[0]);
      else if (step.kind !== "serial") sch[step.kind](parts[1]);
    } catch (error) {
      if (!(error instanceof ScheduleError)) throw error;
    }
  }
  const f = sch.func();
  const { before, after } = around(f, 2);
  const want = run(given);
  const results = [before, after].map((body) => run(allocatedOutside(f, body)));
  for (const got of results) assert.deepEqual(got, want);
  const args = argumentsFor(f);
  const lib = await build(f, { threads: 1 });
  await lib.main(...args);
  // f16 may round on the way: a register holds more than memory does.
  if (r.dtype !== "f16") assert.deepEqual(numbers(args[args.length - 1]), want);
  for (const t of args) t.dispose();
  return before !== after;
}

/** The function with all its memory at the root: lowered code may find there what an iteration before has left. */
function allocatedOutside(f: PrimFunc, body: Stmt): PrimFunc {
  const within = rewriteStmt(body, { stmt: (x) => (x.kind === "block" ? x.body : x) });
  return primFunc(f.params, within, { attrs: f.attrs, allocs: allocations(body) });
}

/** Small whole numbers, whose sums are exact in any order. */
function argumentsFor(f: PrimFunc): Tensor[] {
  return bufferParams(f).map((p, n) => {
    const size = p.shape.reduce((x, e) => x * (constInt(e) as number), 1);
    const t = Tensor.zeros([size], p.dtype);
    for (let k = 0; k < size; k++) {
      const v = ((k * 7 + n * 3) % 9) - (p.dtype === "u8" ? 0 : 4);
      t.set(p.dtype === "i64" ? BigInt(v) : v, k);
    }
    return t.reshape(p.shape.map((e) => constInt(e) as number));
  });
}

const numbers = (t: Tensor): unknown[] => Array.from(t.data as Float32Array);

function run(f: PrimFunc): unknown[] {
  const args = argumentsFor(f);
  interpret(f, args);
  const out = numbers(args[args.length - 1]);
  for (const t of args) t.dispose();
  return out;
}
