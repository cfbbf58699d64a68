import assert from "node:assert/strict";
import { TestKernel } from "./support.ts";

describe("kernel: input", () => {
  let kernel: TestKernel;
  before(async () => {
    kernel = await TestKernel.start();
  });
  after(() => kernel.stop());

  it("says clearly that nobody can be asked", async () => {
    const ran = await kernel.run("prompt('name?')");
    assert.match(String(ran.evalue), /does not allow input/);
  });

  it("asks for a line, a password and a yes, in order with output", async () => {
    const asked: unknown[] = [];
    kernel.client.onQuestion = (prompt, password) => {
      asked.push([prompt, password]);
      return asked.length === 1 ? "Ada 😀" : asked.length === 2 ? "" : "y";
    };
    const ran = await kernel.run(
      "console.log('before'); [prompt('name?'), prompt('word', { password: true, initial: 'x' }), confirm('sure?')]",
    );
    assert.equal(ran.text, "[ 'Ada 😀', 'x', true ]", ran.traceback);
    assert.deepEqual(asked, [
      ["name? ", false],
      ["word [x] ", true],
      ["sure? [y/N] ", false],
    ]);
  });

  it("can be interrupted while it waits, and drops the late answer", async () => {
    await kernel.run("let kept = 7");
    kernel.client.onQuestion = () => new Promise((done) => setTimeout(() => done("late"), 1000));
    const cell = kernel.run("prompt('wait')");
    await new Promise((resolve) => setTimeout(resolve, 200));
    assert.deepEqual((await kernel.ask("complete_request", { code: "Math.sqr", cursor_pos: 8 })).matches, [
      "sqrt",
    ]);
    await kernel.ask("interrupt_request", {}, "control");
    assert.equal((await cell).ename, "Interrupted");
    await new Promise((resolve) => setTimeout(resolve, 1000));
    kernel.client.onQuestion = () => "second";
    assert.equal((await kernel.run("prompt('again') + kept")).text, "'second7'");
  });
});
