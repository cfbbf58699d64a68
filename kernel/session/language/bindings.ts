import ts from "typescript";

/** What a top-level name is; decides how later cells see it and how it is assigned at run time. */
export type BindingKind = "let" | "const" | "function" | "class" | "enum" | "namespace" | "import" | "type";

/** What a cell declares at its top level. */
export interface CellBindings {
  names: Map<string, BindingKind>;
  /** Names that the cell exports itself (an `export` keyword is allowed and means nothing). */
  exported: Set<string>;
  /** True when the cell augments the global scope or a module, so that every later cell must see its file. */
  ambient: boolean;
  /** True when the cell declares a name both as a value and as a type (`interface A`, `const A`). */
  merged: Set<string>;
}

/** Finds the top-level bindings of a cell. */
export function findBindings(source: ts.SourceFile): CellBindings {
  const bindings: CellBindings = { names: new Map(), exported: new Set(), ambient: false, merged: new Set() };
  const add = (name: string, kind: BindingKind, exported = false) => {
    const before = bindings.names.get(name);
    if (before !== undefined && (before === "type") !== (kind === "type")) bindings.merged.add(name);
    if (before === undefined || before === "type" || kind === "class") bindings.names.set(name, kind);
    if (exported) bindings.exported.add(name);
  };
  for (const statement of source.statements) addStatement(statement, add, bindings);
  return bindings;
}

type Add = (name: string, kind: BindingKind, exported?: boolean) => void;

function addStatement(statement: ts.Statement, add: Add, bindings: CellBindings): void {
  const exported =
    ts.canHaveModifiers(statement) &&
    ts.getModifiers(statement)?.some((modifier) => modifier.kind === ts.SyntaxKind.ExportKeyword) === true;
  if (ts.isVariableStatement(statement)) {
    const { flags } = statement.declarationList;
    const block = flags & ts.NodeFlags.BlockScoped;
    // What `using` binds is disposed at the cell's end, so no later cell may see it.
    if (block === ts.NodeFlags.Using || block === ts.NodeFlags.AwaitUsing) return;
    const kind = block === ts.NodeFlags.Const ? "const" : "let";
    for (const declaration of statement.declarationList.declarations) {
      for (const name of boundNames(declaration.name)) add(name, kind, exported);
    }
  } else if (ts.isFunctionDeclaration(statement)) {
    if (statement.name) add(statement.name.text, "function", exported);
  } else if (ts.isClassDeclaration(statement)) {
    if (statement.name) add(statement.name.text, "class", exported);
  } else if (ts.isEnumDeclaration(statement)) {
    add(statement.name.text, "enum", exported);
  } else if (ts.isInterfaceDeclaration(statement) || ts.isTypeAliasDeclaration(statement)) {
    add(statement.name.text, "type", exported);
  } else if (ts.isModuleDeclaration(statement)) {
    if (ts.isIdentifier(statement.name) && !(statement.flags & ts.NodeFlags.GlobalAugmentation)) {
      add(statement.name.text, "namespace", exported);
    } else bindings.ambient = true;
  } else if (ts.isImportDeclaration(statement)) {
    for (const name of importedNames(statement)) add(name, "import");
  } else if (ts.isImportEqualsDeclaration(statement)) {
    add(statement.name.text, "import", exported);
  } else if (
    ts.isExportDeclaration(statement) &&
    statement.exportClause &&
    ts.isNamedExports(statement.exportClause)
  ) {
    for (const element of statement.exportClause.elements) bindings.exported.add(element.name.text);
  } else forEachNestedVar(statement, (name) => add(name, "let"));
}

/** All names that a binding pattern binds. */
export function* boundNames(name: ts.BindingName): Generator<string> {
  if (ts.isIdentifier(name)) yield name.text;
  else {
    for (const element of name.elements) if (ts.isBindingElement(element)) yield* boundNames(element.name);
  }
}

/** Local names that an import declaration binds, types included. */
function importedNames(statement: ts.ImportDeclaration): string[] {
  const clause = statement.importClause;
  if (!clause) return [];
  const names = clause.name ? [clause.name.text] : [];
  if (clause.namedBindings) {
    if (ts.isNamespaceImport(clause.namedBindings)) names.push(clause.namedBindings.name.text);
    else names.push(...clause.namedBindings.elements.map((element) => element.name.text));
  }
  return names;
}

/** `var` inside blocks and loops belongs to the cell's top level, as it does in a script. */
function forEachNestedVar(node: ts.Node, each: (name: string) => void): void {
  if (ts.isFunctionLike(node) || ts.isClassLike(node) || ts.isExpressionStatement(node)) return;
  if (ts.isVariableDeclarationList(node) && !(node.flags & ts.NodeFlags.BlockScoped)) {
    for (const declaration of node.declarations) for (const name of boundNames(declaration.name)) each(name);
  }
  ts.forEachChild(node, (child) => forEachNestedVar(child, each));
}
