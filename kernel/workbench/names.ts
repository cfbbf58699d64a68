// Which names a cell's source defines for later cells, and which it reads from earlier ones: by its syntax alone.
import { typescriptLanguage } from "@codemirror/lang-javascript";

/** The names of a cell. */
export interface CellNames {
  /** Declared at the top level, or assigned anywhere in the cell. */
  defines: ReadonlySet<string>;
  /** Mentioned, and not declared by the cell itself at its top level. */
  reads: ReadonlySet<string>;
}

/** What has bindings of its own, so that a declaration in it is none of the cell's. */
const inner = new Set([
  "ParamList",
  "ArrowFunction",
  "FunctionExpression",
  "ClassBody",
  "Block",
  "ForStatement",
  "CatchClause",
]);
const functions = new Set(["FunctionDeclaration", "FunctionExpression", "ArrowFunction"]);
const declarations = new Set(["VariableDefinition", "TypeDefinition"]);
const mentions = new Set(["VariableName", "TypeName"]);

/**
 * The names of a cell's TypeScript. An approximation from above for reads: a local variable with an earlier cell's name
 * counts as a read of it. Changes inside an object (`list.push(1)`) are not seen.
 */
export function namesOf(source: string): CellNames {
  const [declared, assigned, mentioned] = [new Set<string>(), new Set<string>(), new Set<string>()];
  const cursor = typescriptLanguage.parser.parse(source).cursor();
  // How many nodes around the cursor have bindings of their own, node by node.
  const depths: number[] = [];
  const parents: string[] = [];
  const targets = assignmentTargets(source);
  walk: for (;;) {
    const { name, from, to } = cursor;
    const depth = depths.at(-1) ?? 0;
    const text = () => source.slice(from, to);
    // The name of a function stands in it, but belongs outside.
    const own = depth === 0 || (depth === 1 && parents.at(-1) === "FunctionDeclaration");
    if (declarations.has(name)) {
      if (own) declared.add(text());
    } else if (mentions.has(name)) {
      mentioned.add(text());
      if (targets.has(from)) assigned.add(text());
    }
    if (cursor.firstChild()) {
      parents.push(name);
      depths.push(depth + (inner.has(name) || functions.has(name) ? 1 : 0));
      continue;
    }
    while (!cursor.nextSibling()) {
      if (!cursor.parent()) break walk;
      parents.pop();
      depths.pop();
    }
  }
  const reads = new Set([...mentioned].filter((name) => !declared.has(name)));
  return { defines: new Set([...declared, ...assigned]), reads };
}

/** Where the names stand that are assigned to: `x = 1`, `x += 1`, `x++`. */
function assignmentTargets(source: string): Set<number> {
  const found = new Set<number>();
  typescriptLanguage.parser.parse(source).iterate({
    enter: ({ name, node }) => {
      if (name === "AssignmentExpression") {
        const target = node.firstChild;
        if (target?.name === "VariableName") found.add(target.from);
      } else if (name === "UnaryExpression" || name === "PostfixExpression") {
        if (!/^(\+\+|--)|(\+\+|--)$/.test(source.slice(node.from, node.to))) return;
        const target = node.getChild("VariableName");
        if (target) found.add(target.from);
      }
    },
  });
  return found;
}
