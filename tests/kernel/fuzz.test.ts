// Ten thousand messages that no client should send. Whatever arrives, the kernel goes on answering.
import assert from "node:assert/strict";
import { rmSync } from "node:fs";
import fc from "fast-check";
import { type StartedKernel, startKernel } from "../../kernel/client/start.ts";
import { type ConnectionInfo, type JsonObject, makeHeader } from "../../kernel/protocol/messages.ts";
import { sign } from "../../kernel/protocol/wire.ts";
import { temporaryFolder } from "./support.ts";

const count = Number(process.env.TILEWRIGHT_FUZZ ?? 10_000);
const seed = Number(process.env.TILEWRIGHT_SEED ?? Math.floor(Math.random() * 2 ** 31));

/** Every type that the kernel knows, but for those whose answer is to end. */
const types = [
  ...[
    "kernel_info",
    "complete",
    "inspect",
    "is_complete",
    "history",
    "comm_info",
    "interrupt",
    "connect",
  ].map((name) => `${name}_request`),
  ...["comm_open", "comm_msg", "comm_close", "input_reply", "execute_request", "debug_request"],
];

/** Fields that the handlers read, with values of any type. */
const field = fc.constantFrom(
  ...["code", "cursor_pos", "detail_level", "silent", "store_history", "user_expressions", "allow_stdin"],
  ...[
    "stop_on_error",
    "hist_access_type",
    "session",
    "start",
    "stop",
    "n",
    "pattern",
    "unique",
    "output",
    "raw",
  ],
  ...["target_name", "comm_id", "data", "value", "restart"],
);
const anything = fc.oneof(
  fc.jsonValue(),
  fc.constantFrom(
    -1,
    1e308,
    -0,
    2 ** 53,
    "\u0000",
    "\ud800",
    "constructor",
    "__proto__",
    "tail",
    "range",
    "search",
  ),
  fc.string({ unit: "binary", maxLength: 40 }),
);
const content = fc.oneof(
  fc.dictionary(field, anything, { maxKeys: 6 }),
  fc.jsonValue() as fc.Arbitrary<unknown>,
);

/** The four JSON parts of a message, before they are broken. */
const parts = fc
  .record({
    type: fc.oneof(fc.constantFrom(...types), fc.string({ maxLength: 30 })),
    content,
    header: anything,
  })
  .chain(({ type, content, header }) =>
    fc.constantFrom<readonly unknown[]>(
      [type, {}, {}, content],
      [type, header, {}, content],
      [type, {}, header, content],
      [header, {}, {}, content],
    ),
  );

/** How a message is broken after it was made. */
type Damage =
  | { kind: "none" | "unsigned" | "wrong signature" | "no delimiter" | "huge" | "not JSON" }
  | { kind: "truncated" | "doubled"; at: number }
  | { kind: "bytes"; bytes: Uint8Array[] };
const damage: fc.Arbitrary<Damage> = fc.oneof(
  { weight: 6, arbitrary: fc.constant<Damage>({ kind: "none" }) },
  { weight: 1, arbitrary: fc.constant<Damage>({ kind: "unsigned" }) },
  { weight: 2, arbitrary: fc.constant<Damage>({ kind: "wrong signature" }) },
  { weight: 1, arbitrary: fc.constant<Damage>({ kind: "no delimiter" }) },
  { weight: 1, arbitrary: fc.constant<Damage>({ kind: "not JSON" }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant("truncated" as const), at: fc.nat(8) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("doubled" as const), at: fc.nat(8) }) },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant("bytes" as const),
      bytes: fc.array(fc.uint8Array({ maxLength: 60 }), { maxLength: 8 }),
    }),
  },
);

interface Sample {
  parts: readonly unknown[];
  damage: Damage;
  control: boolean;
}

const samples: fc.Arbitrary<Sample> = fc.record({ parts, damage, control: fc.boolean() });

/** The frames of a sample on the wire. Cells that would run for long are made to run nothing. */
function frames(
  { parts: [type, parent, metadata, body], damage }: Sample,
  { key }: ConnectionInfo,
): Uint8Array[] {
  const header = typeof type === "string" ? makeHeader(type, "fuzz", `fuzz-${type}`) : type;
  const texts = [header, parent, metadata, body].map((part) => JSON.stringify(part) ?? "null");
  if (damage.kind === "not JSON") texts[3] = `${texts[3]}}`;
  if (damage.kind === "huge") texts[3] = JSON.stringify({ code: " ".repeat(1 << 25) });
  const bodies = texts.map((text) => Buffer.from(text));
  const signature =
    damage.kind === "unsigned" ? "" : sign(bodies, damage.kind === "wrong signature" ? "other" : key);
  const all = [Buffer.from("<IDS|MSG>"), Buffer.from(signature), ...bodies];
  if (damage.kind === "no delimiter") all.shift();
  if (damage.kind === "truncated") return all.slice(0, damage.at);
  if (damage.kind === "doubled") return [...all.slice(0, damage.at), ...all];
  return damage.kind === "bytes" ? damage.bytes : all;
}

describe("kernel: fuzzed messages", function () {
  this.timeout(300_000);
  let folder: string;
  let kernel: StartedKernel;
  before(async () => {
    folder = temporaryFolder();
    // Every dropped message is a line of its log.
    kernel = await startKernel(folder, { stderr: "ignore" });
    await kernel.client.ready();
  });
  after(async () => {
    await kernel.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  /** The kernel still runs cells, on the same process and with the same variables. */
  async function healthy(): Promise<void> {
    const { reply, outputs } = await kernel.client.execute("kept * 2");
    assert.deepEqual(outputs[0]?.content.data, { "text/plain": "42" }, JSON.stringify(reply));
  }

  it(`${count} of them (seed ${seed})`, async () => {
    await kernel.client.execute("let kept = 21;");
    console.log(`      seed ${seed}; repeat with TILEWRIGHT_SEED=${seed}`);
    const all = fc.sample(samples, { numRuns: count, seed });
    const answered = new Map<string, number>();
    kernel.client.onOutput = ({ parent: { msg_type = "" } }) =>
      answered.set(msg_type, (answered.get(msg_type) ?? 0) + 1);
    for (const [index, sample] of all.entries()) {
      const sent = frames(sample, kernel.connection);
      // A dealer cannot send a message without frames.
      kernel.client.sendFrames(
        sent.length > 0 ? sent : [new Uint8Array()],
        sample.control ? "control" : "shell",
      );
      if (index % 500 === 499) {
        await kernel.client.request("kernel_info_request", {}, { channel: "control" }).reply;
        await kernel.client.request("is_complete_request", { code: "1" }).reply;
      }
    }
    await settled();
    await healthy();
    const reached = types.filter((type) => answered.has(type));
    assert.ok(count < 1000 || reached.length >= 10, `only these reached a handler: ${reached}`);
  });

  it("huge ones", async () => {
    for (const control of [false, true]) {
      const huge: Sample = { parts: ["is_complete_request", {}, {}, {}], damage: { kind: "huge" }, control };
      kernel.client.sendFrames(frames(huge, kernel.connection), control ? "control" : "shell");
      const many = Array.from({ length: 20_000 }, () => new Uint8Array(1));
      kernel.client.sendFrames(many, control ? "control" : "shell");
    }
    const nested: JsonObject = {};
    let inner = nested;
    for (let depth = 0; depth < 2000; depth++) inner = inner.code = {} as JsonObject;
    await kernel.client.request("complete_request", nested).reply;
    await settled();
    await healthy();
  });

  /** Waits until what was sent before has been answered. A failed cell takes those that wait behind it along: ask again. */
  async function settled(): Promise<void> {
    for (;;) {
      const { reply } = await kernel.client.execute("kept", undefined, { stop_on_error: false });
      if (reply.status !== "aborted") return;
    }
  }
});
