/** What the passes did: every one with the module before and after it, and its time. */
import {
  type BaseFunc,
  bindingsOf,
  type IRModule,
  structuralEqual,
  VerifyError,
  verify,
  verifyGraphFunc,
} from "../ir/index.ts";
import type { Pass, PassHook } from "./passes/pass.ts";

export interface PassRecord {
  readonly index: number;
  readonly name: string;
  readonly before: IRModule;
  readonly after: IRModule;
  readonly ms: number;
  /** Whether anything in the module is another object than before. */
  readonly changed: boolean;
  /** Names of the functions that were added, removed, or changed. */
  readonly functions: readonly string[];
}

export interface RecorderOptions {
  /** Checks the module after every pass; a broken one is an error that names the pass. */
  readonly verify?: boolean;
  /** Keeps at most so many records, the latest. Default 256. */
  readonly limit?: number;
}

export interface RecordFilter {
  /** Leaves out passes that changed nothing. */
  readonly changedOnly?: boolean;
  /** Part of a pass's name, or of a function's that it changed. */
  readonly search?: string;
}

/** A program that is not well-formed after a pass: the pass is at fault. */
export class PassError extends Error {
  override readonly name = "PassError";
  readonly pass: string;

  constructor(pass: string, cause: Error) {
    super(`after the pass ${pass}: ${cause.message}`, { cause });
    this.pass = pass;
  }
}

/** Sees passes run: `sequential(passes, name, recorder.hook)`, or `recorder.run(pass, mod)`. */
export class PassRecorder {
  private readonly records: PassRecord[] = [];
  private readonly options: RecorderOptions;
  private count = 0;

  constructor(options: RecorderOptions = {}) {
    this.options = options;
  }

  /** Runs a pass and notes what it did. */
  run(pass: Pass, mod: IRModule): IRModule {
    return this.hook(pass, mod, () => pass.run(mod));
  }

  /** For `sequential`. */
  readonly hook: PassHook = (pass, before, run) => {
    const began = performance.now();
    const after = run();
    const ms = performance.now() - began;
    if (this.options.verify) verifyAfter(pass.name, after, before);
    const functions = changedFunctions(before, after);
    this.records.push({
      index: this.count++,
      name: pass.name,
      before,
      after,
      ms,
      changed: functions.length > 0,
      functions,
    });
    if (this.records.length > (this.options.limit ?? 256)) this.records.shift();
    return after;
  };

  /** The records in order, those that the filter lets through. */
  list(filter: RecordFilter = {}): readonly PassRecord[] {
    const search = filter.search?.toLowerCase();
    return this.records.filter((r) => {
      if (filter.changedOnly && !r.changed) return false;
      return !search || [r.name, ...r.functions].some((n) => n.toLowerCase().includes(search));
    });
  }

  /** The passes after which the printed program has a text that it did not have before. */
  find(text: string, print: (mod: IRModule) => string): readonly PassRecord[] {
    const has = new Map<IRModule, boolean>();
    const holds = (mod: IRModule): boolean => {
      const known = has.get(mod) ?? print(mod).includes(text);
      has.set(mod, known);
      return known;
    };
    return this.records.filter((r) => !holds(r.before) && holds(r.after));
  }

  get totalMs(): number {
    return this.records.reduce((n, r) => n + r.ms, 0);
  }

  /** What happened without the modules, as plain data. */
  toJSON(): unknown {
    return this.records.map((r) => ({
      index: r.index,
      name: r.name,
      ms: r.ms,
      changed: r.changed,
      functions: r.functions,
      bindings: sizeOf(r.after).bindings,
      programs: sizeOf(r.after).programs,
    }));
  }
}

/** Throws a PassError when a function that the pass made or changed is not well-formed. */
export function verifyAfter(pass: string, mod: IRModule, before?: IRModule): void {
  for (const [name, f] of Object.entries(mod.funcs)) {
    // A tensor program stays what it is; what a graph-level function calls may have changed.
    if (f.kind === "primFunc" && before?.funcs[name] === f) continue;
    const problems = f.kind === "primFunc" ? verify(f) : verifyGraphFunc(f, mod.funcs);
    if (problems.length > 0) throw new PassError(pass, new VerifyError(problems, name));
  }
}

function changedFunctions(before: IRModule, after: IRModule): string[] {
  if (before === after) return [];
  const names = new Set([...Object.keys(before.funcs), ...Object.keys(after.funcs)]);
  const differ = (a: BaseFunc | undefined, b: BaseFunc | undefined): boolean =>
    a !== b && (!a || !b || !structuralEqual(a, b));
  return [...names].filter((n) => differ(before.funcs[n], after.funcs[n]));
}

function sizeOf(mod: IRModule): { bindings: number; programs: number } {
  const all = Object.values(mod.funcs);
  const bindings = all.reduce((n, f) => n + (f.kind === "graphFunc" ? bindingsOf(f.body).length : 0), 0);
  return { bindings, programs: all.filter((f) => f.kind === "primFunc").length };
}
