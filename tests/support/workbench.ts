// Servers for tests: ours and Debian's jupyter_server, each a process of its own with a folder of its own.
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, realpathSync, rmSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { type Kernel, ServerConnection } from "@jupyterlab/services";
import { jupyterEnvironment } from "./jupyter.ts";
import { answers, freePort, hasEnded } from "./server.ts";
import { systemPython } from "./system.ts";

/** A running server. */
export interface RunningServer {
  /** "http://127.0.0.1:1234/" */
  url: string;
  port: number;
  token: string;
  /** What it serves. */
  folder: string;
  /** The environment it runs in; its home is a folder of its own. */
  env: NodeJS.ProcessEnv;
  process: ChildProcess;
  /** For JupyterLab's client. */
  settings: ServerConnection.ISettings;
  /** A request with the token; the path begins behind the address. */
  request(path: string, init?: RequestInit): Promise<Response>;
  /** Ends it, and removes its folders. */
  stop(): Promise<void>;
}

const cli = path.resolve("dist/kernel/cli.js");

/** Starts our server with more options than a port, a token and no browser. */
export function startWorkbench(options: string[] = [], more: NodeJS.ProcessEnv = {}): Promise<RunningServer> {
  return start(
    (port, token, folder) => [
      process.execPath,
      [cli, "start", folder, "--no-browser", "--port", String(port), "--token", token, ...options],
    ],
    more,
  );
}

/** Starts Debian's jupyter_server, with our kernel installed for it; `more` are options of its command line. */
export function startJupyterServer(more: string[] = []): Promise<RunningServer> {
  return start((port, token, folder, env) => {
    execFileSync(process.execPath, [cli, "install", "--user"], { env });
    const options = {
      ip: "127.0.0.1",
      port,
      port_retries: 0,
      token,
      root_dir: folder,
      open_browser: "False",
      allow_root: "True",
    };
    const args = Object.entries(options).map(([name, value]) => `--ServerApp.${name}=${value}`);
    return [systemPython, ["-m", "jupyter_server", ...args, ...more]];
  });
}

/** Starts a jupyter_server whose kernels are those of a server of ours (`jupyter lab --gateway-url`). */
export async function startGateway(): Promise<RunningServer> {
  const ours = await startWorkbench();
  const url = ours.url.replace(/\/$/, "");
  const theirs = await startJupyterServer([
    `--gateway-url=${url}`,
    `--GatewayClient.auth_token=${ours.token}`,
  ]);
  const stop = async () => {
    await theirs.stop();
    await ours.stop();
  };
  // Its kernels run where ours serves.
  return { ...theirs, folder: ours.folder, stop };
}

type Command = (port: number, token: string, folder: string, env: NodeJS.ProcessEnv) => [string, string[]];

/** How often a server is started whose port somebody else took between its choice and its use. */
const ATTEMPTS = 3;

async function start(
  command: Command,
  more: NodeJS.ProcessEnv = {},
  attempts = ATTEMPTS,
): Promise<RunningServer> {
  const home = realpathSync(mkdtempSync(path.join(os.tmpdir(), "tilewright-server-")));
  const folder = path.join(home, "notebooks");
  const temporary = path.join(home, "tmp");
  for (const made of [folder, temporary]) mkdirSync(made);
  const env = {
    ...jupyterEnvironment(home),
    XDG_DATA_HOME: path.join(home, "share"),
    TMPDIR: temporary,
    ...more,
  };
  const port = await freePort();
  const token = `only-for-this-test-${port}`;
  const [program, args] = command(port, token, folder, env);
  const child = spawn(program, args, { env, cwd: folder, stdio: "ignore" });
  const ended = new Promise((resolve) => child.once("exit", resolve));
  const url = `http://127.0.0.1:${port}/`;
  const settings = ServerConnection.makeSettings({
    baseUrl: url,
    wsUrl: url.replace("http", "ws"),
    token,
    appendToken: true,
  });
  try {
    await answers(`${url}api?token=${token}`, child);
  } catch (error) {
    child.kill();
    await ended;
    rmSync(home, { recursive: true, force: true });
    if (attempts > 1 && child.signalCode === null) return start(command, more, attempts - 1);
    throw error;
  }
  return {
    url,
    port,
    token,
    folder,
    env,
    process: child,
    settings,
    request: (to, init = {}) =>
      fetch(url + to, { ...init, headers: { Authorization: `token ${token}`, ...init.headers } }),
    stop: async () => {
      if (!hasEnded(child)) child.kill();
      await ended;
      rmSync(home, { recursive: true, force: true });
    },
  };
}

/** Ends when the kernel says that it has taken up a cell: the next one sent to it. Before that, an interrupt is for nobody. */
export function takenUp(kernel: Kernel.IKernelConnection): Promise<void> {
  return new Promise((resolve) => {
    const listen = (_: Kernel.IKernelConnection, { header }: { header: { msg_type: string } }) => {
      if (header.msg_type !== "execute_input") return;
      kernel.iopubMessage.disconnect(listen);
      resolve();
    };
    kernel.iopubMessage.connect(listen);
  });
}
