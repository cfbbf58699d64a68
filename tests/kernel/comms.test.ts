import assert from "node:assert/strict";
import type { Message } from "../../kernel/protocol/messages.ts";
import { TestKernel } from "./support.ts";

interface WidgetOpen {
  comm_id: string;
  data: { state: { [trait: string]: unknown } };
}

describe("kernel: comms and widgets", () => {
  let kernel: TestKernel;
  const heard: Message[] = [];
  before(async () => {
    kernel = await TestKernel.start();
    kernel.client.onOutput = (message) => heard.push(message);
  });
  after(() => kernel.stop());

  /** Sends a comm message as a front end does, and waits until it was handled. */
  const send = async (type: string, content: object, buffers: Uint8Array[] = []) => {
    const outputs: Message[] = [];
    await kernel.client.request(type, { ...content }, { buffers, output: (m) => outputs.push(m) }).idle;
    return outputs;
  };
  const opened = (model: string) =>
    heard.findLast(
      ({ header, content }) =>
        header.msg_type === "comm_open" &&
        (content as unknown as WidgetOpen).data.state._model_name === model,
    )!.content as unknown as WidgetOpen;

  it("carries messages and bytes both ways, and lists what is open", async () => {
    const ran = await kernel.run(`
      import { acceptComm, openComm } from "tilewright/notebook";
      const mine = openComm("there", { hello: 1 }, { buffers: [new Uint8Array([1, 2])] });
      let last: unknown;
      mine.onMessage = ({ data, buffers }) => { last = [data, ...buffers[0]!]; mine.send({ back: true }, { buffers: [new Uint8Array([9])] }); };
      acceptComm("here", (comm, { data }) => comm.send({ got: data.x }));`);
    assert.equal(ran.status, "ok", ran.traceback);
    const open = ran.outputs.find(({ header }) => header.msg_type === "comm_open")!;
    assert.deepEqual([open.content.target_name, open.content.data], ["there", { hello: 1 }]);
    assert.deepEqual([...open.buffers[0]!], [1, 2]);
    const back = await send("comm_msg", { comm_id: open.content.comm_id, data: { y: 2 } }, [
      new Uint8Array([7, 8]),
    ]);
    const answer = back.find(({ header }) => header.msg_type === "comm_msg")!;
    assert.deepEqual([answer.content.data, [...answer.buffers[0]!]], [{ back: true }, [9]]);
    assert.equal((await kernel.run("last")).text, "[ { y: 2 }, 7, 8 ]");

    const got = await send("comm_open", { comm_id: "front", target_name: "here", data: { x: 5 } });
    assert.deepEqual(got.find(({ header }) => header.msg_type === "comm_msg")?.content.data, { got: 5 });
    const info = await kernel.ask("comm_info_request", { target_name: "here" });
    assert.deepEqual(info.comms, { front: { target_name: "here" } });
    const none = await send("comm_open", { comm_id: "nobody", target_name: "missing", data: {} });
    assert.ok(none.some(({ header }) => header.msg_type === "comm_close"));
  });

  it("shows a slider that the front end can move", async () => {
    const ran = await kernel.run(`
      import { IntSlider } from "tilewright/notebook";
      const slider = new IntSlider({ min: 0, max: 9, value: 3, description: "k" });
      slider.onChange((value) => { console.log("now", value); });
      slider`);
    const view = ran.result?.["application/vnd.jupyter.widget-view+json"] as { model_id: string };
    const open = opened("IntSliderModel");
    assert.equal(view.model_id, open.comm_id);
    assert.equal(ran.text, "IntSlider(value: 3)");
    assert.deepEqual([open.data.state.value, open.data.state.max], [3, 9]);
    assert.match(String(open.data.state.layout), /^IPY_MODEL_/);
    const moved = await send("comm_msg", {
      comm_id: open.comm_id,
      data: { method: "update", state: { value: 8 }, buffer_paths: [] },
    });
    assert.ok(moved.some(({ content }) => content.text === "now 8\n"));
    const set = await kernel.run("slider.value += 1; slider.value");
    assert.equal(set.text, "9");
    assert.ok(
      set.outputs.some(
        ({ header, content }) =>
          header.msg_type === "comm_msg" && (content.data as { state: { value: number } }).state.value === 9,
      ),
    );
  });

  it("clicks buttons and chooses from lists; a failing listener is reported", async () => {
    await kernel.run(`
      import { Button, Dropdown, HBox } from "tilewright/notebook";
      const button = new Button({ description: "go" }), choice = new Dropdown({ options: { one: 1, two: 2 } });
      let clicks = 0; button.onClick(() => { clicks += 1; if (clicks > 1) throw new Error("too often"); });
      display(new HBox([button, choice]));`);
    const { comm_id } = opened("ButtonModel");
    const click = { comm_id, data: { method: "custom", content: { event: "click" } } };
    await send("comm_msg", click);
    const again = await send("comm_msg", click);
    assert.equal(again.find(({ header }) => header.msg_type === "error")?.content.evalue, "too often");
    await send("comm_msg", {
      comm_id: opened("DropdownModel").comm_id,
      data: { method: "update", state: { index: 1 }, buffer_paths: [] },
    });
    assert.equal((await kernel.run("[clicks, choice.value]")).text, "[ 2, 2 ]");
  });

  it("shows an interaction once, also where it is the cell's result", async () => {
    const ran = await kernel.run(`
      import { interact } from "tilewright/notebook";
      interact(({ a }) => a, { a: [1, 9] })`);
    assert.equal(ran.status, "ok", ran.traceback);
    const views = ran.outputs.filter(({ header }) => /^(display_data|execute_result)$/.test(header.msg_type));
    assert.equal(views.length, 1);
  });

  it("runs a function again when a slider moves, also one that can be interrupted", async () => {
    const ran = await kernel.run(`
      import { interact } from "tilewright/notebook";
      const shown = interact(({ a, name }) => { console.log(name); if (a === 99) while (true) {} return a * 2; }, { a: [1, 99], name: ["x", "y"] });`);
    assert.equal(ran.status, "ok", ran.traceback);
    const shown = ran.outputs.find(({ header }) => header.msg_type === "display_data")!;
    assert.match(
      String((shown.content.data as { "text/plain": string })["text/plain"]),
      /a = 50, name = x\n100/,
    );
    const outputs = opened("OutputModel");
    const [stream, result] = outputs.data.state.outputs as { text?: string; data?: object }[];
    assert.equal(stream?.text, "x\n");
    assert.deepEqual(result?.data, { "text/plain": "100" });
    const slider = { comm_id: opened("IntSliderModel").comm_id };
    const move = (value: number) =>
      send("comm_msg", { ...slider, data: { method: "update", state: { value }, buffer_paths: [] } });
    const moved = await move(4);
    const update = moved.find(({ content }) => content.comm_id === outputs.comm_id)!;
    const state = (update.content.data as { state: { outputs: { data?: object }[] } }).state;
    assert.deepEqual(state.outputs.at(-1)?.data, { "text/plain": "8" });
    const stuck = move(99);
    await new Promise((resolve) => setTimeout(resolve, 200));
    await kernel.ask("interrupt_request", {}, "control");
    await stuck;
    assert.equal((await kernel.run("1")).text, "1");
    assert.ok(
      (await move(5)).some(({ content }) => content.comm_id === outputs.comm_id),
      "goes on",
    );
  });

  it("draws progress bars in their place", async () => {
    const ran = await kernel.run(`
      import { progress } from "tilewright/notebook";
      let sum = 0; for (const i of progress([1, 2, 3], "adding")) sum += i; sum`);
    assert.equal(ran.text, "6");
    assert.equal(ran.types[0], "display_data");
    const last = ran.outputs.findLast(({ header }) => header.msg_type === "update_display_data")!;
    assert.match((last.content.data as { "text/plain": string })["text/plain"], /adding █+ 3\/3/);
  });

  it("draws what is told live, in its place, the last of it too", async () => {
    const ran = await kernel.run(`
      import { live } from "tilewright/notebook";
      const show = live((p: { n: number; done?: boolean }) => p.n < 0 ? undefined : { toString: () => \`at \${p.n}\`, [Symbol.for("Jupyter.display")]: () => ({ "text/plain": \`at \${p.n}\` }) });
      show({ n: -1 }); for (let n = 1; n <= 50; n++) show({ n, done: n === 50 }); 0`);
    const drawn = ran.outputs
      .filter(({ header }) => /display_data$/.test(header.msg_type))
      .map(({ header, content }) => [
        header.msg_type,
        (content.data as { "text/plain": string })["text/plain"],
      ]);
    assert.deepEqual(drawn[0], ["display_data", "at 1"]);
    assert.deepEqual(drawn.at(-1), ["update_display_data", "at 50"]);
    assert.ok(drawn.length < 20, "not each of them");
  });

  it("closes the front end's comms when their process is gone", async () => {
    const before = heard.length;
    await kernel.run("process.exit(1)");
    assert.ok(heard.slice(before).some(({ header }) => header.msg_type === "comm_close"));
    assert.deepEqual((await kernel.ask("comm_info_request", {})).comms, {});
  });
});
