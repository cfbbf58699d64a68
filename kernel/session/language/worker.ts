// The thread that checks and compiles cells. It loads TypeScript, which the kernel's own thread never does.
import * as module from "node:module";

// From Node 22 on, compiled code is kept between starts, which halves the time to load TypeScript. It has to be
// asked for before the import, hence the import below.
const { enableCompileCache } = module as { enableCompileCache?: () => void };
enableCompileCache?.();

await import("./service.ts");
