// The two forms in which messages travel over the websocket, both without parsing what is inside a message.
import { isObject } from "../../protocol/messages.ts";
import { parsePart, type RawMessage } from "../../protocol/wire.ts";

/** The newer form's name, as a websocket subprotocol. */
export const v1Protocol = "v1.kernel.websocket.jupyter.org";

/** A message and the channel it belongs to. */
export interface Framed {
  channel: string;
  message: RawMessage;
}

/** One of the two forms. */
export interface Framing {
  /** A websocket message, text or binary. */
  encode(channel: string, message: RawMessage): string | Uint8Array;
  /** Throws an error that says what is wrong. */
  decode(data: Buffer, isBinary: boolean): Framed;
}

/**
 * The newer form: the number of offsets and the offsets (64 bits, little-endian), then channel, header, parent header,
 * metadata, content and buffers, each from its offset to the next.
 */
export const v1: Framing = {
  encode(channel, { parts, buffers }) {
    const pieces = [Buffer.from(channel), ...parts, ...buffers];
    const head = Buffer.alloc(8 * (pieces.length + 2));
    let at = head.length;
    head.writeBigUInt64LE(BigInt(pieces.length + 1), 0);
    for (const [index, piece] of pieces.entries()) {
      head.writeBigUInt64LE(BigInt(at), 8 * (index + 1));
      at += piece.length;
    }
    head.writeBigUInt64LE(BigInt(at), 8 * (pieces.length + 1));
    return Buffer.concat([head, ...pieces], at);
  },
  decode(data) {
    const count = data.length >= 8 ? Number(data.readBigUInt64LE(0)) : 0;
    if (count < 6 || 8 * (count + 1) > data.length) throw new Error(`a message with ${count} offsets`);
    const offsets = Array.from({ length: count }, (_, i) => Number(data.readBigUInt64LE(8 * (i + 1))));
    const pieces = cut(data, offsets);
    const [channel, header, parent, metadata, content, ...buffers] = pieces;
    return {
      channel: channel!.toString("utf8"),
      message: { parts: [header!, parent!, metadata!, content!], buffers },
    };
  },
};

/**
 * The older form: JSON text, or, with buffers, the number of parts and their offsets (32 bits, big-endian), then the JSON
 * and the buffers.
 */
export const legacy: Framing = {
  encode(channel, { parts, buffers }) {
    const [header, parent, metadata, content] = parts.map((part) => Buffer.from(part).toString("utf8"));
    const { msg_id, msg_type } = parsePart(parts[0], 0);
    // The parts are JSON already.
    const text =
      `{"header":${header},"msg_id":${JSON.stringify(msg_id)},"msg_type":${JSON.stringify(msg_type)},` +
      `"parent_header":${parent},"metadata":${metadata},"content":${content},"buffers":[],` +
      `"channel":${JSON.stringify(channel)}}`;
    if (buffers.length === 0) return text;
    const pieces = [Buffer.from(text), ...buffers];
    const head = Buffer.alloc(4 * (pieces.length + 1));
    let at = head.length;
    head.writeUInt32BE(pieces.length, 0);
    for (const [index, piece] of pieces.entries()) {
      head.writeUInt32BE(at, 4 * (index + 1));
      at += piece.length;
    }
    return Buffer.concat([head, ...pieces], at);
  },
  decode(data, isBinary) {
    if (!isBinary) return parsed(data, []);
    const count = data.length >= 4 ? data.readUInt32BE(0) : 0;
    if (count < 1 || 4 * (count + 1) > data.length) throw new Error(`a message with ${count} parts`);
    const offsets = Array.from({ length: count }, (_, i) => data.readUInt32BE(4 * (i + 1)));
    const [json, ...buffers] = cut(data, [...offsets, data.length]);
    return parsed(json!, buffers);
  },
};

function parsed(json: Buffer, buffers: Buffer[]): Framed {
  const value: unknown = JSON.parse(json.toString("utf8"));
  if (!isObject(value) || !isObject(value.header)) throw new Error("a message without a header");
  const bytes = (part: unknown) => Buffer.from(JSON.stringify(isObject(part) ? part : {}));
  const { header, parent_header, metadata, content } = value;
  return {
    channel: typeof value.channel === "string" ? value.channel : "shell",
    message: { parts: [bytes(header), bytes(parent_header), bytes(metadata), bytes(content)], buffers },
  };
}

/** The pieces between offsets. Throws when they are not in order, or lead out of the data. */
function cut(data: Buffer, offsets: number[]): Buffer[] {
  return offsets.slice(0, -1).map((from, i) => {
    const to = offsets[i + 1]!;
    if (from > to || to > data.length) throw new Error("a message whose offsets are not in order");
    return data.subarray(from, to);
  });
}
