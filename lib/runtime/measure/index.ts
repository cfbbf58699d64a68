/** What search measures with: in Node a process of its own, elsewhere this thread. */
import { setMeasurer } from "../../tune/measure.ts";
import { localMeasurer } from "./local.ts";

export { localMeasurer } from "./local.ts";

setMeasurer(async (options) => {
  const inNode = typeof process === "object" && process.versions?.node !== undefined;
  if (!inNode) return localMeasurer(options);
  const { processMeasurer } = await import("./process.node.ts");
  return processMeasurer(options);
});
