// What a reader chose for a model, checked.
import { isObject } from "../../protocol/messages.ts";
import { HttpError } from "../errors.ts";

/** How a model is to be imported, compiled, measured and searched. */
export interface TryOptions {
  /** The sizes that the file leaves open, by name. */
  readonly sizes: Readonly<Record<string, number>>;
  /** Elements of inputs whose values decide sizes. */
  readonly values: Readonly<Record<string, readonly number[]>>;
  /** Stages of the pipeline that are left out. */
  readonly skip: readonly string[];
  readonly target: "wasm" | "webgpu";
  /** Threads of what is measured and searched. Bundles run in one. */
  readonly threads: number;
  readonly relaxedSimd: boolean;
  /** Whether the bundle stores its weights in half precision. */
  readonly f16: boolean;
  /** Candidates of a search for faster schedules; 0 searches nothing. */
  readonly trials: number;
}

/** Sizes, values and names beyond these are no model's. */
const most = { entries: 256, elements: 4096, name: 1000, size: 2 ** 31 - 1, threads: 256, trials: 100_000 };

/** The options in a request's body. Throws a 400 `HttpError` that names what is wrong. */
export function parseOptions(value: unknown): TryOptions {
  if (!isObject(value)) throw refuse("the options are no object");
  const { sizes = {}, values = {}, skip = [], target = "wasm", relaxedSimd = false, f16 = false } = value;
  if (target !== "wasm" && target !== "webgpu") throw refuse(`target ${JSON.stringify(target)}`);
  if (!Array.isArray(skip) || skip.length > most.entries || !skip.every(isName))
    throw refuse("skip is no list of names");
  if (typeof relaxedSimd !== "boolean" || typeof f16 !== "boolean")
    throw refuse("relaxedSimd and f16 are true or false");
  return {
    sizes: named("sizes", sizes, (n): n is number => isWhole(n, 0, most.size)),
    values: named("values", values, isElements),
    skip: skip as string[],
    target,
    threads: whole("threads", value.threads ?? 1, 1, most.threads),
    relaxedSimd,
    f16,
    trials: whole("trials", value.trials ?? 0, 0, most.trials),
  };
}

function named<T>(what: string, value: unknown, fits: (x: unknown) => x is T): Record<string, T> {
  const entries = isObject(value) ? Object.entries(value) : undefined;
  if (!entries || entries.length > most.entries)
    throw refuse(`${what} is no object of at most ${most.entries}`);
  const wrong = entries.find(([name, x]) => !isName(name) || !fits(x));
  if (wrong)
    throw refuse(`${what}: ${JSON.stringify(wrong[0].slice(0, 100))} has no value that could be meant`);
  return Object.fromEntries(entries) as Record<string, T>;
}

const isName = (x: unknown): x is string => typeof x === "string" && x !== "" && x.length <= most.name;

const isElements = (x: unknown): x is number[] =>
  Array.isArray(x) &&
  x.length <= most.elements &&
  x.every((n) => typeof n === "number" && Number.isFinite(n));

const isWhole = (n: unknown, low: number, high: number): n is number =>
  typeof n === "number" && Number.isInteger(n) && n >= low && n <= high;

function whole(what: string, n: unknown, low: number, high: number): number {
  if (!isWhole(n, low, high)) throw refuse(`${what} is a whole number from ${low} to ${high}`);
  return n;
}

const refuse = (why: string) => new HttpError(400, `Not what can be tried: ${why}`);
