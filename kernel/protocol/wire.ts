// The byte form of messages: identities, the delimiter, an HMAC over four JSON parts, those parts, raw buffers.
import { createHmac, timingSafeEqual } from "node:crypto";
import { type Header, isObject, type JsonObject, type Message } from "./messages.ts";

const delimiter = Buffer.from("<IDS|MSG>");

/** Thrown for frames that are no valid message; such messages are dropped and logged, never answered. */
export class WireError extends Error {
  override name = "WireError";
}

/** The hexadecimal HMAC of the four JSON parts, or "" when the connection has no key. */
export function sign(parts: readonly Uint8Array[], key: string, scheme = "hmac-sha256"): string {
  if (key === "") return "";
  const hmac = createHmac(scheme.replace(/^hmac-/, ""), key);
  for (const part of parts) hmac.update(part);
  return hmac.digest("hex");
}

/** A message whose JSON parts are still bytes, as it is handed from one transport to another. */
export interface RawMessage {
  /** Header, parent header, metadata and content, each the bytes of a JSON object. */
  parts: readonly [Uint8Array, Uint8Array, Uint8Array, Uint8Array];
  buffers: readonly Uint8Array[];
}

/** Turns a message into the frames of one multipart ZeroMQ message. */
export function encode(message: Message, key: string, scheme?: string): Uint8Array[] {
  return [
    ...message.identities,
    ...encodeRaw({ parts: jsonParts(message), buffers: message.buffers }, key, scheme),
  ];
}

/** The same for a message that is bytes already, without identities. */
export function encodeRaw({ parts, buffers }: RawMessage, key: string, scheme?: string): Uint8Array[] {
  return [delimiter, Buffer.from(sign(parts, key, scheme)), ...parts, ...buffers];
}

/** The bytes of a message's four JSON parts. */
export function jsonParts({ header, parent, metadata, content }: Message): RawMessage["parts"] {
  const bytes = (part: object) => Buffer.from(JSON.stringify(part));
  return [bytes(header), bytes(parent), bytes(metadata), bytes(content)];
}

/** Parses and verifies frames. Throws a `WireError` naming what is wrong. */
export function decode(frames: readonly Uint8Array[], key: string, scheme?: string): Message {
  const { parts, buffers } = decodeRaw(frames, key, scheme);
  const [header, parent, metadata, content] = parts.map(parsePart) as [
    JsonObject,
    JsonObject,
    JsonObject,
    JsonObject,
  ];
  for (const field of ["msg_id", "msg_type", "session"]) {
    if (typeof header[field] !== "string") throw new WireError(`header without a string "${field}"`);
  }
  return {
    identities: frames.slice(0, frames.length - buffers.length - 6),
    header: header as unknown as Header,
    parent: parent as unknown as Header,
    metadata,
    content,
    buffers: [...buffers],
  };
}

/** Verifies frames without parsing them. Throws a `WireError` naming what is wrong. */
export function decodeRaw(frames: readonly Uint8Array[], key: string, scheme?: string): RawMessage {
  const at = frames.findIndex((frame) => delimiter.equals(frame));
  if (at < 0) throw new WireError("no <IDS|MSG> delimiter");
  const parts = frames.slice(at + 2, at + 6);
  if (parts.length < 4)
    throw new WireError(`${frames.length - at - 1} frames after the delimiter, at least 5 wanted`);
  if (key !== "") {
    const given = Buffer.from(frames[at + 1]!);
    const expected = Buffer.from(sign(parts, key, scheme));
    if (given.length !== expected.length || !timingSafeEqual(given, expected))
      throw new WireError("wrong signature");
  }
  return { parts: parts as unknown as RawMessage["parts"], buffers: frames.slice(at + 6) };
}

/** Parses one of a message's JSON parts; `index` says which, for the error. Throws a `WireError`. */
export function parsePart(part: Uint8Array, index: number): JsonObject {
  const name = ["header", "parent header", "metadata", "content"][index];
  let value: unknown;
  try {
    value = JSON.parse(Buffer.from(part.buffer, part.byteOffset, part.byteLength).toString("utf8"));
  } catch {
    throw new WireError(`the ${name} is no JSON`);
  }
  if (!isObject(value)) throw new WireError(`the ${name} is no JSON object`);
  return value;
}
