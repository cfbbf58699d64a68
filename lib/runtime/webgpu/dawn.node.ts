/** WebGPU in Node: Dawn, from the npm package `webgpu`, which is installed by those who want it. */

let instance: Promise<GPU> | undefined;

/** Dawn's `navigator.gpu`. Throws, with what to install, when the package is not there or does not load. */
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
  let found: { create(flags: string[]): GPU };
  try {
    found = await import(name);
  } catch (e) {
    const why = e instanceof Error ? e.message.split("\n")[0] : String(e);
    throw new Error(`WebGPU in Node needs the package "webgpu" (npm install webgpu): ${why}`, { cause: e });
  }
  return found.create([]);
}
