import assert from "node:assert/strict";
import fc from "fast-check";
import { History } from "../../../kernel/jupyter/history.ts";
import { toOffset, toPosition } from "../../../kernel/jupyter/positions.ts";
import { type Message, makeHeader } from "../../../kernel/protocol/messages.ts";
import { decode, encode, WireError } from "../../../kernel/protocol/wire.ts";

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

  it("answers tail, range and search", () => {
    assert.deepEqual(history.query({ hist_access_type: "tail", n: 1 }), [[1, 3, "1 + 1"]]);
    assert.deepEqual(
      history.query({ hist_access_type: "range", session: 0, start: 1, stop: 2, output: true }),
      [[1, 1, ["1 + 1", "2"]]],
    );
    const search = { hist_access_type: "search", pattern: "1*", unique: true };
    assert.deepEqual(history.query(search), [[1, 3, "1 + 1"]]);
    assert.deepEqual(history.query({ hist_access_type: "search", pattern: "foo(*" }), [[1, 2, "foo(bar)"]]);
  });
});
