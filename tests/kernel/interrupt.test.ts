import assert from "node:assert/strict";
import { TestKernel } from "./support.ts";

/** A WebAssembly module whose exported `f` never returns. */
const loop = "[0,97,115,109,1,0,0,0,1,4,1,96,0,0,3,2,1,0,7,5,1,1,102,0,0,10,9,1,7,0,3,64,12,0,11,11]";

const endless = {
  "a loop": "while (true) {}",
  "a loop after an await": "await 0; while (true) {}",
  "an endless await": "await new Promise(() => {})",
  "a loop of awaits": "while (true) await 0",
  "a loop that prints": "for (let i = 0; ; i++) console.log(i)",
  "a loop in WebAssembly": `(new WebAssembly.Instance(new WebAssembly.Module(new Uint8Array(${loop}))).exports.f)()`,
};

describe("kernel: interrupts and crashes", () => {
  let kernel: TestKernel;
  before(async () => {
    kernel = await TestKernel.start();
    await kernel.run("let x = 41");
  });
  after(() => kernel.stop());

  for (const [name, code] of Object.entries(endless)) {
    it(`stops ${name}, variables intact`, async () => {
      const cell = kernel.run(code);
      await new Promise((resolve) => setTimeout(resolve, 200));
      const info = await kernel.ask("kernel_info_request", {});
      assert.equal(info.status, "ok", "answers while the cell spins");
      await kernel.ask("interrupt_request", {}, "control");
      const ran = await cell;
      assert.equal(ran.ename, "Interrupted");
      assert.equal((await kernel.run("x")).text, "41");
    });
  }

  it("stops on a signal too, and aborts what was queued", async () => {
    const cells = [kernel.run("await 0; while (true) {}"), kernel.run("1"), kernel.run("2")];
    await new Promise((resolve) => setTimeout(resolve, 200));
    kernel.kernel.process.kill("SIGINT");
    const [first, ...rest] = await Promise.all(cells);
    assert.equal(first?.ename, "Interrupted");
    assert.deepEqual(
      rest.map(({ status }) => status),
      ["aborted", "aborted"],
    );
    assert.equal((await kernel.run("x + 1")).text, "42");
  });

  it("completes and inspects while a cell runs", async () => {
    const cell = kernel.run("await new Promise((done) => setTimeout(done, 300)); while (true) {}");
    await new Promise((resolve) => setTimeout(resolve, 100));
    const completed = await kernel.ask("complete_request", { code: "Math.sqr", cursor_pos: 8 });
    assert.deepEqual(completed.matches, ["sqrt"]);
    await kernel.ask("interrupt_request", {}, "control");
    assert.equal((await cell).status, "error");
  });

  it("reports a process that ends, and starts a new one", async () => {
    const exit = await kernel.run("console.log('last words'); process.exit(3)");
    assert.equal(exit.stdout, "last words\n");
    assert.equal(exit.ename, "SessionEnded");
    assert.match(String(exit.evalue), /exit code 3/);
    assert.match((await kernel.run("x")).traceback, /Cannot find name 'x'/);
    assert.equal((await kernel.run("1 + 1")).text, "2");
  });

  it("reports a cell that runs out of memory", async function () {
    this.timeout(60000);
    const small = await TestKernel.start({}, { NODE_OPTIONS: "--max-old-space-size=256" });
    try {
      const code = "const hoard: number[][] = []; while (true) hoard.push(new Array(10000).fill(1.5))";
      const ran = await small.run(code);
      assert.equal(ran.ename, "SessionEnded");
      assert.match(String(ran.evalue), /ran out of memory/);
      assert.equal((await small.run("3")).text, "3");
    } finally {
      await small.stop();
    }
  });

  it("drops messages that are malformed or unsigned and goes on", async () => {
    const { client } = kernel;
    const bytes = (text: string) => Buffer.from(text);
    client.sendFrames([bytes("nonsense")]);
    client.sendFrames([bytes("<IDS|MSG>"), bytes("00"), bytes("{}"), bytes("{}"), bytes("{}"), bytes("{}")]);
    client.sendFrames([bytes("<IDS|MSG>"), bytes("")], "control");
    assert.equal((await kernel.ask("kernel_info_request", {})).status, "ok");
  });
});
