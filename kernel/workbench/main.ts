// Where the page begins: a kernel takes as long to start as the rest of the page to load, so both happen at a time.
import { addressed } from "./address.ts";
import { startEarly } from "./early-kernel.ts";
import { remembered } from "./memory.ts";

// A page that cannot start it early starts it when the notebook is open.
void startEarly(addressed()?.path ?? remembered<string>("last")).catch(() => undefined);
await import("./page.ts");
