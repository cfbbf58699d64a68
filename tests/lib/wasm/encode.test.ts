/** The binary encoder: LEB128, and a valid module for every instruction of the table. */
import assert from "node:assert/strict";
import type { Instr } from "../../../lib/codegen/wasm/emit.ts";
import { encodeModule, signed, u32 } from "../../../lib/codegen/wasm/encode.ts";
import type { Imm } from "../../../lib/codegen/wasm/graph.ts";
import { hasRelaxedSimd } from "../../../lib/codegen/wasm/index.ts";
import { OPS, type ValType } from "../../../lib/codegen/wasm/opcodes.ts";
import { printModule } from "../../../lib/codegen/wasm/wat.ts";

function literal(t: ValType): Imm {
  if (t === "v128") return new Uint8Array(16);
  return t === "i64" ? 0n : 0;
}

function immediate(imm: string, result: ValType): Imm {
  switch (imm) {
    case "const":
      return literal(result);
    case "mem":
      return { offset: 300 };
    case "lane":
      return { lane: 1 };
    case "memlane":
      return { lane: 1, offset: 300 };
    case "shuffle":
      return new Uint8Array(16).fill(31);
    default:
      return undefined;
  }
}

describe("wasm encoder", () => {
  it("writes LEB128", () => {
    assert.deepEqual(u32(0), [0]);
    assert.deepEqual(u32(127), [127]);
    assert.deepEqual(u32(128), [0x80, 1]);
    assert.deepEqual(u32(624485), [0xe5, 0x8e, 0x26]);
    assert.deepEqual(u32(2 ** 32 - 1), [0xff, 0xff, 0xff, 0xff, 0x0f]);
    assert.deepEqual(signed(-1n), [0x7f]);
    assert.deepEqual(signed(63n), [63]);
    assert.deepEqual(signed(64n), [0xc0, 0]);
    assert.deepEqual(signed(-123456n), [0xc0, 0xbb, 0x78]);
    assert.deepEqual(signed(-(2n ** 63n)).length, 10);
  });

  const relaxed = hasRelaxedSimd();
  for (const [op, info] of OPS) {
    if (op.includes("relaxed") && !relaxed) continue;
    it(`${op} is valid`, () => {
      const body: Instr[] = info.params.map((t): Instr => ({ op: `${t}.const`, imm: literal(t) }));
      body.push({ op, imm: immediate(info.imm, info.result ?? "i32") });
      const locals = info.result ? [{ type: info.result, name: "r" }] : [];
      if (info.result) body.push({ op: "local.set", index: 0 });
      const parts = {
        imports: [],
        functions: [{ name: "f", params: [], locals, body }],
        sharedMemory: false,
      };
      assert.ok(WebAssembly.validate(encodeModule(parts)), printModule(parts));
    });
  }

  it("imports a shared memory", () => {
    const parts = { imports: [], functions: [], sharedMemory: true };
    assert.ok(WebAssembly.validate(encodeModule(parts)));
    assert.match(printModule(parts), /\(memory 0 65536 shared\)/);
  });
});
