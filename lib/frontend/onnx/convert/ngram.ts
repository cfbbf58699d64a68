/** TfIdfVectorizer on integers: counts of n-grams, weighted. */
import { R } from "../../../graph/index.ts";
import type { Converter, ConverterTable, NodeContext } from "../context.ts";
import { tensorFrom } from "../decode-tensor.ts";
import { scalar } from "./elementwise.ts";

interface Gram {
  readonly items: readonly number[];
  readonly output: number;
  readonly weight: number;
}

/** The pool lists all 1-grams, then all 2-grams, …; `ngram_counts` says where each length begins. */
function gramsOf(cx: NodeContext): Gram[] {
  if (cx.attr.has("pool_strings")) return cx.refuse("n-grams of strings are not supported", "pool_strings");
  const pool = cx.attr.ints("pool_int64s");
  const starts = cx.attr.ints("ngram_counts");
  const outputs = cx.attr.ints("ngram_indexes");
  const weights = cx.attr.floats("weights", []);
  const [shortest, longest] = [cx.attr.int("min_gram_length"), cx.attr.int("max_gram_length")];
  const grams: Gram[] = [];
  let id = 0;
  for (const [k, start] of starts.entries()) {
    const length = k + 1;
    const end = starts[k + 1] ?? pool.length;
    for (let at = start; at + length <= end; at += length, id++) {
      if (!(outputs[id] >= 0)) return cx.refuse("it has fewer indexes than n-grams", "ngram_indexes");
      if (length < shortest || length > longest) continue;
      grams.push({ items: pool.slice(at, at + length), output: outputs[id], weight: weights[id] ?? 1 });
    }
  }
  return grams;
}

const tfIdf: Converter = (cx) => {
  const grams = gramsOf(cx);
  const size = Math.max(-1, ...cx.attr.ints("ngram_indexes")) + 1;
  const longest = Math.max(1, ...grams.map((g) => g.items.length));
  const dtype = cx.dtype(0);
  if (size * longest > 2 ** 24) return cx.refuse(`${size} n-grams are too many`, "ngram_indexes");
  const table = new Array<number>(size * longest).fill(0);
  const lengths = new Array<number>(size).fill(0);
  const weights = new Array<number>(size).fill(1);
  for (const g of grams) {
    g.items.forEach((e, k) => {
      table[g.output * longest + k] = e;
    });
    lengths[g.output] = g.items.length;
    weights[g.output] = g.weight;
  }
  const counts = R.op(
    "ngramCount",
    [
      cx.input(0),
      R.const(tensorFrom(dtype, [size, longest], table)),
      R.const(tensorFrom("i32", [size], lengths)),
    ],
    { maxSkip: cx.attr.int("max_skip_count") },
  );
  const mode = cx.attr.string("mode");
  if (mode === "TF") return counts;
  const weight = R.const(tensorFrom("f32", [size], weights));
  if (mode === "TFIDF") return R.op("multiply", [cx.emit(counts), weight]);
  if (mode !== "IDF") return cx.refuse(`"${mode}" is none of TF, IDF and TFIDF`, "mode");
  const some = cx.emit(R.op("greater", [cx.emit(counts), scalar(0, "f32")]));
  return R.op("where", [some, weight, scalar(0, "f32")]);
};

export const NGRAM: ConverterTable = { TfIdfVectorizer: tfIdf };
