import type { CellEvent } from "../types.ts";

/** Taken before any cell can declare a name of its own in its place. */
const { performance: clock } = globalThis;

/** Text kept back at most, in UTF-16 units, before it is sent. */
const chunk = 64 * 1024;

/** Sends that a quiet cell may make at once; a flood is gathered into chunks instead. */
const burst = 100;

/** Text a cell may print, in UTF-16 units: what browsers bear and Jupyter's own server lets pass in one go. */
const defaultLimit = 2 * 1024 * 1024;

/** The end of a longer text is shown too, as much as this. */
const tail = 32 * 1024;

type StreamEvent = Extract<CellEvent, { type: "stream" }>;

/** How much of a task's text has been sent, and what was held back. */
interface Account {
  sent: number;
  dropped: number;
  last: string[];
  lastSize: number;
}

/**
 * Gathers what is written to stdout and stderr. A line of a quiet cell goes out at once, even from a loop that never
 * yields; a cell that prints without end costs one message per chunk, and past a limit nothing until its end.
 */
export class Streams {
  readonly #send: (event: CellEvent) => void;
  readonly #limit: number;
  readonly #accounts = new Map<string, Account>();
  #at: Pick<StreamEvent, "name" | "origin"> = { name: "stdout" };
  #text = "";
  #credit = burst;
  #refilled = clock.now();
  #scheduled = false;
  readonly #later = setImmediate;

  constructor(send: (event: CellEvent) => void, limit = limitFrom(process.env.TILEWRIGHT_OUTPUT_LIMIT)) {
    this.#send = send;
    this.#limit = limit;
  }

  /** A new cell begins, with its whole limit before it. */
  allow(origin = ""): void {
    this.#accounts.delete(origin);
  }

  write({ name, text, origin }: StreamEvent): void {
    if (name !== this.#at.name || origin !== this.#at.origin) this.flush();
    this.#at = { name, origin };
    const account = this.#account(origin);
    const room = this.#limit - account.sent;
    if (text.length > room) {
      this.#hold(account, text.slice(room));
      text = text.slice(0, room);
    }
    if (text === "") return;
    account.sent += text.length;
    this.#text += text;
    const now = clock.now();
    this.#credit = Math.min(burst, this.#credit + (now - this.#refilled) / 5);
    this.#refilled = now;
    if (this.#credit >= 1 || this.#text.length >= chunk) this.flush();
    else if (!this.#scheduled) {
      this.#scheduled = true;
      this.#later(() => {
        this.#scheduled = false;
        this.flush();
      });
    }
  }

  flush(): void {
    if (this.#text === "") return;
    const text = this.#text;
    this.#text = "";
    this.#credit = Math.max(0, this.#credit - 1);
    this.#send({ type: "stream", ...this.#at, text });
  }

  /** A cell has ended: says what was left out, and how its text ended. Later text of it still counts. */
  finish(origin = ""): void {
    this.flush();
    const account = this.#accounts.get(origin);
    if (!account || account.dropped === 0) return;
    const text = account.last.join("").slice(-tail);
    const left = account.dropped - text.length;
    Object.assign(account, { dropped: 0, last: [], lastSize: 0 });
    const from = origin === "" ? {} : { origin };
    if (left > 0) {
      const note = `\n… ${size(left)} left out here: a cell shows ${size(this.#limit)} (TILEWRIGHT_OUTPUT_LIMIT) and the end …\n`;
      this.#send({ type: "stream", name: "stderr", text: note, ...from });
    }
    this.#send({ type: "stream", name: "stdout", text, ...from });
  }

  #account(origin = ""): Account {
    const known = this.#accounts.get(origin);
    if (known) return known;
    const account: Account = { sent: 0, dropped: 0, last: [], lastSize: 0 };
    this.#accounts.set(origin, account);
    // Text may come from what an older cell left behind, but not from all there ever were.
    if (this.#accounts.size > 1000) this.#accounts.delete(this.#accounts.keys().next().value!);
    return account;
  }

  #hold(account: Account, text: string): void {
    account.dropped += text.length;
    const kept = text.slice(-tail);
    account.last.push(kept);
    account.lastSize += kept.length;
    if (account.lastSize < 4 * tail) return;
    account.last = [account.last.join("").slice(-tail)];
    account.lastSize = account.last[0]!.length;
  }
}

function limitFrom(text: string | undefined): number {
  const value = Number(text);
  return value > 0 ? value : defaultLimit;
}

function size(units: number): string {
  return units >= 1e6 ? `${(units / 1e6).toFixed(1)} MB` : `${Math.ceil(units / 1e3)} kB`;
}
