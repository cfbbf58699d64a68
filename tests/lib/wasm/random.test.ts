/** Random expressions in random loops, generated code against the interpreter. A failure names its seed. */
import { loopsIn, type PrimFunc } from "../../../lib/ir/index.ts";
import { assertSame } from "./harness.ts";
import { randomCase } from "./random-case.ts";

const hasParallel = (f: PrimFunc): boolean => loopsIn(f.body).some((l) => l.loopKind === "parallel");

describe("wasm, random expressions", () => {
  const CASES = Number(process.env.CASES ?? 400);
  const first = Number(process.env.SEED ?? 1);
  const GROUP = 50;
  for (let at = first; at < first + CASES; at += GROUP) {
    it(`seeds ${at} to ${at + GROUP - 1}`, () => {
      for (let seed = at; seed < at + GROUP; seed++) {
        const { func, args } = randomCase(seed);
        try {
          assertSame(func, args);
          if (hasParallel(func)) assertSame(func, args, { threads: 3 });
        } catch (e) {
          throw new Error(`seed ${seed} (SEED=${seed} CASES=1 repeats it)`, { cause: e });
        }
      }
    });
  }
});
