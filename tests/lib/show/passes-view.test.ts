/** The passes of a pipeline as a list that opens to differences. */
import assert from "node:assert/strict";
import { BlockBuilder, PassRecorder, R } from "../../../lib/graph/index.ts";
import { deadCodeElimination, legalizeOps, normalize, sequential } from "../../../lib/graph/passes/index.ts";
import "../../../lib/index.ts";
import { DISPLAY } from "../../../lib/show/display.ts";
import { passesView } from "../../../lib/show/passes-view.ts";
import { readMarkup } from "./markup.ts";

function recorded(): PassRecorder {
  const bb = new BlockBuilder();
  const x = R.var("x", R.tensor([4, 8]));
  bb.function("main", [x], () => {
    bb.dataflow(() => bb.emit(R.exp(x)));
    bb.emitFuncOutput(bb.emit(R.nn.relu(x)));
  });
  const recorder = new PassRecorder();
  sequential([normalize, deadCodeElimination(), legalizeOps()], "all", recorder.hook).run(bb.get());
  return recorder;
}

describe("show: passes", () => {
  it("lists passes with time and difference; those that changed nothing can be left out", () => {
    const recorder = recorded();
    const all = recorder[DISPLAY]()["text/plain"];
    assert.match(all, /^3 passes, /);
    assert.match(all, /normalize .* nothing changed/);
    assert.match(all, /deadCodeElimination .* \+\d+ −\d+.* main/);
    const some = passesView(recorder, { changedOnly: true })[DISPLAY]()["text/plain"];
    assert.match(some, /^2 passes, /);
    assert.doesNotMatch(some, /normalize/);
  });

  it("finds passes by name and by the text they brought in", () => {
    const recorder = recorded();
    assert.match(
      passesView(recorder, { search: "legal" })[DISPLAY]()["text/plain"],
      /^1 pass, .*\n .*legalizeOps/,
    );
    const text = passesView(recorder, { text: "T.max(" })[DISPLAY]()["text/plain"];
    assert.match(text, /^1 pass, .*\n .*legalizeOps/);
  });

  it("opens to the difference without a script", () => {
    const { tags, text } = readMarkup(recorded()[DISPLAY]()["text/html"] as string);
    assert(!tags.includes("script"));
    assert(tags.includes("details"));
    assert.match(text, /R\.callTir/);
  });
});
