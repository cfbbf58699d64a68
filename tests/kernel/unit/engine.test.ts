import assert from "node:assert/strict";
import { inspect } from "node:util";
import vm from "node:vm";
import { bundleOf, displaySymbol } from "../../../kernel/session/engine/bundle.ts";
import { CellEngine } from "../../../kernel/session/engine/engine.ts";
import type { EngineHost } from "../../../kernel/session/engine/host.ts";
import { tableHtml } from "../../../kernel/session/engine/table.ts";
import type { CellEvent, CellOutcome } from "../../../kernel/session/types.ts";

/** An engine in a context of its own: what a process or a browser tab gives it, and no more. */
function engine() {
  const context = vm.createContext({});
  const events: CellEvent[] = [];
  const host: EngineHost = {
    scope: vm.runInContext("globalThis", context),
    evaluate: (js, filename) => vm.runInContext(js, context, { filename }),
    scriptName: (cell) => `cell:${cell}`,
    meta: {},
    inspect: (value) => inspect(value),
    emit: ({ origin: _, ...event }) => events.push(event as CellEvent),
    ask: () => "",
    within: (_, body) => body(),
    task: () => undefined,
    resume: () => undefined,
    turn: () => new Promise((resolve) => setImmediate(resolve)),
    moduleMap: () => undefined,
    userFile: () => undefined,
    isKernel: (script) => script.includes("/kernel/"),
  };
  const made = new CellEngine(host);
  let number = 0;
  const run = (body: string, names: string[] = []) => {
    number += 1;
    const js = `(async function (__tw) { "use strict";\n${body}\n})`;
    const map = JSON.stringify({ version: 3, sources: ["cell"], names: [], mappings: "AAAA;AACA;AACA" });
    const compiled = { js, lineOffset: 1, map, names };
    return new Promise<CellOutcome>((done) =>
      made.run(
        {
          number,
          origin: String(number),
          code: body,
          compiled,
          silent: false,
          allowInput: false,
          expressions: {},
        },
        done,
      ),
    );
  };
  return { engine: made, run, events, scope: host.scope };
}

describe("kernel unit: the cell engine", () => {
  it("keeps bindings on the scope and shows the result", async () => {
    const { run, events } = engine();
    assert.equal((await run("x = 20; f = function f() { return x * 2; };", ["x", "f"])).status, "ok");
    await run("x = 21; __tw.result(f())", ["x"]);
    assert.deepEqual(events, [{ type: "result", display: { data: { "text/plain": "42" }, metadata: {} } }]);
  });

  it("takes back what a failed cell declared and did not assign", async () => {
    const { run, scope } = engine();
    await run("a = 1;", ["a"]);
    const outcome = await run("b = 2; throw new TypeError('no');", ["a", "b", "c"]);
    assert.ok(outcome.status === "error");
    assert.deepEqual(outcome.unassigned, ["a", "c"]);
    assert.equal(outcome.error.ename, "TypeError");
    assert.deepEqual([scope.a, scope.b, "c" in scope], [1, 2, false]);
  });

  it("places an error in the cell by its source map", async () => {
    const { run } = engine();
    const outcome = await run("1;\nthrow new Error('here');");
    assert.ok(outcome.status === "error");
    assert.match(outcome.error.traceback.join("\n"), /cell 1, line 2/);
  });

  it("ends an interrupted cell once, whatever its code still does", async () => {
    const { engine: made, run } = engine();
    const running = run("await new Promise(() => {});");
    made.interrupt("7");
    made.interrupt("1");
    const outcome = await running;
    assert.equal(outcome.status === "error" && outcome.error.ename, "Interrupted");
  });

  it("fails a cell whose display fails", async () => {
    const { run } = engine();
    const outcome = await run(
      "display({ [Symbol.for('Jupyter.display')]: () => Promise.reject(new Error('ugly')) });",
    );
    assert.equal(outcome.status === "error" && outcome.error.evalue, "ugly");
  });
});

describe("kernel unit: displays", () => {
  it("adds text/plain to bundles that lack it and encodes bytes", async () => {
    const value = { [displaySymbol]: () => ({ "image/png": new Uint8Array([1, 2, 3]) }) };
    const { data } = await bundleOf(value, () => "text");
    assert.deepEqual(data, { "text/plain": "text", "image/png": "AQID" });
  });

  it("refuses a method that gives no bundle", () => {
    assert.throws(() => bundleOf({ [displaySymbol]: () => 3 }, String), /not a MIME bundle/);
  });

  it("makes tables of flat objects only, bounded and escaped", () => {
    assert.equal(tableHtml([]), undefined);
    assert.equal(tableHtml([{ a: {} }]), undefined);
    assert.equal(tableHtml([1, 2]), undefined);
    assert.match(tableHtml([{ "<a>": "&" }])!, /<th>&#60;a&#62;<\/th>[\s\S]*<td>&#38;<\/td>/);
    assert.match(tableHtml(Array.from({ length: 100 }, (_, i) => ({ i })))!, /40 more rows/);
  });

  it("tells a front end which values have views, draws them, and says why it cannot", async () => {
    const { engine: made, run, events } = engine();
    const shows = (html: string) =>
      `({ [Symbol.for("Jupyter.display")]: () => ({ "text/plain": "a", "text/html": "${html}" }) })`;
    const bad = '({ [Symbol.for("Jupyter.display")]() { throw new Error("no"); } })';
    await run(`a = ${shows("<b>a</b>")}; n = 1; bad = ${bad}; later = a;`, ["a", "n", "bad", "later"]);
    const message = { id: "panel", target: "tilewright.views", metadata: {}, buffers: [] };
    const send = (kind: "open" | "msg", data: { [key: string]: unknown }) =>
      new Promise<void>((done) => made.receive(`panel ${kind}`, { ...message, kind, data } as never, done));
    const answer = async (asked: { [key: string]: unknown }) => {
      await send("msg", { id: 7, ...asked });
      const last = events.findLast(({ type }) => type === "comm");
      return JSON.parse(JSON.stringify((last as unknown as { message: { data: unknown } }).message.data));
    };
    await send("open", {});
    const described = (key: string) => ({
      key,
      kind: "display",
      views: [{ name: "output", title: "Output" }],
      comparisons: [],
    });
    assert.deepEqual(await answer({ ask: "values", names: ["a", "n", "bad", "missing", 3] }), {
      id: 7,
      values: [described("a"), described("bad")],
      others: [described("later")],
    });
    assert.deepEqual(await answer({ ask: "view", key: "a", view: "output" }), {
      id: 7,
      data: { "text/plain": "a", "text/html": "<b>a</b>" },
      code: "a",
    });
    assert.deepEqual(await answer({ ask: "view", key: "bad", view: "output" }), { id: 7, error: "no" });
    assert.deepEqual(await answer({ ask: "view", key: "n", view: "output" }), {
      id: 7,
      error: "n has no such view any more",
    });
  });
});
