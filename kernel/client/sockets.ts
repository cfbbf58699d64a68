import { Dealer, Subscriber } from "zeromq";
import { address } from "../protocol/connection.ts";
import type { Channel, ConnectionInfo } from "../protocol/messages.ts";

/** The kernel may bind its sockets after we connect: try again soon (milliseconds). */
const eager = { linger: 0, reconnectInterval: 10, reconnectMaxInterval: 200 };

/** Called for each multipart message that arrives. It must not throw. */
export type ReceiveFrames = (channel: Channel, frames: Uint8Array[]) => void;

/** The client's end of a kernel's sockets. Knows nothing of what messages mean. */
export class ClientSockets {
  readonly #sockets = new Map<Channel, Dealer | Subscriber>();
  readonly #sending = new Map<Channel, Promise<unknown>>();

  /**
   * Connects `channels` of a kernel, which need not be there yet. A question finds the client that sent the cell by its
   * routing id, which all its sockets share.
   */
  constructor(info: ConnectionInfo, routingId: string, channels: readonly Channel[], receive: ReceiveFrames) {
    for (const channel of channels) {
      const socket =
        channel === "iopub"
          ? new Subscriber({ ...eager, receiveHighWaterMark: 0 })
          : new Dealer({ ...eager, routingId, sendHighWaterMark: 0 });
      socket.connect(address(info, info[`${channel}_port`]));
      if (socket instanceof Subscriber) socket.subscribe();
      this.#sockets.set(channel, socket);
      void listen(channel, socket, receive);
    }
  }

  /** Queues frames on a channel. What is queued when the sockets close is lost. */
  send(channel: Exclude<Channel, "iopub">, frames: Uint8Array[]): void {
    const socket = this.#sockets.get(channel) as Dealer;
    const sent = (this.#sending.get(channel) ?? Promise.resolve()).then(() =>
      socket.send(frames as Buffer[]),
    );
    this.#sending.set(
      channel,
      sent.catch(() => undefined),
    );
  }

  /** Closes the sockets. */
  close(): void {
    for (const socket of this.#sockets.values()) socket.close();
  }
}

async function listen(channel: Channel, socket: Dealer | Subscriber, receive: ReceiveFrames): Promise<void> {
  for await (const frames of socket) receive(channel, frames as Uint8Array[]);
}
