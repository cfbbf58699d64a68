import assert from "node:assert/strict";
import { Schedule } from "../../../lib/schedule/index.ts";
import { mmRelu } from "./programs.ts";
import { refuses } from "./support.ts";

describe("undo and redo", () => {
  it("go back and forth over transformations, with history, trace and handles", () => {
    const sch = new Schedule(mmRelu());
    const start = sch.mod;
    const [i, j] = sch.getLoops(sch.getBlock("Y"));
    const script0 = sch.trace.script();
    const [, j1] = sch.split(j, [null, 4]);
    const split = sch.mod;
    sch.vectorize(j1);
    const [last, script2] = [sch.mod, sch.trace.script()];

    sch.undo();
    assert.equal(sch.mod, split);
    assert.equal(sch.history.length, 1);
    sch.undo();
    assert.equal(sch.mod, start);
    assert.equal(sch.trace.script(), script0);
    assert.equal(sch.get(j).v.name, "j", "a handle of a split loop is good again");
    sch.redo();
    sch.redo();
    assert.equal(sch.mod, last);
    assert.equal(sch.trace.script(), script2);
    assert.equal(sch.get(j1).loopKind, "vectorized", "and so are handles of what was made again");
    sch.unroll(i);
    refuses(sch, () => sch.redo(), { rule: /nothing to redo/ });
  });

  it("handles given out since then are gone, and say why", () => {
    const sch = new Schedule(mmRelu());
    const [, j] = sch.getLoops(sch.getBlock("Y"));
    const [, j1] = sch.split(j, [null, 4]);
    const c = sch.getBlock("C");
    sch.undo();
    refuses(sch, () => sch.unroll(j1), {
      rule: /the loop is gone/,
      detail: /given out by a call that was undone/,
    });
    refuses(sch, () => sch.get(c), { rule: /the block is gone/, suggestion: /getBlock\("C"\)/ });
    assert.equal(sch.get(sch.getBlock("C")).name, "C");
  });

  it("draws are undone, and drawn the same again", () => {
    const sch = new Schedule(mmRelu(), { seed: 9 });
    const [i] = sch.getLoops(sch.getBlock("Y"));
    const draw = () => sch.samplePerfectTile(i, 3).map((t) => sch.get(t));
    const first = draw();
    sch.undo();
    assert.equal(sch.trace.decisions.length, 0);
    assert.deepEqual(draw(), first);
  });

  it("a refused primitive is no step; an empty history cannot be undone", () => {
    const sch = new Schedule(mmRelu());
    refuses(sch, () => sch.undo(), { rule: /nothing to undo/ });
    const [i] = sch.getLoops(sch.getBlock("Y"));
    refuses(sch, () => sch.split(i, []), { rule: /no factors/ });
    refuses(sch, () => sch.undo(), { rule: /nothing to undo/ });
  });

  it("copies and forks undo on their own", () => {
    const sch = new Schedule(mmRelu());
    const [i] = sch.getLoops(sch.getBlock("Y"));
    sch.unroll(i);
    const fork = sch.fork();
    fork.undo();
    assert.equal(fork.get(i).loopKind, "serial");
    assert.equal(sch.get(i).loopKind, "unrolled");
    sch.parallel(i);
    assert.equal(fork.history.length, 0);
    fork.redo();
    assert.equal(fork.get(i).loopKind, "unrolled");
  });
});

describe("removeRv", () => {
  it("makes a handle unusable until it is taken again", () => {
    const sch = new Schedule(mmRelu());
    const y = sch.getBlock("Y");
    const [i] = sch.getLoops(y);
    const [t] = sch.samplePerfectTile(i, 2);
    sch.removeRv(y);
    sch.removeRv(t);
    refuses(sch, () => sch.getLoops(y), { rule: /the block is gone/, detail: /removed with sch.removeRv/ });
    refuses(sch, () => sch.get(t), { rule: /the value is gone/ });
    refuses(sch, () => sch.removeRv(t), { rule: /the value is gone/ });
    const again = sch.getBlock("Y");
    assert.equal(again.name, "Y_1");
    sch.unroll(sch.getLoops(again)[0]);
    assert.match(sch.trace.script(), /const Y_1 = sch\.getBlock\("Y"\);/);
  });
});
