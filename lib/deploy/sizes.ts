/** Sizes as JavaScript: they are whole numbers far below 2^53, so doubles compute them exactly. */
import { constInt, type Expr, type Var } from "../ir/index.ts";
import { refuseDeploy } from "./error.ts";

const INFIX: Readonly<Record<string, string>> = {
  ...{ add: "+", sub: "-", mul: "*", eq: "===", ne: "!==", lt: "<", le: "<=", gt: ">", ge: ">=" },
  ...{ and: "&&", or: "||" },
};
const CALLS: Readonly<Record<string, (a: string, b: string) => string>> = {
  min: (a, b) => `Math.min(${a}, ${b})`,
  max: (a, b) => `Math.max(${a}, ${b})`,
  floordiv: (a, b) => `Math.floor(${a} / ${b})`,
  floormod: (a, b) => `(${a} - Math.floor(${a} / ${b}) * ${b})`,
  truncdiv: (a, b) => `Math.trunc(${a} / ${b})`,
  truncmod: (a, b) => `${a} % ${b}`,
};

/** The value of a size in terms of variables that `name` names. Throws a `DeployError` for what is no size. */
export function sizeText(e: Expr, name: (v: Var) => string): string {
  const of = (x: Expr): string => {
    switch (x.kind) {
      case "const":
        return String(constInt(x) ?? refuseDeploy(`a size is ${x.value}`));
      case "var":
        return name(x);
      case "cast":
        return of(x.value);
      case "select":
        return `(${of(x.cond)} ? ${of(x.a)} : ${of(x.b)})`;
      case "unary":
        return x.op === "not" ? `!${of(x.a)}` : `-${of(x.a)}`;
      case "binary": {
        const [a, b] = [of(x.a), of(x.b)];
        if (Object.hasOwn(INFIX, x.op)) return `(${a} ${INFIX[x.op]} ${b})`;
        return CALLS[x.op]?.(a, b) ?? refuseDeploy(`a size is computed with ${x.op}`);
      }
      default:
        return refuseDeploy(`a size is a ${x.kind}`);
    }
  };
  return of(e).replace(/^\((.*)\)$/, (whole, inner: string) => (balanced(inner) ? inner : whole));
}

/** Whether every bracket in the text has its other half. */
function balanced(text: string): boolean {
  let depth = 0;
  for (const c of text) {
    if (c === "(") depth++;
    if (c === ")" && --depth < 0) return false;
  }
  return true;
}

/** A size as people read it: by the names that the model has for what it is made of. */
export const sizeName = (e: Expr): string => sizeText(e, (v) => v.name);
