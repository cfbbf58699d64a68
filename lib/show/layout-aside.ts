/** Layouts that a worker makes, whatever kind of worker it is: how it answers, and when it is not waited for any more. */
import type { LayoutInput, Placement } from "./layered.ts";

/** What a worker is given. */
export interface LayoutJob {
  readonly layouts: readonly LayoutInput[];
}

/** What it answers, one message for each layout, in their order. */
export type LayoutAnswer = Placement;

/** A worker that was started, as this module needs it. */
export interface LayoutWorker {
  onAnswer(handler: (answer: LayoutAnswer) => void): void;
  onError(handler: (error: Error) => void): void;
  end(): void;
}

export interface LayoutLimits {
  /** Milliseconds for all layouts of one request. */
  readonly ms: number;
  readonly signal?: AbortSignal | undefined;
}

/**
 * What the worker made of `count` layouts within the time, in order: fewer than asked when the time was over. Rejects with
 * the signal's reason when it is aborted, and with the worker's error. The worker has ended then, in every case.
 */
export function collect(
  worker: LayoutWorker,
  count: number,
  limits: LayoutLimits,
): Promise<readonly Placement[]> {
  const { signal, ms } = limits;
  return new Promise((resolve, reject) => {
    const made: Placement[] = [];
    const finish = (settle: () => void): void => {
      clearTimeout(timer);
      signal?.removeEventListener("abort", abort);
      worker.end();
      settle();
    };
    const abort = (): void => finish(() => reject(signal?.reason));
    const timer = setTimeout(() => finish(() => resolve(made)), ms);
    worker.onAnswer((answer) => {
      made.push(answer);
      if (made.length === count) finish(() => resolve(made));
    });
    worker.onError((error) => finish(() => reject(error)));
    if (signal?.aborted) abort();
    else signal?.addEventListener("abort", abort, { once: true });
  });
}
