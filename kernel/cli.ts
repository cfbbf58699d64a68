#!/usr/bin/env node
// What `tilewright` starts. Jupyter's own call is answered before the command line's parser is loaded: a reader waits
// for it.
const [command, option, file, ...more] = process.argv.slice(2);
if (command === "kernel" && option === "--connection-file" && file !== undefined && more.length === 0) {
  const { runKernel } = await import("./jupyter/main.ts");
  try {
    await runKernel(file);
  } catch (error) {
    // What Jupyter shows of a kernel that does not start.
    console.error(`error: ${error instanceof Error ? error.message : error}`);
    process.exitCode = 2;
  }
} else {
  const { runProgram } = await import("./program.ts");
  await runProgram();
}

export {};
