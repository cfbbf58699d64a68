/** Dataflow primitives as pure functions on one function: each step is verified and compared with the start. */
import assert from "node:assert/strict";
import { assertWellFormed, type PrimFunc } from "../../../lib/ir/index.ts";
import { cacheRead, cacheWrite } from "../../../lib/schedule/cache.ts";
import { type ComputeAtOptions, computeAt, reverseComputeAt } from "../../../lib/schedule/compute-at.ts";
import { ScheduleError } from "../../../lib/schedule/error.ts";
import type { Factor } from "../../../lib/schedule/index.ts";
import { computeInline } from "../../../lib/schedule/inline.ts";
import { reverseComputeInline } from "../../../lib/schedule/inline-reverse.ts";
import { blocksNamed, findBlock, loopsOf } from "../../../lib/schedule/lookup.ts";
import { Schedule } from "../../../lib/schedule/schedule.ts";
import { parsePrimFunc, script } from "../../../lib/script/index.ts";
import { same, sameResults } from "./support.ts";

/** A function under transformation; loops are named by block and position from the outside. */
export class Dataflow {
  f: PrimFunc;
  private readonly start: PrimFunc;

  constructor(f: PrimFunc) {
    this.start = assertWellFormed(f);
    this.f = f;
  }

  block(name: string): number {
    const [b] = blocksNamed(this.f, name);
    assert.ok(b, `no block ${name} in ${script(this.f)}`);
    return b.id;
  }

  /** The id of the loop number `i` around a block. */
  loop(name: string, i: number): number {
    return loopsOf(findBlock(this.f, this.block(name)))[i].v.id;
  }

  computeAt(block: string, [of, i]: [string, number], options?: ComputeAtOptions): this {
    return this.step(computeAt(this.f, this.block(block), this.loop(of, i), options));
  }

  reverseComputeAt(block: string, [of, i]: [string, number], options?: ComputeAtOptions): this {
    return this.step(reverseComputeAt(this.f, this.block(block), this.loop(of, i), options));
  }

  computeInline(block: string): this {
    return this.step(computeInline(this.f, this.block(block)));
  }

  reverseComputeInline(block: string): this {
    return this.step(reverseComputeInline(this.f, this.block(block)));
  }

  cacheRead(block: string, index: number, scope: string): this {
    return this.step(cacheRead(this.f, this.block(block), index, scope).func);
  }

  cacheWrite(block: string, index: number, scope: string): this {
    return this.step(cacheWrite(this.f, this.block(block), index, scope).func);
  }

  /** Loop primitives through a schedule. */
  loops(run: (sch: Schedule) => void): this {
    const sch = new Schedule(this.f);
    run(sch);
    return this.step(sch.func());
  }

  step(next: PrimFunc): this {
    try {
      assertWellFormed(next);
      sameResults(this.start, next);
    } catch (e) {
      throw new Error(`${(e as Error).message}\n${script(next)}`);
    }
    this.f = next;
    return this;
  }

  /** The program as the script, by structural equality. */
  becomes(expected: PrimFunc): this {
    same(this.f, expected);
    return this;
  }

  /** Survives printing and parsing. */
  roundTrips(): this {
    same(parsePrimFunc(script(this.f)), this.f);
    return this;
  }
}

/** Splits loop number `at` around a block. */
export const split = (name: string, at: number, factors: Factor[]) => (sch: Schedule) => {
  sch.split(sch.getLoops(sch.getBlock(name))[at], factors);
};

export const dataflow = (f: PrimFunc): Dataflow => new Dataflow(f);

/** The refusal's rule and detail have these words. */
export function refusal(run: () => unknown, rule: RegExp, detail?: RegExp): ScheduleError {
  try {
    run();
  } catch (e) {
    if (!(e instanceof ScheduleError)) throw e;
    assert.match(e.refusal.rule, rule);
    if (detail) assert.match(e.refusal.detail, detail);
    assert.ok(e.refusal.nodes.length > 0, "no node is at fault");
    return e;
  }
  return assert.fail("not refused");
}
