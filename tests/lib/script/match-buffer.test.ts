import assert from "node:assert/strict";
import { assertWellFormed, type PrimFunc, structuralEqual } from "../../../lib/ir/index.ts";
import { parsePrimFunc, ScriptError, script, T } from "../../../lib/script/index.ts";
import { becomes, sameResults } from "../schedule/support.ts";

/** Tiles of B = 2 · A through names for the tiles. */
const tiles = () =>
  T.primFunc({ A: T.buffer([16, 16]), B: T.buffer([16, 16]) }, ({ A, B }) => {
    for (const [i, j] of T.grid(4, 4)) {
      T.block("tile", () => {
        const [vi, vj] = T.axis.remap("SS", [i, j]);
        T.reads(A[T.slice(vi * 4, 4)][T.slice(vj * 4, 4)]);
        T.writes(B[T.slice(vi * 4, 4)][T.slice(vj * 4, 4)]);
        const X = T.matchBuffer(A[T.slice(vi * 4, 4)][T.slice(vj * 4, 4)], [4, 4], {
          strides: ["s", 1],
          offsetFactor: 4,
        });
        const Y = T.matchBuffer(B[T.slice(vi * 4, 4)][T.slice(vj * 4, 4)], [4, 4], { dtype: "f32" });
        for (const [a, b] of T.grid(4, 4)) Y[a][b] = X[a][b] * 2;
      });
    }
  });

const tilesInFull = () =>
  T.primFunc({ A: T.buffer([16, 16]), B: T.buffer([16, 16]) }, ({ A, B }) => {
    for (const [i, j] of T.grid(4, 4)) {
      T.block("tile", () => {
        const [vi, vj] = T.axis.remap("SS", [i, j]);
        T.reads(A[T.slice(vi * 4, 4)][T.slice(vj * 4, 4)]);
        T.writes(B[T.slice(vi * 4, 4)][T.slice(vj * 4, 4)]);
        for (const [a, b] of T.grid(4, 4)) B[vi * 4 + a][vj * 4 + b] = A[vi * 4 + a][vj * 4 + b] * 2;
      });
    }
  });

/** A program with `text` in a block over 8 rows of A, f32[8, 6], and B, f32[8]. */
const inBlock = (text: string): PrimFunc =>
  parsePrimFunc(`T.primFunc({ A: T.buffer([8, 6]), B: T.buffer([8]) }, ({ A, B }) => {
    for (const i of T.serial(8)) {
      T.block("b", () => {
        const vi = T.axis.spatial(8, i);
        ${text}
      });
    }
  })`);

const fails = (text: string, message: RegExp): void => {
  assert.throws(
    () => inBlock(text),
    (e) => e instanceof ScriptError && message.test(e.reason) && e.line > 4,
    text,
  );
};

describe("matchBuffer", () => {
  it("reads as accesses of the buffer at the offset of the part", () => {
    assertWellFormed(tiles());
    becomes(tiles(), script(tilesInFull()));
    sameResults(tilesInFull(), tiles());
  });

  it("prints without the name, and parses back", () => {
    const f = tiles();
    assert.doesNotMatch(script(f), /matchBuffer/);
    assert.ok(structuralEqual(parsePrimFunc(script(f)), f));
  });

  it("leaves out dimensions of one element; parts of parts; compound stores; whole buffers", () => {
    const named = inBlock(`
      const row = T.matchBuffer(A[vi][T.slice(1, 5)], [5]);
      const end = T.matchBuffer(row[T.slice(2, 3)], [3]);
      const all = T.matchBuffer(B);
      const one = T.matchBuffer(B[vi], []);
      one.value = row[0];
      all[vi] += end[2] * row[1];`);
    becomes(
      named,
      script(
        inBlock(`
      B[vi] = A[vi][1];
      B[vi] += A[vi][5] * A[vi][2];`),
      ),
    );
  });

  it("stands for its part in regions, access pointers and inner blocks", () => {
    const named = inBlock(`
      const W = T.matchBuffer(A[vi][T.slice(2, 4)], [4]);
      T.reads(W);
      T.block("inner", () => {
        T.reads(W[T.slice(1, 2)]);
        T.callExtern("f", T.accessPtr(W, "r"), T.accessPtr(W[T.slice(1, 2)], "rw"));
      });`);
    becomes(
      named,
      script(
        inBlock(`
      T.reads(A[vi][T.slice(2, 4)]);
      T.block("inner", () => {
        T.reads(A[vi][T.slice(3, 2)]);
        T.callExtern("f", T.accessPtr(A[vi][T.slice(2, 4)], "r"), T.accessPtr(A[vi][T.slice(3, 2)], "rw"));
      });`),
      ),
    );
  });

  it("symbolic sizes and strides: what cannot be shown false is taken", () => {
    const f = T.primFunc({ A: T.buffer(["n", "m"], "f32", { strides: ["s", 1] }) }, ({ A, n, m }) => {
      for (const i of T.serial(n)) {
        T.block("b", () => {
          const vi = T.axis.spatial(n, i);
          const row = T.matchBuffer(A[vi][T.slice(0, m)], [m], { strides: [1], offsetFactor: 4 });
          row[0] = 1;
        });
      }
    });
    assert.match(script(f), /A\[vi\]\[0\] = 1;/);
  });

  it("checks the shape", () => {
    fails(
      "const W = T.matchBuffer(A[vi][T.slice(0, 4)], [5]);",
      /dimension 1 of the part of A has 4 element\(s\), dimension 0 of W has 5/,
    );
    fails(
      "const W = T.matchBuffer(A[T.slice(0, 2)][T.slice(0, 4)], [4]);",
      /dimension 0 of the part of A has 2 element\(s\): only a dimension of one element can be left out of W/,
    );
    fails("const W = T.matchBuffer(B[T.slice(0, 4)], [2, 2]);", /W has 2 dimensions, the part of B only 1/);
    fails("const W = T.matchBuffer(B[T.slice(0, 4)], 4);", /a shape is written as an array/);
  });

  it("checks strides, offset, dtype and scope where they can be shown false", () => {
    const part = "A[T.slice(0, 2)][T.slice(0, 4)], [2, 4]";
    fails(
      `const W = T.matchBuffer(${part}, { strides: [4, 1] });`,
      /dimension 0 of W has stride 6 in A, not 4/,
    );
    fails(
      `const W = T.matchBuffer(${part}, { strides: ["s", "s"] });`,
      /dimension 1 of W has stride 1 in A, not s, which is 6/,
    );
    fails(`const W = T.matchBuffer(${part}, { strides: [1] });`, /W has 2 dimension\(s\): as many strides/);
    fails(
      "const W = T.matchBuffer(A[vi][T.slice(0, 4)], [4], { offsetFactor: 4 });",
      /W starts at element 6 of A \(at vi = 1\), no multiple of 4/,
    );
    fails(
      "const W = T.matchBuffer(A[1][T.slice(0, 4)], [4], { offsetFactor: 4 });",
      /starts at element 6 of A, no multiple of 4/,
    );
    fails(
      "const W = T.matchBuffer(A[vi][T.slice(0, 4)], [4], { offsetFactor: 0 });",
      /a whole number above 0/,
    );
    fails(
      'const W = T.matchBuffer(B, [8], { dtype: "i32" });',
      /the part holds f32, which cannot be seen as i32/,
    );
    fails('const W = T.matchBuffer(B, [8], { scope: "shared" });', /the part lies in global, not in shared/);
    fails("const W = T.matchBuffer(B, [8], { align: 4 });", /unknown option align: T.matchBuffer knows/);
    fails("const W = T.matchBuffer(B, [8], 4);", /is written \{ strides/);
  });

  it("says where it may stand", () => {
    fails("T.matchBuffer(B, [8]);", /name the part/);
    fails("const [W] = T.matchBuffer(B, [8]);", /gives one name/);
    fails("const W = T.matchBuffer();", /takes a part of a buffer/);
    fails("for (const j of T.serial(2)) { const W = T.matchBuffer(B, [8]); }", /directly in the body/);
    fails("const W = T.matchBuffer(B[T.cast(A[vi][0], 'i32')], []);", /starts where a buffer says/);
    fails("const W = T.matchBuffer(B, [8]); W = 3;", /W is a buffer: store one element/);
  });
});
