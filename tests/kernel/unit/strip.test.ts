import assert from "node:assert/strict";
import { stripText } from "../../../kernel/notebook/strip.ts";

const executed = {
  cells: [
    {
      cell_type: "code",
      execution_count: 3,
      id: "a1",
      metadata: { execution: { x: 1 }, tags: ["t"], jupyter: { outputs_hidden: true } },
      outputs: [{ output_type: "stream", name: "stdout", text: ["1\n"] }],
      source: ["1"],
    },
    { cell_type: "markdown", metadata: {}, source: "old notebooks have no ids", attachments: { a: {} } },
    {
      cell_type: "code",
      execution_count: 4,
      id: "k",
      metadata: { tags: ["keep_output"] },
      outputs: [{ output_type: "display_data", data: { "text/plain": "ü" }, metadata: {} }],
      source: "2",
    },
  ],
  metadata: { kernelspec: { name: "tilewright" }, tilewright: { version: "1" } },
  nbformat: 4,
  nbformat_minor: 4,
};

describe("kernel unit: strip", () => {
  it("takes what a run left, and nothing else", () => {
    const stripped = JSON.parse(stripText(JSON.stringify(executed), "nb"));
    assert.deepEqual(stripped.cells[0], {
      cell_type: "code",
      execution_count: null,
      id: "a1",
      metadata: { tags: ["t"] },
      outputs: [],
      source: ["1"],
    });
    assert.deepEqual(stripped.cells.slice(1), executed.cells.slice(1));
    assert.deepEqual(stripped.metadata, { kernelspec: { name: "tilewright" } });
    assert.equal(stripped.nbformat_minor, 4);
  });

  it("changes nothing the second time, and keeps the file's indentation", () => {
    for (const indent of [1, 2, "\t"]) {
      const once = stripText(`${JSON.stringify(executed, null, indent)}\n`, "nb");
      assert.equal(once, `${JSON.stringify(JSON.parse(once), null, indent)}\n`);
      assert.equal(stripText(once, "nb"), once);
    }
    const odd = '{ "nbformat":4, "cells":[],\n\n"metadata":{"big":12345678901234567890, "one": 1.0}}';
    assert.equal(stripText(odd, "nb"), odd);
  });

  it("says what is wrong with a file that is no notebook", () => {
    const cases: [string, RegExp][] = [
      ["", /nb\.ipynb is not a notebook: no JSON/],
      ['{"cells": [\n<<<<<<< ours\n', /conflict marks of a merge/],
      ["[]", /it is no JSON object/],
      ['{"nbformat": 3, "worksheets": []}', /nbformat is 3/],
      ['{"nbformat": 4}', /no list of cells/],
      ['{"nbformat": 4, "cells": [1]}', /cell 1: it is no JSON object/],
      ['{"nbformat": 4, "cells": [{"cell_type": "heading"}]}', /cell 1: cell_type is "heading"/],
      ['{"nbformat": 4, "cells": [{"cell_type": "raw", "source": [1]}]}', /cell 1: its source/],
      ['{"nbformat": 4, "cells": [{"cell_type": "code", "outputs": {}}]}', /its outputs are no list/],
      ['{"nbformat": 4, "cells": [{"cell_type": "code", "outputs": [{}]}]}', /no known type/],
    ];
    for (const [text, message] of cases) assert.throws(() => stripText(text, "nb.ipynb"), message, text);
  });
});
