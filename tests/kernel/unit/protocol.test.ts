import assert from "node:assert/strict";
import { appendFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import path from "node:path";
import fc from "fast-check";
import { History } from "../../../kernel/jupyter/history.ts";
import { HistoryFile } from "../../../kernel/jupyter/history-file.ts";
import { toOffset, toPosition } from "../../../kernel/jupyter/positions.ts";
import { type Message, makeHeader } from "../../../kernel/protocol/messages.ts";
import { decode, encode, WireError } from "../../../kernel/protocol/wire.ts";
import { temporaryFolder } from "../support.ts";

function message(content: Message["content"]): Message {
  const header = makeHeader("execute_request", "session", "1");
  return {
    identities: [Buffer.from("id")],
    header,
    parent: {},
    metadata: {},
    content,
    buffers: [Buffer.from([1, 2])],
  };
}

describe("kernel unit: wire messages", () => {
  it("round-trips, signed and unsigned", () => {
    for (const key of ["", "secret"]) {
      const sent = message({ code: "1 + 😀" });
      const received = decode(encode(sent, key), key);
      assert.deepEqual(received.content, sent.content);
      assert.deepEqual(received.header, sent.header);
      assert.deepEqual([...received.buffers[0]!], [1, 2]);
      assert.equal(Buffer.from(received.identities[0]!).toString(), "id");
    }
  });

  it("refuses a wrong signature, another key and a changed part", () => {
    const frames = encode(message({}), "secret");
    assert.throws(() => decode(frames, "other"), /wrong signature/);
    const changed = frames.with(6, Buffer.from('{"code":"evil"}'));
    assert.throws(() => decode(changed, "secret"), WireError);
  });

  it("refuses anything malformed with a WireError and nothing else", () => {
    const part = fc.oneof(
      fc.string(),
      fc.json(),
      fc.constant("<IDS|MSG>"),
      fc.constant("{}"),
      fc.constant(""),
    );
    fc.assert(
      fc.property(fc.array(part, { maxLength: 9 }), (parts) => {
        try {
          decode(
            parts.map((text) => Buffer.from(text)),
            "",
          );
        } catch (error) {
          assert.ok(error instanceof WireError, String(error));
        }
      }),
    );
  });
});

describe("kernel unit: positions", () => {
  it("converts between code points and UTF-16 units", () => {
    assert.equal(toOffset("a😀b", 2), 3);
    assert.equal(toPosition("a😀b", 3), 2);
    assert.equal(toOffset("ab", 9), 2);
  });
});

describe("kernel unit: history", () => {
  const history = new History();
  history.add(1, "1 + 1");
  history.setOutput(1, "2");
  history.add(2, "foo(bar)");
  history.add(3, "1 + 1");

  it("answers tail, range and search", async () => {
    assert.deepEqual(await history.query({ hist_access_type: "tail", n: 1 }), [[1, 3, "1 + 1"]]);
    assert.deepEqual(
      await history.query({ hist_access_type: "range", session: 0, start: 1, stop: 2, output: true }),
      [[1, 1, ["1 + 1", "2"]]],
    );
    const search = (pattern: string, unique = false) =>
      history.query({ hist_access_type: "search", pattern, unique });
    assert.deepEqual(await search("1*", true), [[1, 3, "1 + 1"]]);
    assert.deepEqual(await search("foo(*"), [[1, 2, "foo(bar)"]]);
    assert.deepEqual(await search("[!1]oo?bar)"), [[1, 2, "foo(bar)"]]);
    assert.deepEqual(await search("[z-a]"), []);
  });

  it("is kept across sessions, whatever else is in the file", async () => {
    const folder = temporaryFolder();
    const file = path.join(folder, "deep", "history.jsonl");
    const first = new History(new HistoryFile(file));
    first.add(1, "old");
    first.setOutput(1, "out");
    await first.close();
    // A kernel that died in the middle of a line, and a file that somebody has edited.
    appendFileSync(file, '\n{"k":"x","l":1,"i":"half');
    const [second, third] = [new History(new HistoryFile(file)), new History(new HistoryFile(file))];
    second.add(1, "new");
    await second.close();
    third.add(1, "third");
    await third.close();
    second.add(2, "newer");
    assert.deepEqual(await second.query({ hist_access_type: "tail", n: 9, output: true }), [
      [1, 1, ["old", "out"]],
      [3, 1, ["third", null]],
      [2, 1, ["new", null]],
      [2, 2, ["newer", null]],
    ]);
    assert.deepEqual(await third.query({ hist_access_type: "range", session: -1 }), [
      [2, 1, "new"],
      [2, 2, "newer"],
    ]);
    rmSync(folder, { recursive: true });
  });

  it("stays bounded", async () => {
    const folder = temporaryFolder();
    const file = path.join(folder, "history.jsonl");
    const entry = (line: number) => `\n${JSON.stringify({ k: "a", l: line, i: "x".repeat(30000) })}`;
    writeFileSync(file, `{"s":"a"}${Array.from({ length: 200 }, (_, line) => entry(line)).join("")}`);
    const history = new History(new HistoryFile(file));
    history.add(1, "now");
    await history.close();
    assert.ok(statSync(file).size < 4e6);
    const kept = await history.query({ hist_access_type: "tail", n: 2 });
    assert.deepEqual(kept.at(-1), [2, 1, "now"]);
    assert.equal(kept[0]?.[1], 199);
    rmSync(folder, { recursive: true });
  });
});
