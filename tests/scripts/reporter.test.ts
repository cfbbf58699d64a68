// The reporter that `npm test` counts with: a run must never look better than it was.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("../..", import.meta.url));

/** Runs a fixture with the reporter and gives what it printed, its exit code and its events. */
function run(fixture: string): { output: string; code: number | null; events: unknown[] } {
  const scratch = mkdtempSync(join(tmpdir(), "tilewright-reporter-"));
  try {
    const file = join(scratch, "events.jsonl");
    const args = ["--import", "tsx", "node_modules/mocha/bin/mocha.js", "--no-config", "--no-package"];
    args.push("--reporter", "scripts/mocha-reporter.mjs", "--reporter-option", `events=${file}`);
    const { status, stdout } = spawnSync(process.execPath, [...args, `tests/scripts/fixtures/${fixture}`], {
      cwd: root,
      encoding: "utf8",
    });
    const lines = readFileSync(file, "utf8").trimEnd().split("\n");
    // Where in the fixture it failed is Mocha's and Node's wording: only that it is told.
    const events = lines.map((line) => {
      const { stack, ...event } = JSON.parse(line) as { event: string; stack?: string };
      if (event.event === "fail") assert.match(stack ?? "", /mixed\.mjs/);
      return event;
    });
    return { output: stdout, code: status, events };
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

describe("the reporter of npm test", () => {
  it("records every outcome, and why a test was skipped", () => {
    const { output, code, events } = run("mixed.mjs");
    assert.equal(code, 1);
    assert.deepEqual(events, [
      { event: "begin" },
      { event: "pass", title: "outer passes" },
      { event: "fail", title: "outer fails", message: "on purpose" },
      { event: "skip", title: "outer skips itself", reason: "no such device" },
      { event: "skip", title: "outer is switched off", reason: "no reason given" },
      { event: "skip", title: "outer inner is skipped by its suite", reason: "no browser" },
      { event: "end" },
    ]);
    assert.match(output, /✗ outer: 1 passed, 1 failed, 3 skipped/);
    assert.match(output, /Error: on purpose/);
  });

  it("leaves no end behind when the process dies, whatever the exit code", () => {
    const { code, events } = run("dies.mjs");
    assert.equal(code, 0);
    assert.deepEqual(events, [{ event: "begin" }, { event: "pass", title: "outer passes" }]);
  });
});
