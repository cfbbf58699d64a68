// Types of what every cell can use without an import. They are text, because they are virtual files of the
// cells' program, and small, because parsing types is most of the time to the first cell.

/** The globals that the kernel itself gives to cells. */
export const cellGlobals = `
interface DisplayHandle { readonly id: string; update(value: unknown): Promise<void>; }
interface DisplayOptions { id?: string; metadata?: Record<string, unknown>; raw?: boolean; update?: boolean; }
/** Shows a value below the cell. With \`raw\`, the value is itself a MIME bundle. Returns a handle to update it. */
declare function display(value: unknown, options?: DisplayOptions): DisplayHandle & PromiseLike<void>;
/** Removes what the cell has shown so far; with \`wait\`, only once something new is shown. */
declare function clearOutput(wait?: boolean): void;
interface Displayable { readonly data: Record<string, unknown>; }
/** A piece of Markdown to show. */
declare function md(strings: TemplateStringsArray, ...values: unknown[]): Displayable;
/** A piece of HTML to show; interpolated values are inserted as they are. */
declare function html(strings: TemplateStringsArray, ...values: unknown[]): Displayable;
/** A drawing to show. */
declare function svg(strings: TemplateStringsArray, ...values: unknown[]): Displayable;
/** A picture: the bytes of a PNG, JPEG, GIF or WebP, or its URL (also as a tag). */
declare function image(source: Uint8Array | ArrayBuffer | string): Displayable;
declare function image(strings: TemplateStringsArray, ...values: unknown[]): Displayable;
/** Asks for a line of text below the cell and waits for it. */
declare function prompt(message?: string, options?: string | { initial?: string; password?: boolean }): string;
/** Asks a question that is answered with yes or no. */
declare function confirm(message?: string): boolean;
interface ImportMeta { url: string; dirname: string; filename: string; resolve(specifier: string): string; }
declare namespace WebAssembly {
  class Module { constructor(bytes: ArrayBufferView | ArrayBuffer); static exports(module: Module): { name: string; kind: string }[]; static imports(module: Module): { module: string; name: string; kind: string }[]; }
  class Instance { constructor(module: Module, imports?: Record<string, Record<string, unknown>>); readonly exports: Record<string, any>; }
  class Memory { constructor(descriptor: { initial: number; maximum?: number; shared?: boolean }); readonly buffer: ArrayBuffer; grow(delta: number): number; }
  class Table { constructor(descriptor: { element: string; initial: number; maximum?: number }); readonly length: number; get(index: number): any; set(index: number, value?: any): void; grow(delta: number): number; }
  class Global { constructor(descriptor: { value: string; mutable?: boolean }, value?: unknown); value: any; valueOf(): any; }
  class CompileError extends Error {} class LinkError extends Error {} class RuntimeError extends Error {}
  function validate(bytes: ArrayBufferView | ArrayBuffer): boolean;
  function compile(bytes: ArrayBufferView | ArrayBuffer): Promise<Module>;
  function instantiate(bytes: ArrayBufferView | ArrayBuffer, imports?: Record<string, Record<string, unknown>>): Promise<{ module: Module; instance: Instance }>;
  function instantiate(module: Module, imports?: Record<string, Record<string, unknown>>): Promise<Instance>;
}
`;

/**
 * The platform's most used globals, until a cell needs more. They stand in for the complete types of Node, which
 * take more than half a second to load and are loaded at the first error or completion; see `CellProgram`.
 */
export const smallPlatform = `
interface Console {
  log(...data: any[]): void; info(...data: any[]): void; debug(...data: any[]): void; warn(...data: any[]): void;
  error(...data: any[]): void; trace(...data: any[]): void; dir(item?: any, options?: any): void;
  table(data?: any, properties?: string[]): void; assert(condition?: boolean, ...data: any[]): void;
  count(label?: string): void; countReset(label?: string): void; clear(): void;
  group(...data: any[]): void; groupCollapsed(...data: any[]): void; groupEnd(): void;
  time(label?: string): void; timeLog(label?: string, ...data: any[]): void; timeEnd(label?: string): void;
}
declare var console: Console;
declare namespace NodeJS {
  interface Timeout { ref(): this; unref(): this; hasRef(): boolean; refresh(): this; }
  interface Immediate { ref(): this; unref(): this; hasRef(): boolean; }
}
declare function setTimeout(callback: (...args: any[]) => void, ms?: number, ...args: any[]): NodeJS.Timeout;
declare function setInterval(callback: (...args: any[]) => void, ms?: number, ...args: any[]): NodeJS.Timeout;
declare function setImmediate(callback: (...args: any[]) => void, ...args: any[]): NodeJS.Immediate;
declare function clearTimeout(timer: NodeJS.Timeout | undefined): void;
declare function clearInterval(timer: NodeJS.Timeout | undefined): void;
declare function clearImmediate(timer: NodeJS.Immediate | undefined): void;
declare function queueMicrotask(callback: () => void): void;
declare function structuredClone<T>(value: T, options?: { transfer?: any[] }): T;
interface Performance { now(): number; readonly timeOrigin: number; }
declare var performance: Performance;
`;
