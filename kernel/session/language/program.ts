import ts from "typescript";
import { cellGlobals, smallPlatform } from "./globals.ts";
import { standardFiles, standardLibrary } from "./standard.ts";

/** The file system as the language service sees it; in a browser tab, a virtual one. */
export interface LanguageFiles {
  /** The notebook's folder: an absolute path with forward slashes. */
  folder: string;
  /** The folder that holds TypeScript's `lib.*.d.ts`. */
  libFolder: string;
  /** The declarations of what `import … from "tilewright"` and the like give, by specifier. */
  modules: { readonly [specifier: string]: string };
  /** The entry of the complete platform types (`@types/node/index.d.ts`), where there is one. */
  platformTypes: string | undefined;
  /** Changes when the file does; asked for files outside `node_modules` only. */
  version(file: string): string;
  fileExists(file: string): boolean;
  readFile(file: string): string | undefined;
  directoryExists(folder: string): boolean;
  getDirectories(folder: string): string[];
  readDirectory(
    folder: string,
    extensions?: readonly string[],
    exclude?: readonly string[],
    include?: readonly string[],
    depth?: number,
  ): string[];
  realpath(file: string): string;
}

const options: ts.CompilerOptions = {
  target: ts.ScriptTarget.ES2023,
  module: ts.ModuleKind.ESNext,
  moduleResolution: ts.ModuleResolutionKind.Bundler,
  moduleDetection: ts.ModuleDetectionKind.Force,
  customConditions: ["node"],
  allowImportingTsExtensions: true,
  resolveJsonModule: true,
  esModuleInterop: true,
  strict: true,
  skipLibCheck: true,
  sourceMap: true,
  noEmit: false,
  types: [],
  lib: [standardLibrary],
};

/** Of all programs together: those that share parsed files tell texts of one name apart by their versions. */
let versions = 0;

/**
 * One incremental TypeScript program: the cell at hand in a file whose name never changes (so that the program's
 * structure is reused), earlier cells as small declaration files, and the files they import.
 */
export class CellProgram {
  readonly files: LanguageFiles;
  readonly service: ts.LanguageService;
  readonly cellFile: string;
  readonly #virtual = new Map<string, { text: string; version: number; snapshot: ts.IScriptSnapshot }>();
  readonly #snapshots = new Map<string, { version: string; snapshot: ts.IScriptSnapshot }>();
  readonly #standard: ReadonlyMap<string, ts.IScriptSnapshot>;
  /** Folders whose files never change while the session runs. */
  readonly #fixed: readonly string[];
  /** Versions of files on the disk, looked up once for each text of the cell. */
  readonly #versions = new Map<string, string>();
  #resolutions: ts.ModuleResolutionCache;
  #complete = false;

  constructor(files: LanguageFiles, registry?: ts.DocumentRegistry) {
    this.files = files;
    this.cellFile = `${files.folder}/__tw_cell.ts`;
    this.#standard = standardFiles(files);
    const folders = Object.values(files.modules).map((file) => file.slice(0, file.lastIndexOf("/") + 1));
    this.#fixed = [`${files.libFolder}/`, ...folders];
    this.setFile(this.cellFile, "export {};");
    this.setFile(this.#globalsFile, cellGlobals);
    this.setFile(this.#platformFile, smallPlatform);
    this.#resolutions = this.#newResolutions();
    this.service = ts.createLanguageService(this.#host(), registry);
  }

  /** Adds or replaces a virtual file. */
  setFile(name: string, text: string): void {
    if (name === this.cellFile) this.#versions.clear();
    if (this.#virtual.get(name)?.text === text) return;
    versions += 1;
    this.#virtual.set(name, { text, version: versions, snapshot: ts.ScriptSnapshot.fromString(text) });
  }

  /** Removes a virtual file. */
  removeFile(name: string): void {
    this.#virtual.delete(name);
  }

  /** The absolute name of the module that holds an executed cell's declarations, without its extension. */
  moduleOf(cell: number): string {
    return `${this.files.folder}/__tw_cell_${cell}`;
  }

  /** True once the platform's complete types are part of the program. */
  get hasCompletePlatform(): boolean {
    return this.#complete || this.files.platformTypes === undefined;
  }

  /** Switches from the small platform types to the complete ones, for good. */
  useCompletePlatform(): void {
    this.#complete = true;
  }

  /** Forgets failed look-ups, after a module was not found that may since have been installed. */
  forgetResolutions(): void {
    this.#resolutions = this.#newResolutions();
  }

  /** The program for the current text of the cell. */
  program(): ts.Program {
    return this.service.getProgram()!;
  }

  get #globalsFile(): string {
    return `${this.files.folder}/__tw_globals.d.ts`;
  }

  get #platformFile(): string {
    return `${this.files.folder}/__tw_platform.d.ts`;
  }

  #newResolutions(): ts.ModuleResolutionCache {
    return ts.createModuleResolutionCache(this.files.folder, (name) => name, options);
  }

  #host(): ts.LanguageServiceHost {
    const { files } = this;
    // Without it the service reads package.json files anew for every program. TypeScript looks for it, though its
    // types do not say so.
    const cached = { getModuleResolutionCache: () => this.#resolutions };
    return {
      ...cached,
      getCompilationSettings: () => options,
      getScriptFileNames: () => {
        const platform = this.#complete && files.platformTypes ? files.platformTypes : this.#platformFile;
        return [this.#globalsFile, platform, this.cellFile];
      },
      getScriptVersion: (name) => this.#versionOf(name),
      getScriptSnapshot: (name) => this.#snapshotOf(name),
      getCurrentDirectory: () => files.folder,
      getDefaultLibFileName: (settings) => `${files.libFolder}/${ts.getDefaultLibFileName(settings)}`,
      fileExists: (name) => this.#virtual.has(name) || files.fileExists(name),
      readFile: (name) => this.#virtual.get(name)?.text ?? files.readFile(name),
      directoryExists: files.directoryExists,
      getDirectories: files.getDirectories,
      readDirectory: files.readDirectory,
      realpath: files.realpath,
      useCaseSensitiveFileNames: () => true,
      resolveModuleNameLiterals: (literals, containing) =>
        literals.map((literal) => this.#resolve(literal.text, containing)),
    };
  }

  #resolve(name: string, containing: string): ts.ResolvedModuleWithFailedLookupLocations {
    const own = Object.hasOwn(this.files.modules, name) ? this.files.modules[name] : undefined;
    if (own !== undefined && !containing.includes("/node_modules/")) return resolved(own, ts.Extension.Dts);
    if (name.startsWith("./__tw_cell_")) {
      const base = `${this.files.folder}/${name.slice(2)}`;
      return this.#virtual.has(`${base}.d.ts`)
        ? resolved(`${base}.d.ts`, ts.Extension.Dts)
        : resolved(`${base}.ts`, ts.Extension.Ts);
    }
    return ts.resolveModuleName(name, containing, options, this.#resolutionHost, this.#resolutions);
  }

  readonly #resolutionHost: ts.ModuleResolutionHost = {
    fileExists: (name) => this.files.fileExists(name),
    readFile: (name) => this.files.readFile(name),
    directoryExists: (name) => this.files.directoryExists(name),
    getDirectories: (name) => this.files.getDirectories(name),
    realpath: (name) => this.files.realpath(name),
    getCurrentDirectory: () => this.files.folder,
    useCaseSensitiveFileNames: true,
  };

  #isFixed(name: string): boolean {
    return name.includes("/node_modules/") || this.#fixed.some((folder) => name.startsWith(folder));
  }

  #versionOf(name: string): string {
    const virtual = this.#virtual.get(name);
    if (virtual) return String(virtual.version);
    const known = this.#versions.get(name);
    if (known !== undefined) return known;
    const version = this.#isFixed(name) ? "0" : this.files.version(name);
    this.#versions.set(name, version);
    return version;
  }

  #snapshotOf(name: string): ts.IScriptSnapshot | undefined {
    const virtual = this.#virtual.get(name);
    if (virtual) return virtual.snapshot;
    const standard = this.#standard.get(name);
    if (standard) return standard;
    const version = this.#versionOf(name);
    const known = this.#snapshots.get(name);
    if (known?.version === version) return known.snapshot;
    const text = this.files.readFile(name);
    if (text === undefined) return undefined;
    const snapshot = ts.ScriptSnapshot.fromString(text);
    this.#snapshots.set(name, { version, snapshot });
    return snapshot;
  }
}

function resolved(file: string, extension: ts.Extension): ts.ResolvedModuleWithFailedLookupLocations {
  return { resolvedModule: { resolvedFileName: file, extension, isExternalLibraryImport: false } };
}
