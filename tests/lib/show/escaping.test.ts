import assert from "node:assert/strict";
import fc from "fast-check";
import { primFuncs } from "../../../lib/ir/index.ts";
import { ScheduleError } from "../../../lib/schedule/index.ts";
import { html, markup, plain } from "../../../lib/show/html.ts";
import {
  animate,
  DISPLAY,
  diff,
  estimateTable,
  explore,
  graph,
  imageGrid,
  type MimeBundle,
  scheduleBundle,
  scheduleErrorBundle,
  show,
  sideBySide,
  source,
  speedPlot,
  tensorBundle,
  timingTable,
} from "../../../lib/show/index.ts";
import { assertClean, readMarkup } from "./markup.ts";
import { named, states, timings } from "./samples.ts";

/** Text that tries to become something else: markup, attributes, entities, colour codes, broken characters. */
const hostile = fc.oneof(
  fc.constantFrom(
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "' onmouseover='x",
    "</style><b>",
    "</text></svg><script>",
    "&lt;b&gt;&amp;",
    "\u001b[31mred\u001b[0m",
    "]]>",
    "-->",
    "$" + "{x}",
    "`",
    "\ud800",
    "\u0000\u0008\u009b31m",
    "\u2028",
    "a\nb",
    "\ufffe",
  ),
  fc.string({ unit: "binary", maxLength: 12 }),
  fc
    .array(fc.constantFrom("<", ">", '"', "'", "&", "`", "/", "=", " ", "a", "\u001b[", "\ud83d", "[", "${"))
    .map((c) => c.join("")),
);

function check(bundle: MimeBundle): void {
  assert.equal(typeof bundle["text/plain"], "string");
  assertClean(bundle["text/plain"]);
  if (bundle["text/html"] !== undefined) readMarkup(bundle["text/html"]);
  if (bundle["image/svg+xml"] !== undefined) readMarkup(bundle["image/svg+xml"]);
}

const shown = (d: { [DISPLAY](): MimeBundle | Promise<MimeBundle> }): MimeBundle =>
  d[DISPLAY]() as MimeBundle;

describe("show: escaping", () => {
  it("escapes everything but its own markup", () => {
    assert.equal(
      html`<p title="${'"x'}">${"<b>"}${markup("<i>")}</p>`.toString(),
      '<p title="&quot;x">&lt;b&gt;<i></p>',
    );
    assert.equal(html`${null}${undefined}${false}${0}${[1, ["a"]]}`.toString(), "01a");
    const forged = { toString: () => "<b>" } as never;
    assert.equal(html`${forged}`.toString(), "&lt;b&gt;");
    assert.equal(plain("a\u001b[1mb\r\nc\ud800"), "a␛[1mb\nc\ufffd");
  });

  it("names of functions, buffers, loops, blocks and annotations stay text", () => {
    fc.assert(
      fc.property(hostile, (name) => {
        const mod = named(name);
        check(shown(show(mod)));
        check(shown(show(mod, { view: "tree" })));
        check(shown(diff(states[0], mod)));
        check(shown(diff(mod, named("x"), { layout: "inline", names: [name, name] })));
        const step = { index: 1, primitive: name, call: name, before: mod, after: states[0], ms: 1 };
        check(scheduleBundle({ mod, history: [step] }));
        const f = Object.values(primFuncs(mod))[0];
        check(shown(diff(states[0], mod, { layout: "tree" })));
        check(shown(graph(mod)));
        check(shown(estimateTable(mod)));
        check(shown(animate(f)));
        check(shown(sideBySide(f, mod, { names: [name, name] })));
        check(shown(explore([name], () => mod, { name, from: states[0] })));
        const refusal = { primitive: name, rule: name, detail: name, nodes: [f.body.body], suggestion: name };
        check(scheduleErrorBundle(new ScheduleError(refusal, { func: f, excerpt: name })));
      }),
      { numRuns: 40 },
    );
  });

  it("labels, titles and sources stay text", () => {
    const images = { dtype: "u8", shape: [2, 2, 2], data: Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8) } as const;
    fc.assert(
      fc.property(hostile, (name) => {
        check(shown(imageGrid(images, { labels: [name, "b"], predictions: ["b", name] })));
        check(shown(timingTable([{ ...timings[0], name, target: name }, timings[1]])));
        for (const language of ["wat", "js", "ts"] as const)
          check(shown(source(name, language, { title: name })));
        const broken = {
          dtype: "f32",
          shape: [1],
          get data(): never {
            throw new Error(name);
          },
        } as const;
        check(tensorBundle(broken));
        const plot = speedPlot([{ ...timings[0], name }], { title: name });
        assertClean(plot.text);
        assertClean(JSON.parse(JSON.stringify(plot)).title.text);
      }),
      { numRuns: 100 },
    );
  });

  it("keeps the text it escapes", () => {
    const { text } = readMarkup(String(shown(source('(;<b>;) "&amp;"', "wat"))["text/html"]));
    assert.match(text, /\(;<b>;\) "&amp;"/);
  });
});
