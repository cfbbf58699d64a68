import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import type { Context } from "mocha";
import { gpuDevice } from "../../lib/runtime/webgpu/device.ts";
import { skipBecause } from "../../scripts/skip.ts";

/** The Python that Debian's Jupyter packages belong to; another one first on the path would not find them. */
export const systemPython = "/usr/bin/python3";

/** What some tests need from the system: Debian packages, and what tells that they are there. */
const needs = {
  "jupyter-nbconvert": () => pythonHas("nbconvert"),
  "python3-nbclient": () => pythonHas("nbclient"),
  "python3-ipykernel": () => pythonHas("ipykernel"),
  "jupyter-server": () => pythonHas("jupyter_server"),
  "jupyter-notebook": () => pythonHas("notebook"),
  "jupyter-console": () => pythonHas("jupyter_console"),
  "python3-jupyter-kernel-test": () => pythonHas("jupyter_kernel_test"),
  "libonnx-testdata": () => existsSync("/usr/share/libonnx-testdata/data/node"),
  "python3-onnx": () => pythonHas("onnx.helper"),
  "python3-torch": () => pythonHas("torch"),
  chromium: () => existsSync("/usr/bin/chromium"),
};

/** Skips the test, and says so loudly, unless the system has the package. Call it first in a test or a hook. */
export function requireSystem(context: Context, debianPackage: keyof typeof needs): void {
  if (needs[debianPackage]()) return;
  const title = context.test?.fullTitle() ?? "a test";
  console.error(`\nNOT TESTED: ${title} needs Debian package ${debianPackage}\n`);
  skipBecause(context, `needs Debian package ${debianPackage}`);
}

function pythonHas(module: string): boolean {
  return existsSync(systemPython) && spawnSync(systemPython, ["-c", `import ${module}`]).status === 0;
}

/**
 * Skips the tests of a suite, and says so loudly, unless WebGPU runs here: the package `webgpu`, Vulkan's loader
 * (Debian: libvulkan1) and a driver. Without a GPU that is SwiftShader, which Debian's chromium brings. Call it in a
 * `before` hook.
 */
export async function requireGpu(context: Context): Promise<void> {
  try {
    await gpuDevice();
  } catch (e) {
    const why = e instanceof Error ? e.message : String(e);
    const title = context.test?.fullTitle() ?? "a test";
    console.error(`\nNOT TESTED: ${title} needs WebGPU: ${why}\n`);
    skipBecause(
      context,
      "needs WebGPU (the package webgpu, libvulkan1, and a driver such as chromium's SwiftShader)",
    );
  }
}
