// `npm run check`: types, lint, import rules and unit tests, two at a time. What a change has to pass while it is being
// made; `npm test` is everything.
import process from "node:process";
import { duration, runScripts } from "./stages.mjs";

// The inner loop is for seconds, not for thoroughness: fewer random cases than `npm test` runs.
process.env.TILEWRIGHT_RUNS ??= "15";

const began = performance.now();
// The longest first, so that the short ones fill the other core.
const failed = await runScripts(["unit", "types", "imports", "lint"]);
const time = duration((performance.now() - began) / 1000);
console.log(failed.length === 0 ? `\nAll good (${time})` : `\nFailed: ${failed.join(", ")} (${time})`);
process.exitCode = failed.length === 0 ? 0 : 1;
