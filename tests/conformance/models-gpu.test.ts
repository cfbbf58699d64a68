/** Models of PyTorch on the GPU, compared with PyTorch's own answers. */
import assert from "node:assert/strict";
import { rmSync } from "node:fs";
import { releaseGpu } from "../../lib/runtime/webgpu/device.ts";
import { requireGpu, requireSystem } from "../support/system.ts";
import { checkModel, exportModels } from "./model-cases.ts";

const RELATIVE = 1e-3;
const NAMES = ["mlp", "cnn", "resnet18", "mobilenetv2", "encoder"] as const;

describe("conformance: models of PyTorch on the GPU", function () {
  this.timeout(600_000);
  let folder = "";

  before(async function () {
    requireSystem(this, "python3-torch");
    await requireGpu(this);
    folder = exportModels(NAMES);
  });

  after(async () => {
    if (folder !== "") rmSync(folder, { recursive: true, force: true });
    await releaseGpu();
  });

  for (const name of NAMES) {
    it(name, async () => {
      const onTheCpu = await checkModel(folder, name, RELATIVE, { target: "webgpu" });
      assert.deepEqual(onTheCpu, []);
    });
  }
});
