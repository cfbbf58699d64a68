// Cells become functions on a shared scope. Types are already gone when this runs (it is an "after" transformer),
// except for the capture of the last expression, which must happen before lowering moves statements about.
//
// Top-level bindings are properties of the global object, so *references* to them stay as written: a function's
// own source reads the same in JavaScript as in the cell, which is what the tensor-program parser relies on.
import ts from "typescript";
import { type BindingKind, boundNames } from "./bindings.ts";

/** Name of the one parameter of a cell's function; see `CellApi` in the engine. */
export const apiName = "__tw";

const f = ts.factory;

/** Wraps the last statement's expression, when it is one and stands before `end`, in a call that records it. */
export function captureResult(end: number): ts.TransformerFactory<ts.SourceFile> {
  return () => (source) => {
    const at = source.statements.findLastIndex((statement) => statement.getStart(source) < end);
    const last = source.statements[at];
    if (!last || !ts.isExpressionStatement(last)) return source;
    const call = f.createCallExpression(api("result"), undefined, [last.expression]);
    const captured = ts.setOriginalNode(ts.setTextRange(f.createExpressionStatement(call), last), last);
    // Not `with`: the newest methods are missing while a snapshot is made.
    const statements = source.statements.map((statement, index) => (index === at ? captured : statement));
    return f.updateSourceFile(source, statements);
  };
}

/** Moves the cell's top-level bindings (`names`) to the shared scope and its imports to dynamic imports. */
export function moveToScope(names: ReadonlyMap<string, BindingKind>): ts.TransformerFactory<ts.SourceFile> {
  return (context) => (source) => {
    const imports: ts.Statement[] = [];
    const functions: ts.Statement[] = [];
    const body: ts.Statement[] = [];
    const onScope = (name: ts.BindingName) => [...boundNames(name)].every((bound) => names.has(bound));
    const mover = new Mover(context, onScope);
    for (const statement of source.statements) {
      if (isScopeImport(statement)) continue;
      if (ts.isImportDeclaration(statement)) {
        imports.push(...importStatements(statement, imports.length, mover));
      } else if (ts.isExportDeclaration(statement)) {
        if (statement.moduleSpecifier)
          imports.push(expression(importCall(statement.moduleSpecifier, undefined)));
      } else if (ts.isExportAssignment(statement)) {
        body.push(expression(mover.visit(statement.expression) as ts.Expression, statement));
      } else if (ts.isFunctionDeclaration(statement) && statement.name && names.has(statement.name.text)) {
        functions.push(assignFunction(mover.visit(statement) as ts.FunctionDeclaration));
      } else if (ts.isClassDeclaration(statement) && statement.name && names.has(statement.name.text)) {
        body.push(assignClass(mover.visit(statement) as ts.ClassDeclaration));
      } else if (ts.isVariableStatement(statement)) {
        body.push(...mover.variables(statement, names));
      } else body.push(mover.visit(statement) as ts.Statement);
    }
    return f.updateSourceFile(source, [...functions, ...imports, ...body]);
  };
}

/** Names of earlier cells come as imports for the checker's sake; at run time they are on the scope already. */
function isScopeImport(statement: ts.Statement): boolean {
  if (!ts.isImportDeclaration(statement) || !ts.isStringLiteral(statement.moduleSpecifier)) return false;
  return statement.moduleSpecifier.text.startsWith("./__tw_cell_");
}

/** Rewrites inside statements: nested `var`s that belong to the cell, and `import.meta`. */
class Mover {
  readonly #context: ts.TransformationContext;
  readonly #onScope: (name: ts.BindingName) => boolean;
  #depth = 0;

  constructor(context: ts.TransformationContext, onScope: (name: ts.BindingName) => boolean) {
    this.#context = context;
    this.#onScope = onScope;
  }

  visit = (node: ts.Node): ts.Node => {
    if (ts.isMetaProperty(node) && node.keywordToken === ts.SyntaxKind.ImportKeyword) return api("meta");
    if (ts.isAwaitExpression(node)) return checkedAwait(ts.visitEachChild(node, this.visit, this.#context));
    if (ts.isFunctionLike(node) || ts.isClassLike(node)) {
      this.#depth += 1;
      const visited = ts.visitEachChild(node, this.visit, this.#context);
      this.#depth -= 1;
      return visited;
    }
    if (this.#depth === 0) {
      if (ts.isVariableStatement(node) && this.#moves(node.declarationList)) {
        return expression(this.#assignments(node.declarationList) ?? f.createVoidZero(), node);
      }
      if (ts.isForStatement(node) && node.initializer && this.#isMoved(node.initializer)) {
        const first = this.#assignments(node.initializer);
        const parts = [node.condition, node.incrementor].map(
          (part) => part && (this.visit(part) as ts.Expression),
        );
        return f.updateForStatement(
          node,
          first,
          parts[0],
          parts[1],
          this.visit(node.statement) as ts.Statement,
        );
      }
      if ((ts.isForOfStatement(node) || ts.isForInStatement(node)) && this.#isMoved(node.initializer)) {
        const target = assignmentTarget(node.initializer.declarations[0]!.name, this.visit);
        const over = this.visit(node.expression) as ts.Expression;
        const body = this.visit(node.statement) as ts.Statement;
        return ts.isForOfStatement(node)
          ? f.updateForOfStatement(node, node.awaitModifier, target, over, body)
          : f.updateForInStatement(node, target, over, body);
      }
    }
    return ts.visitEachChild(node, this.visit, this.#context);
  };

  /** A top-level variable statement: assignments for the cell's own names, the rest (helpers) left local. */
  variables(statement: ts.VariableStatement, names: ReadonlyMap<string, BindingKind>): ts.Statement[] {
    const statements: ts.Statement[] = [];
    const { declarations, flags } = statement.declarationList;
    for (const declaration of declarations) {
      if (!this.#onScope(declaration.name)) {
        const visited = this.visit(declaration) as ts.VariableDeclaration;
        statements.push(
          f.createVariableStatement(undefined, f.createVariableDeclarationList([visited], flags)),
        );
      } else if (declaration.initializer) {
        const assign = assignment(
          declaration.name,
          this.visit(declaration.initializer) as ts.Expression,
          this.visit,
        );
        statements.push(expression(assign, declaration));
      } else if (ts.isIdentifier(declaration.name)) {
        // `var x;` keeps an earlier value, except that a lowered enum or namespace must not merge with an older one.
        const kind = names.get(declaration.name.text);
        const keeps = !(flags & ts.NodeFlags.BlockScoped) && kind !== "enum" && kind !== "namespace";
        if (!keeps)
          statements.push(expression(f.createAssignment(declaration.name, f.createVoidZero()), declaration));
      }
    }
    return statements;
  }

  #moves(list: ts.VariableDeclarationList): boolean {
    return (
      !(list.flags & ts.NodeFlags.BlockScoped) && list.declarations.every(({ name }) => this.#onScope(name))
    );
  }

  #isMoved(initializer: ts.ForInitializer): initializer is ts.VariableDeclarationList {
    return ts.isVariableDeclarationList(initializer) && this.#moves(initializer);
  }

  #assignments(list: ts.VariableDeclarationList): ts.Expression | undefined {
    const assigned = list.declarations
      .filter(({ initializer }) => initializer !== undefined)
      .map(({ name, initializer }) =>
        assignment(name, this.visit(initializer!) as ts.Expression, this.visit),
      );
    return assigned.length > 0 ? assigned.reduce((left, right) => f.createComma(left, right)) : undefined;
  }
}

/**
 * `await e` becomes `(__tw.enter(__tw.leave(), await e) ?? await __tw.never)[0]`: the kernel hears on whose account
 * the code goes on, and code that a stopped cell has left waiting never does. It cannot be made to throw instead,
 * since a loop may catch what is thrown in it.
 */
function checkedAwait(node: ts.AwaitExpression): ts.Expression {
  const call = (member: string, args: ts.Expression[]) =>
    f.createCallExpression(api(member), undefined, args);
  const entered = call("enter", [call("leave", []), node]);
  const never = f.createAwaitExpression(api("never"));
  const either = f.createParenthesizedExpression(
    f.createBinaryExpression(entered, ts.SyntaxKind.QuestionQuestionToken, never),
  );
  return ts.setTextRange(f.createElementAccessExpression(either, 0), node);
}

function assignment(
  name: ts.BindingName,
  value: ts.Expression,
  visit: (node: ts.Node) => ts.Node,
): ts.Expression {
  const assigned = f.createAssignment(assignmentTarget(name, visit), value);
  return ts.isObjectBindingPattern(name) ? f.createParenthesizedExpression(assigned) : assigned;
}

/** `{ a, b: [c = 1], ...rest }` as a declaration becomes the same text as an assignment's left side. */
function assignmentTarget(name: ts.BindingName, visit: (node: ts.Node) => ts.Node): ts.Expression {
  if (ts.isIdentifier(name)) return name;
  const withDefault = (element: ts.BindingElement): ts.Expression => {
    const target = assignmentTarget(element.name, visit);
    return element.initializer
      ? f.createAssignment(target, visit(element.initializer) as ts.Expression)
      : target;
  };
  if (ts.isArrayBindingPattern(name)) {
    const elements = name.elements.map((element) => {
      if (ts.isOmittedExpression(element)) return element;
      return element.dotDotDotToken ? f.createSpreadElement(withDefault(element)) : withDefault(element);
    });
    return ts.setTextRange(f.createArrayLiteralExpression(elements), name);
  }
  const properties = name.elements.map((element): ts.ObjectLiteralElementLike => {
    if (element.dotDotDotToken) return f.createSpreadAssignment(withDefault(element));
    const key = element.propertyName ?? (element.name as ts.Identifier);
    return f.createPropertyAssignment(visit(key) as ts.PropertyName, withDefault(element));
  });
  return ts.setTextRange(f.createObjectLiteralExpression(properties), name);
}

function assignFunction(node: ts.FunctionDeclaration): ts.Statement {
  const value = f.createFunctionExpression(
    localModifiers(node.modifiers),
    node.asteriskToken,
    node.name,
    undefined,
    node.parameters,
    undefined,
    node.body!,
  );
  return expression(f.createAssignment(plain(node.name!), ts.setTextRange(value, node)), node);
}

function assignClass(node: ts.ClassDeclaration): ts.Statement {
  const value = f.createClassExpression(
    localModifiers(node.modifiers),
    node.name,
    undefined,
    node.heritageClauses,
    node.members,
  );
  return expression(f.createAssignment(plain(node.name!), ts.setTextRange(value, node)), node);
}

function localModifiers(modifiers: ts.NodeArray<ts.ModifierLike> | undefined): ts.Modifier[] | undefined {
  const dropped = [ts.SyntaxKind.ExportKeyword, ts.SyntaxKind.DefaultKeyword];
  return modifiers?.filter(
    (modifier): modifier is ts.Modifier => ts.isModifier(modifier) && !dropped.includes(modifier.kind),
  );
}

/** `import d, { a as b } from "m"` becomes `const m0 = await import("m"); d = m0.default; b = __tw.named(m0, "a", "m")`. */
function importStatements(node: ts.ImportDeclaration, index: number, mover: Mover): ts.Statement[] {
  const loaded = importCall(node.moduleSpecifier, node.attributes);
  const clause = node.importClause;
  if (!clause) return [expression(loaded, node)];
  const module = f.createIdentifier(`__tw_module_${index}`);
  const declaration = f.createVariableDeclaration(module, undefined, undefined, loaded);
  const statements: ts.Statement[] = [
    ts.setTextRange(
      f.createVariableStatement(
        undefined,
        f.createVariableDeclarationList([declaration], ts.NodeFlags.Const),
      ),
      node,
    ),
  ];
  const take = (local: ts.Identifier, exported: string) => {
    const value = f.createCallExpression(api("named"), undefined, [
      module,
      f.createStringLiteral(exported),
      mover.visit(node.moduleSpecifier) as ts.Expression,
    ]);
    statements.push(expression(f.createAssignment(plain(local), value), node));
  };
  if (clause.name) take(clause.name, "default");
  if (clause.namedBindings && ts.isNamespaceImport(clause.namedBindings)) {
    statements.push(expression(f.createAssignment(plain(clause.namedBindings.name), module), node));
  } else if (clause.namedBindings) {
    for (const element of (clause.namedBindings as ts.NamedImports).elements) {
      take(element.name, (element.propertyName ?? element.name).text);
    }
  }
  return statements;
}

function importCall(specifier: ts.Expression, attributes: ts.ImportAttributes | undefined): ts.Expression {
  const args: ts.Expression[] = [specifier];
  if (attributes) {
    const properties = attributes.elements.map(({ name, value }) =>
      f.createPropertyAssignment(ts.isIdentifier(name) ? f.createStringLiteral(name.text) : name, value),
    );
    const given = f.createObjectLiteralExpression(properties);
    args.push(f.createObjectLiteralExpression([f.createPropertyAssignment("with", given)]));
  }
  const imported = f.createToken(ts.SyntaxKind.ImportKeyword) as ts.Expression;
  return f.createAwaitExpression(f.createCallExpression(imported, undefined, args));
}

/** A fresh identifier: the emitter would rename one that TypeScript knows as an import. */
function plain(name: ts.Identifier): ts.Identifier {
  return ts.setTextRange(f.createIdentifier(name.text), name);
}

function api(member: string): ts.Expression {
  return f.createPropertyAccessExpression(f.createIdentifier(apiName), member);
}

function expression(value: ts.Expression, from?: ts.Node): ts.Statement {
  const statement = f.createExpressionStatement(value);
  return from ? ts.setTextRange(statement, from) : statement;
}
