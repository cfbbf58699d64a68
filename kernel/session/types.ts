// What the parts of a session say to each other. No Node built-ins: the parts may run in processes, in worker
// threads, or all together in a browser tab.
import type { ErrorContent, JsonObject } from "../protocol/messages.ts";

/** Representations of one value by MIME type. Text as strings, images base64, JSON types as values. */
export type MimeBundle = { [mime: string]: unknown };

/** What a cell shows: a bundle, with metadata by MIME type. */
export interface DisplayData {
  data: MimeBundle;
  metadata: JsonObject;
}

/** A place in a cell: zero-based UTF-16 offset, one-based line and column. */
export interface CellPosition {
  offset: number;
  line: number;
  column: number;
}

/** A compile-time error or warning at a place in a cell. */
export interface CellDiagnostic {
  message: string;
  /** TypeScript's number, such as 2322. */
  code: number;
  start: CellPosition;
  length: number;
}

/** A cell turned into JavaScript that runs on the shared scope. */
export interface CompiledCell {
  ok: true;
  /** A JavaScript expression whose value is an async function of one `CellApi`. */
  js: string;
  /** Lines that `js` has before the first line the source map speaks of. */
  lineOffset: number;
  /** Source map (JSON) from `js` to the cell. */
  map: string;
  /** Names of the cell's top-level bindings that exist at run time. */
  names: string[];
}

/** A cell that does not compile. */
export interface RejectedCell {
  ok: false;
  diagnostics: CellDiagnostic[];
}

/** Completions at a place of a cell. Offsets are in UTF-16 units. */
export interface Completions {
  start: number;
  end: number;
  matches: { text: string; type: string; signature?: string }[];
}

/** What is known about the expression at a place of a cell, as a MIME bundle. */
export type Inspection = { found: true; data: MimeBundle } | { found: false };

/** An answer to "would this cell run if Enter were pressed now?". */
export interface Completeness {
  status: "complete" | "incomplete" | "invalid";
  indent: string;
}

/**
 * The TypeScript side of a session: checks and compiles cells, and remembers what earlier cells declared.
 * Calls are answered in order.
 */
export interface CellLanguage {
  /** Checks and compiles a cell; its declarations enter the scope at once. */
  compile(code: string, cell: number): Promise<CompiledCell | RejectedCell>;
  /** Says which bindings a failed cell never assigned; their earlier declarations come back. */
  settle(cell: number, unassigned: string[]): Promise<void>;
  complete(code: string, offset: number): Promise<Completions>;
  inspect(code: string, offset: number, detail: number): Promise<Inspection>;
  isComplete(code: string): Promise<Completeness>;
  /** Forgets all cells. */
  reset(): Promise<void>;
}

/** A cell as the running side gets it. */
export interface RunnableCell {
  number: number;
  /** Names the request that its output answers; opaque here. */
  origin: string;
  code: string;
  compiled: Omit<CompiledCell, "ok">;
  /** True when the client wants no result shown. */
  silent: boolean;
  /** True when the client can be asked for a line of text. */
  allowInput: boolean;
  /** Expressions to evaluate after a successful run, by name. */
  expressions: { [name: string]: string };
}

/** How a cell ended. */
export type CellOutcome =
  | { status: "ok"; expressions: JsonObject }
  | { status: "error"; error: ErrorContent; unassigned: string[] };

/** A message of a comm, either way; the same fields as on the wire. */
export interface CommMessage {
  kind: "open" | "msg" | "close";
  id: string;
  /** The target's name; of an `open` only. */
  target?: string;
  data: JsonObject;
  metadata: JsonObject;
  buffers: Uint8Array[];
}

/** A question to the person at the front end. */
export interface Question {
  prompt: string;
  password: boolean;
}

/** What the running side sends, in order; `origin` names the request on whose account. */
export type CellEvent = { origin?: string | undefined } & (
  | { type: "stream"; name: "stdout" | "stderr"; text: string }
  | { type: "display"; display: DisplayData; id?: string; update?: boolean }
  | { type: "result"; display: DisplayData }
  | { type: "error"; error: ErrorContent }
  | { type: "clear"; wait: boolean }
  | { type: "comm"; message: CommMessage }
);
