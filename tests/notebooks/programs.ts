// Cells that find every program of a notebook: those that are shown, and those that have a name.
import ts from "typescript";

/** The cells to put before the first and after the last one. */
export const roundTrips = {
  before: `
import { R, T, Schedule, constantsOf, parseModule, firstDifference, ir } from "tilewright";
const programsSeen = new Map<string, ReturnType<typeof T.module>>();
/** Takes any value of the session, and keeps the programs in it. */
function seeProgram(value: unknown) {
  if (value instanceof Schedule) {
    for (const { before, after } of value.history) [before, after].forEach(seeProgram);
    seeProgram(value.mod);
  } else if (typeof value === "object" && value !== null && "funcs" in value && "script" in value) {
    const mod = value as ReturnType<typeof T.module>;
    programsSeen.set(mod.script(), mod);
  } else if (typeof value === "object" && value !== null && "body" in value && "params" in value && "script" in value) {
    seeProgram(ir.irModule({ shown: value as never }));
  }
}
{
  // Results and displays have no name: each program passes through its display method.
  const example = T.module({
    f: T.primFunc({ A: T.buffer([1]) }, ({ A }) => { A[0] = 0; }),
    g: R.func({ x: R.tensor([1]) }, ({ x }) => x),
  });
  const { f, g } = example.funcs;
  const prototypes = [example, f, g].map((x) => Object.getPrototypeOf(x));
  for (const methods of [...prototypes, Schedule.prototype]) {
    const method = Symbol.for("Jupyter.display");
    const show = methods[method];
    methods[method] = function (...args: unknown[]) { seeProgram(this); return show.apply(this, args); };
  }
}`,
  after: `
for (const [text, mod] of programsSeen) {
  const difference = firstDifference(mod, parseModule(text, { constants: constantsOf(mod) }));
  if (difference) throw new Error("a program does not come back from its script: " + JSON.stringify(difference) + text);
}
console.log(programsSeen.size + " programs came back from their scripts");`,
};

/** A cell that looks at what the given cell declared, or none when it declared nothing. */
export function collectPrograms(source: string): string[] {
  const file = ts.createSourceFile("cell.ts", source, ts.ScriptTarget.Latest);
  const names: string[] = [];
  const add = (name: ts.BindingName): void => {
    if (ts.isIdentifier(name)) names.push(name.text);
    else for (const element of name.elements) if (ts.isBindingElement(element)) add(element.name);
  };
  for (const statement of file.statements) {
    if (ts.isVariableStatement(statement))
      for (const { name } of statement.declarationList.declarations) add(name);
  }
  return names.length === 0
    ? []
    : [`for (const value of [${names.join(", ")}] as unknown[]) seeProgram(value);`];
}
