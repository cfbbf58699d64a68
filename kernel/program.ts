// The command line. Each command loads its own code.
import { Command, InvalidArgumentError } from "commander";
import type { CompileFlags } from "./compile.ts";
import type { ExportFlags } from "./export/command.ts";
import { failureText } from "./failure.ts";
import type { RunFlags } from "./notebook/commands.ts";
import { packageVersion } from "./paths.ts";
import type { StartFlags } from "./server/start.ts";
import type { TuneFlags } from "./tune.ts";

const program = new Command("tilewright")
  .description(
    "A machine-learning-compilation workbench: a compiler library, a Jupyter kernel and a course of notebooks.",
  )
  .version(packageVersion())
  // The whole help would push the error out of sight.
  .showHelpAfterError("(with --help, the command lists its arguments and options)");

program
  .command("install")
  .description("register the kernel with an existing Jupyter")
  .option("--user", "for this user (the default)")
  .option("--sys-prefix", "for the active Python environment, or the whole machine")
  .option("--prefix <folder>", "under another prefix (its share/jupyter)")
  .option("--remove", "take the kernel away again")
  .action(async (options: { user?: boolean; sysPrefix?: boolean; prefix?: string; remove?: boolean }) => {
    const { install } = await import("./install.ts");
    if ([options.user, options.sysPrefix, options.prefix].filter(Boolean).length > 1) {
      program.error("error: --user, --sys-prefix and --prefix exclude each other");
    }
    process.exitCode = await told(() => {
      console.log(install(options));
      return 0;
    });
  });

program
  .command("kernel")
  .description("run the kernel; this is what Jupyter starts")
  .requiredOption("--connection-file <file>", "the connection file that Jupyter wrote")
  .action(async ({ connectionFile }: { connectionFile: string }) => {
    const { runKernel } = await import("./jupyter/main.ts");
    process.exitCode = await told(async () => {
      await runKernel(connectionFile);
      return 0;
    });
  });

program
  .command("run")
  .description("run a notebook without a browser, through the real kernel; fails when a cell throws")
  .argument("<notebook>", "the .ipynb file; cells run in its folder")
  .option("-o, --output <file>", "write the executed notebook here, after each cell")
  .option("--html <file>", "write the executed notebook as one page, as export does")
  .option("-p, --param <name=value>", "set a parameter (JSON or text); may be repeated", collect, [])
  .option("--timeout <seconds>", "longest time for one cell; it is then stopped, and the run fails", positive)
  .option("--resume", "do nothing when --output holds a complete run of the same cells and parameters")
  .action(async (notebook: string, flags: RunFlags) => {
    const { runCommand } = await import("./notebook/commands.ts");
    process.exitCode = await told(() => runCommand(notebook, flags));
  });

program
  .command("check")
  .description("run notebooks again and compare with their stored outputs; fails when they differ")
  .argument("<notebooks...>", "the .ipynb files; they are left alone")
  .option("--timeout <seconds>", "longest time for one cell", positive)
  .option("--tolerance <part>", "relative tolerance of cells tagged check-numeric (1e-3)", positive)
  .action(async (notebooks: string[], flags: { timeout?: number; tolerance?: number }) => {
    const { checkCommand } = await import("./notebook/commands.ts");
    process.exitCode = await told(() => checkCommand(notebooks, flags));
  });

program
  .command("export")
  .description(
    "write a notebook as one HTML page, or all notebooks of a folder as a site; neither needs a network",
  )
  .argument("[notebook]", "the .ipynb file; with --course a folder, the course when none is named")
  .option("-o, --output <file>", "the page (NOTEBOOK.html), or the folder of the site (site)")
  .option("--execute", "run the notebooks first, as run does; their files are left alone")
  .option(
    "--course",
    "a site with an index and a search: every notebook of the folder, in the order of their names",
  )
  .option("--title <text>", "the title of the site")
  .option("--timeout <seconds>", "with --execute, the longest time for one cell", positive)
  .action(async (notebook: string | undefined, flags: ExportFlags) => {
    const { exportCommand } = await import("./export/command.ts");
    process.exitCode = await told(() => exportCommand(notebook, flags));
  });

program
  .command("strip")
  .description("take outputs and execution counts out of notebooks, for Git")
  .argument("<notebooks...>", "the .ipynb files, or - for a filter")
  .option("--check", "change nothing; fail when there is something to strip")
  .action(async (notebooks: string[], flags: { check?: boolean }) => {
    const { stripCommand } = await import("./notebook/commands.ts");
    process.exitCode = await told(() => stripCommand(notebooks, flags));
  });

program
  .command("compile")
  .description("compile an ONNX model to a deployment bundle: an ES module that needs nothing else")
  .argument("<model>", "the .onnx file")
  .requiredOption("-o, --output <folder>", "the folder of the bundle; an older bundle there is replaced")
  .option(
    "--target <target>",
    "wasm (the default), or webgpu: the GPU of a page, or of Node with the package webgpu; what has no form there is " +
      "carried as WebAssembly",
  )
  .option(
    "--shape <name=N>",
    "fix a size that the model leaves open (batch=1), an entry point for each (batch=1,8), or the whole shape of an " +
      "input (image=1x3x224x224); may be repeated",
    collect,
    [],
  )
  .option(
    "--value <input=ELEMENTS>",
    "fix an input whose value decides sizes (axes=0,2); may be repeated",
    collect,
    [],
  )
  .option("--f16", "store the weights in half precision")
  .option("--relaxed-simd", "use relaxed SIMD, which is faster and which not every browser has")
  .option("--shader-f16", "for webgpu: compute f16 tensors on the GPU, which then has to have shader-f16")
  .option(
    "--threads <N>",
    "for wasm: share loops among up to N threads, where memory can be shared (Node, cross-origin isolated pages)",
    counted,
    1,
  )
  .option("--records <file>", "use the schedules that tilewright tune has found")
  .action(async (model: string, flags: CompileFlags) => {
    const { compileCommand } = await import("./compile.ts");
    process.exitCode = await told(() => compileCommand(model, flags));
  });

program
  .command("tune")
  .description(
    "search fast schedules for an ONNX model on this machine; run it again to go on where it ended",
  )
  .argument("<model>", "the .onnx file")
  .requiredOption(
    "--records <file>",
    "where what was measured is kept, one JSON line each; Ctrl-C loses nothing",
  )
  .option("--trials <N>", "candidates in all, those that the file holds already included", counted, 256)
  .option(
    "--shape <name=N>",
    "fix a size that the model leaves open, as for compile; may be repeated",
    collect,
    [],
  )
  .option("--value <input=ELEMENTS>", "fix an input whose value decides sizes; may be repeated", collect, [])
  .option("--target <target>", "wasm, the processor, or webgpu, the GPU at hand", "wasm")
  .option("--threads <N>", "threads that share parallel loops, for wasm", counted, 1)
  .option("--no-relaxed-simd", "search for machines without relaxed SIMD, as bundles are made for")
  .option("--seed <N>", "where random numbers start", whole)
  .action(async (model: string, flags: TuneFlags) => {
    const { tuneCommand } = await import("./tune.ts");
    process.exitCode = await told(() => tuneCommand(model, flags));
  });

program
  .command("start", { isDefault: true })
  .description(
    "start the workbench, also without a command: a Jupyter server on this machine, and its page in the browser",
  )
  .argument("[folder]", "the notebooks to serve; the course when none is named")
  .option("--port <port>", "listen here (8878, or the next free one)", port)
  .option(
    "--ip <address>",
    "listen on this address; others than loopback ones let the network in",
    "127.0.0.1",
  )
  .option("--no-browser", "print the address, open nothing")
  .option("--token <token>", "what clients have to know (a new one each time; also in TILEWRIGHT_TOKEN)")
  .option("--base-url <path>", "what all paths begin with, behind a proxy that leaves it in", "/")
  .option("--allow-host <name>", "a name by which the server may be reached; may be repeated", collect, [])
  .option("--allow-origin <origin>", "a page elsewhere that may use the server; may be repeated", collect, [])
  .option("--allow-hidden", "serve files whose names begin with a dot, too")
  .option("--max-body <MiB>", "largest request", positive, 512)
  .option(
    "--cull-idle <seconds>",
    "shut down kernels idle for so long that no page is connected to",
    positive,
  )
  .option("--cull-connected", "shut idle kernels down although a page is connected")
  .option("--try-limit <seconds>", "longest time for a model under Try it, a search included", positive, 900)
  .action(async (folder: string | undefined, flags: StartFlags) => {
    const { startCommand } = await import("./server/start.ts");
    process.exitCode = await told(() => startCommand(folder, flags));
  });

function collect(value: string, before: string[]): string[] {
  return [...before, value];
}

function whole(value: string): number {
  if (!/^\d+$/.test(value)) throw new InvalidArgumentError("a whole number is wanted");
  return Number(value);
}

function counted(value: string): number {
  const number = whole(value);
  if (number < 1) throw new InvalidArgumentError("a whole number above 0 is wanted");
  return number;
}

function positive(value: string): number {
  const number = Number(value);
  if (!(number > 0 && number < Number.POSITIVE_INFINITY))
    throw new InvalidArgumentError("a number above 0 is wanted");
  return number;
}

function port(value: string): number {
  const number = Number(value);
  if (!Number.isInteger(number) || number < 0 || number > 65535)
    throw new InvalidArgumentError("a number from 0 to 65535 is wanted");
  return number;
}

/** A command's failure is told in one line; stacks are for bugs in notebooks, not for a missing file. */
async function told(command: () => Promise<number> | number): Promise<number> {
  try {
    return await command();
  } catch (error) {
    console.error(`error: ${failureText(error)}`);
    return 2;
  }
}

/** Runs the command that the process was started with. */
export async function runProgram(): Promise<void> {
  await program.parseAsync();
}
