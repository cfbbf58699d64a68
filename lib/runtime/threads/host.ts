/** The platform at hand. */
import { nodeHost } from "./host.node.ts";
import { pageHost } from "./host-page.ts";
import type { Host } from "./platform.ts";

export const host = (): Host => nodeHost() ?? pageHost();
