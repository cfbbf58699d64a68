import assert from "node:assert/strict";
import fc from "fast-check";
import { ALIGNMENT, Allocator } from "../../../lib/runtime/allocator.ts";
import { DeviceMemory } from "../../../lib/runtime/index.ts";

describe("allocator", () => {
  it("never overlaps, keeps alignment, and joins everything when all is freed", () => {
    const step = fc.oneof(
      fc.record({ alloc: fc.integer({ min: 0, max: 1000 }) }),
      fc.record({ free: fc.nat(1000) }),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 80 }), (steps) => {
        let end = 4096;
        const a = new Allocator(ALIGNMENT, end, (atLeast) => (end = Math.max(end, atLeast + 100)));
        const live: { at: number; bytes: number }[] = [];
        for (const s of steps) {
          if ("alloc" in s) {
            const at = a.alloc(s.alloc);
            assert.equal(at % ALIGNMENT, 0);
            assert.ok(at >= ALIGNMENT && at + s.alloc <= end);
            for (const o of live)
              assert.ok(at + Math.max(1, s.alloc) <= o.at || o.at + Math.max(1, o.bytes) <= at);
            live.push({ at, bytes: s.alloc });
          } else if (live.length > 0) {
            const [gone] = live.splice(s.free % live.length, 1);
            a.free(gone.at);
          }
          const holes = a.freeRanges;
          for (let i = 1; i < holes.length; i++) assert.ok(holes[i - 1].end < holes[i].start);
        }
        for (const o of live) a.free(o.at);
        assert.equal(a.usedBytes, 0);
        assert.equal(a.freeRanges.length, 1);
        assert.equal(a.freeRanges[0].start, ALIGNMENT);
        assert.equal(a.freeRanges[0].end, end - (end % ALIGNMENT));
      }),
    );
  });

  it("uses freed memory again", () => {
    const a = new Allocator(0, 256);
    const first = a.alloc(100);
    a.alloc(100);
    a.free(first);
    assert.equal(a.alloc(128), first);
  });

  it("refuses what is no address of its own, and says when memory is full", () => {
    const a = new Allocator(0, 256);
    const at = a.alloc(10);
    a.free(at);
    assert.throws(() => a.free(at), /address 0 is not allocated/);
    assert.throws(
      () => a.alloc(1000),
      /out of device memory: 1000 bytes asked for, 0 in use of 256; dispose/,
    );
  });
});

describe("device memory", () => {
  it("grows, and knows which views that made stale", () => {
    const m = new DeviceMemory({ maxPages: 200 });
    const at = m.alloc(8);
    const view = m.view("f32", at, 2) as Float32Array;
    view[1] = 5;
    assert.equal(m.isStale(view), false);
    const big = m.alloc(100 * 65536);
    assert.equal(m.isStale(view), true);
    assert.equal((m.view("f32", at, 2) as Float32Array)[1], 5);
    assert.throws(() => m.alloc(200 * 65536), /out of device memory/);
    m.free(big);
    m.alloc(99 * 65536);
  });

  it("may be shared", () => {
    const m = new DeviceMemory({ shared: true, maxPages: 100 });
    assert.ok(m.memory.buffer instanceof SharedArrayBuffer);
    assert.equal(m.view("i32", m.alloc(16), 4).length, 4);
  });

  it("gives one workspace to all, moved when it has to be larger", () => {
    const m = new DeviceMemory({ maxPages: 100 });
    const a = m.workspace(1000);
    assert.equal(m.workspace(500), a);
    m.workspace(100_000);
    assert.equal(m.usedBytes, Math.ceil(100_000 / 64) * 64);
  });
});
