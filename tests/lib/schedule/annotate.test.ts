import assert from "node:assert/strict";
import { type Attr, blocksIn, loopsIn } from "../../../lib/ir/index.ts";
import { Schedule } from "../../../lib/schedule/index.ts";
import { addOne } from "./programs.ts";
import { refuses, same, scheduled } from "./support.ts";

describe("annotate, unannotate", () => {
  it("marks loops and blocks, and takes marks away", () => {
    const before = addOne();
    const out = scheduled(before, (sch) => {
      const b = sch.getBlock("B");
      const [a] = sch.getLoops(b);
      sch.annotate(a, "pragma", { depth: 16, tags: ["x", null, true] });
      sch.annotate(b, "size", 3);
      sch.annotate(b, "name", "n");
      sch.unannotate(b, "name");
    });
    assert.deepEqual(loopsIn(out.body)[0].annotations, { pragma: { depth: 16, tags: ["x", null, true] } });
    assert.deepEqual(blocksIn(out.body)[1].annotations, { size: 3 });
    const back = scheduled(out, (sch) => {
      const b = sch.getBlock("B");
      sch.unannotate(sch.getLoops(b)[0], "pragma");
      sch.unannotate(b, "size");
    });
    same(back, before);
  });

  it("refuses a key twice, a key that is not there, a value that is no data", () => {
    const sch = new Schedule(addOne());
    const b = sch.getBlock("B");
    refuses(sch, () => sch.unannotate(b, "x"), {
      rule: /no such annotation/,
      detail: /block B carries none, not "x"/,
    });
    sch.annotate(b, "x", 1);
    refuses(sch, () => sch.annotate(b, "x", 2), {
      rule: /the key is already there/,
      detail: /block B carries "x": 1/,
      suggestion: /sch\.unannotate\(B, "x"\)/,
      nodes: ["B"],
    });
    refuses(sch, () => sch.unannotate(b, "y"), {
      rule: /no such annotation/,
      detail: /block B carries "x", not "y"/,
      suggestion: /sch\.unannotate\(B, "x"\)/,
    });
    refuses(sch, () => sch.annotate(b, "z", (() => 1) as unknown as Attr), { rule: /not plain data/ });
  });
});

describe("addUnitLoop", () => {
  it("puts a loop around a block or loop", () => {
    const out = scheduled(addOne(), (sch) => {
      const b = sch.getBlock("B");
      const u = sch.addUnitLoop(b);
      sch.addUnitLoop(sch.getLoops(b)[0]);
      sch.vectorize(u);
    });
    assert.deepEqual(
      loopsIn(out.body).map((l) => l.v.name),
      ["u", "i", "j", "k", "u"],
    );
  });

  it("refuses the root block", () => {
    const sch = new Schedule(addOne());
    const root = sch.getBlock("root");
    refuses(sch, () => sch.addUnitLoop(root), { rule: /root block stands in no loop/ });
  });
});
