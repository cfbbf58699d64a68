/**
 * One ONNX model, everybody: the same file and the same inputs as JavaScript arrays, outputs as arrays. Outputs are compared
 * with the first peer's before anything is timed; who cannot run it is named with the reason.
 */
import { loadOnnx, type SessionOptions, Tensor } from "../../lib/index.ts";
import { type CompareOptions, type Contender, compare } from "./compare.ts";
import { BASELINE, OURS } from "./names.ts";
import type { OperatorModel } from "./ort.ts";
import { type Feeds, type FeedTensor, type Opened, type Outputs, PEERS } from "./peers.ts";
import type { MatchResult } from "./results.ts";
import { openTfjs } from "./tfjs.ts";

/** What is to be run. */
export interface Match {
  readonly name: string;
  readonly model: Uint8Array;
  readonly feeds: Feeds;
  /** Floating-point operations of one run, where counting them means something. */
  readonly flops?: number;
  /** The model in words, for tfjs, which reads no ONNX. */
  readonly operators?: OperatorModel;
}

/** One more contender of ours. */
export interface Variant {
  readonly name: string;
  readonly session: SessionOptions;
}

/** onnxruntime-web's threads look for work for 22 ms after a run before they sleep, ours for less than one. */
const THREADS_REST_MS = 40;

/**
 * Runs one match. `only`: names of the peers beside the baseline that take part; all when not given. `more`: ourselves with
 * other options. `now`: what is measured with, as `compare` has it.
 */
export async function versus(
  match: Match,
  {
    threads = 1,
    only,
    more = [],
    now,
  }: {
    threads?: number;
    only?: readonly string[];
    more?: readonly Variant[];
    now?: CompareOptions["now"];
  } = {},
): Promise<MatchResult> {
  const ours: readonly Variant[] = [{ name: OURS, session: {} }, ...more];
  const { model, feeds, operators, flops } = match;
  const players: { name: string; absent?: () => string | undefined; open: () => Promise<Opened> }[] = [
    ...PEERS.map((p) => ({ ...p, open: () => p.open(model, feeds, threads) })),
    ...(operators ? [{ name: "tfjs-wasm", open: () => openTfjs(operators, feeds) }] : []),
    ...ours.map(({ name, session }) => ({
      name,
      open: async () => openOurs(model, feeds, { threads, ...session }),
    })),
  ];
  const contenders: Contender[] = [];
  const cannot: { name: string; reason: string }[] = [];
  let expected: Outputs | undefined;
  for (const p of players) {
    const needed = p.name === BASELINE || ours.some((o) => o.name === p.name);
    if (!needed && only && !only.includes(p.name)) continue;
    const absent = p.absent?.();
    if (absent !== undefined) {
      cannot.push({ name: p.name, reason: absent });
      continue;
    }
    try {
      const { run, arrange = (y: Outputs) => y } = await p.open();
      const outputs = arrange(await run());
      expected ??= outputs;
      agree(outputs, expected);
      contenders.push({ name: p.name, run: async () => void (await run()) });
    } catch (e) {
      if (needed) throw e;
      cannot.push({ name: p.name, reason: (e instanceof Error ? e.message : String(e)).split("\n")[0] });
    }
  }
  const pauseMs = threads > 1 ? THREADS_REST_MS : 0;
  return { name: match.name, rows: await compare(contenders, { flops, now, pauseMs }), cannot };
}

/** Inputs as a session takes them. */
export const sessionInputs = (
  feeds: Feeds,
): Record<string, { data: FeedTensor["data"]; shape: readonly number[] }> =>
  Object.fromEntries(Object.entries(feeds).map(([k, t]) => [k, { data: t.data, shape: t.dims }]));

/** Outputs are typed arrays as everybody's are: views of memory that is theirs until they are disposed of, here at the next run. */
function openOurs(model: Uint8Array, feeds: Feeds, options: SessionOptions): Opened {
  const session = loadOnnx(model, options);
  const given = sessionInputs(feeds);
  let last: Tensor[] = [];
  return {
    run: async () => {
      for (const t of last) t.dispose();
      const results = Object.entries(await session.run(given)).map(([k, y]) => {
        if (!(y instanceof Tensor)) throw new Error(`${k} is no tensor`);
        return [k, y] as const;
      });
      last = results.map(([, y]) => y);
      return Object.fromEntries(results.map(([k, y]) => [k, y.data as ArrayLike<number>]));
    },
  };
}

/** Equal to 1e-3 of the largest element of each output. */
function agree(outputs: Outputs, expected: Outputs): void {
  for (const [k, y] of Object.entries(expected)) {
    const got = outputs[k];
    if (got?.length !== y.length) throw new Error(`${k} has ${got?.length ?? 0} elements, not ${y.length}`);
    let scale = 0;
    for (let i = 0; i < y.length; i++) scale = Math.max(scale, Math.abs(Number(y[i])));
    for (let i = 0; i < y.length; i++) {
      const [a, b] = [Number(got[i]), Number(y[i])];
      if (!(Math.abs(a - b) <= 1e-3 * scale))
        throw new Error(`wrong result: ${k}[${i}] is ${a} against ${b}`);
    }
  }
}
