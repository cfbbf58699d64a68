/** From text to syntax, by acorn. */
import { type Expression, type Options, type Program, parse, parseExpressionAt } from "acorn";
import { ScriptError } from "../error.ts";
import type { FunctionNode } from "./function.ts";

const OPTIONS: Options = { ecmaVersion: "latest", sourceType: "module", locations: true };

/** The syntax of a function value's source. Positions count in exactly that text. */
export function functionSyntax(source: string): FunctionNode {
  if (/\{\s*\[native code\]\s*\}\s*$/.test(source)) {
    throw new ScriptError(
      "the function's source is not available: pass a plain arrow function, not a bound one",
      source,
      0,
    );
  }
  const e = syntax(source, () => parseExpressionAt(source, 0, OPTIONS));
  if (e.type === "ArrowFunctionExpression" || e.type === "FunctionExpression") return e;
  throw new ScriptError("T.primFunc takes a function: ({ A, B }) => { … }", source, e.start);
}

/** The syntax of a script that is one expression (a module or a function), perhaps after `const name =`. */
export function scriptSyntax(source: string): Expression {
  const program = syntax(source, (): Program => parse(source, OPTIONS));
  const last = program.body
    .filter((s) => s.type !== "ImportDeclaration" && s.type !== "EmptyStatement")
    .at(-1);
  const s = last?.type === "ExportNamedDeclaration" && last.declaration ? last.declaration : last;
  if (s?.type === "ExpressionStatement") return s.expression;
  if (s?.type === "VariableDeclaration" && s.declarations[0].init) return s.declarations[0].init;
  throw new ScriptError("a script is T.module({ … }) or T.primFunc(…)", source, s?.start ?? 0);
}

function syntax<X>(source: string, run: () => X): X {
  try {
    return run();
  } catch (e) {
    if (e instanceof SyntaxError && "pos" in e && typeof e.pos === "number") {
      throw new ScriptError(e.message.replace(/ \(\d+:\d+\)$/, ""), source, e.pos, { cause: e });
    }
    throw e;
  }
}
