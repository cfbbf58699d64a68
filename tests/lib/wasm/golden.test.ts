/** The text of generated code. `BLESS=1` writes the expected files anew. */
import assert from "node:assert/strict";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { compileWasm } from "../../../lib/codegen/wasm/index.ts";
import {
  buffer,
  constant,
  irModule,
  load,
  loop,
  ops,
  type PrimFunc,
  primFunc,
  store,
  variable,
} from "../../../lib/ir/index.ts";
import { tiledMatmul } from "./matmul.ts";

const FOLDER = new URL("./golden/", import.meta.url);

function golden(name: string, func: PrimFunc, relaxedSimd = false): void {
  const file = new URL(`${name}.wat`, FOLDER);
  const text = compileWasm(irModule({ [name]: func }), { relaxedSimd }).wat();
  if (process.env.BLESS === "1") {
    mkdirSync(FOLDER, { recursive: true });
    writeFileSync(file, text);
  }
  assert.equal(text, readFileSync(file, "utf8"));
}

describe("wasm golden text", () => {
  it("relu over a symbolic size, vectorised", () => {
    const n = variable("n");
    const X = buffer("X", [n]);
    const Y = buffer("Y", [n]);
    const i = variable("i");
    const body = store(Y, [i], ops.max(load(X, [i]), constant(0, "f32")));
    golden("relu", primFunc([X, Y], loop(i, n, body, { loopKind: "vectorized" })));
  });

  it("a matrix product with a packed panel and accumulators in locals", () => {
    const tile = { m: 8, n: 16, k: 16, mr: 2, nr: 8, packB: true, local: true, unrollK: 1 };
    golden("matmul", tiledMatmul(tile), true);
  });
});
