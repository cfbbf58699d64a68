/** Statements as lines. */
import { type If, type Stmt, unreachable } from "../../ir/index.ts";
import { printBlockBody } from "./block.ts";
import { exprText, regionText } from "./expression.ts";
import { printLoops } from "./loop.ts";
import { braces, type Out } from "./out.ts";
import { storeText } from "./store.ts";

/** Prints a statement into the scope that is open: declarations it makes are visible to what follows in it. */
export function printStmt(s: Stmt, out: Out): void {
  const { lines, names } = out;
  switch (s.kind) {
    case "seq":
      s.stmts.forEach((x, k) => {
        // What follows a let in its scope is its body; where more follows, the let needs a scope of its own.
        if (x.kind === "let" && k < s.stmts.length - 1) braces("{", "}", [], out, () => printStmt(x, out));
        else printStmt(x, out);
      });
      return;
    case "let": {
      const value = exprText(s.value, names);
      lines.line(`const ${names.declare(s.v)} = ${value};`, [s]);
      return printStmt(s.body, out);
    }
    case "store":
      return lines.line(storeText(s, names), [s]);
    case "if":
      return printIf(s, "if", out);
    case "extern": {
      const args = s.args.map((a) =>
        a.kind === "accessPtr"
          ? `T.accessPtr(${regionText(a.region, names)}, ${JSON.stringify(a.access)})`
          : exprText(a, names),
      );
      return lines.line(`T.callExtern(${[JSON.stringify(s.func), ...args].join(", ")});`, [s]);
    }
    case "for":
      return printLoops(s, out);
    case "block":
      return braces(`T.block(${JSON.stringify(s.name)}, () => {`, "});", [s], out, () =>
        printBlockBody(s, out),
      );
    default:
      return unreachable(s);
  }
}

function printIf(s: If, word: string, out: Out): void {
  const { lines, names } = out;
  const opener = lines.all.length;
  lines.line(`${word} (${exprText(s.cond, names, "bool")}) {`, [s]);
  lines.indented(() => names.within(() => printStmt(s.then, out)));
  lines.all[opener].close = lines.all.length;
  if (s.else?.kind === "if") printIf(s.else, "} else if", out);
  else if (s.else) {
    const body = s.else;
    braces("} else {", "}", [], out, () => printStmt(body, out));
  } else lines.line("}");
}
