/** WebGPU in Node: Dawn, from the npm package `webgpu`, which is installed by those who want it. */
import { existsSync } from "node:fs";

/**
 * Generated shaders write the memory of a workgroup before they read it. Clearing it all the same takes Dawn a store for
 * each element, in each thread: on SwiftShader a matrix product of shared tiles takes thirty times as long to compile
 * that way, and three times as long to run.
 */
const FLAGS = ["enable-dawn-features=disable_workgroup_init"];

/** Where browsers keep SwiftShader, a Vulkan driver in software that Vulkan's loader does not know of. */
const SOFTWARE = [
  "/usr/lib/chromium",
  "/usr/lib/chromium-browser",
  "/usr/lib64/chromium-browser",
  "/opt/google/chrome",
].map((folder) => `${folder}/vk_swiftshader_icd.json`);

let instance: Promise<GPU> | undefined;

/**
 * Dawn's `navigator.gpu`, on SwiftShader where there is no other driver but a browser. Throws, with what to install, when
 * the package is not there or does not load.
 */
export function dawn(): Promise<GPU> {
  // One for the life of the process: adapters and devices do not outlive the instance they come from.
  instance ??= load().catch((e) => {
    instance = undefined;
    throw e;
  });
  return instance;
}

async function load(): Promise<GPU> {
  // Not written out, so that nothing that reads imports asks for a package that may be missing.
  const name: string = "webgpu";
  let found: { create(flags: readonly string[]): GPU };
  try {
    found = await import(name);
  } catch (e) {
    const why = e instanceof Error ? e.message.split("\n")[0] : String(e);
    throw new Error(`WebGPU in Node needs the package "webgpu" (npm install webgpu): ${why}`, { cause: e });
  }
  const first = found.create(FLAGS);
  // Only where nobody has said which driver is wanted, and there is none.
  if (process.env.VK_DRIVER_FILES || process.env.VK_ICD_FILENAMES || (await first.requestAdapter()))
    return first;
  const software = SOFTWARE.find((file) => existsSync(file));
  if (!software) return first;
  process.env.VK_DRIVER_FILES = software;
  return found.create(FLAGS);
}
