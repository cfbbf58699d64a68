import { randomUUID } from "node:crypto";
import {
  type Channel,
  type ConnectionInfo,
  type JsonObject,
  type Message,
  makeHeader,
} from "../protocol/messages.ts";
import { decode, encode } from "../protocol/wire.ts";
import { ClientSockets, type ReceiveFrames } from "./sockets.ts";

/** A request under way: its reply, and what arrives on iopub on its account. */
interface Pending {
  reply: (message: Message) => void;
  output: ((message: Message) => void) | undefined;
  idle: () => void;
}

/** The client's end of a kernel's sockets: what `run` and the tests drive the real kernel with. */
export class KernelClient {
  readonly #info: ConnectionInfo;
  /** The session that its requests, and the answers' parent headers, carry. */
  readonly session: string = randomUUID();
  readonly #sockets: ClientSockets;
  readonly #pending = new Map<string, Pending>();
  #count = 0;
  /** Hears every iopub message, whatever request it belongs to. */
  onOutput: ((message: Message) => void) | undefined;
  /** Answers a cell that asks for a line of text; without it, cells are told that nobody can be asked. */
  onQuestion: ((prompt: string, password: boolean) => string | Promise<string>) | undefined;
  /** Hears everything that arrives, before it is looked at. */
  onFrames: ReceiveFrames | undefined;

  constructor(info: ConnectionInfo) {
    this.#info = info;
    this.#sockets = new ClientSockets(
      info,
      this.session,
      ["shell", "control", "stdin", "iopub"],
      (channel, frames) => this.#receive(channel, frames),
    );
  }

  /** Waits until the kernel answers and its outputs arrive; gives the kernel_info_reply. */
  async ready(timeout = 60_000): Promise<Message> {
    const end = Date.now() + timeout;
    const asked: string[] = [];
    try {
      while (Date.now() < end) {
        // The subscription may reach the kernel after the first reply; the idle status tells that outputs arrive.
        const info = this.request("kernel_info_request", {});
        asked.push(info.id);
        const done = await Promise.race([Promise.all([info.reply, info.idle]), sleep(100)]);
        if (done) return done[0];
      }
    } finally {
      for (const id of asked) this.#pending.delete(id);
    }
    throw new Error(`the kernel did not answer within ${timeout} ms`);
  }

  /** Sends a request; `output` hears what the kernel publishes on its account. */
  request(
    type: string,
    content: JsonObject,
    {
      channel = "shell",
      output,
      buffers = [],
    }: {
      channel?: "shell" | "control";
      output?: (message: Message) => void;
      buffers?: Uint8Array[];
    } = {},
  ): { id: string; reply: Promise<Message>; idle: Promise<void> } {
    this.#count += 1;
    const id = `${this.session}_${this.#count}`;
    let replied: (message: Message) => void = () => undefined;
    let idled: () => void = () => undefined;
    const reply = new Promise<Message>((resolve) => (replied = resolve));
    const idle = new Promise<void>((resolve) => (idled = resolve));
    this.#pending.set(id, { reply: replied, idle: idled, output });
    const header = makeHeader(type, this.session, id);
    const message: Message = { identities: [], header, parent: {}, metadata: {}, content, buffers };
    this.sendFrames(encode(message, this.#info.key, this.#info.signature_scheme), channel);
    // Comm messages get no reply, only the idle status.
    void Promise.all(type.endsWith("_request") ? [reply, idle] : [idle]).then(() => this.#pending.delete(id));
    return { id, reply, idle };
  }

  /** Runs a cell and waits for its end; `output` hears its outputs in order. */
  async execute(
    code: string,
    output?: (message: Message) => void,
    options: JsonObject = {},
  ): Promise<{ reply: JsonObject; outputs: Message[] }> {
    const outputs: Message[] = [];
    const content = {
      silent: false,
      store_history: true,
      user_expressions: {},
      allow_stdin: this.onQuestion !== undefined,
      stop_on_error: true,
    };
    const { reply, idle } = this.request(
      "execute_request",
      { code, ...content, ...options },
      {
        output: (message) => {
          if (message.header.msg_type === "status" || message.header.msg_type === "execute_input") return;
          outputs.push(message);
          output?.(message);
        },
      },
    );
    const [answer] = await Promise.all([reply, idle]);
    return { reply: answer.content, outputs };
  }

  /** Sends raw frames, well-formed or not. */
  sendFrames(frames: Uint8Array[], channel: "shell" | "control" | "stdin" = "shell"): void {
    this.#sockets.send(channel, frames);
  }

  /** Closes the sockets. */
  close(): void {
    this.#sockets.close();
  }

  #receive(channel: Channel, frames: Uint8Array[]): void {
    this.onFrames?.(channel, frames);
    // What nobody waits for need not be parsed.
    if (channel !== "stdin" && this.#pending.size === 0 && !this.onOutput) return;
    const message = decode(frames, this.#info.key, this.#info.signature_scheme);
    if (channel === "stdin") void this.#answer(message);
    else if (channel === "iopub") this.#publish(message);
    else this.#pending.get(message.parent.msg_id ?? "")?.reply(message);
  }

  async #answer({ header, content }: Message): Promise<void> {
    if (header.msg_type !== "input_request") return;
    const value = (await this.onQuestion?.(String(content.prompt), content.password === true)) ?? "";
    this.#count += 1;
    const reply = makeHeader("input_reply", this.session, `${this.session}_${this.#count}`);
    const message = { identities: [], header: reply, parent: header, metadata: {}, buffers: [] };
    this.sendFrames(
      encode({ ...message, content: { status: "ok", value } }, this.#info.key, this.#info.signature_scheme),
      "stdin",
    );
  }

  #publish(message: Message): void {
    this.onOutput?.(message);
    const pending = this.#pending.get(message.parent.msg_id ?? "");
    pending?.output?.(message);
    if (message.header.msg_type === "status" && message.content.execution_state === "idle") pending?.idle();
  }
}

function sleep(ms: number): Promise<undefined> {
  return new Promise((resolve) => setTimeout(() => resolve(undefined), ms).unref());
}
