// What the page does while its server does not answer: says so, asks again, and lets what has to be saved wait.
import { ServerConnection } from "@jupyterlab/services";
import { Signal } from "@lumino/signaling";
import { element } from "./dom.ts";

/** How often a server that does not answer is asked again, in milliseconds. */
const pause = 2000;

const words = {
  away: "The server does not answer. What you write stays in this page, and is saved when it is back; copy it if you close the page.",
  // A server makes a token each time it is started, and the browser has that of the one before.
  other:
    "The server was started anew and does not know this page. Open the address that it printed, in another tab: what you write here is saved then.",
};

/** The way to the server, and a line above the page that is there while it is broken. */
export class Connection {
  readonly node: HTMLElement = element("div", { class: "wb-banner", role: "alert", hidden: true });
  /** The server answers again, after it did not. */
  readonly back: Signal<this, void> = new Signal(this);
  #waiting: Promise<boolean> | undefined;

  /** Asks whether the server answers; ends when it does. Gives whether it was away. */
  check(): Promise<boolean> {
    this.#waiting ??= this.#wait().finally(() => {
      this.#waiting = undefined;
    });
    return this.#waiting;
  }

  /**
   * What `ask` gives. Where the server is away, or is one that does not know this page, `ask` is called again as soon as it
   * does. Rejects with everything else that is wrong, also when the server answers all but this.
   */
  async through<T>(ask: () => Promise<T>): Promise<T> {
    for (;;) {
      try {
        return await ask();
      } catch (error) {
        if (!mayBeAway(error) || !(await this.check())) throw error;
      }
    }
  }

  async #wait(): Promise<boolean> {
    let state = await stateOfServer();
    if (state === "there") return false;
    for (; state !== "there"; state = await stateOfServer()) {
      this.node.textContent = words[state];
      this.node.hidden = false;
      await new Promise((after) => setTimeout(after, pause));
    }
    this.node.hidden = true;
    this.back.emit();
    return true;
  }
}

function mayBeAway(error: unknown): boolean {
  if (error instanceof ServerConnection.NetworkError) return true;
  return error instanceof ServerConnection.ResponseError && error.response.status === 403;
}

async function stateOfServer(): Promise<"there" | "away" | "other"> {
  const answer = await fetch(new URL("api/status", document.baseURI), { cache: "no-store" }).catch(
    () => undefined,
  );
  if (answer?.ok) return "there";
  return answer?.status === 403 ? "other" : "away";
}
