/** Deployment bundles. */
export {
  type Bundle,
  type BundleEntry,
  type BundleFile,
  type BundleOptions,
  bundle,
  type Manifest,
} from "./bundle.ts";
export { DeployError } from "./error.ts";
export { sizeReport } from "./report.ts";
export type { Port } from "./template.ts";
