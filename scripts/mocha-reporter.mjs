// The Mocha reporter of `npm test`: a line for every outermost suite as it ends and for every failure as it happens,
// Mocha's own list of failures at the end, and with `--reporter-option events=FILE` one JSON object a line for
// scripts/test.mjs. The file is written as things happen, so that the counts of a run that dies are known as well.
import { appendFileSync } from "node:fs";
import Mocha from "mocha";

const { Base } = Mocha.reporters;
const on = Mocha.Runner.constants;

/** How many times the limits that the tests set are waited for: they are there for what hangs, not for slow machines. */
const PATIENCE = 4;

/** The reason given to `skipBecause` (scripts/skip.ts) by a test, its suite's hooks, or a suite around it. */
function skipReason(test) {
  if (test.skipReason !== undefined) return test.skipReason;
  for (let suite = test.parent; suite !== undefined && suite !== null; suite = suite.parent) {
    const hook = [...suite._beforeAll, ...suite._beforeEach].find((h) => h.skipReason !== undefined);
    if (hook !== undefined) return hook.skipReason;
  }
  return "no reason given";
}

export default class Reporter extends Base {
  static description = "a line for every outermost suite, and events for scripts/test.mjs";

  constructor(runner, options) {
    super(runner, options);
    const file = options?.reporterOption?.events ?? options?.reporterOptions?.events;
    // What libraries tell themselves belongs to the error stream, which is shown beside a failure only.
    console.debug = console.error;
    const record = (event) => file !== undefined && appendFileSync(file, `${JSON.stringify(event)}\n`);
    let suite = { passed: 0, failed: 0, skipped: 0, began: performance.now() };

    // A limit that is set while a test runs, by the test itself, as well as the one that it begins with.
    const { timeout } = Mocha.Runnable.prototype;
    Mocha.Runnable.prototype.timeout = function (ms) {
      return ms === undefined ? timeout.call(this) : timeout.call(this, ms * PATIENCE);
    };
    const given = new WeakSet();
    const giveTime = (runnable) => {
      if (!given.has(runnable)) runnable.timeout(runnable.timeout());
      given.add(runnable);
    };
    runner.on(on.EVENT_HOOK_BEGIN, giveTime);
    runner.on(on.EVENT_TEST_BEGIN, giveTime);

    runner.once(on.EVENT_RUN_BEGIN, () => record({ event: "begin" }));
    runner.on(on.EVENT_SUITE_BEGIN, ({ parent }) => {
      if (parent?.root) suite = { passed: 0, failed: 0, skipped: 0, began: performance.now() };
    });
    runner.on(on.EVENT_TEST_PASS, (test) => {
      suite.passed++;
      record({ event: "pass", title: test.fullTitle() });
    });
    runner.on(on.EVENT_TEST_PENDING, (test) => {
      suite.skipped++;
      record({ event: "skip", title: test.fullTitle(), reason: skipReason(test) });
    });
    // A failing hook comes here too: it is one failure, and the tests that it kept from running are not counted.
    runner.on(on.EVENT_TEST_FAIL, (test, error) => {
      suite.failed++;
      const message = String(error?.message ?? error);
      record({ event: "fail", title: test.fullTitle(), message, stack: error?.stack });
      console.log(Base.color("fail", `  ✗ ${test.fullTitle()}`));
    });
    runner.on(on.EVENT_SUITE_END, ({ title, parent }) => {
      if (!parent?.root) return;
      const { passed, failed, skipped, began } = suite;
      const counts = [
        `${passed} passed`,
        failed > 0 && `${failed} failed`,
        skipped > 0 && `${skipped} skipped`,
      ];
      const time = `${((performance.now() - began) / 1000).toFixed(1)} s`;
      const line = `  ${failed > 0 ? "✗" : "✓"} ${title}: ${counts.filter(Boolean).join(", ")} (${time})`;
      console.log(failed > 0 ? Base.color("fail", line) : line);
    });
    runner.once(on.EVENT_RUN_END, () => {
      record({ event: "end" });
      this.epilogue();
    });
  }
}
