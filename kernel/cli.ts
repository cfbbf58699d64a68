#!/usr/bin/env node
// The command line. Each command loads its own code, so that starting the kernel loads nothing else.
import { Command } from "commander";
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

await program.parseAsync();
