/** WebGPU in Node: Dawn, from the npm package `webgpu`, which is installed by those who want it. */
import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { tmpdir } from "node:os";

/**
 * Generated shaders write the memory of a workgroup before they read it. Clearing it all the same takes Dawn a store for
 * each element, in each thread: on SwiftShader a matrix product of shared tiles takes thirty times as long to compile
 * that way, and three times as long to run. Adapters tell of experimental features, subgroup matrices among them, only
 * where APIs that are not finished are allowed.
 */
const FLAGS = ["enable-dawn-features=disable_workgroup_init,allow_unsafe_apis"];

/** Where browsers keep SwiftShader, a Vulkan driver in software that Vulkan's loader does not know of. */
const SOFTWARE = [
  "/usr/lib/chromium",
  "/usr/lib/chromium-browser",
  "/usr/lib64/chromium-browser",
  "/opt/google/chrome",
].map((folder) => `${folder}/vk_swiftshader_icd.json`);

/** Devices of GPUs on Linux: where there is none of them, all that could be found is software too. */
const HARDWARE = ["/dev/dri", "/dev/nvidiactl", "/dev/dxg"];
/** Milliseconds for looking whether there is a driver. */
const LOOK_MS = 30_000;

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
  const asked = process.env.VK_DRIVER_FILES || process.env.VK_ICD_FILENAMES;
  const software = SOFTWARE.find((file) => existsSync(file));
  const plain = inQuiet(found.create(FLAGS));
  // Only where nobody has said which driver is wanted, and there is none.
  if (asked || !software) return plain;
  const isThere = HARDWARE.some((file) => existsSync(file))
    ? (await plain.requestAdapter()) !== null
    : await findsAdapter(import.meta.resolve(name));
  if (isThere) return plain;
  process.env.VK_DRIVER_FILES = software;
  return inQuiet(found.create(FLAGS));
}

/**
 * Whether Vulkan's loader finds a driver that Dawn takes. Drivers complain on the standard error stream, which belongs to
 * whoever runs this: so a process of its own looks, which nobody hears.
 */
function findsAdapter(webgpu: string): Promise<boolean> {
  const code =
    `const { create } = await import(${JSON.stringify(webgpu)});` +
    `process.exit((await create(${JSON.stringify(FLAGS)}).requestAdapter()) ? 0 : 1);`;
  return new Promise((resolve) => {
    execFile(process.execPath, ["--input-type=module", "-e", code], { timeout: LOOK_MS }, (error) =>
      resolve(error === null),
    );
  });
}

/** Looking for windows to draw into, drivers complain where there is no session of a desktop; it looks as if there were. */
function inQuiet(gpu: GPU): GPU {
  const requestAdapter: GPU["requestAdapter"] = async (options) => {
    const isSet = process.env.XDG_RUNTIME_DIR !== undefined;
    if (!isSet) process.env.XDG_RUNTIME_DIR = tmpdir();
    try {
      return await gpu.requestAdapter(options);
    } finally {
      if (!isSet) delete process.env.XDG_RUNTIME_DIR;
    }
  };
  return new Proxy(gpu, {
    get: (target, key) => {
      if (key === "requestAdapter") return requestAdapter;
      const value: unknown = Reflect.get(target, key, target);
      return typeof value === "function" ? value.bind(target) : value;
    },
  });
}
