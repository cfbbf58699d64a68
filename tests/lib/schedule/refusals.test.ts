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

describe("refusals: conditions and dtypes", () => {
  it("blockize: a condition over a loop that the new axes do not tell", () => {
    const sch = of(`
      for (const [r, i0, i1] of T.grid(2, 2, 2)) {
        T.block("C", () => {
          const vi = T.axis.spatial(4, i0 * 2 + i1);
          T.where(r + i1 < 2);
          C[vi][0] = A[vi][0];
        });
      }`);
    const c = sch.getBlock("C");
    const [, , i1] = sch.getLoops(c);
    refuses(sch, () => sch.blockize(i1), {
      rule: /the predicate is not divisible/,
      detail: /C runs under a condition over outer and inner loops, which its new axes do not tell/,
      nodes: ["C"],
    });
  });

  it("fuse: loops of different dtypes, and none", () => {
    const sch = of(`
      for (const i of T.serial(4)) {
        for (const j of T.serial(T.const(4, "i64"))) {
          T.block("C", () => {
            const vi = T.axis.spatial(4, i);
            const vj = T.axis.spatial(T.const(4, "i64"), j);
            C[vi][vj] = W[vi][vj];
          });
        }
      }`);
    const [i, j] = sch.getLoops(sch.getBlock("C"));
    refuses(sch, () => sch.fuse(i, j), {
      rule: /the loops have different dtypes/,
      detail: /i is i32, j is i64/,
      nodes: ["i", "j"],
    });
    refuses(sch, () => sch.fuse(), { rule: /at least one loop is needed/, detail: /got nothing/ });
  });

  it("rfactor: a condition on a loop of another reduce axis", () => {
    const sch = of(`
      for (const [i, k, l] of T.grid(4, 6, 4)) {
        T.block("C", () => {
          const [vi, vk, vl] = T.axis.remap("SRR", [i, k, l]);
          T.where(l >= 1);
          T.init(() => { C[vi][0] = 0; });
          C[vi][0] += A[vi][vk] * W[vk][vl];
        });
      }`);
    const [, k] = sch.getLoops(sch.getBlock("C"));
    refuses(sch, () => sch.rfactor(k, 0), {
      rule: /the predicate cannot be followed/,
      detail: /another reduce axis than k/,
    });
  });

  it("merge: loops of different blocks", () => {
    const sch = new Schedule(mmRelu());
    const c = sch.getBlock("C");
    const [, j] = sch.getLoops(c);
    sch.blockize(j);
    const [own] = sch.getLoops(c);
    const [i] = sch.getLoops(sch.getBlock("Y"));
    refuses(sch, () => sch.merge(i, own), {
      rule: /the loops are not in the same scope/,
      detail: /i, j are in different blocks/,
    });
  });

  it("cacheRead: a block that makes what it reads; a scope without a name", () => {
    const sch = of(`
      for (const i of T.serial(4)) {
        T.block("C", () => { const vi = T.axis.spatial(4, i); C[vi][0] = C[vi][0] + A[vi][0]; });
      }`);
    const c = sch.getBlock("C");
    const [i] = sch.getLoops(c);
    refuses(sch, () => sch.cacheRead(c, 0, "local"), {
      rule: /the block makes what it reads/,
      detail: /only C itself reads C/,
    });
    refuses(sch, () => sch.cacheWrite(c, 0, ""), { rule: /the storage scope has no name/ });
    refuses(sch, () => sch.readAt(i, c, 7, "local"), { rule: /the read index is out of range/ });
    refuses(sch, () => sch.writeAt(i, c, 7, "local"), { rule: /the write index is out of range/ });
    refuses(sch, () => sch.readAt(i, c, 1, ""), { rule: /the storage scope has no name/ });
    refuses(sch, () => sch.writeAt(i, c, 0, ""), { rule: /the storage scope has no name/ });
  });

  it("reindexCacheRead: indices below 0", () => {
    const sch = sum(INIT, "C[vi][vj] += A[vi][vk] * W[vk][vj];");
    const c = sch.getBlock("C");
    refuses(sch, () => sch.reindexCacheRead(c, 0, "local", "(i, j, k) => [i - 1, k]"), {
      rule: /the new layout has no shape/,
      detail: /index 0 may be negative/,
    });
  });
});

describe("refusals: what is no stage pipeline", () => {
  /** E reads C, which F writes behind it. */
  const back = (): Schedule =>
    of(`
      const E = T.alloc([4, 4]);
      const D = T.alloc([4, 4]);
      for (const [i, j] of T.grid(4, 4)) {
        T.block("D", () => { const [vi, vj] = T.axis.remap("SS", [i, j]); D[vi][vj] = W[vi][vj]; });
      }
      for (const [i, j] of T.grid(4, 4)) {
        T.block("E", () => { const [vi, vj] = T.axis.remap("SS", [i, j]); E[vi][vj] = C[vi][vj] * D[vi][vj]; });
      }
      for (const [i, j, k] of T.grid(4, 4, 6)) {
        T.block("F", () => {
          const [vi, vj, vk] = T.axis.remap("SSR", [i, j, k]);
          ${INIT}
          C[vi][vj] += A[vi][vk] * W[vk][vj];
        });
      }
      for (const [i, j] of T.grid(4, 4)) {
        T.block("G", () => { const [vi, vj] = T.axis.remap("SS", [i, j]); A[vi][vj] = E[vi][vj]; });
      }`);

  it("every primitive that needs one", () => {
    const sch = back();
    const [d, e, f, g] = ["D", "E", "F", "G"].map((name) => sch.getBlock(name));
    const [[i], [x]] = [sch.getLoops(d), sch.getLoops(e)];
    const expected = {
      rule: /the scope is not a stage pipeline/,
      detail: /F writes C, which E reads before/,
    };
    refuses(sch, () => sch.computeAt(d, x), expected);
    refuses(sch, () => sch.reverseComputeAt(e, i), expected);
    refuses(sch, () => sch.computeInline(e), expected);
    refuses(sch, () => sch.reverseComputeInline(e), expected);
    refuses(sch, () => sch.reindex(f, ["read", 0]), expected);
    refuses(sch, () => sch.reindexCacheRead(f, 0, "local", "(i, j, k) => [k, i]"), expected);
    refuses(sch, () => sch.reindexCacheWrite(f, 0, "local", "(i, j, k) => [j, i]"), expected);
    refuses(sch, () => sch.padEinsum(f, [8, 8, 8]), expected);
    refuses(sch, () => sch.fuseReductionEpilogue(f, g), expected);
    refuses(sch, () => sch.rollingBuffer(d, 0), { rule: /not only read-after-write|no rolling|stage/ });
  });

  it("reverseComputeAt: neither complete nor a reduction; another scope; an ancestor", () => {
    const sch = of(`
      const E = T.alloc([4, 4]);
      for (const [i, j] of T.grid(4, 4)) {
        T.block("E", () => { const [vi, vj] = T.axis.remap("SS", [i, j]); E[vi][vj] = W[vi][vj]; });
      }
      for (const [i, j] of T.grid(4, 4)) {
        T.block("C", () => {
          const vi = T.axis.spatial(4, i);
          const vj = T.axis.opaque(4, j);
          C[vi][vj] = E[vi][vj];
        });
      }`);
    const [e, c] = [sch.getBlock("E"), sch.getBlock("C")];
    const [[i], [x]] = [sch.getLoops(e), sch.getLoops(c)];
    refuses(sch, () => sch.reverseComputeAt(c, i), {
      rule: /neither complete nor a reduction/,
      detail: /axis vj of C is opaque/,
    });
    refuses(sch, () => sch.reverseComputeAt(e, x), { rule: /the block has no producer/ });
    const own = new Schedule(mmRelu());
    const relu = own.getBlock("C");
    const [around] = own.getLoops(relu);
    refuses(own, () => own.reverseComputeAt(relu, around), { rule: /the loop is an ancestor of the block/ });
    const product = own.getBlock("Y");
    own.blockize(own.getLoops(product)[1]);
    const [inner] = own.getLoops(product);
    refuses(own, () => own.reverseComputeAt(relu, inner), {
      rule: /not in the same scope/,
      detail: /the loop j is in Y_o, the block C in root/,
    });
  });
});
