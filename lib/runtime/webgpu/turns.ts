/**
 * The order of calls. What a call enqueues comes after all that earlier calls enqueued, whatever each had to wait for
 * before; and only so many calls are on their way at a time, so that many queued ones hold no more memory than a few.
 */
export class Turns {
  readonly #most: number;
  #running = 0;
  readonly #waiting: (() => void)[] = [];
  #last: Promise<unknown> = Promise.resolve();

  /** `most`: calls that are on their way at a time. */
  constructor(most: number) {
    this.#most = most;
  }

  /**
   * `enqueue` runs when those of all calls before are done; `finish` gets what it gives, and runs beside other calls.
   */
  async take<E, R>(enqueue: () => Promise<E>, finish: (e: E) => Promise<R>): Promise<R> {
    if (this.#running >= this.#most) await new Promise<void>((go) => this.#waiting.push(go));
    else this.#running++;
    try {
      const mine = this.#last.then(enqueue);
      this.#last = mine.catch(() => undefined);
      return await finish(await mine);
    } finally {
      const next = this.#waiting.shift();
      if (next) next();
      else this.#running--;
    }
  }
}
