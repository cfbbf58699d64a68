import assert from "node:assert/strict";
import { ansiToHtml, stripAnsi } from "../../../kernel/notebook/ansi.ts";
import type { Cell, Notebook } from "../../../kernel/notebook/format.ts";
import { OutputCollector } from "../../../kernel/notebook/outputs.ts";
import { injectParameters, parseParameter } from "../../../kernel/notebook/parameters.ts";
import { type Message, makeHeader } from "../../../kernel/protocol/messages.ts";

function code(source: string, tags: string[] = []): Cell {
  return { id: "x", cell_type: "code", source, metadata: { tags }, execution_count: 1, outputs: [] };
}

function message(type: string, content: Message["content"]): Message {
  return {
    identities: [],
    header: makeHeader(type, "s", "1"),
    parent: {},
    metadata: {},
    content,
    buffers: [],
  };
}

describe("kernel unit: notebooks", () => {
  it("collects outputs as a front end does", () => {
    const cell = code("");
    const collector = new OutputCollector();
    const add = (type: string, content: Message["content"]) => collector.add(cell, message(type, content));
    add("stream", { name: "stdout", text: "a" });
    add("stream", { name: "stdout", text: "b" });
    add("display_data", { data: { "text/plain": "1" }, metadata: {}, transient: { display_id: "d" } });
    add("update_display_data", { data: { "text/plain": "2" }, metadata: {}, transient: { display_id: "d" } });
    assert.deepEqual(cell.outputs, [
      { output_type: "stream", name: "stdout", text: "ab" },
      { output_type: "display_data", data: { "text/plain": "2" }, metadata: {} },
    ]);
    add("clear_output", { wait: true });
    assert.equal(cell.outputs?.length, 2);
    add("stream", { name: "stderr", text: "c" });
    assert.deepEqual(cell.outputs, [{ output_type: "stream", name: "stderr", text: "c" }]);
  });

  it("injects parameters after the cell tagged for them", () => {
    const notebook: Notebook = {
      nbformat: 4,
      nbformat_minor: 5,
      metadata: {},
      cells: [code("1"), code("let n = 1", ["parameters"]), code("n")],
    };
    injectParameters(notebook, [parseParameter("n=5"), parseParameter("name=a b"), parseParameter('s="5"')]);
    assert.equal(notebook.cells[2]?.source, '// Parameters\nlet n = 5;\nlet name = "a b";\nlet s = "5";');
    assert.throws(() => parseParameter("1x=2"), /name=value/);
  });

  it("reads terminal colours", () => {
    assert.equal(
      ansiToHtml("\u001b[1;32mok\u001b[0m <"),
      '<span class="ansi-green ansi-bold">ok</span> &#60;',
    );
    assert.equal(stripAnsi("\u001b[31mred\u001b[39m"), "red");
  });
});
