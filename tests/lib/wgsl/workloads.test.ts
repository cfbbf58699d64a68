/** The GPU workloads of the course and the usual chains, on Dawn. */
import assert from "node:assert/strict";
import { ops, type PrimFunc } from "../../../lib/ir/index.ts";
import { Tensor } from "../../../lib/runtime/index.ts";
import { gpuDevice, releaseGpu } from "../../../lib/runtime/webgpu/device.ts";
import { type BlockRV, type LoopRV, Schedule } from "../../../lib/schedule/index.ts";
import { te } from "../../../lib/te/index.ts";
import { requireGpu } from "../../support/system.ts";
import { assertAgrees, runGpu, wholeNumbers } from "./harness.ts";

function windowSum(n: number): PrimFunc {
  const A = te.placeholder([n + 3], "A");
  const k = te.reduceAxis(4, "k");
  const B = te.compute([n], (i) => te.sum(A.at(ops.add(i, k.v)), k), "B");
  return te.createPrimFunc([A, B]);
}

function matmul(n: number): PrimFunc {
  const A = te.placeholder([n, n], "A");
  const B = te.placeholder([n, n], "B");
  const k = te.reduceAxis(n, "k");
  const C = te.compute([n, n], (i, j) => te.sum(ops.mul(A.at(i, k.v), B.at(k.v, j)), k), "C");
  return te.createPrimFunc([A, B, C]);
}

function softmax(rows: number, columns: number): PrimFunc {
  const A = te.placeholder([rows, columns], "A");
  const [k1, k2] = [te.reduceAxis(columns, "k1"), te.reduceAxis(columns, "k2")];
  const M = te.compute([rows], (i) => te.max(A.at(i, k1.v), k1), "M");
  const E = te.compute([rows, columns], (i, j) => te.exp(ops.sub(A.at(i, j), M.at(i))), "E");
  const S = te.compute([rows], (i) => te.sum(E.at(i, k2.v), k2), "S");
  const B = te.compute([rows, columns], (i, j) => ops.div(E.at(i, j), S.at(i)), "B");
  return te.createPrimFunc([A, B]);
}

const shared = (code: string): boolean => code.includes("var<workgroup>");

/** The tile of one operand, fetched by all threads of the workgroup together. */
function fetchTogether(sch: Schedule, block: BlockRV, at: LoopRV, ty: number, tx: number): void {
  sch.computeAt(block, at);
  const loops = sch.getLoops(block);
  const fused = sch.fuse(...loops.slice(-2));
  const [, y, x] = sch.split(fused, [null, ty, tx]);
  sch.bind(y, "threadIdx.y");
  sch.bind(x, "threadIdx.x");
}

/** Blocking over workgroups, threads and registers; with the operands in workgroup memory or not. */
function blockedMatmul(n: number, cached: boolean): { original: PrimFunc; scheduled: PrimFunc } {
  const original = matmul(n);
  const sch = new Schedule(original);
  const C = sch.getBlock("C");
  const local = sch.cacheWrite(C, 0, "local");
  const [i, j, k] = sch.getLoops(C);
  const [i0, i1, i2] = sch.split(i, [null, 8, 4]);
  const [j0, j1, j2] = sch.split(j, [null, 8, 4]);
  const [k0, k1] = sch.split(k, [null, 8]);
  sch.reorder(i0, j0, i1, j1, k0, k1, i2, j2);
  sch.reverseComputeAt(local, j1);
  sch.bind(i0, "blockIdx.y");
  sch.bind(j0, "blockIdx.x");
  sch.bind(i1, "threadIdx.y");
  sch.bind(j1, "threadIdx.x");
  if (cached) {
    fetchTogether(sch, sch.cacheRead(C, 0, "shared"), k0, 8, 8);
    fetchTogether(sch, sch.cacheRead(C, 1, "shared"), k0, 8, 8);
  }
  sch.unroll(i2);
  sch.unroll(j2);
  sch.decomposeReduction(C, k0);
  return { original, scheduled: sch.func() };
}

describe("wgsl, workloads on Dawn", function () {
  this.timeout(120_000);
  before(async function () {
    await requireGpu(this);
  });
  after(releaseGpu);

  it("adds vectors of 1024 elements", async () => {
    const A = te.placeholder([1024], "A");
    const B = te.placeholder([1024], "B");
    const C = te.compute([1024], (i) => ops.add(A.at(i), B.at(i)), "C");
    const f = te.createPrimFunc([A, B, C]);
    const sch = new Schedule(f);
    const [i0, i1] = sch.split(sch.getLoops(sch.getBlock("C"))[0], [null, 128]);
    sch.bind(i0, "blockIdx.x");
    sch.bind(i1, "threadIdx.x");
    const { kernels, notes } = await assertAgrees(f, sch.func(), () => wholeNumbers(f));
    assert.deepEqual(kernels[0].workgroup, [128, 1, 1]);
    assert.deepEqual(notes, []);
    assert.ok(!kernels[0].code.includes("Barrier"));
  });

  it("sums windows of 1027 elements through workgroup memory", async () => {
    const f = windowSum(1024);
    const sch = new Schedule(f);
    const B = sch.getBlock("B");
    const [i] = sch.getLoops(B);
    const [i0, i1] = sch.split(i, [null, 128]);
    sch.bind(i0, "blockIdx.x");
    sch.bind(i1, "threadIdx.x");
    const A = sch.cacheRead(B, 0, "shared");
    sch.computeAt(A, i0);
    const loops = sch.getLoops(A);
    const [, ax] = sch.split(loops[loops.length - 1], [null, 128]);
    sch.bind(ax, "threadIdx.x");
    const { kernels, notes } = await assertAgrees(f, sch.func(), () => wholeNumbers(f));
    assert.equal(kernels.length, 1);
    // Two rounds of 128 threads fetch 131 elements; the rest of the second has no place.
    assert.match(kernels[0].code, /var<workgroup> \w+: array<f32, 131>;/);
    assert.equal(kernels[0].code.match(/workgroupBarrier\(\)/g)?.length, 1);
    assert.deepEqual(notes, []);
  });

  it("multiplies matrices without a schedule, with the default one", async () => {
    const f = matmul(40);
    const { kernels } = await assertAgrees(f, f, () => wholeNumbers(f));
    assert.deepEqual(kernels[0].workgroup, [64, 1, 1]);
  });

  it("multiplies matrices with local blocking", async () => {
    const { original, scheduled } = blockedMatmul(64, false);
    const { kernels, notes } = await assertAgrees(original, scheduled, () => wholeNumbers(original));
    assert.deepEqual(notes, []);
    assert.equal(kernels.length, 1);
    assert.ok(!shared(kernels[0].code));
    assert.deepEqual(kernels[0].workgroup, [8, 8, 1]);
  });

  it("multiplies matrices with shared blocking", async () => {
    const { original, scheduled } = blockedMatmul(64, true);
    const { kernels, notes } = await assertAgrees(original, scheduled, () => wholeNumbers(original));
    assert.deepEqual(notes, []);
    assert.equal(kernels.length, 1);
    // Tiles of 32 x 8 and 8 x 32 elements, no more.
    assert.equal(kernels[0].code.match(/var<workgroup> \w+: array<f32, 256>;/g)?.length, 2);
    assert.equal(kernels[0].code.match(/workgroupBarrier\(\)/g)?.length, 2);
  });

  it("multiplies matrices with virtual threads, which share one fetch and keep their own sums", async () => {
    const original = matmul(64);
    const sch = new Schedule(original);
    const C = sch.getBlock("C");
    const out = sch.cacheWrite(C, 0, "local");
    const fetches = [sch.cacheRead(C, 0, "shared"), sch.cacheRead(C, 1, "shared")];
    const [i, j, k] = sch.getLoops(C);
    const [i0, iv, i1, i2] = sch.split(i, [null, 2, 4, 2]);
    const [j0, jv, j1, j2] = sch.split(j, [null, 4, 8, 1]);
    const [k0, k1] = sch.split(k, [null, 8]);
    sch.reorder(i0, j0, iv, jv, i1, j1, k0, k1, i2, j2);
    sch.reverseComputeAt(out, j1);
    sch.bind(i0, "blockIdx.y");
    sch.bind(j0, "blockIdx.x");
    sch.bind(iv, "vthread.y");
    sch.bind(jv, "vthread.x");
    sch.bind(i1, "threadIdx.y");
    sch.bind(j1, "threadIdx.x");
    const written = sch.getLoops(out).filter((l) => sch.get(l).loopKind === "serial");
    for (const l of [i2, j2, ...written]) sch.unroll(l);
    for (const fetch of fetches) fetchTogether(sch, fetch, k0, 4, 8);
    sch.decomposeReduction(C, k0);
    const scheduled = sch.func("main");
    const { kernels, notes } = await assertAgrees(original, scheduled, () => wholeNumbers(scheduled));
    assert.deepEqual(notes, []);
    const [{ code }] = kernels;
    assert.deepEqual(
      ["workgroupBarrier();", "] = A[", "] = B["].map((text) => code.split(text).length - 1),
      [2, 1, 1],
      code,
    );
    assert.match(
      code,
      /var<workgroup> A_shared: array<f32, 128>;[\s\S]*var<workgroup> B_shared: array<f32, 256>;/,
    );
    // 2 x 2 rows by 4 columns, each a variable; neighbours in a thread lie 8 columns apart.
    assert.equal(code.match(/var C_local_\w+: f32;/g)?.length, 16, code);
  });

  it("computes a softmax with the default schedule", async () => {
    const f = softmax(30, 50);
    const inputs = (): Tensor[] => [
      Tensor.random([30, 50], { seed: 3, min: -2, max: 2 }),
      Tensor.zeros([30, 50]),
    ];
    await assertAgrees(f, f, inputs, { rtol: 1e-5, atol: 1e-6 });
  });

  it("computes a softmax with a workgroup for each row", async () => {
    const f = softmax(20, 48);
    const sch = new Schedule(f);
    const B = sch.getBlock("B");
    const [row] = sch.getLoops(B);
    sch.bind(row, "blockIdx.x");
    for (const name of ["S", "E", "M"]) {
      sch.computeAt(sch.getBlock(name), row);
      sch.setScope(sch.getBlock(name), 0, "shared");
    }
    for (const name of ["E", "B"]) {
      const loops = sch.getLoops(sch.getBlock(name));
      const [, x] = sch.split(loops[loops.length - 1], [null, 16]);
      sch.bind(x, "threadIdx.x");
    }
    const inputs = (): Tensor[] => [
      Tensor.random([20, 48], { seed: 3, min: -2, max: 2 }),
      Tensor.zeros([20, 48]),
    ];
    const { kernels } = await assertAgrees(f, sch.func(), inputs, { rtol: 1e-5, atol: 1e-6 });
    assert.equal(kernels.length, 1);
    assert.ok(shared(kernels[0].code));
  });

  it("sums with partial sums in the threads of a workgroup", async () => {
    const A = te.placeholder([6, 256], "A");
    const k = te.reduceAxis(256, "k");
    const B = te.compute([6], (i) => te.sum(A.at(i, k.v), k), "B");
    const f = te.createPrimFunc([A, B]);
    const sch = new Schedule(f);
    const [, r] = sch.getLoops(sch.getBlock("B"));
    const [, r1] = sch.split(r, [null, 32]);
    const part = sch.rfactor(r1, 0);
    const [i] = sch.getLoops(sch.getBlock("B"));
    sch.computeAt(part, i);
    sch.setScope(part, 0, "shared");
    sch.bind(i, "blockIdx.x");
    const loops = sch.getLoops(part);
    sch.bind(loops[1], "threadIdx.x");
    const { kernels } = await assertAgrees(f, sch.func(), () => wholeNumbers(f));
    assert.equal(kernels.length, 1);
    assert.deepEqual(kernels[0].workgroup, [32, 1, 1]);
  });

  it("uploads and reads back what a call needs, and reuses buffers", async () => {
    const f = windowSum(1024);
    const args = wholeNumbers(f);
    await runGpu(f, args);
    const device = await gpuDevice();
    const before = { ...device.traffic };
    await runGpu(f, args);
    const { traffic } = device;
    assert.equal(traffic.uploads - before.uploads, 2);
    assert.equal(traffic.uploadedBytes - before.uploadedBytes, (1027 + 1024) * 4);
    assert.equal(traffic.readBackBytes - before.readBackBytes, 1024 * 4);
    assert.equal(traffic.submits - before.submits, 1);
    assert.equal(traffic.buffersMade, before.buffersMade);
    for (const t of args) t.dispose();
  });
});
