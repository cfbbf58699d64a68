import assert from "node:assert/strict";
import { loopsIn, type PrimFunc } from "../../../lib/ir/index.ts";
import {
  hasAffineBindings,
  isCompactDataflow,
  isCompleteBlock,
  isDominant,
  isReductionBlock,
  otherWriter,
  whyNotCompact,
  whyNotComplete,
  whyNotReduction,
  whyNotScan,
} from "../../../lib/schedule/index.ts";
import { blocksNamed, findBlock, findLoop, scopeBlock } from "../../../lib/schedule/lookup.ts";
import { T } from "../../../lib/script/index.ts";
import { addOne, mmRelu, opaque, repeated, runningSums, siblings, window } from "./programs.ts";

const at = (f: PrimFunc, name: string) => findBlock(f, blocksNamed(f, name)[0].id);

/** B is written by two blocks; D in place; E reduces into an element its reduce axis chooses. */
const mixed = (): PrimFunc =>
  T.primFunc({ A: T.buffer([8]), B: T.buffer([8]), D: T.buffer([8]) }, ({ A, B, D }) => {
    for (const i of T.serial(8)) {
      T.block("one", () => {
        const v = T.axis.spatial(8, i);
        B[v] = A[v];
      });
      T.block("two", () => {
        const v = T.axis.spatial(8, i);
        B[v] = A[v] + 1;
      });
    }
    for (const i of T.serial(8)) {
      T.block("inPlace", () => {
        const v = T.axis.spatial(8, i);
        D[v] = D[v] + 1;
      });
    }
    for (const k of T.serial(8)) {
      T.block("scatter", () => {
        const v = T.axis.reduce(8, k);
        T.init(() => {
          A[0] = 0;
        });
        A[v] += 1;
      });
    }
  });

describe("conditions", () => {
  it("complete blocks", () => {
    assert.ok(isCompleteBlock(at(addOne(), "B")));
    assert.ok(isCompleteBlock(at(mmRelu(), "C")));
    assert.match(whyNotComplete(at(mmRelu(), "Y")) ?? "", /axis vk of Y is a reduce axis, not spatial/);
    assert.match(whyNotComplete(at(opaque(), "B")) ?? "", /axis vi of B is opaque/);
    const f = mixed();
    assert.match(whyNotComplete(at(f, "one")) ?? "", /two writes B as well as one/);
    assert.match(whyNotComplete(at(f, "inPlace")) ?? "", /inPlace both reads and writes D/);
    assert.ok(isCompleteBlock(at(window(), "B")), "overlap is fine: instances may run twice");
  });

  it("reduction blocks", () => {
    const f = mmRelu();
    assert.ok(isReductionBlock(f, at(f, "Y")));
    assert.match(whyNotReduction(f, at(f, "C")) ?? "", /C has no init/);
    const g = mixed();
    assert.match(whyNotReduction(g, at(g, "scatter")) ?? "", /reduce axis v of scatter indexes what/);
    const r = repeated();
    assert.ok(isReductionBlock(r, at(r, "S")));
  });

  it("scan blocks", () => {
    const f = runningSums();
    assert.equal(whyNotScan(f, at(f, "B")), undefined);
    assert.match(whyNotScan(f, at(f, "row")) ?? "", /row reads D elsewhere along vi/);
    assert.match(whyNotScan(opaque(), at(opaque(), "B")) ?? "", /B does not read/);
    assert.match(whyNotScan(addOne(), at(addOne(), "B")) ?? "", /no axis whose order matters/);
    assert.match(whyNotScan(mmRelu(), at(mmRelu(), "Y")) ?? "", /Y has an init/);
  });

  it("dominance, in a scope and below a loop", () => {
    const f = mixed();
    const one = at(f, "one");
    assert.ok(!isDominant(one.node, scopeBlock(one)));
    assert.equal(otherWriter(one.node, scopeBlock(one))?.block.name, "two");
    const scatter = at(f, "scatter");
    assert.ok(isDominant(scatter.node, scopeBlock(scatter)));
  });

  it("compact dataflow", () => {
    for (const f of [addOne(), siblings(), mmRelu()]) {
      for (const l of loopsIn(f.body)) assert.ok(isCompactDataflow(f, l));
    }
    const f = mixed();
    const [shared] = loopsIn(f.body);
    assert.match(
      whyNotCompact(f, shared)?.why ?? "",
      /two writes B as well as one; no reduction: one has no init/,
    );
  });

  it("affine bindings look at the loops inside the scope", () => {
    const f = mmRelu();
    assert.ok(hasAffineBindings(f, at(f, "Y")));
    const w = window();
    assert.ok(!hasAffineBindings(w, at(w, "B")));
    assert.equal(findLoop(w, loopsIn(w.body)[1].v.id).path.length, 3);
  });
});
