/** `T.callExtern("name", T.accessPtr(A[vi][T.slice(0, 4)], "r"), n)`. */
import type { CallExpression } from "acorn";
import { accessPtr, callExtern, type Extern } from "../../ir/index.ts";
import { region } from "./buffers.ts";
import { built, type Context, dialectName, fail, plainArgs } from "./context.ts";
import { expression } from "./expression.ts";
import { text } from "./literals.ts";

export function extern(e: CallExpression, cx: Context): Extern {
  const [name, ...rest] = plainArgs(cx, e.arguments);
  const func = text(name, "the program's name", e, cx);
  const args = rest.map((a): Extern["args"][number] => {
    if (a.type !== "CallExpression" || dialectName(a.callee) !== "accessPtr") return expression(a, cx);
    const [part, how] = plainArgs(cx, a.arguments);
    if (!part) return fail(cx, a, 'T.accessPtr takes a part of a buffer and "r", "w" or "rw"');
    const access = text(how, 'the access, "r", "w" or "rw",', a, cx);
    if (access !== "r" && access !== "w" && access !== "rw") {
      return fail(cx, how ?? a, `"${access}" is no access: "r", "w" or "rw"`);
    }
    return accessPtr(region(part, cx), access);
  });
  return built(cx, e, () => callExtern(func, args));
}
