import assert from "node:assert/strict";
import { compareOutputs, ruleOf } from "../../../kernel/notebook/compare.ts";
import type { Output } from "../../../kernel/notebook/format.ts";

const printed = (text: string): Output[] => [{ output_type: "stream", name: "stdout", text }];
const shown = (data: { [mime: string]: unknown }): Output[] => [
  { output_type: "execute_result", execution_count: 1, metadata: {}, data },
];
const lax = { kind: "lax" } as const;
const same = (a: Output[], b: Output[], rule: Parameters<typeof compareOutputs>[2] = lax) =>
  assert.deepEqual(compareOutputs(a, b, rule), []);
const differ = (a: Output[], b: Output[], rule: Parameters<typeof compareOutputs>[2] = lax) =>
  assert.notDeepEqual(compareOutputs(a, b, rule), []);

describe("kernel unit: comparing outputs", () => {
  it("takes no notice of times, rates and dates by default", () => {
    same(printed("took 1.5 ms\n"), printed("took 812 µs\n"));
    same(
      printed("2.43 GFLOP/s, 15.1× at 2026-01-02T03:04:05Z"),
      printed("37 GFLOP/s, 1.0× at 2027-01-02T03:04:05Z"),
    );
    same(printed("done in 3 s"), printed("done in  12 seconds"));
    differ(printed("3 steps"), printed("4 steps"));
    differ(printed("28×28 pictures"), printed("32×32 pictures"));
    differ(printed("tile 4 × 8"), printed("tile 8 × 8"));
    differ(printed("accuracy 89.60 %"), printed("accuracy 88.60 %"));
  });

  it("takes every number below a head of measured quantities as a measurement", () => {
    const table = (a: string, b: string) => `name   median  GFLOP/s\nplain  ${a}  ${b}\n\nsum 1\n`;
    same(printed(table("1.2 ms", "3.4")), printed(table("900 µs", "33.1")));
    differ(printed(table("1 ms", "3")), printed(table("1 ms", "3").replace("sum 1", "sum 2")));
    differ(printed(table("1 ms", "3")), printed(table("1 ms", "3").replace("plain", "other")));
    // The slowest first, whichever that is; other tables keep their order.
    const rows = (head: string, ...names: string[]) =>
      `${head}\n${names.map((name) => `${name}  3\n`).join("")}`;
    same(printed(rows("step  GFLOP/s", "conv", "matmul")), printed(rows("step  GFLOP/s", "matmul", "conv")));
    differ(
      printed(rows("step  GFLOP/s", "conv", "matmul")),
      printed(rows("step  GFLOP/s", "matmul", "matmul")),
    );
    differ(printed(rows("step  size", "conv", "matmul")), printed(rows("step  size", "matmul", "conv")));
  });

  it("compares the plain text of displays, and of pictures only that they are there", () => {
    same(
      shown({ "text/plain": "42", "text/html": "<b>1</b>" }),
      shown({ "text/plain": "42", "text/html": "<i>2</i>" }),
    );
    same(
      shown({ "text/plain": "a", "image/svg+xml": "1" }),
      shown({ "text/plain": "b", "image/svg+xml": "2" }),
    );
    differ(shown({ "text/plain": "a", "image/svg+xml": "1" }), shown({ "text/plain": "a" }));
    const [gone] = compareOutputs(shown({ "text/plain": "42" }), [], lax);
    assert.deepEqual(gone, { where: "the result is gone", diff: ["- 42"] });
  });

  it("does not mind how a stream was cut, or its colours", () => {
    same(
      [...printed("a"), ...shown({ "text/plain": "1" }), ...printed("b")],
      [...printed("\u001b[31mab\u001b[39m"), ...shown({ "text/plain": "1" })],
    );
  });

  it("allows a tolerance where it is asked for", () => {
    const numeric = { kind: "numeric", tolerance: 1e-2 } as const;
    same(printed("loss 0.1234, n 1,000"), printed("loss 0.1235, n 1,001"), numeric);
    differ(printed("loss 0.1234"), printed("loss 0.1334"), numeric);
    differ(printed("loss −0.1234"), printed("loss 0.1234"), numeric);
    differ(printed("loss 0.1234"), printed("gain 0.1234"), numeric);
    differ(printed("1 2"), printed("1"), numeric);
  });

  it("compares everything where exactness is asked for", () => {
    const exact = { kind: "exact" } as const;
    differ(printed("took 1 ms"), printed("took 2 ms"), exact);
    differ(
      shown({ "text/plain": "a", "text/html": "1" }),
      shown({ "text/plain": "a", "text/html": "2" }),
      exact,
    );
    same(
      shown({ "text/plain": "a", "text/html": "1" }),
      shown({ "text/plain": "a", "text/html": "1" }),
      exact,
    );
    same(printed("1"), printed("2"), { kind: "ignore" });
  });

  it("shows a difference as a diff with the lines around it", () => {
    const lines = Array.from({ length: 20 }, (_, index) => `line ${index}`);
    const [difference] = compareOutputs(
      printed(lines.join("\n")),
      printed(lines.with(9, "other").join("\n")),
      lax,
    );
    assert.equal(difference!.where, "stdout differs");
    assert.deepEqual(difference!.diff, [
      "  …",
      "  line 7",
      "  line 8",
      "- line 9",
      "+ other",
      "  line 10",
      "  line 11",
      "  …",
    ]);
  });

  it("reads the rule from the cell's tags", () => {
    const tagged = (...tags: string[]) =>
      ruleOf({ id: "x", cell_type: "code", source: "", metadata: { tags } });
    assert.deepEqual(tagged(), { kind: "lax" });
    assert.deepEqual(tagged("other", "check-exact"), { kind: "exact" });
    assert.deepEqual(tagged("check-ignore"), { kind: "ignore" });
    assert.deepEqual(tagged("check-numeric"), { kind: "numeric", tolerance: 1e-3 });
    assert.deepEqual(tagged("check-numeric:0.1"), { kind: "numeric", tolerance: 0.1 });
    assert.throws(() => tagged("check-numeric:much"), /does not give a tolerance/);
  });
});
