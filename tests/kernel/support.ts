// A real kernel process for a test, started from dist/ in a folder of its own.
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { type StartedKernel, startKernel } from "../../kernel/client/start.ts";
import { stripAnsi } from "../../kernel/notebook/ansi.ts";
import type { JsonObject, Message } from "../../kernel/protocol/messages.ts";

/** What a cell did, in the form that assertions like. */
export interface Ran {
  status: unknown;
  ename: unknown;
  evalue: unknown;
  traceback: string;
  stdout: string;
  stderr: string;
  /** The result's bundle. */
  result: JsonObject | undefined;
  /** The result's plain text. */
  text: unknown;
  /** Types of the messages, in order. */
  types: string[];
  outputs: Message[];
  reply: JsonObject;
}

/** A kernel in a temporary folder. */
export class TestKernel {
  readonly folder: string;
  readonly kernel: StartedKernel;

  private constructor(folder: string, kernel: StartedKernel) {
    this.folder = folder;
    this.kernel = kernel;
  }

  /** Starts a kernel in a folder with these files, and with these environment variables beside our own. */
  static async start(
    files: { [name: string]: string } = {},
    env: NodeJS.ProcessEnv = {},
  ): Promise<TestKernel> {
    if (!existsSync("dist/kernel/cli.js")) throw new Error("run npm run build first");
    const folder = temporaryFolder();
    for (const [name, text] of Object.entries(files)) {
      mkdirSync(path.dirname(path.join(folder, name)), { recursive: true });
      writeFileSync(path.join(folder, name), text);
    }
    const kernel = await startKernel(folder, { env: { ...process.env, ...env } });
    await kernel.client.ready();
    return new TestKernel(folder, kernel);
  }

  get client(): StartedKernel["client"] {
    return this.kernel.client;
  }

  async run(code: string, options: JsonObject = {}): Promise<Ran> {
    const { reply, outputs } = await this.client.execute(code, undefined, options);
    const text = (name: string) =>
      outputs
        .filter(({ header, content }) => header.msg_type === "stream" && content.name === name)
        .map(({ content }) => content.text)
        .join("");
    const result = outputs.find(({ header }) => header.msg_type === "execute_result")?.content
      .data as JsonObject;
    return {
      status: reply.status,
      ename: reply.ename,
      evalue: reply.evalue,
      traceback: stripAnsi(((reply.traceback as string[]) ?? []).join("\n")),
      stdout: text("stdout"),
      stderr: text("stderr"),
      result,
      text: result?.["text/plain"],
      types: outputs.map(({ header }) => header.msg_type),
      outputs,
      reply,
    };
  }

  /** A request on the shell or control channel; gives the reply's content. */
  async ask(type: string, content: JsonObject, channel: "shell" | "control" = "shell"): Promise<JsonObject> {
    return (await this.client.request(type, content, { channel }).reply).content;
  }

  async stop(): Promise<void> {
    await this.kernel.stop();
    rmSync(this.folder, { recursive: true, force: true });
  }
}

/** A fresh folder; the test removes it. */
export function temporaryFolder(): string {
  return mkdtempSync(path.join(os.tmpdir(), "tilewright-test-"));
}
