#!/usr/bin/env node
// The command line. Each command loads its own code, so that starting the kernel loads nothing else.
import { Command, InvalidArgumentError } from "commander";
import { packageVersion } from "./paths.ts";

const program = new Command("tilewright")
  .description(
    "A machine-learning-compilation workbench: a compiler library, a Jupyter kernel and a course of notebooks.",
  )
  .version(packageVersion())
  .showHelpAfterError();

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
    const folder = install(options);
    console.log(`${options.remove ? "Removed the kernel from" : "Installed the kernel in"} ${folder}`);
  });

program
  .command("kernel")
  .description("run the kernel; this is what Jupyter starts")
  .requiredOption("--connection-file <file>", "the connection file that Jupyter wrote")
  .action(async ({ connectionFile }: { connectionFile: string }) => {
    const { runKernel } = await import("./jupyter/main.ts");
    await runKernel(connectionFile);
  });

program
  .command("run")
  .description("run a notebook without a browser, through the real kernel; fails when a cell throws")
  .argument("<notebook>", "the .ipynb file; cells run in its folder")
  .option("-o, --output <file>", "write the executed notebook here, after each cell")
  .option("--html <file>", "write the executed notebook as a page that needs no script")
  .option("-p, --param <name=value>", "set a parameter (JSON or text); may be repeated", collect, [])
  .option("--timeout <seconds>", "longest time for one cell", positive)
  .action(
    async (
      notebook: string,
      flags: { param: string[]; output?: string; html?: string; timeout?: number },
    ) => {
      const { runCommand } = await import("./notebook/commands.ts");
      process.exitCode = await told(runCommand(notebook, flags));
    },
  );

program
  .command("start")
  .description("run the first chapter of the course and say where its result is")
  .action(async () => {
    const { startCommand } = await import("./notebook/commands.ts");
    process.exitCode = await told(startCommand());
  });

function collect(value: string, before: string[]): string[] {
  return [...before, value];
}

function positive(value: string): number {
  const seconds = Number(value);
  if (!(seconds > 0)) throw new InvalidArgumentError("a number of seconds above 0 is wanted");
  return seconds;
}

/** A command's failure is told in one line; stacks are for bugs in notebooks, not for a missing file. */
async function told(command: Promise<number>): Promise<number> {
  try {
    return await command;
  } catch (error) {
    console.error(`error: ${error instanceof Error ? error.message : error}`);
    return 2;
  }
}

await program.parseAsync();
