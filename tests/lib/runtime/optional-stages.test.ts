// Stages of the pipeline that may be left out: what is computed stays the same.
import assert from "node:assert/strict";
import { OPTIONAL_STAGES, PIPELINE, type StageName } from "../../../lib/graph/index.ts";
import { allclose, loadOnnx, type OnnxSession, Tensor } from "../../../lib/runtime/index.ts";
import { smallCnn } from "../../support/small-cnn.ts";

describe("runtime: optional stages of the pipeline", function () {
  this.timeout(120_000);
  const x = Tensor.random([2, 4, 8, 8], { normal: true });
  const run = async (session: OnnxSession): Promise<Tensor[]> => {
    const { scores, gates } = await session.run({ x });
    session.dispose();
    return [scores, gates] as Tensor[];
  };
  let expected: readonly Tensor[];
  before(async () => {
    expected = await run(loadOnnx(smallCnn()));
  });
  const assertSame = async (skip: readonly StageName[]) => {
    const got = await run(loadOnnx(smallCnn(), { pipeline: { skip } }));
    for (const [i, t] of got.entries()) {
      const { ok, message } = allclose(t, expected[i], { rtol: 1e-4, atol: 1e-6 });
      assert.ok(ok, `without ${skip.join(", ")}: ${message}`);
    }
  };

  it("each may be left out", async () => {
    for (const { name } of OPTIONAL_STAGES) await assertSame([name]);
  });

  it("all may be left out together", () => assertSame(OPTIONAL_STAGES.map(({ name }) => name)));

  it("they are stages, and what cannot be done without is none of them", async () => {
    const optional = new Set<string>(OPTIONAL_STAGES.map(({ name }) => name));
    assert.ok(PIPELINE.some(({ name }) => !optional.has(name)));
    assert.ok(!optional.has("legalizeOps"));
    await assert.rejects(run(loadOnnx(smallCnn(), { pipeline: { skip: ["legalizeOps"] } })), /legalizeOps/);
  });
});
