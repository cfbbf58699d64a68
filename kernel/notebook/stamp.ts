import os from "node:os";
import type { KernelClient } from "../client/client.ts";
import { packageVersion } from "../paths.ts";
import { isObject, type JsonObject } from "../protocol/messages.ts";

/** Where a notebook was executed: stands in its metadata under `tilewright`. */
export interface Stamp extends JsonObject {
  /** This package's version. */
  version: string;
  node: string;
  v8: string;
  platform: string;
  cpu: string;
  cores: number;
  /** What the WebAssembly engine could do in the process that ran the cells, such as `relaxedSimd`. */
  features?: JsonObject;
  /** What was set to make random numbers come again: `TILEWRIGHT_SEED` and parameters whose name ends in "seed". */
  seeds?: JsonObject;
  parameters?: JsonObject;
  /** When the run began (ISO 8601), how long it took, and whether it reached the last cell. */
  executed: string;
  seconds?: number;
  complete: boolean;
}

/** Asks the process that runs cells, because its switches may differ from ours. It leaves no trace in the session. */
const askFeatures = `console.log(JSON.stringify((await import("tilewright")).features()));`;

/** Describes the environment of a run that begins now. */
export async function environmentStamp(
  client: KernelClient,
  parameters: readonly [string, unknown][],
): Promise<Stamp> {
  const values = Object.fromEntries(parameters);
  const seeds: JsonObject = Object.fromEntries(parameters.filter(([name]) => /seed$/i.test(name)));
  if (process.env.TILEWRIGHT_SEED) seeds.TILEWRIGHT_SEED = process.env.TILEWRIGHT_SEED;
  const features = await askedFeatures(client);
  return {
    version: packageVersion(),
    node: process.versions.node,
    v8: process.versions.v8,
    platform: `${process.platform} ${process.arch}`,
    cpu: os.cpus()[0]?.model.trim() ?? "unknown",
    cores: os.availableParallelism(),
    ...(features && { features }),
    ...(Object.keys(seeds).length > 0 && { seeds }),
    ...(parameters.length > 0 && { parameters: values }),
    executed: new Date().toISOString(),
    complete: false,
  };
}

async function askedFeatures(client: KernelClient): Promise<JsonObject | undefined> {
  const { outputs } = await client.execute(askFeatures, undefined, { silent: true, store_history: false });
  try {
    const value: unknown = JSON.parse(outputs.map(({ content }) => content.text ?? "").join(""));
    return isObject(value) ? value : undefined;
  } catch {
    return undefined;
  }
}
