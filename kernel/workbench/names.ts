// Which names a cell's source defines for later cells, and which it reads from earlier ones: by its syntax alone.
import { typescriptLanguage } from "@codemirror/lang-javascript";
import type { SyntaxNode } from "@lezer/common";

/** The names of a cell. */
export interface CellNames {
  /** Declared at the top level, or assigned anywhere in the cell without being a local variable. */
  defines: ReadonlySet<string>;
  /** Mentioned, and declared nowhere around the mention. */
  reads: ReadonlySet<string>;
}

/** What has bindings of its own. */
const scopes = new Set([
  "FunctionDeclaration",
  "FunctionExpression",
  "ArrowFunction",
  "MethodDeclaration",
  "Block",
  "ForStatement",
  "CatchClause",
]);
const declarations = new Set(["VariableDefinition", "TypeDefinition"]);
const mentions = new Set(["VariableName", "TypeName"]);

/**
 * The names of a cell's TypeScript. `var` counts as if it were `let`; changes inside an object (`list.push(1)`) are not
 * seen.
 */
export function namesOf(source: string): CellNames {
  const root = typescriptLanguage.parser.parse(source).topNode;
  const text = ({ from, to }: SyntaxNode) => source.slice(from, to);
  /** The names of each scope, by where it starts; those of the cell itself under -1. */
  const declared = new Map<number, Set<string>>([[-1, new Set()]]);
  const scopeOf = (node: SyntaxNode): SyntaxNode | null => {
    // A function's own name stands in it, but belongs outside.
    const isName = node.name === "VariableDefinition" && node.parent?.name === "FunctionDeclaration";
    let scope = isName ? node.parent!.parent : node.parent;
    while (scope && !scopes.has(scope.name)) scope = scope.parent;
    return scope;
  };
  const place = (scope: SyntaxNode | null) => scope?.from ?? -1;
  const mentioned: SyntaxNode[] = [];
  root.cursor().iterate(({ name, node }) => {
    // In `import { a as b }` nothing is read.
    if (name === "ImportGroup") {
      for (const imported of node.getChildren("VariableDefinition")) declared.get(-1)!.add(text(imported));
      return false;
    }
    if (declarations.has(name)) {
      const at = place(scopeOf(node));
      declared.set(at, (declared.get(at) ?? new Set()).add(text(node)));
    } else if (mentions.has(name)) mentioned.push(node);
    return undefined;
  });
  const defines = new Set(declared.get(-1));
  const reads = new Set<string>();
  for (const node of mentioned) {
    const name = text(node);
    let scope = scopeOf(node);
    while (scope && !declared.get(scope.from)?.has(name)) scope = scopeOf(scope);
    if (scope || declared.get(-1)!.has(name)) continue;
    if (isAssigned(node)) defines.add(name);
    reads.add(name);
  }
  return { defines, reads };
}

/** Whether a name stands where it is given a value: `x = 1`, `x += 1`, `x++`. */
function isAssigned(node: SyntaxNode): boolean {
  const { parent } = node;
  if (parent?.name === "AssignmentExpression") return parent.firstChild?.from === node.from;
  return (
    (parent?.name === "UnaryExpression" || parent?.name === "PostfixExpression") &&
    parent.getChildren("ArithOp").some(({ from, to }) => to - from === 2)
  );
}
