// Where the page begins. The rest of it takes long to run, so the notebook and its kernel are asked for before.
import { addressed } from "./address.ts";
import { startEarly } from "./early.ts";
import { remembered } from "./memory.ts";

// What cannot be had early, the page asks for again, and says what is wrong.
const early = startEarly(addressed()?.path ?? remembered<string>("last")).catch(() => undefined);
const { openPage } = await import("./page.ts");
await openPage(await early);
