// The same cells in both kernels. tslab is the real package; it prints results instead of publishing them.
import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { setTimeout } from "node:timers/promises";
import { isDeepStrictEqual } from "node:util";
import { stripAnsi } from "../../kernel/notebook/ansi.ts";
import type { Message } from "../../kernel/protocol/messages.ts";
import { skipBecause } from "../../scripts/skip.ts";
import { isInstalled, type Running, startPeer } from "../support/kernels.ts";
import { examples, workspace } from "./cells.ts";

/** What a reader sees of a cell, whichever kernel ran it. */
interface Seen {
  failed: boolean;
  /** What was printed, and the result's text. */
  text: string;
  stderr: boolean;
  /** What was displayed: each display's place, and its MIME bundle without the plain text that stands in for it. */
  displays: [number, { [mime: string]: unknown }][];
}

describe("compat: tslab's cells", function () {
  this.timeout(60_000);
  let folder: string;
  let ours: Running;
  let theirs: Running;
  before(async function () {
    if (!isInstalled("tslab")) skipBecause(this, "tslab is not installed (npm ci in tests/compat)");
    folder = mkdtempSync(path.join(os.tmpdir(), "tilewright-compat-"));
    const folders = ["ours", "theirs"].map((name) => path.join(folder, name));
    for (const one of folders) {
      mkdirSync(one);
      for (const [name, text] of Object.entries(workspace)) writeFileSync(path.join(one, name), text);
    }
    // tslab takes Node's types from the notebook's folder.
    symlinkSync(path.resolve("tests/compat/node_modules"), path.join(folders[1]!, "node_modules"));
    ours = await startPeer("tilewright", folders[0]!);
    theirs = await startPeer("tslab", folders[1]!);
    await Promise.all([ours.client.ready(), theirs.client.ready(120_000)]);
  });
  after(async () => {
    await Promise.all([ours?.stop(), theirs?.stop()]);
    if (folder) rmSync(folder, { recursive: true, force: true });
  });

  it("are twenty or more", () => assert.ok(examples.length >= 20));

  for (const [index, { title, code, fails }] of examples.entries()) {
    it(title, async () => {
      const [mine, first] = await Promise.all([see(ours, code), see(theirs, code)]);
      // tslab loses a message now and then: it is asked again, up to three times, each in a session of its own.
      let reference = first;
      for (let again = 0; again < 3 && !isDeepStrictEqual(mine, reference); again++)
        reference = await seeAgain(index);
      assert.deepEqual(mine, reference);
      assert.equal(mine.failed, fails);
      // It also drops every cell that comes within 200 ms of a failed one.
      if (fails) await setTimeout(400);
    });
  }

  /** What the cell at `index` shows in a fresh tslab, after all cells before it. */
  async function seeAgain(index: number): Promise<Seen> {
    await theirs.stop();
    theirs = await startPeer("tslab", path.join(folder, "theirs"));
    await theirs.client.ready(120_000);
    for (const { code, fails } of examples.slice(0, index)) {
      await see(theirs, code);
      if (fails) await setTimeout(400);
    }
    return see(theirs, examples[index]!.code);
  }

  it("completes and explains the same names", async () => {
    for (const kernel of [ours, theirs]) {
      const code = "rabb";
      const { content: completed } = await kernel.client.request("complete_request", { code, cursor_pos: 4 })
        .reply;
      assert.ok((completed.matches as string[]).includes("rabbits"), kernel.name);
      const asked = { code: "rabbits", cursor_pos: 3, detail_level: 0 };
      const { content } = await kernel.client.request("inspect_request", asked).reply;
      const text = JSON.stringify(content.data);
      assert.match(text, /rabbits\(month: number\): number/, kernel.name);
      assert.match(text, /Counts rabbits\./, kernel.name);
    }
  });
});

async function see({ name, client }: Running, code: string): Promise<Seen> {
  const outputs: Message[] = [];
  const { reply: replied, idle } = client.request(
    "execute_request",
    {
      code,
      silent: false,
      store_history: true,
      user_expressions: {},
      allow_stdin: false,
      stop_on_error: true,
    },
    { output: (message) => outputs.push(message) },
  );
  const { content: reply } = await replied;
  await Promise.race([idle, setTimeout(1000)]);
  let text = "";
  let stderr = false;
  const displays: Seen["displays"] = [];
  const places = new Map<string, number>();
  for (const { header, content } of outputs) {
    if (header.msg_type === "stream" && content.name === "stdout") text += content.text;
    if (header.msg_type === "stream" && content.name === "stderr") stderr = true;
    const data = { ...(content.data as { [mime: string]: unknown }) };
    if (header.msg_type === "execute_result") text += unquoted(String(data["text/plain"]));
    if (!/display_data$/.test(header.msg_type)) continue;
    if (Object.keys(data).length > 1) delete data["text/plain"];
    const id =
      (content.transient as { display_id?: string } | undefined)?.display_id ?? `none ${places.size}`;
    places.set(id, places.get(id) ?? places.size);
    displays.push([places.get(id)!, data]);
  }
  // tslab prints a result with a line's end, and its errors on standard error.
  const failed = reply.status === "error";
  return {
    failed,
    text: stripAnsi(text).trimEnd(),
    stderr: stderr && !(failed && name === "tslab"),
    displays,
  };
}

/** A string result stands between quotes in ours. */
function unquoted(text: string): string {
  return /^'[^']*'$/.test(text) ? text.slice(1, -1) : text;
}
