/** Any JSON object. Contents of messages are JSON objects whose fields the handlers check themselves. */
export type JsonObject = { [key: string]: unknown };

/** The version of the Jupyter messaging protocol that this kernel speaks. */
export const protocolVersion = "5.4";

/** A message's header, as the messaging specification names its fields. */
export interface Header {
  msg_id: string;
  msg_type: string;
  session: string;
  username: string;
  date: string;
  version: string;
}

/** One message, independent of the socket it travels on. */
export interface Message {
  /** Routing frames of a ROUTER socket; on iopub, one frame with the topic. */
  identities: Uint8Array[];
  header: Header;
  /** The header of the request this answers; empty when it answers none. */
  parent: Header | Record<string, never>;
  metadata: JsonObject;
  content: JsonObject;
  buffers: Uint8Array[];
}

/** The sockets a kernel has, by the names the specification uses. */
export type Channel = "shell" | "control" | "stdin" | "iopub";

/** What a connection file holds. */
export interface ConnectionInfo {
  transport: "tcp" | "ipc";
  ip: string;
  shell_port: number;
  iopub_port: number;
  stdin_port: number;
  control_port: number;
  hb_port: number;
  key: string;
  signature_scheme: string;
}

/** A failed cell, as `error` messages and error replies carry it. */
export interface ErrorContent {
  ename: string;
  evalue: string;
  /** Lines; ANSI colours allowed. */
  traceback: string[];
}

/** Makes the header of a new message. `id` must be unique within the session. */
export function makeHeader(type: string, session: string, id: string): Header {
  return {
    msg_id: id,
    msg_type: type,
    session,
    username: "kernel",
    date: new Date().toISOString(),
    version: protocolVersion,
  };
}

/** A string field of a content, or `fallback` when it is missing or has another type. */
export function stringField(content: JsonObject, name: string, fallback = ""): string {
  const value = content[name];
  return typeof value === "string" ? value : fallback;
}

/** A number field of a content, or `fallback`. */
export function numberField(content: JsonObject, name: string, fallback: number): number {
  const value = content[name];
  return typeof value === "number" && Number.isFinite(value) ? value : fallback;
}

/** A boolean field of a content, or `fallback`. */
export function booleanField(content: JsonObject, name: string, fallback: boolean): boolean {
  const value = content[name];
  return typeof value === "boolean" ? value : fallback;
}

/** An object field of a content, or an empty object. */
export function objectField(content: JsonObject, name: string): JsonObject {
  const value = content[name];
  return isObject(value) ? value : {};
}

/** True of plain JSON objects: neither null nor an array. */
export function isObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
