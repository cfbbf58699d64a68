/** The pool itself: workers that end, that cannot be started, that come late. */

import assert from "node:assert/strict";
import { setTimeout } from "node:timers/promises";
import { encodeModule } from "../../../lib/codegen/wasm/encode.ts";
import { readWat } from "../../../lib/codegen/wasm/read-wat.ts";
import { type Body, controlBlock } from "../../../lib/runtime/threads/control.ts";
import { host } from "../../../lib/runtime/threads/host.ts";
import { setThreads } from "../../../lib/runtime/threads/index.ts";
import type { Host, Member } from "../../../lib/runtime/threads/platform.ts";
import { ThreadPool } from "../../../lib/runtime/threads/pool.ts";

/** Writes its thread, plus one, for each of its iterations; a worker stays as long as there is 99 in the first word. */
const MARK = `(module (import "env" "memory" (memory 0))
  (func (export "mark") (param $begin i32) (param $end i32) (param $thread i32) (param $at i32)
    (loop $next
      (i32.store (i32.add (local.get $at) (i32.shl (local.get $begin) (i32.const 2)))
        (i32.add (local.get $thread) (i32.const 1)))
      (loop $stay (br_if $stay (i32.and (i32.ne (local.get $thread) (i32.const 0))
        (i32.eq (i32.load (i32.const 0)) (i32.const 99)))))
      (br_if $next (i32.lt_s (local.tee $begin (i32.add (local.get $begin) (i32.const 1))) (local.get $end))))))`;

const AT = 64;
const memory = new WebAssembly.Memory({ initial: 1, maximum: 1, shared: true });
const words = new Int32Array(memory.buffer);
const module = new WebAssembly.Module(encodeModule({ ...readWat(MARK), sharedMemory: true }));
const here = new WebAssembly.Instance(module, { env: { memory } }).exports.mark as Body;

const spreader = (pool: ThreadPool, mine: Body = here, threads = 3) =>
  pool.spreader({
    program: { memory, module, kernels: [], bodies: ["mark"] },
    threads,
    bodies: () => [mine],
  });

/** Who ran each of the iterations. */
const ran = (n: number): number[] => Array.from(words.subarray(AT / 4, AT / 4 + n));

/** Runs until so many threads have taken part, or the time has passed. */
function untilAll(run: ReturnType<typeof spreader>, threads: number, ms = 10_000): Set<number> {
  const seen = new Set<number>();
  const until = performance.now() + ms;
  while (seen.size < threads && performance.now() < until) {
    words.fill(0);
    run(0, 0, 1000, AT);
    for (const x of ran(1000)) seen.add(x);
    assert.ok(!seen.has(0), "an iteration was left out");
  }
  return seen;
}

describe("runtime: the pool of threads", function () {
  this.timeout(60_000);
  const members: Member[] = [];
  const pools: ThreadPool[] = [];
  const watched: Host = {
    ...host(),
    start(events) {
      const m = host().start(events);
      let ended = false;
      // An engine ends a loop of WebAssembly when it likes to; here a worker is dead as soon as it was ended.
      const end = (): void => {
        if (!ended) m.end();
        ended = true;
      };
      const member = { ...m, end, isAlive: () => !ended && m.isAlive() };
      members.push(member);
      return member;
    },
  };
  const newPool = (h: Host = watched): ThreadPool => {
    members.length = 0;
    const pool = new ThreadPool(h);
    pools.push(pool);
    return pool;
  };
  before(() => setThreads(3, { oversubscribe: true }));
  after(() => {
    for (const p of pools) p.end();
    setThreads();
  });

  it("runs every iteration once, on all threads", async () => {
    const pool = newPool();
    const run = spreader(pool);
    await pool.ready(3);
    assert.equal(pool.size, 2);
    assert.deepEqual(untilAll(run, 3), new Set([1, 2, 3]));
    for (const [begin, end] of [
      [0, 0],
      [0, 1],
      [5, 7],
      [3, 2],
    ]) {
      words.fill(0);
      run(0, begin, end, AT);
      assert.deepEqual(
        ran(10).map((x) => x > 0),
        Array.from({ length: 10 }, (_, i) => i >= begin && i < end),
      );
    }
    // A program for two threads leaves the third alone.
    assert.ok(!untilAll(spreader(pool, here, 2), 3, 200).has(3));
  });

  it("does not wait for workers that have not begun", () => {
    const pool = newPool();
    words.fill(0);
    spreader(pool)(0, 0, 100, AT);
    assert.deepEqual(ran(100), new Array(100).fill(1));
  });

  it("tells of a worker that ends in the middle of a call, and goes on without it", async () => {
    const pool = newPool();
    await pool.ready(3);
    assert.deepEqual(untilAll(spreader(pool), 3), new Set([1, 2, 3]));
    /** Waits until a worker hangs in its part, and ends it. */
    const kill: Body = (begin, end, thread, at) => {
      while (!ran(1000).some((x) => x > 1));
      for (const m of members) m.end();
      here(begin, end, thread, at);
    };
    words.fill(0);
    words[0] = 99;
    assert.throws(
      () => spreader(pool, kill)(0, 0, 1000, AT),
      /a worker thread ended while it computed its part of mark: the results of this call are incomplete/,
    );
    words.fill(0);
    await setTimeout(100);
    spreader(pool)(0, 0, 1000, AT);
    assert.ok(ran(1000).every((x) => x > 0));
    await pool.ready(3);
    assert.deepEqual(untilAll(spreader(pool), 3), new Set([1, 2, 3]), "others take their place");
  });

  it("knows of a worker that has ended before its end is an event", async () => {
    const member = await new Promise<Member>((resolve) => {
      const m: Member = host().start({ message: () => resolve(m), gone: () => {} });
      m.post({ kind: "begin", control: controlBlock(1), thread: 1 });
    });
    assert.ok(member.isAlive());
    member.end();
    // Nothing is awaited from here on, so no event can tell.
    const until = performance.now() + 30_000;
    while (member.isAlive() && performance.now() < until);
    assert.ok(!member.isAlive());
  });

  it("replaces workers that ended between calls", async () => {
    const pool = newPool();
    await pool.ready(3);
    for (const m of members) m.end();
    await setTimeout(100);
    const run = spreader(pool);
    words.fill(0);
    run(0, 0, 100, AT);
    assert.ok(ran(100).every((x) => x > 0));
    await pool.ready(3);
    assert.deepEqual(untilAll(run, 3), new Set([1, 2, 3]));
  });

  it("runs serially where workers cannot be started, and says why", async () => {
    const thrower = newPool({
      ...watched,
      start() {
        throw new Error("workers are forbidden here");
      },
    });
    await thrower.ready(3);
    words.fill(0);
    spreader(thrower)(0, 0, 10, AT);
    assert.deepEqual(ran(10), new Array(10).fill(1));
    assert.equal(thrower.broken, "workers could not be started: workers are forbidden here");

    const failing = newPool({
      ...watched,
      start(events) {
        setImmediate(() => events.gone("its file is not there"));
        return { post() {}, isAlive: () => false, hold() {}, end() {} };
      },
    });
    await failing.ready(3);
    words.fill(0);
    spreader(failing)(0, 0, 10, AT);
    assert.deepEqual(ran(10), new Array(10).fill(1));
    assert.equal(failing.broken, "workers could not be started: its file is not there");
  });
});
