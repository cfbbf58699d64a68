import assert from "node:assert/strict";
import { TestKernel } from "./support.ts";

describe("kernel: requests", () => {
  let kernel: TestKernel;
  before(async () => {
    kernel = await TestKernel.start({ "node_modules/left/package.json": '{ "name": "left" }' });
    await kernel.run("/** How many. */\nfunction howMany(names: string[]): number { return names.length; }");
  });
  after(() => kernel.stop());

  it("tells what it is", async () => {
    const info = await kernel.ask("kernel_info_request", {});
    assert.equal(info.protocol_version, "5.4");
    assert.equal((info.language_info as { name: string }).name, "typescript");
  });

  it("completes members, the session's names, imports, and counts in code points", async () => {
    const complete = (code: string, cursor_pos = [...code].length) =>
      kernel.ask("complete_request", { code, cursor_pos });
    assert.deepEqual((await complete("howM")).matches, ["howMany"]);
    assert.ok(
      ((await complete('import { readFileS } from "node:fs"', 18)).matches as string[]).includes(
        "readFileSync",
      ),
    );
    const after = await complete("const s = '😀'; s.toUpperC");
    assert.deepEqual([after.matches, after.cursor_start, after.cursor_end], [["toUpperCase"], 17, 25]);
    assert.ok(
      ((await complete('import x from "node:f')).matches as string[]).some((match) => match.includes("fs")),
    );
    assert.ok(((await complete("import { T } from 'tilewr")).matches as string[]).length >= 0);
  });

  it("inspects with types and documentation", async () => {
    const found = await kernel.ask("inspect_request", { code: "howMany(", cursor_pos: 8, detail_level: 0 });
    const data = found.data as { [mime: string]: string };
    assert.match(data["text/plain"]!, /howMany\(names: string\[\]\): number[\s\S]*How many\./);
    const nothing = await kernel.ask("inspect_request", { code: "   ", cursor_pos: 1, detail_level: 0 });
    assert.equal(nothing.found, false);
  });

  it("tells complete from incomplete and invalid code", async () => {
    const status = async (code: string) => (await kernel.ask("is_complete_request", { code })).status;
    assert.equal(await status("const a = 1"), "complete");
    assert.equal(await status("function f() {"), "incomplete");
    assert.equal(await status("foo )"), "invalid");
  });

  it("remembers history", async () => {
    await kernel.run("'for the history'");
    const tail = await kernel.ask("history_request", {
      hist_access_type: "tail",
      n: 1,
      output: false,
      raw: true,
    });
    assert.deepEqual((tail.history as unknown[][])[0]?.[2], "'for the history'");
    const none = await kernel.ask("history_request", {
      hist_access_type: "search",
      pattern: "zzz*",
      output: false,
      raw: true,
    });
    assert.deepEqual(none.history, []);
  });

  it("answers comm_info and keeps silent on unknown messages", async () => {
    assert.deepEqual((await kernel.ask("comm_info_request", {})).comms, {});
    kernel.client.request("no_such_request", {});
    assert.equal((await kernel.ask("kernel_info_request", {})).status, "ok");
  });

  it("shuts down when asked, leaving no process", async () => {
    const other = await TestKernel.start();
    const pid = (await other.run("process.pid")).text;
    await other.stop();
    const lives = () => {
      try {
        return process.kill(Number(pid), 0);
      } catch {
        return false;
      }
    };
    // Until the test's time is over.
    while (lives()) await new Promise((resolve) => setTimeout(resolve, 20));
  });
});
