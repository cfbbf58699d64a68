import type { CellEvent } from "../types.ts";

/** Taken before any cell can declare a name of its own in its place. */
const { performance: clock } = globalThis;

/** Text kept back at most, in UTF-16 units, before it is sent. */
const chunk = 64 * 1024;

/** Sends that a quiet cell may make at once; a flood is gathered into chunks instead. */
const burst = 100;

/**
 * Gathers what is written to stdout and stderr. A line of a quiet cell goes out at once, even from a loop that
 * never yields; a cell that prints without end costs one message per chunk.
 */
export class Streams {
  readonly #send: (event: CellEvent) => void;
  #name: "stdout" | "stderr" = "stdout";
  #text = "";
  #credit = burst;
  #refilled = clock.now();
  #scheduled = false;
  readonly #later = setImmediate;

  constructor(send: (event: CellEvent) => void) {
    this.#send = send;
  }

  write(name: "stdout" | "stderr", text: string): void {
    if (name !== this.#name) this.flush();
    this.#name = name;
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
    this.#send({ type: "stream", name: this.#name, text });
  }
}
