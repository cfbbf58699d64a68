/**
 * Whole models with schedules that search has found, in turns with the same models without search and with the peers. The
 * records stay in a file for each version of Node: a run that finds as many candidates there as it was asked for searches no more.
 */
import { mkdirSync } from "node:fs";
import path from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { loadOnnx, tuneModel } from "../../lib/index.ts";
import { FileDatabase } from "../../lib/tune/database/file.node.ts";
import { extractTasks } from "../../lib/tune/index.ts";
import { BASELINE, NATIVE, TUNED } from "./names.ts";
import type { MatchResult } from "./results.ts";
import { type Match, sessionInputs, versus } from "./versus.ts";

export interface TunedOptions {
  /** Candidates for each program of a model. */
  readonly trials: number;
  readonly seed: number;
  /** Where the records are kept. */
  readonly folder: string;
  /** What is measured with, as `compare` has it. */
  readonly now?: () => number;
}

/** Where they are kept unless somebody says otherwise. */
export const RECORDS = fileURLToPath(new URL("../../build/bench-records", import.meta.url));

/** What runs a model of a section: its programs are searched for first, as far as the file of records does not hold them. */
export function tunedMatches({
  trials,
  seed,
  folder,
  now,
}: TunedOptions): (m: Match) => Promise<MatchResult> {
  mkdirSync(folder, { recursive: true });
  const file = path.join(folder, `${process.version}.jsonl`);
  const database = new FileDatabase(file);
  for (const line of database.skipped) console.error(`${file}: ${line}; it is passed over`);
  return async (match) => {
    const session = loadOnnx(match.model, { threads: 1 });
    const module = session.moduleFor(sessionInputs(match.feeds));
    session.dispose();
    const programs = extractTasks(module, { winograd: true }).length;
    const numTrials = trials * programs;
    let told = 0;
    await tuneModel(module, {
      numTrials,
      seed,
      database,
      onProgress: (p) => {
        if (!p.done && p.trials < told + 4 * trials) return;
        told = p.trials;
        process.stderr.write(
          `  ${match.name}: ${p.trials} of ${numTrials} candidates, ${programs} programs\n`,
        );
      },
    });
    return versus(match, { only: [BASELINE, NATIVE], more: [{ name: TUNED, session: { database } }], now });
  };
}
