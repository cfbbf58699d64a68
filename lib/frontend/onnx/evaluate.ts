/**
 * Evaluates nodes at import whose inputs are small known values, so that sizes which a model computes (from shapes, by
 * the arithmetic its exporter wrote down) are numbers or expressions of symbolic sizes. Meaning of the operators: ONNX's
 * operator documentation; only what stands in such arithmetic is here.
 */
import type { NodeContext } from "./context.ts";
import { ELEMENTWISE_RULES } from "./evaluate-elementwise.ts";
import { MOVEMENT_RULES } from "./evaluate-movement.ts";
import { REDUCE_RULES } from "./evaluate-reduce.ts";
import type { Rule } from "./evaluate-rule.ts";
import { type Literal, MAX_LITERAL } from "./literal.ts";
import { literalIn } from "./value.ts";

const RULES: Readonly<Record<string, Rule>> = { ...ELEMENTWISE_RULES, ...MOVEMENT_RULES, ...REDUCE_RULES };

export interface Evaluated {
  readonly literals?: readonly Literal[];
  /** Inputs of the model whose values would make the result known. */
  readonly needs?: ReadonlySet<string>;
}

/** What can be said of a node's results; undefined when nothing can. */
export function evaluate(cx: NodeContext): Evaluated | undefined {
  const { domain, opType } = cx.node;
  const rule = domain === "" && Object.hasOwn(RULES, opType) ? RULES[opType] : undefined;
  if (!rule) return undefined;
  const needs = new Set<string>();
  const given: (Literal | undefined)[] = [];
  let known = true;
  for (const v of cx.values) {
    if (v === undefined) given.push(undefined);
    else if (v.kind !== "tensor") return undefined;
    else {
      const l = literalIn(v);
      given.push(l);
      if (l) continue;
      known = false;
      if (!v.needs) return undefined;
      for (const name of v.needs) needs.add(name);
    }
  }
  if (!known) return { needs };
  const made = rule(cx, given);
  if (!made) return undefined;
  const literals = Array.isArray(made) ? (made as readonly Literal[]) : [made as Literal];
  return literals.every((l) => l.elems.length <= MAX_LITERAL) ? { literals } : undefined;
}
