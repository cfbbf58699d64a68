/** Cache sizes as Linux tells them. */
import { readdirSync, readFileSync } from "node:fs";

/** Bytes of the data caches of the first core by level; undefined where the system does not say. */
export function systemCaches(): Readonly<Record<number, number>> | undefined {
  const folder = "/sys/devices/system/cpu/cpu0/cache";
  try {
    const sizes: Record<number, number> = {};
    for (const index of readdirSync(folder).filter((name) => name.startsWith("index"))) {
      const read = (name: string): string => readFileSync(`${folder}/${index}/${name}`, "utf8").trim();
      const [, count, unit] = /^(\d+)([KMG])$/.exec(read("size")) ?? [];
      if (read("type") === "Instruction" || count === undefined) continue;
      sizes[Number(read("level"))] =
        Number(count) * { K: 2 ** 10, M: 2 ** 20, G: 2 ** 30 }[unit as "K" | "M" | "G"];
    }
    return sizes;
  } catch {
    return undefined;
  }
}
