import ts from "typescript";
import type {
  CellDiagnostic,
  CellLanguage,
  CompiledCell,
  Completeness,
  Completions,
  Inspection,
  RejectedCell,
} from "../types.ts";
import { type CellBindings, findBindings } from "./bindings.ts";
import { complete } from "./complete.ts";
import { completeness } from "./completeness.ts";
import { toDiagnostics } from "./diagnostics.ts";
import { inspect } from "./inspect.ts";
import { CellProgram, type LanguageFiles } from "./program.ts";
import { CellScope } from "./scope.ts";
import { apiName, captureResult, moveToScope } from "./transform.ts";

/** The TypeScript side of a session, in the thread it is called in. */
export class TypeScriptLanguage implements CellLanguage {
  readonly #files: LanguageFiles;
  readonly #registry: ts.DocumentRegistry | undefined;
  #program: CellProgram;
  readonly #scope = new CellScope();
  /** The cell compiled last, whose declarations are still to be written to its own file. */
  #unwritten: { cell: number; text: string } | undefined;

  /** `registry` holds files that are parsed already. */
  constructor(files: LanguageFiles, registry?: ts.DocumentRegistry) {
    this.#files = files;
    this.#registry = registry;
    this.#program = new CellProgram(files, registry);
  }

  /** Loads all types that cells may want; with a registry that has them it takes little time. */
  warmAll(): void {
    this.#program.useCompletePlatform();
    const names = Object.keys(this.#files.modules);
    const imports = names.map((name, index) => `import * as m${index} from "${name}"; export { m${index} };`);
    // The imports last: a program that has them no longer gives their files back.
    this.#check("const warm = [1].map(String); export { warm };");
    this.#check(`${imports.join("\n")}\nimport * as fs from "node:fs/promises"; fs;`);
  }

  /** Loads the standard types, which is most of the first cell's time. */
  warm(): void {
    this.#check("const warm = [1].map(String); export { warm };");
  }

  /** Loads the library's types ahead of the first cell that imports it. For a thread with nothing else to do. */
  warmLibrary(): void {
    this.#check('import * as library from "tilewright"; export { library };');
  }

  async compile(code: string, cell: number): Promise<CompiledCell | RejectedCell> {
    this.#writeDeclarations();
    const alone = ts.createSourceFile(this.#program.cellFile, code, ts.ScriptTarget.ES2023, false);
    const bindings = findBindings(alone);
    const text = `${code}\n${this.#scope.declarations(bindings, code)}`;
    const diagnostics = this.#diagnose(text, code);
    if (diagnostics.length > 0) return { ok: false, diagnostics };
    const compiled = this.#emit(code, bindings);
    this.#unwritten = { cell, text };
    this.#scope.enter(cell, bindings);
    return compiled;
  }

  /** Work that can wait until the cell runs: its declarations, for the cells to come. */
  finish(): void {
    this.#writeDeclarations();
  }

  async settle(cell: number, unassigned: string[]): Promise<void> {
    this.#scope.leave(cell, unassigned);
  }

  async complete(code: string, offset: number): Promise<Completions> {
    this.#show(code);
    return complete(this.#program.service, this.#program.cellFile, code, offset);
  }

  async inspect(code: string, offset: number, detail: number): Promise<Inspection> {
    this.#show(code);
    return inspect(this.#program.service, this.#program.cellFile, code, offset, detail);
  }

  async isComplete(code: string): Promise<Completeness> {
    return completeness(code);
  }

  async reset(): Promise<void> {
    this.#scope.clear();
    this.#unwritten = undefined;
    this.#program = new CellProgram(this.#files, this.#registry);
    if (this.#registry) this.#program.useCompletePlatform();
  }

  /** Makes a cell that is being written the program's cell, with every name of the session in scope. */
  #show(code: string): void {
    this.#writeDeclarations();
    this.#program.useCompletePlatform();
    const alone = ts.createSourceFile(this.#program.cellFile, code, ts.ScriptTarget.ES2023, false);
    const text = `${code}\n${this.#scope.declarations(findBindings(alone))}`;
    this.#program.setFile(this.#program.cellFile, text);
  }

  #diagnose(text: string, code: string): CellDiagnostic[] {
    let found = this.#check(text);
    const wantsPlatform = !this.#program.hasCompletePlatform && found.some(mayNeedPlatform);
    if (wantsPlatform || found.some(isMissingModule)) {
      // The complete types may know the name, and the module may have been installed since it was last looked for.
      this.#program.useCompletePlatform();
      this.#program.forgetResolutions();
      this.#program.setFile(this.#program.cellFile, `${text} `);
      found = this.#check(text);
    }
    return toDiagnostics(found, code);
  }

  #check(text: string): readonly ts.Diagnostic[] {
    const { service, cellFile } = this.#program;
    this.#program.setFile(cellFile, text);
    const syntactic = service.getSyntacticDiagnostics(cellFile);
    if (syntactic.length > 0) return syntactic;
    return service.getSemanticDiagnostics(cellFile).filter(isShown);
  }

  #emit(code: string, bindings: CellBindings): CompiledCell {
    const program = this.#program.program();
    const source = program.getSourceFile(this.#program.cellFile)!;
    const atRunTime = new Map([...bindings.names].filter(([, kind]) => kind !== "type"));
    let js = "";
    let map = "";
    program.emit(
      source,
      (name, text) => {
        if (name.endsWith(".map")) map = text;
        else js = text;
      },
      undefined,
      false,
      { before: [captureResult(code.length)], after: [moveToScope(atRunTime)] },
    );
    // A first line for the shell would be none within a function.
    const body = js.replace(/\n?\/\/# sourceMappingURL=.*\s*$/, "").replace(/^#!/, "//");
    return {
      ok: true,
      js: `(async function (${apiName}) { "use strict";\n${body}\n})`,
      lineOffset: 1,
      map,
      names: [...atRunTime.keys()].filter((name) => isAssigned(name, body)),
    };
  }

  #writeDeclarations(): void {
    if (!this.#unwritten) return;
    const { cell, text } = this.#unwritten;
    this.#unwritten = undefined;
    const { service, cellFile } = this.#program;
    this.#program.setFile(cellFile, text);
    const file = this.#program.moduleOf(cell);
    const program = this.#program.program();
    const source = program.getSourceFile(cellFile)!;
    // Declarations that cannot be written down (a type without a name one could import) stay as source.
    const writable = program.getDeclarationDiagnostics(source).length === 0;
    const output = writable ? service.getEmitOutput(cellFile, true, true).outputFiles : [];
    const declarations = output.find(({ name }) => name.endsWith(".d.ts"))?.text;
    this.#program.removeFile(`${file}.ts`);
    this.#program.removeFile(`${file}.d.ts`);
    if (declarations === undefined) this.#program.setFile(`${file}.ts`, text);
    else this.#program.setFile(`${file}.d.ts`, declarations);
  }
}

/** An import that is only used as a type leaves nothing behind; a name that the JavaScript never mentions is none. */
function isAssigned(name: string, js: string): boolean {
  return js.includes(name);
}

/**
 * A sketch may leave types out, so errors about implicit `any` (7000 to 7099) are not shown. The option that makes
 * them stays on: only with it does `const list = []` take the type of what is pushed.
 */
function isShown({ category, code }: ts.Diagnostic): boolean {
  return category === ts.DiagnosticCategory.Error && !(code >= 7000 && code < 7100);
}

/** Unknown names, modules and namespaces, and unknown members of what the small platform types only sketch. */
function mayNeedPlatform(diagnostic: ts.Diagnostic): boolean {
  if ([2304, 2307, 2503, 2552, 2580, 2584, 2591, 2694].includes(diagnostic.code)) return true;
  const text = ts.flattenDiagnosticMessageText(diagnostic.messageText, "\n");
  return /'(Console|Performance|ImportMeta|Timeout|Immediate|typeof globalThis)'/.test(text);
}

function isMissingModule(diagnostic: ts.Diagnostic): boolean {
  return diagnostic.code === 2307;
}
