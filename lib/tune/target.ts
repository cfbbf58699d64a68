/** What schedules are searched for: the machine, as far as it decides which one is best. */

export interface TuningTarget {
  /** The name that `build` knows it by. */
  readonly kind: "wasm";
  /** Fused multiply-add and its kin. */
  readonly relaxedSimd: boolean;
  /** Threads that `parallel` loops are spread over. */
  readonly threads: number;
  /** The engine and its version: "node 24.1.0, V8 13.6". Another engine may keep other values in registers. */
  readonly engine: string;
}

/** How alike two targets are: what was measured on the more similar one is trusted more. */
export function similarity(a: TuningTarget, b: TuningTarget): number {
  if (a.kind !== b.kind) return -1;
  return (
    Number(a.relaxedSimd === b.relaxedSimd) * 4 +
    Number(a.threads === b.threads) * 2 +
    Number(a.engine === b.engine)
  );
}
