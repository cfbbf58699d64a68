/**
 * Models of PyTorch, imported, compiled and run here, compared with PyTorch's own answers. The error is relative to the
 * largest element of the answer.
 */
import { rmSync } from "node:fs";
import { requireSystem } from "../support/system.ts";
import { checkModel, exportModels } from "./model-cases.ts";

/** Far above the rounding of f32, far below what a mistake makes. */
const RELATIVE = 1e-4;
const NAMES = [
  "mlp",
  "cnn",
  "resnet18",
  "mobilenetv2",
  "unet",
  "vit",
  "encoder",
  "decoder",
  "lstm",
  "gru",
] as const;

describe("conformance: models of PyTorch", function () {
  this.timeout(300_000);
  let folder = "";

  before(function () {
    requireSystem(this, "python3-torch");
    folder = exportModels();
  });

  after(() => {
    if (folder !== "") rmSync(folder, { recursive: true, force: true });
  });

  for (const name of NAMES) {
    it(name, async () => {
      await checkModel(folder, name, RELATIVE);
    });
  }
});
