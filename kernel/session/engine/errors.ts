import type { ErrorContent } from "../../protocol/messages.ts";
import { cellName, codeFrame, heading } from "../errors.ts";
import type { EngineHost } from "./host.ts";
import type { CellSources, Frame } from "./stack.ts";

/** Deepest chain of `cause` that is shown. */
const maxCauses = 5;

/** Turns whatever was thrown into the content of an error message, placed in the cell's own lines. */
export function describeError(thrown: unknown, sources: CellSources, host: EngineHost): ErrorContent {
  try {
    if (!isError(thrown)) {
      const evalue = host.inspect(thrown);
      return { ename: "Thrown", evalue, traceback: [heading("Thrown", `${evalue} (no Error, so no stack)`)] };
    }
    const ename = String(thrown.name || thrown.constructor?.name || "Error");
    return { ename, evalue: String(thrown.message), traceback: traceback(thrown, sources, 0) };
  } catch (broken) {
    // An error whose own fields throw must still leave the cell red.
    return { ename: "Error", evalue: "unreadable error", traceback: [`unreadable error (${typeof broken})`] };
  }
}

interface ErrorLike {
  name: string;
  message: string;
  stack?: string;
  cause?: unknown;
  errors?: unknown;
  /** Set by the compiler: the source of a function (exactly its `toString()`) and the offset at fault in it. */
  fnSource?: unknown;
  fnOffset?: unknown;
}

function isError(value: unknown): value is ErrorLike & object {
  if (value instanceof Error) return true;
  if (typeof value !== "object" || value === null) return false;
  return typeof (value as ErrorLike).message === "string" && typeof (value as ErrorLike).stack === "string";
}

function traceback(error: ErrorLike, sources: CellSources, depth: number): string[] {
  const [head = "", ...rest] = String(error.message).split("\n");
  const lines = [heading(String(error.name || "Error"), head), ...rest];
  const frames = sources.frames(typeof error.stack === "string" ? error.stack : "");
  const told =
    typeof error.fnSource === "string" && typeof error.fnOffset === "number"
      ? sources.placeInFunction(error.fnSource, error.fnOffset)
      : undefined;
  const place = told ?? frames.find((frame) => frame.place?.cell !== undefined)?.place;
  if (told) lines.push(`    at ${cellName(told.cell)}, line ${told.line}, column ${told.column}`);
  if (place?.cell !== undefined) {
    const code = sources.code(place.cell);
    if (code !== undefined) lines.push(...codeFrame(code, place.line, place.column));
  }
  lines.push(...foldFrames(frames));
  if (Array.isArray(error.errors)) {
    for (const inner of error.errors.slice(0, maxCauses)) {
      if (isError(inner)) lines.push("", ...traceback(inner, sources, depth + 1));
    }
  }
  if (isError(error.cause) && depth < maxCauses) {
    lines.push("", "Caused by:", ...traceback(error.cause, sources, depth + 1));
  }
  return lines;
}

/** The author's own frames; runs of others become one line that says how many there were. */
function foldFrames(frames: readonly Frame[]): string[] {
  const lines: string[] = [];
  const last = frames.findLastIndex((frame) => frame.place !== undefined);
  let folded = 0;
  for (const { name, place } of frames.slice(0, last + 1)) {
    if (!place) {
      folded += 1;
      continue;
    }
    if (folded > 0) lines.push(`    … ${folded} library ${folded === 1 ? "frame" : "frames"}`);
    folded = 0;
    const where = place.cell === undefined ? place.file : cellName(place.cell);
    const at = `${where}, line ${place.line}, column ${place.column}`;
    // Cells are functions without a name; their own frame is the cell itself.
    lines.push(name === "" || name === "eval" ? `    at ${at}` : `    at ${name} (${at})`);
  }
  return lines;
}
