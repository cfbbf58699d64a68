// `tilewright start`: the server as a program.
import { spawn } from "node:child_process";
import { realpathSync, statSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { packageRoot } from "../paths.ts";
import { WorkbenchServer } from "./server.ts";
import { basePath, isLoopback, newToken } from "./settings.ts";

/** What the command line says. */
export interface StartFlags {
  port?: number;
  ip: string;
  browser: boolean;
  token?: string;
  baseUrl: string;
  allowHost: string[];
  allowOrigin: string[];
  allowHidden?: boolean;
  maxBody: number;
  cullIdle?: number;
  cullConnected?: boolean;
  tryLimit: number;
}

/** The port when none is named; the next free one after it is taken. */
const defaultPort = 8878;

/** How long everything may take to end, in milliseconds. */
const endTime = 8000;

/** Serves `folder` (the course without one) until a signal or a client ends it. Gives the exit code. */
export async function startCommand(folder: string | undefined, flags: StartFlags): Promise<number> {
  const wanted = path.resolve(folder ?? path.join(packageRoot, "notebooks"));
  if (!statSync(wanted, { throwIfNoEntry: false })?.isDirectory())
    throw new Error(`${wanted} is neither a folder nor a command: tilewright --help lists the commands`);
  const root = realpathSync(wanted);
  const token = flags.token || process.env.TILEWRIGHT_TOKEN || process.env.JUPYTER_TOKEN || newToken();
  const server = await WorkbenchServer.start({
    root,
    ip: flags.ip,
    port: flags.port ?? defaultPort,
    portRetries: flags.port === undefined ? 50 : 0,
    token,
    base: basePath(flags.baseUrl),
    allowHosts: [...flags.allowHost, ...(isLoopback(flags.ip) ? [] : [os.hostname()])].map((host) =>
      host.toLowerCase(),
    ),
    allowOrigins: flags.allowOrigin.map((origin) => origin.replace(/\/$/, "")),
    allowHidden: flags.allowHidden === true,
    maxBody: flags.maxBody * 1024 * 1024,
    cullIdle: flags.cullIdle ?? 0,
    cullConnected: flags.cullConnected === true,
    trySeconds: flags.tryLimit,
    page: path.join(packageRoot, "dist", "workbench"),
  });
  const address = `${server.url}?token=${encodeURIComponent(token)}`;
  const ended = untilEnd(server);
  console.log(`Serving ${root}\n\n    ${address}\n\nCtrl-C ends the server and its kernels.`);
  if (!isLoopback(flags.ip))
    console.log(
      "Others on the network can reach this server: whoever knows the token can run programs as you.",
    );
  if (flags.browser) openBrowser(address);
  await ended;
  return 0;
}

/** Resolves when the server has ended in good order. A second signal does not wait for that. */
function untilEnd(server: WorkbenchServer): Promise<void> {
  return new Promise((resolve) => {
    let ending = false;
    const hurry = () => {
      server.kill();
      process.exit(1);
    };
    const end = () => {
      if (ending) return hurry();
      ending = true;
      setTimeout(hurry, endTime).unref();
      void server.close().then(resolve);
    };
    server.onShutdown = end;
    for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, end);
    process.on("exit", () => server.kill());
  });
}

function openBrowser(address: string): void {
  const [program, ...args] =
    process.platform === "darwin"
      ? ["open"]
      : process.platform === "win32"
        ? ["cmd", "/c", "start", '""']
        : ["xdg-open"];
  // No browser is no error: the address was printed.
  const child = spawn(program!, [...args, address], { stdio: "ignore", detached: true });
  child.on("error", () => undefined);
  child.unref();
}
