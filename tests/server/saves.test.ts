// Killing the server while it saves never leaves half a notebook.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, realpathSync, rmSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { setTimeout } from "node:timers/promises";
import { jupyterEnvironment } from "../support/jupyter.ts";
import { answers, freePort } from "../support/server.ts";

const names = ["a.ipynb", "b.ipynb", "c.ipynb"];
const rounds = 5;
/** Saves in all; the server is killed in the middle of them, in every round. */
const saves = 200;

/** A notebook whose every cell says which save it is from. */
function notebook(stamp: number) {
  const cell = (i: number) => ({
    cell_type: "code",
    id: `c${i}`,
    metadata: {},
    source: `save ${stamp}`,
    execution_count: null,
    outputs: [{ output_type: "stream", name: "stdout", text: "x".repeat(2000) }],
  });
  return {
    nbformat: 4,
    nbformat_minor: 5,
    metadata: { stamp },
    cells: Array.from({ length: 100 }, (_, i) => cell(i)),
  };
}

describe("server: killed while it saves", function () {
  this.timeout(120_000);
  let home: string;
  let folder: string;
  before(() => {
    home = realpathSync(mkdtempSync(path.join(os.tmpdir(), "tilewright-saves-")));
    folder = path.join(home, "notebooks");
    mkdirSync(folder);
  });
  after(() => rmSync(home, { recursive: true, force: true }));

  /** Starts a server, saves for a while, kills it in the middle. Gives the last save of each file that was confirmed. */
  async function saveAndKill(first: number, count: number, delay: number): Promise<Map<string, number>> {
    const port = await freePort();
    const args = ["start", folder, "--no-browser", "--port", String(port), "--token", "t"];
    const server = spawn(process.execPath, [path.resolve("dist/kernel/cli.js"), ...args], {
      env: { ...jupyterEnvironment(home), XDG_DATA_HOME: home },
      stdio: "ignore",
    });
    const ended = new Promise((resolve) => server.once("exit", resolve));
    const url = `http://127.0.0.1:${port}/api`;
    await answers(`${url}?token=t`);
    const confirmed = new Map<string, number>();
    let stamp = first;
    let started = 0;
    const save = async (name: string) => {
      while (started < count) {
        started += 1;
        const mine = stamp++;
        // The last ones are under way when the server is killed, `delay` milliseconds into the last one.
        if (started === count) void setTimeout(delay).then(() => server.kill("SIGKILL"));
        const body = JSON.stringify({ type: "notebook", format: "json", content: notebook(mine) });
        try {
          const response = await fetch(`${url}/contents/${name}?token=t`, { method: "PUT", body });
          if (response.ok) confirmed.set(name, mine);
        } catch {
          return;
        }
      }
    };
    await Promise.all(names.map(save));
    await ended;
    return confirmed;
  }

  it(`${saves} saves, killed ${rounds} times: every notebook is whole, and none older than what was confirmed`, async () => {
    const perRound = saves / rounds;
    let cut = 0;
    for (let round = 0; round < rounds; round++) {
      const first = round * perRound + 1;
      const confirmed = await saveAndKill(first, perRound, 2 * round);
      cut += [...confirmed.values()].includes(first + perRound - 1) ? 0 : 1;
      for (const name of names) {
        const text = readFileSync(path.join(folder, name), "utf8");
        const { metadata, cells } = JSON.parse(text);
        assert.equal(cells.length, 100);
        for (const { source } of cells) assert.deepEqual(source, [`save ${metadata.stamp}`]);
        assert.ok(metadata.stamp >= (confirmed.get(name) ?? 0), `${name}: ${metadata.stamp}`);
      }
    }
    assert.ok(cut > 0, "at least once a save was cut short");
    // What killed servers left aside is gone after the next save, and was never listed.
    const left = () =>
      readdirSync(folder).filter((name) => !names.includes(name) && name !== ".ipynb_checkpoints");
    await saveAndKill(1_000_000, 9, 0);
    assert.ok(left().length <= names.length, `${left()}`);
  });
});
