import { type JsonObject, objectField, stringField } from "../protocol/messages.ts";
import type { CommMessage } from "../session/types.ts";

/** The open comms, as the wire has seen them: known here so that comm_info is answered while a cell runs. */
export class CommTable {
  readonly #targets = new Map<string, string>();

  /** Notes a message, sent or received. */
  note({ kind, id, target }: CommMessage): void {
    if (kind === "open") this.#targets.set(id, target ?? "");
    else if (kind === "close") this.#targets.delete(id);
  }

  /** The content of a comm_info_reply. */
  info(content: JsonObject): JsonObject {
    const wanted = content.target_name;
    const open = [...this.#targets].filter(([, target]) => typeof wanted !== "string" || target === wanted);
    const comms = Object.fromEntries(open.map(([id, target]) => [id, { target_name: target }]));
    return { status: "ok", comms };
  }

  /** Forgets all comms; gives their ids. */
  clear(): string[] {
    const ids = [...this.#targets.keys()];
    this.#targets.clear();
    return ids;
  }
}

/** A comm message as the session has it, from the content of a comm_open, comm_msg or comm_close. */
export function fromWire(
  type: string,
  content: JsonObject,
  metadata: JsonObject,
  buffers: Uint8Array[],
): CommMessage {
  const kind = type === "comm_open" ? "open" : type === "comm_msg" ? "msg" : "close";
  return {
    kind,
    id: stringField(content, "comm_id"),
    ...(kind === "open" ? { target: stringField(content, "target_name") } : {}),
    data: objectField(content, "data"),
    metadata,
    // Views of ZeroMQ's own memory are not passed on.
    buffers: buffers.map((buffer) => Uint8Array.from(buffer)),
  };
}

/** The content of the wire message. */
export function toContent({ kind, id, target, data }: CommMessage): JsonObject {
  return { comm_id: id, data, ...(kind === "open" ? { target_name: target ?? "" } : {}) };
}
