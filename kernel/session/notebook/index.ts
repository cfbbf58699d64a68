// What `import … from "tilewright/notebook"` gives to cells: comms, widgets, progress bars. The globals of cells
// (`display`, `md`, …) need no import.
import type { JsonObject } from "../../protocol/messages.ts";
import type { Comm, CommData } from "../engine/comms.ts";
import { session } from "./session.ts";

export type { Comm, CommData, CommHandler } from "../engine/comms.ts";
export * from "./controls.ts";
export { type Argument, type ArgumentValues, Interaction, interact } from "./interact.ts";
export { live } from "./live.ts";
export { OutputArea } from "./output.ts";
export { Progress, progress } from "./progress.ts";
export { type ModelName, Widget } from "./widget.ts";

/** Opens a comm to a target that the front end has registered. */
export function openComm(target: string, data: JsonObject = {}, extra: Partial<CommData> = {}): Comm {
  return session().comms.open(target, data, extra);
}

/** Registers a target: `opened` gets the comm whenever the front end opens one to it. */
export function acceptComm(target: string, opened: (comm: Comm, message: CommData) => unknown): void {
  session().comms.accept(target, opened);
}
