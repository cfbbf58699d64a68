// One process of a kernel: its connection, its start, its end.
import { type ChildProcess, spawn } from "node:child_process";
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { KernelClient } from "../../client/client.ts";
import { newConnection } from "../../protocol/connection.ts";
import type { ConnectionInfo } from "../../protocol/messages.ts";
import type { Spec } from "./specs.ts";

/** How long a kernel may take to end when it is asked to, in milliseconds; then it is killed. */
const shutdownTime = 5000;

/** Where and for what a kernel is started. */
export interface Place {
  id: string;
  /** Its working folder. */
  cwd: string;
  /** The folder for connection files. */
  runtime: string;
  /** The notebook it is started for, if any; the kernel finds it in JPY_SESSION_NAME. */
  notebook: string | undefined;
}

/** A running process of a kernel, and the server's own line to it. */
export class KernelProcess {
  readonly connection: ConnectionInfo;
  readonly client: KernelClient;
  /** Resolves when the process has ended, for whatever reason. */
  readonly ended: Promise<void>;
  /** The notebook that it knows to be its own. */
  notebook: string | undefined;
  readonly #child: ChildProcess;
  readonly #file: string;
  #over = false;

  private constructor(
    connection: ConnectionInfo,
    child: ChildProcess,
    file: string,
    notebook: string | undefined,
  ) {
    this.connection = connection;
    this.notebook = notebook;
    this.client = new KernelClient(connection);
    this.#child = child;
    this.#file = file;
    this.ended = new Promise((resolve) => {
      const end = () => {
        if (this.#over) return;
        this.#over = true;
        // Nothing that the kernel started, and that still belongs to it, outlives it.
        this.#signal("SIGKILL");
        rmSync(file, { force: true });
        resolve();
      };
      child.once("exit", end);
      child.once("error", end);
    });
  }

  /** Starts a kernel. Does not wait until it answers. Throws when the program cannot be started. */
  static async start(spec: Spec, place: Place): Promise<KernelProcess> {
    const connection = await newConnection();
    mkdirSync(place.runtime, { recursive: true, mode: 0o700 });
    const file = connectionFile(place.runtime, place.id);
    writeFileSync(file, JSON.stringify({ ...connection, kernel_name: spec.name }), { mode: 0o600 });
    const fill = (text: string) =>
      text.replace(/\{(connection_file|resource_dir)\}/g, (_, name) =>
        name === "connection_file" ? file : (spec.folder ?? ""),
      );
    const [program = "", ...args] = spec.argv.map(fill);
    const env: NodeJS.ProcessEnv = { ...process.env, JPY_PARENT_PID: String(process.pid) };
    for (const [name, value] of Object.entries(spec.env)) {
      env[name] = value.replace(/\$\{(\w+)\}/g, (_, other) => process.env[other] ?? "");
    }
    if (place.notebook !== undefined) env.JPY_SESSION_NAME = place.notebook;
    // A group of its own: the server's Ctrl-C is not the kernel's, and what the kernel starts ends with it.
    const child = spawn(program, args, { cwd: place.cwd, env, stdio: ["ignore", 2, 2], detached: true });
    try {
      await new Promise((resolve, reject) => child.once("spawn", resolve).once("error", reject));
    } catch (error) {
      rmSync(file, { force: true });
      throw new Error(
        `cannot start the kernel ${spec.name}: ${error instanceof Error ? error.message : error}`,
      );
    }
    return new KernelProcess(connection, child, file, place.notebook);
  }

  get isOver(): boolean {
    return this.#over;
  }

  /** Interrupts by the signal that stands for Ctrl-C. */
  interrupt(): void {
    this.#signal("SIGINT");
  }

  /** Asks the kernel to end, waits for that, and kills it when it does not. */
  async stop(restart: boolean): Promise<void> {
    if (!this.#over) {
      this.client.request("shutdown_request", { restart }, { channel: "control" });
      const killer = setTimeout(() => this.#signal("SIGKILL"), shutdownTime);
      await this.ended;
      clearTimeout(killer);
    }
    this.client.close();
  }

  /** Ends it without asking, from a place that cannot wait. */
  kill(): void {
    this.#signal("SIGKILL");
    rmSync(this.#file, { force: true });
  }

  #signal(signal: NodeJS.Signals): void {
    const { pid } = this.#child;
    if (pid === undefined) return;
    try {
      if (process.platform === "win32") this.#child.kill(signal);
      else process.kill(-pid, signal);
    } catch {
      // It has ended already.
    }
  }
}

/** Where a kernel's connection file lies: the name tells the server's process, for `sweepConnectionFiles`. */
export function connectionFile(runtime: string, id: string): string {
  return path.join(runtime, `kernel-tilewright-${process.pid}-${id}.json`);
}
