import { existsSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { makeFolder } from "../lib/deploy/folder.node.ts";
import { systemDataFolder, userDataFolder } from "./jupyter-paths.ts";
import { packageRoot } from "./paths.ts";

/** Where to register the kernel: at most one of the fields is set. */
export interface InstallOptions {
  user?: boolean;
  sysPrefix?: boolean;
  prefix?: string;
  remove?: boolean;
}

/** The name that clients start the kernel by. */
export const kernelName = "tilewright";

/** Our own mark, an SVG: four tiles, one of them turned. */
export const logo = `<svg xmlns="http://www.w3.org/2000/svg" width="64" height="64" viewBox="0 0 64 64">
<rect width="64" height="64" rx="12" fill="#14323f"/>
<g fill="#7cd0c0"><rect x="12" y="12" width="18" height="18" rx="3"/><rect x="34" y="34" width="18" height="18" rx="3"/>
<rect x="12" y="34" width="18" height="18" rx="3"/></g>
<rect x="34" y="12" width="18" height="18" rx="3" fill="#f2b544" transform="rotate(15 43 21)"/>
</svg>
`;

/** Registers the kernel with Jupyter, or takes it away again; says what was done. */
export function install(options: InstallOptions): string {
  const folder = path.join(dataFolder(options), "kernels", kernelName);
  if (!options.remove && !existsSync(cliPath()))
    throw new Error(`${cliPath()} is missing: build the package first`);
  const there = existsSync(folder);
  rmSync(folder, { recursive: true, force: true });
  if (options.remove) return there ? `Removed the kernel from ${folder}` : `There is no kernel in ${folder}`;
  makeFolder(folder);
  writeFileSync(path.join(folder, "kernel.json"), `${JSON.stringify(kernelSpec(), null, 2)}\n`);
  writeFileSync(path.join(folder, "logo-svg.svg"), logo);
  return `Installed the kernel in ${folder}`;
}

/** What a kernel.json of ours holds. */
export function kernelSpec() {
  return {
    argv: [process.execPath, cliPath(), "kernel", "--connection-file", "{connection_file}"],
    display_name: "TypeScript (Tilewright)",
    language: "typescript",
    interrupt_mode: "message",
    metadata: { debugger: false },
  };
}

/** The command line's own file, as another process has to start it. */
export function cliPath(): string {
  return path.join(packageRoot, "dist/kernel/cli.js");
}

/** Jupyter's data folder for the given choice. */
function dataFolder({ sysPrefix, prefix }: InstallOptions): string {
  if (prefix !== undefined) return path.join(path.resolve(prefix), "share", "jupyter");
  return sysPrefix ? systemDataFolder() : userDataFolder();
}
