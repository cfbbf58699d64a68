// `tilewright tune`: records survive a kill and an interrupt, the next run goes on, and bundles use what was found.
import assert from "node:assert/strict";
import { type ChildProcess, execFile, spawn } from "node:child_process";
import { appendFileSync, existsSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { FileDatabase } from "../../lib/tune/database/file.node.ts";
import { runInNode, withFolder } from "../lib/deploy/support.ts";
import { model, tensor } from "../support/onnx-model.ts";

const cwd = fileURLToPath(new URL("../..", import.meta.url));
const cli = ["--import", "tsx", "kernel/cli.ts"];

/** relu(x · w): w has a 1 in row i, column 2 i. */
const INNER = 16;
const COLUMNS = 32;
const weights = Array.from({ length: INNER * COLUMNS }, (_, i) =>
  Number(i % COLUMNS === 2 * Math.floor(i / COLUMNS)),
);
const layer = model({
  inputs: { x: ["f32", ["batch", INNER]] },
  outputs: ["y"],
  weights: { w: tensor("f32", [INNER, COLUMNS], weights) },
  nodes: [
    { op: "MatMul", in: ["x", "w"], out: ["m"] },
    { op: "Relu", in: ["m"], out: ["y"] },
  ],
});

const linesOf = (file: string): number =>
  existsSync(file)
    ? readFileSync(file, "utf8")
        .split("\n")
        .filter((l) => l !== "").length
    : 0;

/** Waits until the file has so many lines, or the process has ended. */
async function lines(file: string, n: number, child: ChildProcess): Promise<void> {
  while (linesOf(file) < n && child.exitCode === null) await new Promise((r) => setTimeout(r, 20));
}

const ended = (child: ChildProcess): Promise<number | null> =>
  new Promise((resolve) => (child.exitCode !== null ? resolve(child.exitCode) : child.once("exit", resolve)));

describe("kernel: tilewright tune", function () {
  this.timeout(240_000);

  it("killed, damaged, interrupted and resumed; a bundle with the records gives the same answers", () =>
    withFolder(async (folder) => {
      const [file, records] = [path.join(folder, "model.onnx"), path.join(folder, "records.jsonl")];
      writeFileSync(file, layer);
      const args = [
        ...cli,
        "tune",
        file,
        "--records",
        records,
        "--shape",
        "batch=4",
        "--seed",
        "3",
        "--trials",
      ];

      const killed = spawn(process.execPath, [...args, "500"], { cwd, stdio: "ignore" });
      await lines(records, 3, killed);
      killed.kill("SIGKILL");
      await ended(killed);
      const before = linesOf(records);
      assert.ok(before >= 3);
      // As if it had been killed in the middle of a line.
      appendFileSync(records, '{"version":1,"workload":{"hash":"');

      const interrupted = spawn(process.execPath, [...args, "500"], {
        cwd,
        stdio: ["ignore", "pipe", "pipe"],
      });
      let told = "";
      interrupted.stdout.on("data", (d) => {
        told += d;
      });
      let warned = "";
      interrupted.stderr.on("data", (d) => {
        warned += d;
      });
      await lines(records, before + 3, interrupted);
      interrupted.kill("SIGINT");
      assert.equal(await ended(interrupted), 130, `${told}${warned}`);
      assert.match(warned, /it is no complete JSON; it is passed over/);
      assert.match(told, /stopped; the same command goes on from here/);

      const database = new FileDatabase(records);
      const kept = new Set(database.records().map((r) => JSON.stringify(r.trace))).size;
      assert.ok(kept >= before + 2, `${kept} records after ${before}`);
      assert.equal(database.skipped.length, 1);
      assert.ok(database.records().every((r) => r.status !== "measured" || r.runs.length > 0));

      const { stdout } = await promisify(execFile)(process.execPath, [...args, String(kept + 2)], { cwd });
      assert.match(stdout, new RegExp(`${kept + 2} candidates of this model in `));
      assert.match(stdout, /1 functions: .* → /);
      const again = await promisify(execFile)(process.execPath, [...args, String(kept + 2)], { cwd });
      assert.match(
        again.stdout,
        new RegExp(`${kept + 2} candidates of this model in `),
        "there is nothing left to do",
      );

      const out = path.join(folder, "out");
      const compile = [...cli, "compile", file, "-o", out, "--shape", "batch=4", "--records", records];
      const compiled = await promisify(execFile)(process.execPath, compile, { cwd });
      assert.match(compiled.stdout, /records\.jsonl: schedules for 1 of 1 tensor programs$/m);
      const x = Array.from({ length: 4 * INNER }, (_, i) => (i % 7) - 3);
      const { y } = await runInNode(out, { x: { data: x, shape: [4, INNER], array: "Float32Array" } });
      const expected = Array.from({ length: 4 * COLUMNS }, (_, i) => {
        const [row, column] = [Math.floor(i / COLUMNS), i % COLUMNS];
        return column % 2 === 0 ? Math.max(0, x[row * INNER + column / 2]) : 0;
      });
      assert.deepEqual(y, { data: expected, shape: [4, COLUMNS] });
    }));

  it("mistakes are told in one line", () =>
    withFolder(async (folder) => {
      const file = path.join(folder, "model.onnx");
      writeFileSync(file, layer);
      const records = path.join(folder, "none.jsonl");
      const run = (...args: string[]) => promisify(execFile)(process.execPath, [...cli, ...args], { cwd });
      await assert.rejects(run("tune", file, "--records", records), /the model leaves open: batch/);
      await assert.rejects(
        run("tune", file, "--records", records, "--trials", "-3"),
        /a whole number is wanted/,
      );
      await assert.rejects(
        run("tune", file, "--records", records, "--threads", "0"),
        /--threads <N>.*a whole number above 0 is wanted/,
      );
      await assert.rejects(
        run("tune", file, "--records", path.join(folder, "no", "r.jsonl"), "--shape", "batch=1"),
        /--records .*: there is no folder /,
      );
      await assert.rejects(
        run("compile", file, "-o", path.join(folder, "out"), "--shape", "batch=1", "--records", records),
        /there is no file of records .*: make it with tilewright tune/,
      );
    }));
});
