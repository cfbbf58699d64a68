/** The virtual machine: running graph-level functions. */
export type { GraphArg } from "./arguments.ts";
export type { GraphResult } from "./library.ts";
export { getFunc, listFuncs, type PackedCall, type PackedFunc, registerFunc } from "./packed.ts";
export type { MemoryPlan, PlannedTensor } from "./plan.ts";
export { Profile, type ProfileStep } from "./profile.ts";
export { VirtualMachine } from "./virtual-machine.ts";
