/** The pipeline: from a graph-level program to what the virtual machine runs, as a table. */
import type { IRModule } from "../ir/index.ts";
import { GraphError } from "./error.ts";
import {
  annotateLayoutFree,
  annotateOpPattern,
  bindSizes,
  callTirRewrite,
  canonicalizeBindings,
  deadCodeElimination,
  decomposeForInference,
  eliminateCommonSubexpr,
  embedScalars,
  foldConstant,
  fuseOps,
  fuseTir,
  holdSizes,
  killAfterLastUse,
  type Legalization,
  legalizeOps,
  normalize,
  planMemory,
  rewriteReshape,
  splitAtSizes,
  splitLayoutRewritePreproc,
  toDataflow,
  toNonDataflow,
  vmLower,
  winogradConv2d,
} from "./passes/index.ts";
import { undeferred } from "./passes/later.ts";
import type { Pass } from "./passes/pass.ts";
import { type PassRecorder, verifyAfter } from "./recorder.ts";
import type { VmProgram } from "./vm-code.ts";

export interface PipelineOptions {
  /** The function that is called from outside. Default `main`. */
  readonly entry?: string;
  /** Values of symbolic sizes by the id of their variable. */
  readonly sizes?: ReadonlyMap<number, number>;
  /** Legalizations of one's own, by operator. */
  readonly legalizations?: Readonly<Record<string, Legalization>>;
  /**
   * Compile all of it now, also what needs sizes that only the data decides: these stay symbolic, and memory is planned for
   * the most that they can be. Otherwise the function ends where such a size is read, and the rest is compiled when it is
   * known.
   */
  readonly whole?: boolean;
  /** Convolutions of 3 × 3 with constant weights by Winograd's filtering: fewer products, weights of 16/9 or four times the bytes. */
  readonly winograd?: boolean;
  /** Gives tensor programs a schedule (lib/tune); without, they run as they were made. */
  readonly schedule?: Pass;
  /** Passes of one's own, each after the stage of that name. */
  readonly after?: Readonly<Partial<Record<StageName, readonly Pass[]>>>;
  /** Stages that are left out. Without some of them there is no code at the end. */
  readonly skip?: readonly StageName[];
  /** Ends before that stage. */
  readonly until?: StageName;
  /** Sees every pass. */
  readonly recorder?: PassRecorder;
  /** Checks the module after every pass; an error names the pass. */
  readonly verify?: boolean;
}

interface Stage {
  readonly name: string;
  /** Undefined: not in this run. */
  readonly pass: (o: PipelineOptions, entry: string) => Pass | undefined;
  /** Why it stands where it stands. */
  readonly why: string;
  /** What it brings, for stages without which programs are slower or larger and compute the same. */
  readonly brings?: string;
}

/** The order, and the reasons for it. */
export const PIPELINE = [
  {
    name: "normalize",
    pass: () => normalize,
    why: "first: all others read arguments that are leaves",
  },
  {
    name: "bindSizes",
    pass: (o, entry) => (o.sizes && o.sizes.size > 0 ? bindSizes(entry, o.sizes) : undefined),
    why: "before anything that looks at sizes: constants and programs depend on them",
  },
  {
    name: "splitAtSizes",
    pass: (o, entry) => (o.whole ? holdSizes : splitAtSizes(entry)),
    why: "after sizes were bound, which may remove what it looks for; what is split off is not worked on in vain",
  },
  {
    name: "canonicalizeBindings",
    pass: () => canonicalizeBindings,
    why: "before folding, so that names and tuples do not hide constants",
  },
  {
    name: "decomposeForInference",
    pass: () => decomposeForInference,
    why: "while operators are operators; what it leaves of batch norms are constants to fold",
    brings: "batch norms become a product and a sum, which may join the weights",
  },
  {
    name: "foldConstant",
    pass: () => foldConstant(),
    why: "before legalization: operators on constants need no program in the module",
    brings: "what depends on constants alone is computed once, now",
  },
  {
    name: "decideIfs",
    pass: () => canonicalizeBindings,
    why: "after folding: conditions may be constants now",
  },
  {
    name: "deadCodeElimination",
    pass: (_, entry) => deadCodeElimination({ entry: [entry] }),
    why: "before legalization makes programs for what nobody uses",
  },
  {
    name: "winogradConv2d",
    pass: (o) => (o.winograd ? winogradConv2d : undefined),
    why: "before legalization makes sums of convolutions; when scales have joined the weights",
    brings: "convolutions of 3 × 3 take fewer products, with weights of 16/9 or four times the bytes",
  },
  {
    name: "legalizeOps",
    pass: (o) => legalizeOps(o.legalizations ? { custom: o.legalizations } : {}),
    why: "after all that knows operators, before all that knows programs",
  },
  {
    name: "foldPrograms",
    pass: () => foldConstant(),
    why: "after legalization: an operator that is made of others may have constant parts",
  },
  {
    name: "rewriteReshape",
    pass: () => rewriteReshape,
    why: "before fusion: a view is free, and index arithmetic in a fused loop is not",
    brings: "a reshape is a view instead of a copy",
  },
  {
    name: "eliminateCommonSubexpr",
    pass: () => eliminateCommonSubexpr,
    why: "before fusion, which would hide equal values in groups",
    brings: "equal values are computed once",
  },
  {
    name: "removeUnused",
    pass: (_, entry) => deadCodeElimination({ entry: [entry] }),
    why: "before fusion: what is not used must not look like a second use",
  },
  {
    name: "annotateOpPattern",
    pass: () => annotateOpPattern,
    why: "fusion reads it",
  },
  {
    name: "toDataflow",
    pass: () => toDataflow(),
    why: "fusion works on dataflow blocks; importers write none around ifs",
  },
  {
    name: "fuseOps",
    pass: () => fuseOps(),
    why: "on patterns, in dataflow blocks",
    brings: "operators that follow each other become one program: intermediates never reach memory",
  },
  { name: "fuseTir", pass: () => fuseTir, why: "after fuseOps, whose groups it makes programs of" },
  {
    name: "embedScalars",
    pass: () => embedScalars,
    why: "after fuseTir, which makes the programs that the literals go into",
    brings: "small constants stand in the code instead of memory",
  },
  {
    name: "removeFused",
    pass: (_, entry) => deadCodeElimination({ entry: [entry] }),
    why: "after fuseTir: programs that only groups called are left over, and would be scheduled",
  },
  {
    name: "annotateLayoutFree",
    pass: (o) => (o.schedule ? annotateLayoutFree : undefined),
    why: "on the calls that will run, before schedules, which may lay weights out anew",
    brings: "weights are laid out once, as the kernels read them",
  },
  {
    name: "schedule",
    pass: (o) => o.schedule,
    why: "on the programs that will run; before memory is planned, as a schedule may work in place",
    brings: "loops get tiles, vectors and an order that suits the caches",
  },
  {
    name: "splitLayoutRewritePreproc",
    pass: (o) => (o.schedule ? splitLayoutRewritePreproc : undefined),
    why: "after schedules, which say how weights should lie; while calls still take constants",
  },
  {
    name: "toNonDataflow",
    pass: () => toNonDataflow,
    why: "writing into memory is an effect, which dataflow blocks do not hold",
  },
  {
    name: "callTirRewrite",
    pass: () => callTirRewrite,
    why: "after everything that moves or drops calls: from here on order matters",
  },
  {
    name: "planMemory",
    pass: () => planMemory,
    why: "after callTirRewrite, which shows what is allocated",
    brings: "intermediates share one piece of memory",
  },
  {
    name: "killAfterLastUse",
    pass: () => killAfterLastUse,
    why: "last: only what has no place in the arena is given back one by one",
  },
] as const satisfies readonly Stage[];

export type StageName = (typeof PIPELINE)[number]["name"];

/** The stages that `skip` may name without a program ending up broken, and what each of them brings. */
export const OPTIONAL_STAGES: readonly { readonly name: StageName; readonly brings: string }[] =
  PIPELINE.flatMap(({ name, brings }: Stage) => (brings ? [{ name: name as StageName, brings }] : []));

/** What a run of the pipeline does, in order. Throws where the entry is no graph-level function. */
export function pipelinePasses(options: PipelineOptions = {}): readonly Pass[] {
  const entry = options.entry ?? "main";
  const end = PIPELINE.findIndex((stage) => stage.name === options.until);
  return PIPELINE.slice(0, end < 0 ? undefined : end).flatMap((stage: Stage) => {
    const name = stage.name as StageName;
    const pass = options.skip?.includes(name) ? undefined : stage.pass(options, entry);
    const named = pass
      ? [{ ...pass, name: pass.name === stage.name ? pass.name : `${pass.name} (${stage.name})` }]
      : [];
    return [...named, ...(options.after?.[name] ?? [])];
  });
}

/** Runs all passes up to code for the virtual machine. */
export function runPipeline(mod: IRModule, options: PipelineOptions = {}): IRModule {
  let now = undeferred(mod, options.entry ?? "main");
  for (const pass of pipelinePasses(options)) {
    const before = now;
    now = options.recorder ? options.recorder.run(pass, before) : ran(pass, before);
    if (options.verify && now !== before) verifyAfter(pass.name, now, before);
  }
  return now;
}

/** An error that is not written for people says at least which pass it came from. */
function ran(pass: Pass, mod: IRModule): IRModule {
  try {
    return pass.run(mod);
  } catch (e) {
    if (e instanceof GraphError || !(e instanceof Error)) throw e;
    throw new GraphError(pass.name, e.message, { cause: e });
  }
}

export interface Lowered {
  /** The module at the end of the pipeline: its tensor programs are what the code calls. */
  readonly module: IRModule;
  readonly program: VmProgram;
}

/** The pipeline, and the code of the entry. */
export function lowerGraph(mod: IRModule, options: PipelineOptions = {}): Lowered {
  const module = runPipeline(mod, options);
  return { module, program: vmLower(module, [options.entry ?? "main"]) };
}
