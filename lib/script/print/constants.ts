/** Constants in scripts: small ones are written out, larger ones have a name under which their data are given. */
import {
  ARRAYS,
  BYTES,
  type DType,
  elementsOf,
  f16ToBits,
  type GraphFunc,
  graphFuncs,
  type IRModule,
  type NDArray,
  numbersOf,
  visitGraphBody,
} from "../../ir/index.ts";
import { pendingName } from "../pending.ts";

/** Constants with more elements get a name. */
const INLINE = 16;

/** The names of the constants that a script of this does not write out: c0, c1, … in the order of the program. */
export function constantNames(x: IRModule | GraphFunc): ReadonlyMap<NDArray, string> {
  const found = new Map<NDArray, string>();
  const data: NDArray[] = [];
  for (const f of x.kind === "module" ? Object.values(graphFuncs(x)) : [x]) {
    visitGraphBody(f.body, (e) => {
      if (e.kind !== "constant" || found.has(e.data) || inlineText(e.data) !== undefined) return;
      found.set(e.data, pendingName(e.data) ?? "");
      data.push(e.data);
    });
  }
  const taken = new Set(found.values());
  let n = 0;
  for (const d of data) {
    if (found.get(d) !== "") continue;
    while (taken.has(`c${n}`)) n++;
    found.set(d, `c${n++}`);
  }
  return found;
}

/**
 * The data of the constants that the script of a module or function names: what to give with the script to have the
 * program back, `parseModule(text, { constants: constantsOf(mod) })`.
 */
export function constantsOf(x: IRModule | GraphFunc): Readonly<Record<string, NDArray>> {
  return Object.fromEntries([...constantNames(x)].map(([data, name]) => [name, data]));
}

/** `R.const([1, 2], "i64")`; undefined for data that are large, or that numbers as text do not give again. */
function inlineText(a: NDArray): string | undefined {
  if (a.shape.reduce((x, y) => x * y, 1) > INLINE || pendingName(a) !== undefined) return undefined;
  if (!exact(a)) return undefined;
  const elements = a.dtype === "i64" ? Array.from(elementsOf(a) as BigInt64Array) : numbersOf(a);
  let next = 0;
  const nested = (d: number): string => {
    if (d === a.shape.length) return elementText(elements[next++], a.dtype);
    return `[${Array.from({ length: a.shape[d] }, () => nested(d + 1)).join(", ")}]`;
  };
  const zero = a.shape.indexOf(0);
  const shape = zero >= 0 && zero < a.shape.length - 1 ? [`[${a.shape.join(", ")}]`] : [];
  const dtype = a.dtype === "f32" && shape.length === 0 ? [] : [JSON.stringify(a.dtype)];
  return `R.const(${[nested(0), ...dtype, ...shape].join(", ")})`;
}

function elementText(x: number | bigint, dtype: DType): string {
  if (dtype === "bool") return x === 0 ? "false" : "true";
  if (typeof x === "bigint") {
    const safe = x >= Number.MIN_SAFE_INTEGER && x <= Number.MAX_SAFE_INTEGER;
    return safe ? String(x) : `${x}n`;
  }
  if (Object.is(x, -0)) return "-0";
  if (dtype !== "f32" || Number.isInteger(x)) return String(x);
  // The fewest digits that give the same f32.
  for (let digits = 1; digits < 9; digits++) {
    const short = Number(x.toPrecision(digits));
    if (Math.fround(short) === x) return String(short);
  }
  return String(Number(x.toPrecision(9)));
}

/** Whether the numbers give the bytes again: a NaN may carry other bits, a bool be neither 0 nor 1. */
function exact(a: NDArray): boolean {
  if (a.dtype === "i64") return true;
  const numbers = numbersOf(a).map((x) => (Number.isNaN(x) ? Number.NaN : x));
  if (a.dtype === "bool") return numbers.every((x) => x === 0 || x === 1);
  const again =
    a.dtype === "f16" ? Uint16Array.from(numbers, f16ToBits) : ARRAYS[a.dtype].from(numbers as never);
  const bytes = new Uint8Array(again.buffer as ArrayBuffer, 0, numbers.length * BYTES[a.dtype]);
  return bytes.every((b, i) => b === a.bytes[i]);
}

/** What stands for a constant in the text. */
export function constantText(a: NDArray, names: ReadonlyMap<NDArray, string>): string {
  const name = names.get(a);
  if (name === undefined) return inlineText(a) as string;
  return `R.constant(${JSON.stringify(name)}, R.tensor([${a.shape.join(", ")}], ${JSON.stringify(a.dtype)}))`;
}
