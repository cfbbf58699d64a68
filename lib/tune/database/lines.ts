/**
 * Records as text: JSON, one line each. Writers append whole lines. A writer that was killed may have left part of a line:
 * such a line is passed over, and whoever appends next begins a new one.
 */
import { checkRecord, type TuningRecord } from "./record.ts";

export interface ReadRecords {
  readonly records: readonly TuningRecord[];
  /** Lines that hold no record, with the reason: "line 7: …". The rest of the file is good all the same. */
  readonly skipped: readonly string[];
}

/** The records in the text of a file. Damaged lines, such as a torn last one, are skipped. */
export function readRecords(text: string): ReadRecords {
  const records: TuningRecord[] = [];
  const skipped: string[] = [];
  text.split("\n").forEach((line, i) => {
    if (line.trim() === "") return;
    const read = readLine(line);
    if (typeof read === "string") skipped.push(`line ${i + 1}: ${read}`);
    else records.push(read);
  });
  return { records, skipped };
}

function readLine(line: string): TuningRecord | string {
  try {
    return checkRecord(JSON.parse(line));
  } catch {
    return "it is no complete JSON";
  }
}

/** The line of a record, with its end. */
export const recordLine = (r: TuningRecord): string => `${JSON.stringify(r)}\n`;
