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

/** Turns a message into the frames of one multipart ZeroMQ message. */
export function encode(message: Message, key: string, scheme?: string): Uint8Array[] {
  const parts = [message.header, message.parent, message.metadata, message.content].map((part) =>
    Buffer.from(JSON.stringify(part)),
  );
  return [
    ...message.identities,
    delimiter,
    Buffer.from(sign(parts, key, scheme)),
    ...parts,
    ...message.buffers,
  ];
}

/** Parses and verifies frames. Throws a `WireError` naming what is wrong. */
export function decode(frames: readonly Uint8Array[], key: string, scheme?: string): Message {
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
  const [header, parent, metadata, content] = parts.map(parseObject) as [
    JsonObject,
    JsonObject,
    JsonObject,
    JsonObject,
  ];
  for (const field of ["msg_id", "msg_type", "session"]) {
    if (typeof header[field] !== "string") throw new WireError(`header without a string "${field}"`);
  }
  return {
    identities: frames.slice(0, at),
    header: header as unknown as Header,
    parent: parent as unknown as Header,
    metadata,
    content,
    buffers: frames.slice(at + 6),
  };
}

function parseObject(part: Uint8Array, index: number): JsonObject {
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
