import assert from "node:assert/strict";
import { excess, memoryLimit, totalMemory } from "../../../kernel/session/user/memory.ts";

describe("kernel unit: the limit on memory", () => {
  it("reads bytes, units, parts and off; anything else is the default", () => {
    const given = {
      "1000000": 1e6,
      "512M": 512 * 2 ** 20,
      "1.5 GB": 1.5 * 2 ** 30,
      "2gib": 2 ** 31,
      "50%": 500,
    };
    for (const [text, bytes] of Object.entries(given)) assert.equal(memoryLimit(text, 1000), bytes, text);
    assert.equal(memoryLimit("off", 1000), Number.POSITIVE_INFINITY);
    for (const text of [undefined, "", "much", "-1", "0", "G"]) assert.equal(memoryLimit(text, 1000), 800);
  });

  it("compares with what this process takes", () => {
    const total = totalMemory();
    assert.ok(total > 1e8);
    assert.match(excess(1e6, total) ?? "", /may take 0\.00 GB/);
    assert.equal(excess(Number.POSITIVE_INFINITY, total), undefined);
  });
});
