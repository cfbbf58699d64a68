import { Reply, Router, XPublisher } from "zeromq";
import { address } from "./connection.ts";
import type { Channel, ConnectionInfo, Message } from "./messages.ts";
import { decode, encode, WireError } from "./wire.ts";

/** Largest frame accepted, in bytes; a peer that sends more is disconnected by ZeroMQ itself. */
const maxFrame = 512 * 1024 * 1024;

/** Called for each valid message that arrives. It must not throw and should not block. */
export type Receive = (channel: Exclude<Channel, "iopub">, message: Message) => void;

/** The five sockets of a kernel, bound. Knows nothing of what messages mean. */
export class KernelSockets {
  readonly #info: ConnectionInfo;
  readonly #routers = { shell: router(), control: router(), stdin: router() };
  /** Hears of each subscription, so that each subscriber can be welcomed. */
  readonly #iopub = new XPublisher({ linger: 1000, sendHighWaterMark: 0, verbosity: "allSubs" });
  readonly #heartbeat = new Reply({ linger: 0 });
  /** One promise chain per socket: a ZeroMQ socket takes one send at a time, and order matters. */
  readonly #sending = new Map<Channel, Promise<void>>();

  constructor(info: ConnectionInfo) {
    this.#info = info;
  }

  /** Binds all sockets and starts receiving; `subscribed` hears of each subscription to iopub. */
  async open(receive: Receive, subscribed: (topic: Uint8Array) => void): Promise<void> {
    const { shell, control, stdin } = this.#routers;
    const info = this.#info;
    await Promise.all([
      shell.bind(address(info, info.shell_port)),
      control.bind(address(info, info.control_port)),
      stdin.bind(address(info, info.stdin_port)),
      this.#iopub.bind(address(info, info.iopub_port)),
      this.#heartbeat.bind(address(info, info.hb_port)),
    ]);
    void this.#beat();
    void this.#greet(subscribed);
    for (const channel of ["shell", "control", "stdin"] as const) void this.#listen(channel, receive);
  }

  /** Queues a message on a channel; resolves when ZeroMQ has taken it. */
  send(channel: Channel, message: Message): Promise<void> {
    const frames = encode(message, this.#info.key, this.#info.signature_scheme);
    const socket = channel === "iopub" ? this.#iopub : this.#routers[channel];
    const sent = (this.#sending.get(channel) ?? Promise.resolve())
      .then(() => socket.send(frames as Buffer[]))
      .catch((error: unknown) => log(`cannot send ${message.header.msg_type}: ${error}`));
    this.#sending.set(channel, sent);
    return sent;
  }

  /** Waits for what was queued, then closes all sockets. */
  async close(): Promise<void> {
    await Promise.all(this.#sending.values());
    for (const socket of [...Object.values(this.#routers), this.#iopub, this.#heartbeat]) socket.close();
  }

  async #listen(channel: "shell" | "control" | "stdin", receive: Receive): Promise<void> {
    const socket = this.#routers[channel];
    for await (const frames of socket) {
      try {
        receive(channel, decode(frames, this.#info.key, this.#info.signature_scheme));
      } catch (error) {
        log(`dropped a message on ${channel}: ${error instanceof WireError ? error.message : error}`);
      }
    }
  }

  async #greet(subscribed: (topic: Uint8Array) => void): Promise<void> {
    for await (const [frame] of this.#iopub) {
      // The first byte tells a subscription (1) from its end (0); the topic follows.
      if (frame?.[0] === 1) subscribed(Uint8Array.from(frame.subarray(1)));
    }
  }

  async #beat(): Promise<void> {
    for await (const frames of this.#heartbeat) {
      await this.#heartbeat.send(frames).catch(() => undefined);
    }
  }
}

function router(): Router {
  return new Router({ linger: 1000, maxMessageSize: maxFrame, handover: true });
}

/** Writes one line to the kernel's own stderr, which Jupyter shows in its server log. */
export function log(line: string): void {
  process.stderr.write(`[tilewright] ${line}\n`);
}
