import assert from "node:assert/strict";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { performance } from "node:perf_hooks";
import { setTimeout as sleep } from "node:timers/promises";
import { TestKernel } from "./support.ts";

const loop = "[0,97,115,109,1,0,0,0,1,4,1,96,0,0,3,2,1,0,7,5,1,1,102,0,0,10,9,1,7,0,3,64,12,0,11,11]";
const endless = [
  "await 0; while (true) {}",
  "while (true) {}",
  "await new Promise(() => {})",
  `(new WebAssembly.Instance(new WebAssembly.Module(new Uint8Array(${loop}))).exports.f)()`,
];

describe("kernel: limits", () => {
  let kernel: TestKernel;
  before(async () => {
    kernel = await TestKernel.start();
  });
  after(() => kernel.stop());

  it("stops endless cells a hundred times in a row, variables intact", async function () {
    this.timeout(120000);
    const folder = mkdtempSync(path.join(os.tmpdir(), "tilewright-limits-"));
    const begun = path.join(folder, "begun");
    try {
      await kernel.run(`import { writeFileSync } from "node:fs"; let stops = 0`);
      const times: number[] = [];
      for (let round = 0; round < 100; round += 1) {
        const cell = kernel.run(
          `stops += 1; writeFileSync(${JSON.stringify(begun)}, "${round}"); ${endless[round % endless.length]}`,
        );
        // Every other one is surely running; the rest are caught anywhere from "about to compile" on.
        if (round % 8 < 4)
          while (!existsSync(begun) || readFileSync(begun, "utf8") !== `${round}`) await sleep(5);
        await sleep((round * 37) % 100);
        const started = performance.now();
        await kernel.ask("interrupt_request", {}, "control");
        assert.equal((await cell).ename, "Interrupted", `round ${round}`);
        times.push(performance.now() - started);
      }
      console.log(`      stopped after ${times.sort((a, b) => a - b)[50]!.toFixed(0)} ms in the median`);
      const stops = Number((await kernel.run("stops")).text);
      assert.ok(stops >= 52 && stops <= 100, `${stops} ran`);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });

  it("shows the beginning and the end of 100 MB, and answers meanwhile", async function () {
    this.timeout(60000);
    const code =
      "const line = 'x'.repeat(99) + '\\n'; for (let i = 0; i < 1e6; i++) process.stdout.write(line); console.log('the end')";
    const began = performance.now();
    const cell = kernel.run(code);
    const info = await kernel.ask("kernel_info_request", {});
    assert.equal(info.status, "ok");
    const ran = await cell;
    const took = performance.now() - began;
    assert.equal(ran.status, "ok");
    assert.ok(ran.stdout.startsWith("xxx") && ran.stdout.endsWith("the end\n"));
    assert.ok(ran.stdout.length > 2e6 && ran.stdout.length < 3e6);
    assert.match(ran.stderr, /9\d\.\d MB left out here/);
    // A burst of 100 at once, then one in 5 ms, and 64 kB a message beyond (Streams): of a million writes, a few hundred.
    const most = 100 + took / 5 + (2 * 2 ** 20) / 2 ** 16 + 10;
    assert.ok(
      ran.outputs.length < most,
      `${ran.outputs.length} messages in ${took.toFixed(0)} ms, at most ${most}`,
    );
    assert.equal((await kernel.run("1 + 1")).text, "2");
  });

  it("bounds what a child process writes past the kernel's streams", async function () {
    this.timeout(60000);
    const ran = await kernel.run(
      "import { execSync } from 'node:child_process'; execSync('head -c 20000000 /dev/zero | tr \"\\\\0\" y', { stdio: 'inherit' }); 'done'",
    );
    assert.equal(ran.text, "'done'", ran.traceback);
    assert.equal((await kernel.run("1 + 1")).text, "2");
  });

  it("gives late output to the cell that made it", async () => {
    const first = kernel.client.request("execute_request", {
      code: "setTimeout(() => console.log('late'), 150); void (async () => { for (let i = 0; i < 3; i++) { await new Promise((r) => setTimeout(r, 60)); console.log('tick', i); } })();",
    });
    const late: [boolean, unknown][] = [];
    kernel.client.onOutput = ({ header, parent, content }) => {
      if (header.msg_type === "stream") late.push([parent.msg_id === first.id, content.text]);
    };
    await first.reply;
    const second = await kernel.run(
      "await new Promise((done) => setTimeout(done, 400)); console.log('mine')",
    );
    assert.equal(second.stdout, "mine\n");
    assert.equal(late.filter(([own]) => own).length, 4, JSON.stringify(late));
    kernel.client.onOutput = undefined;
  });

  it("ends loops that an interrupted cell has left waiting", async () => {
    await kernel.run("let beats = 0");
    const beating = new Promise<void>((resolve) => {
      kernel.client.onOutput = ({ content }) => content.text === "beat\n" && resolve();
    });
    const cell = kernel.run(
      "while (true) { try { await new Promise((done) => setTimeout(done, 20)); beats += 1; console.log('beat'); } catch {} }",
    );
    await beating;
    kernel.client.onOutput = undefined;
    await kernel.ask("interrupt_request", {}, "control");
    assert.equal((await cell).ename, "Interrupted");
    const before = Number((await kernel.run("beats")).text);
    assert.ok(before > 0);
    await new Promise((resolve) => setTimeout(resolve, 150));
    assert.equal(Number((await kernel.run("beats")).text), before);
  });

  it("ends the timers of an interrupted cell, and those of no other", async () => {
    await kernel.run("let kept = 0, ended = 0; const timer = setInterval(() => { kept += 1; }, 10);");
    const begun = new Promise<void>((resolve) => {
      kernel.client.onOutput = ({ content }) => content.text === "begun\n" && resolve();
    });
    const cell = kernel.run(
      "setInterval(() => { ended += 1; }, 10); const again = () => setTimeout(() => { ended += 1; again(); }, 10); again(); setTimeout(() => console.log('begun'), 100); while (true) await new Promise((r) => setTimeout(r, 5));",
    );
    await begun;
    kernel.client.onOutput = undefined;
    await kernel.ask("interrupt_request", {}, "control");
    assert.equal((await cell).ename, "Interrupted");
    const counts = async () => JSON.parse(String((await kernel.run("[kept, ended]")).text)) as number[];
    const [kept = 0, ended = 0] = await counts();
    assert.ok(kept > 0 && ended > 0);
    await new Promise((resolve) => setTimeout(resolve, 150));
    const [keptLater = 0, endedLater] = await counts();
    assert.equal(endedLater, ended);
    assert.ok(keptLater > kept + 3);
    await kernel.run("clearInterval(timer)");
  });

  it("lets cells shadow the platform's own names without breaking libraries", async () => {
    assert.equal((await kernel.run("class Map { mine = true }\nnew Map().mine")).text, "true");
    const later = await kernel.run(
      "import { URL as U } from 'node:url'; import * as tw from 'tilewright'; [new Map().mine, typeof tw, new U('http://a/?b=1').searchParams.get('b')]",
    );
    assert.equal(later.text, "[ true, 'object', '1' ]", later.traceback);
    assert.equal(
      (await kernel.run("import { performance } from 'node:perf_hooks'; typeof performance.now()")).text,
      "'number'",
    );
    assert.equal((await kernel.run("new globalThis.Map([[1, 2]]).size")).text, "1");
  });

  it("reports a compiler that is kept busy as interrupted", async function () {
    this.timeout(60000);
    const kept = await kernel.run("let kept = 5");
    assert.equal(kept.status, "ok");
    const slow = `type Build<N extends number, R extends unknown[] = []> = R["length"] extends N ? R : Build<N, [...R, 0]>;
type Pairs<A extends unknown[], B extends unknown[]> = { [I in keyof A]: { [J in keyof B]: [A[I], B[J], { [K in keyof A]: [K, I, J] }] } };
const never: Pairs<Build<900>, Build<900>> = 1 as unknown as Pairs<Build<901>, Build<901>>;`;
    const cell = kernel.run(slow);
    await new Promise((resolve) => setTimeout(resolve, 300));
    await kernel.ask("interrupt_request", {}, "control");
    assert.equal((await cell).status, "error");
    assert.equal((await kernel.run("kept + 1")).text, "6");
  });
});

/** Cells that take memory where V8's limit on its heap does not hold. */
const greedy = {
  buffers: "const all: Buffer[] = []; while (true) all.push(Buffer.alloc(16 * 2 ** 20, 1))",
  "buffers, awaiting":
    "const all: Buffer[] = []; while (true) { await 0; all.push(Buffer.alloc(2 ** 20, 1)); }",
  "a WebAssembly memory":
    "const memory = new WebAssembly.Memory({ initial: 1 }); while (true) { const at = memory.grow(256); new Uint8Array(memory.buffer).fill(1, at * 65536); }",
};

describe("kernel: memory beside the heap", () => {
  let kernel: TestKernel;
  before(async () => {
    kernel = await TestKernel.start({}, { TILEWRIGHT_MEMORY_LIMIT: "700M" });
  });
  after(() => kernel.stop());

  for (const [name, code] of Object.entries(greedy)) {
    it(`reports ${name} without end, and goes on`, async function () {
      this.timeout(30_000);
      const ran = await kernel.run(code);
      assert.equal(ran.ename, "SessionEnded", ran.traceback);
      assert.match(String(ran.evalue), /ran out of memory/);
      assert.match(ran.stderr, /takes 0\.\d\d GB and may take 0\.73 GB \(TILEWRIGHT_MEMORY_LIMIT\)/);
      assert.equal((await kernel.run("6 * 7")).text, "42");
    });
  }
});
