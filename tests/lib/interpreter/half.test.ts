import assert from "node:assert/strict";
import fc from "fast-check";
import { f16FromBits, f16ToBits, roundF16 } from "../../../lib/ir/index.ts";

describe("half floats", () => {
  it("every bit pattern survives the way through a number", () => {
    for (let bits = 0; bits < 65536; bits++) {
      const x = f16FromBits(bits);
      assert.equal(f16ToBits(x), Number.isNaN(x) ? 0x7e00 : bits);
      assert.ok(Object.is(roundF16(x), x));
    }
  });

  it("rounds to the nearest, ties to even", () => {
    // Between neighbours: a little below the middle, the middle, a little above.
    for (let bits = 0; bits < 0x7bff; bits += 7) {
      const low = f16FromBits(bits);
      const high = f16FromBits(bits + 1);
      const middle = (low + high) / 2;
      const even = bits % 2 === 0 ? low : high;
      const eps = (high - low) * 2 ** -30;
      assert.equal(roundF16(middle), even);
      assert.equal(roundF16(-middle), -even);
      assert.equal(roundF16(middle - eps), low);
      assert.equal(roundF16(middle + eps), high);
    }
  });

  it("is monotonic and at most half a step off", () => {
    fc.assert(
      fc.property(fc.double({ min: -65519, max: 65519, noNaN: true }), (x) => {
        const r = roundF16(x);
        const step = Math.max(2 ** -24, Math.abs(x) * 2 ** -10);
        assert.ok(Math.abs(r - x) <= step / 2);
      }),
    );
  });

  it("names of the edges", () => {
    assert.equal(f16ToBits(1), 0x3c00);
    assert.equal(f16ToBits(-0), 0x8000);
    assert.equal(f16ToBits(65504), 0x7bff);
    assert.equal(f16ToBits(1e9), 0x7c00);
    assert.equal(f16ToBits(-1e9), 0xfc00);
    assert.equal(f16ToBits(2 ** -24), 1);
    assert.equal(f16ToBits(2 ** -25), 0);
  });
});
