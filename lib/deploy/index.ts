/** Deployment bundles. */
export { bundle } from "./bundle.ts";
export { DeployError } from "./error.ts";
export type { Port } from "./ports.ts";
export { sizeReport } from "./report.ts";
export type {
  Bundle,
  BundleEntry,
  BundleFile,
  BundleOptions,
  BundleTarget,
  GpuManifest,
  Manifest,
} from "./types.ts";
