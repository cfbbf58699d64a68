/** Refusals that no other file reads: each primitive says what it cannot follow. */
import { Schedule } from "../../../lib/schedule/index.ts";
import { parsePrimFunc } from "../../../lib/script/index.ts";
import { mmRelu } from "./programs.ts";
import { refuses } from "./support.ts";

/** A schedule of a function over A (4, 6), W (6, 4) and C (4, 4) with this body. */
const of = (body: string): Schedule =>
  new Schedule(
    parsePrimFunc(
      `T.primFunc({ A: T.buffer([4, 6]), W: T.buffer([6, 4]), C: T.buffer([4, 4]) }, ({ A, W, C }) => {${body}})`,
    ),
  );

const sum = (init: string, update: string, where = ""): Schedule =>
  of(`
    for (const [i, j, k] of T.grid(4, 4, 6)) {
      T.block("C", () => {
        const [vi, vj, vk] = T.axis.remap("SSR", [i, j, k]);
        ${where}
        ${init}
        ${update}
      });
    }`);
const INIT = "T.init(() => { C[vi][vj] = 0; });";

/** E = 2 A is used by C only after a stage that reads nothing. */
const unread = (): Schedule =>
  of(`
    const E = T.alloc([4, 6]);
    for (const [i, j] of T.grid(4, 6)) {
      T.block("E", () => {
        const [vi, vj] = T.axis.remap("SS", [i, j]);
        E[vi][vj] = A[vi][vj] * 2;
      });
    }
    for (const [i, j] of T.grid(4, 4)) {
      T.block("C", () => {
        const [vi, vj] = T.axis.remap("SS", [i, j]);
        C[vi][vj] = W[vi][vj];
      });
    }`);

describe("refusals: moves and inlining", () => {
  it("nothing reads the block", () => {
    const sch = unread();
    const [e, [i]] = [sch.getBlock("E"), sch.getLoops(sch.getBlock("C"))];
    refuses(sch, () => sch.computeAt(e, i), {
      rule: /the block has no consumer/,
      detail: /nothing under i reads what E writes/,
      nodes: ["E", "i"],
    });
    refuses(sch, () => sch.rollingBuffer(e, 0), { rule: /no rolling pattern/, detail: /nothing reads E/ });
  });

  it("the root block", () => {
    const sch = new Schedule(mmRelu());
    const [root, [i]] = [sch.getBlock("root"), sch.getLoops(sch.getBlock("C"))];
    refuses(sch, () => sch.computeAt(root, i), { rule: /the root block cannot be moved/ });
    refuses(sch, () => sch.reverseComputeAt(root, i), { rule: /the root block cannot be moved/ });
    refuses(sch, () => sch.computeInline(root), { rule: /the root block cannot be inlined/ });
    refuses(sch, () => sch.reverseComputeInline(root), { rule: /the root block cannot be inlined/ });
  });

  it("consumers and producers elsewhere", () => {
    const sch = of(`
      const E = T.alloc([4, 4]);
      for (const [i, j] of T.grid(4, 4)) {
        T.block("E", () => { const [vi, vj] = T.axis.remap("SS", [i, j]); E[vi][vj] = A[vi][vj]; });
      }
      const F = T.alloc([4, 4]);
      for (const [i, j] of T.grid(4, 4)) {
        T.block("F", () => { const [vi, vj] = T.axis.remap("SS", [i, j]); F[vi][vj] = E[vi][vj] + 1; });
      }
      for (const [i, j] of T.grid(4, 4)) {
        T.block("C", () => { const [vi, vj] = T.axis.remap("SS", [i, j]); C[vi][vj] = E[vi][vj] * F[vi][vj]; });
      }`);
    const [e, c] = [sch.getBlock("E"), sch.getBlock("C")];
    const [i] = sch.getLoops(sch.getBlock("F"));
    refuses(sch, () => sch.computeAt(e, i), {
      rule: /not all consumers are under the loop/,
      detail: /consumer\(s\) C of E are not under the loop i/,
    });
    refuses(sch, () => sch.reverseComputeAt(c, i), {
      rule: /not all producers are under the loop/,
      detail: /producer\(s\) E of C are not under the loop i/,
    });
  });
});

describe("refusals: rollingBuffer", () => {
  const rule = /no rolling pattern/;

  it("blocks of blocks", () => {
    const sch = of(`
      const E = T.alloc([6]);
      for (const i of T.serial(4)) {
        for (const k of T.serial(3)) {
          T.block("E", () => { const vi = T.axis.spatial(6, i + k); E[vi] = A[0][vi]; });
        }
        for (const j of T.serial(4)) {
          T.block("C", () => {
            const [vi, vj] = T.axis.remap("SS", [i, j]);
            C[vi][vj] = E[vi] + E[vi + 2];
          });
        }
      }`);
    const [e, c] = [sch.getBlock("E"), sch.getBlock("C")];
    sch.blockize(sch.getLoops(c)[1]);
    refuses(sch, () => sch.rollingBuffer(e, 0), { rule, detail: /C_o is not a plain block/ });
  });

  it("a sum that goes on in the next iteration", () => {
    const sch = of(`
      const E = T.alloc([6]);
      for (const i of T.serial(4)) {
        for (const k of T.serial(3)) {
          T.block("E", () => {
            const vi = T.axis.spatial(6, i + k);
            const vr = T.axis.reduce(4, i);
            T.init(() => { E[vi] = 0; });
            E[vi] += A[vr][vi];
          });
        }
        T.block("C", () => { const vi = T.axis.spatial(4, i); C[vi][0] = E[vi]; });
      }`);
    const e = sch.getBlock("E");
    refuses(sch, () => sch.rollingBuffer(e, 0), {
      rule,
      detail: /the sum over vr of E goes on in the next iteration/,
    });
  });
});

describe("refusals: reindexCacheRead and reindexCacheWrite", () => {
  it("numbers, scopes and maps that do not fit", () => {
    const sch = sum(INIT, "C[vi][vj] += A[vi][vk] * W[vk][vj];");
    const c = sch.getBlock("C");
    const write = (map: string, index = 0, scope = "local") => sch.reindexCacheWrite(c, index, scope, map);
    refuses(sch, () => write("(i, j, k) => [i, j]", 1), { rule: /write index is out of range/ });
    refuses(sch, () => write("(i, j) => [i, j]"), { rule: /index map does not fit the block/ });
    refuses(sch, () => write("(i, j, k) => [i, k]"), {
      rule: /index map and access use different axes/,
    });
    refuses(sch, () => write("(i, j, k) => [i + j]"), { rule: /index map is not injective/ });
    refuses(sch, () => write("(i, j, k) => [q]"), { rule: /cannot be read/ });
    refuses(sch, () => sch.reindexCacheRead(c, 2, "local", "(i, j, k) => [i]"), {
      rule: /read index is out of range/,
      detail: /0: A, 1: W/,
    });
  });

  it("a scope that is no stage pipeline, a buffer that is updated", () => {
    const sch = sum(INIT, "C[vi][vj] += A[vi][vk] * W[vk][vj];");
    const c = sch.getBlock("C");
    sch.decomposeReduction(c, sch.getLoops(c)[2]);
    refuses(sch, () => sch.reindexCacheWrite(c, 0, "local", "(i, j, k) => [i, j]"), {
      rule: /reads what it writes/,
    });
    const back = of(`
      const E = T.alloc([4, 4]);
      for (const [i, j] of T.grid(4, 4)) {
        T.block("E", () => { const [vi, vj] = T.axis.remap("SS", [i, j]); E[vi][vj] = C[vi][vj]; });
      }
      for (const [i, j] of T.grid(4, 4)) {
        T.block("C", () => { const [vi, vj] = T.axis.remap("SS", [i, j]); C[vi][vj] = E[vi][vj]; });
      }`);
    const e = back.getBlock("E");
    const rule = /not a stage pipeline/;
    const detail = /C writes C, which E reads before/;
    refuses(back, () => back.reindexCacheRead(e, 0, "local", "(i, j) => [j, i]"), { rule, detail });
    refuses(back, () => back.reindexCacheWrite(e, 0, "local", "(i, j) => [j, i]"), { rule, detail });
  });

  it("more than a single point", () => {
    const sch = of(`
      for (const i of T.serial(4)) {
        T.block("C", () => {
          const vi = T.axis.spatial(4, i);
          for (const j of T.serial(4)) C[vi][j] = A[vi][j];
        });
      }`);
    const c = sch.getBlock("C");
    const rule = /not a single point of the axes/;
    refuses(sch, () => sch.reindexCacheRead(c, 0, "local", "(i) => [i]"), { rule });
    refuses(sch, () => sch.reindexCacheWrite(c, 0, "local", "(i) => [i]"), { rule });
  });
});

describe("refusals: padEinsum and decomposePadding", () => {
  const pad = (sch: Schedule, detail: RegExp, rule = /not an einsum/) => {
    const c = sch.getBlock("C");
    refuses(sch, () => sch.padEinsum(c, [8, 8, 8]), { rule, detail });
  };

  it("what is no sum of products", () => {
    pad(sum(INIT, "C[vi][vj] = T.max(C[vi][vj], A[vi][vk] * W[vk][vj]);"), /does not add to C/);
    pad(sum("", "C[vi][vj] += A[vi][vk] * W[vk][vj];"), /reduce axes and no init/);
    pad(sum(INIT, "C[vi][vj] += A[vi][vk] * W[T.floordiv(vk, 2)][vj];"), /index 0 of W is neither an axis/);
    pad(sum(INIT, "C[vi][vj] += A[vi][vk]; C[vi][vj] += W[vk][vj];"), /the body of C is not one store/);
  });

  it("what is bound to no plain nest", () => {
    const rule = /not bound to a plain nest/;
    const update = "C[vi][vj] += A[vi][vk] * W[vk][vj];";
    pad(sum(INIT, update, "T.where(i < 3);"), /runs under a condition/, rule);
    const sch = sum(INIT, update);
    const c = sch.getBlock("C");
    sch.decomposeReduction(c, sch.getLoops(c)[2]);
    const init = sch.getBlock("C_init");
    refuses(sch, () => sch.transformBlockLayout(init, "(i, j) => [j, i]"), {
      rule,
      detail: /j contains more than/,
    });
  });

  it("a body of several stores", () => {
    const sch = of(`
      for (const i of T.serial(4)) {
        T.block("C", () => {
          const vi = T.axis.spatial(4, i);
          C[vi][0] = vi < 2 ? A[vi][0] : 0;
          C[vi][1] = 0;
        });
      }`);
    const c = sch.getBlock("C");
    const [i] = sch.getLoops(c);
    refuses(sch, () => sch.decomposePadding(c, i), {
      rule: /no padding pattern/,
      detail: /the body of C is not one store/,
    });
  });
});
