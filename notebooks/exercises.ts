/**
 * Checks for the exercises of the course. A check never throws: it says what is right, what is wrong and where, and
 * each failed attempt unlocks one more hint.
 */
import {
  assertAllclose,
  build,
  DISPLAY,
  type Displayable,
  type DType,
  diff,
  firstDifference,
  type IRModule,
  interpret,
  ir,
  type MimeBundle,
  type PrimFunc,
  type Schedule,
  structuralEqual,
  Tensor,
} from "tilewright";

type Attempt = IRModule | PrimFunc | Schedule | undefined;

/** What a check found. Shown in a notebook as a card; `passed` and `message` are for scripts. */
export interface Verdict extends Displayable<MimeBundle> {
  readonly passed: boolean;
  readonly message: string;
  readonly hints: readonly string[];
}

export interface FunctionExercise {
  readonly name: string;
  /** Shapes and dtypes of the inputs; the output comes last. */
  readonly tensors: readonly { readonly shape: readonly number[]; readonly dtype?: DType }[];
  /** Fills the last tensor from the others, in plain code. */
  readonly reference: (...tensors: Tensor[]) => void;
  readonly hints: readonly string[];
}

export interface TargetExercise {
  readonly name: string;
  readonly target: PrimFunc;
  readonly hints: readonly string[];
}

const attempts = new Map<string, number>();

/** Runs an attempt on random inputs, interpreted and compiled, and compares with the reference. */
export async function checkFunction(exercise: FunctionExercise, attempt: Attempt): Promise<Verdict> {
  const f = functionOf(attempt);
  if (!f) return verdict(exercise, false, "Nothing to check yet: the exercise's variable holds no program.");
  const make = (seed: number): Tensor[] =>
    exercise.tensors.map((t, n) =>
      n === exercise.tensors.length - 1
        ? Tensor.full(t.shape, t.dtype === "i64" ? -1n : -1, t.dtype)
        : Tensor.random(t.shape, { seed: seed + n, dtype: t.dtype, min: -8, max: 8 }),
    );
  try {
    const expected = make(1);
    exercise.reference(...expected);
    const want = expected[expected.length - 1];
    const interpreted = make(1);
    interpret(f, interpreted);
    assertAllclose(interpreted[interpreted.length - 1], want, { rtol: 1e-4, atol: 1e-4 });
    const compiled = make(1);
    await (await build(f)).main(...compiled);
    assertAllclose(compiled[compiled.length - 1], want, { rtol: 1e-4, atol: 1e-4 });
    return verdict(exercise, true, "It computes what it should, interpreted and compiled.");
  } catch (e) {
    return verdict(exercise, false, (e as Error).message);
  }
}

/** Compares an attempt with the target program, up to names and to what passes noted in the function's attributes. */
export function checkProgram(exercise: TargetExercise, attempt: Attempt): Verdict {
  const found = functionOf(attempt);
  if (!found)
    return verdict(exercise, false, "Nothing to check yet: the exercise's variable holds no program.");
  const f = ir.primFunc(found.params, found.body);
  const target = ir.primFunc(exercise.target.params, exercise.target.body);
  if (structuralEqual(f, target)) {
    return verdict(exercise, true, "This is the target program (names may differ).");
  }
  const d = firstDifference(f, target);
  const where = d && d.path.length > 0 ? ` First difference in ${d.path.join(" › ")}: ` : " ";
  const text = `Not the target program yet.${where}${d?.what ?? ""} (yours against the target)`;
  return verdict(exercise, false, text, diff(f, target, { names: ["yours", "target"] }));
}

function functionOf(attempt: Attempt): PrimFunc | undefined {
  if (!attempt) return undefined;
  if ("kind" in attempt && attempt.kind === "primFunc") return attempt;
  const mod = "kind" in attempt ? attempt : attempt.mod;
  const funcs = Object.values(ir.primFuncs(mod));
  return funcs.length === 1 ? funcs[0] : undefined;
}

/** A card with what was found. Failures are counted by the exercise's name: each unlocks one more hint. */
export function verdict(
  exercise: { readonly name: string; readonly hints: readonly string[] },
  passed: boolean,
  message: string,
  detail?: Displayable,
): Verdict {
  const tries = (attempts.get(exercise.name) ?? 0) + (passed ? 0 : 1);
  attempts.set(exercise.name, tries);
  const hints = passed ? [] : exercise.hints.slice(0, Math.max(0, tries - 1));
  const left = exercise.hints.length - hints.length;
  const more =
    passed || left <= 0
      ? ""
      : `Run this cell again for ${hints.length === 0 ? "a" : "another"} hint (${left} left).`;
  const lines = [
    `${passed ? "✓" : "✗"} ${exercise.name}: ${message}`,
    ...hints.map((h, i) => `Hint ${i + 1}: ${h}`),
    ...(more ? [more] : []),
  ];
  const inner = (detail?.[DISPLAY]() as MimeBundle | undefined)?.["text/html"] ?? "";
  const colour = passed ? "#1a7f37" : "#bc4c00";
  const html = [
    `<div style="border-left:4px solid ${colour};padding:4px 10px;margin:4px 0">`,
    `<p style="margin:2px 0"><b style="color:${colour}">${escapeText(lines[0])}</b></p>`,
    ...lines.slice(1).map((l) => `<p style="margin:2px 0">${escapeText(l)}</p>`),
    inner ? `<details><summary>Compare with the target</summary>${inner}</details>` : "",
    "</div>",
  ].join("");
  return {
    passed,
    message,
    hints,
    [DISPLAY]: () => ({ "text/plain": lines.join("\n"), "text/html": html }),
  };
}

const escapeText = (s: string): string =>
  s.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;").replaceAll("\n", "<br>");
