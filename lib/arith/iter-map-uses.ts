/** Which digits of which numbers are used: the account that detection of iterator maps keeps. */
import { constInt, type Expr, ops } from "../ir/index.ts";
import type { IterDigit, IterMark } from "./iter-map.ts";
import { exprKey } from "./key.ts";
import { simplify } from "./simplify.ts";

/** The number that digits become part of; set once it is made. */
export interface Into {
  mark?: IterMark;
}

interface Used {
  readonly digit: IterDigit;
  /** Absent for digits that a binding uses itself. */
  readonly into?: Into;
}

interface Border {
  readonly key: string;
  readonly div: IterMark;
  readonly mod: IterMark;
}

export class IterUses {
  private readonly marks: IterMark[] = [];
  private readonly used = new Map<IterMark, Used[]>();
  private readonly borders = new Map<IterMark, Border>();

  add(m: IterMark): IterMark {
    this.marks.push(m);
    this.used.set(m, []);
    return m;
  }

  indexOf(m: IterMark): number {
    return this.marks.indexOf(m);
  }

  use(digit: IterDigit, into?: Into): void {
    this.used.get(digit.mark)?.push({ digit, into });
  }

  /** One side of a number divided by a symbolic size; undefined when another size divides it already. */
  border(m: IterMark, by: Expr, op: "floordiv" | "floormod"): IterMark | undefined {
    const key = exprKey(by);
    let b = this.borders.get(m);
    if (!b) {
      const extent = Number.POSITIVE_INFINITY;
      const tiles = simplify(ops.floordiv(ops.sub(ops.add(m.size, by), 1), by));
      // Whether the size divides the number is not known, so nothing is said to be dense.
      const side = (o: "floordiv" | "floormod", size: Expr): IterMark =>
        this.add({ source: { kind: "border", of: m, op: o, by }, extent, size, dense: false });
      b = { key, div: side("floordiv", tiles), mod: side("floormod", by) };
      this.borders.set(m, b);
    }
    if (b.key !== key) return undefined;
    return op === "floordiv" ? b.div : b.mod;
  }

  /** Why digits overlap; undefined when each is used once at most. */
  clash(): string | undefined {
    for (const [m, used] of this.used) {
      if (this.borders.has(m) && used.length > 0) return "a loop is used whole and in parts";
      const sorted = sortedDigits(used);
      for (let i = 1; i < sorted.length; i++) {
        if (sorted[i].lower % (sorted[i - 1].lower * sorted[i - 1].extent) !== 0) {
          return "a loop (or a part of one) is used twice";
        }
      }
    }
    return undefined;
  }

  /** Whether a digit of the number is used nowhere. */
  isLeft(m: IterMark): boolean {
    return m.extent !== 1 && !this.isUsedUp(m);
  }

  private isUsedUp(m: IterMark): boolean {
    const border = this.borders.get(m);
    if (border) return this.hasUses(border.div) && this.hasUses(border.mod);
    let covered = 1;
    const used = this.used.get(m) ?? [];
    for (const u of [...used].sort((x, y) => x.digit.lower - y.digit.lower)) {
      if (u.digit.lower !== covered || (u.into?.mark && !this.isUsedUp(u.into.mark))) return false;
      covered *= u.digit.extent;
    }
    return covered >= m.extent;
  }

  private hasUses(m: IterMark): boolean {
    return (this.used.get(m)?.length ?? 0) > 0;
  }

  /** Whether the used digits of each number take all combinations of values. */
  areFree(): boolean {
    return this.marks.every((m) => {
      const digits = sortedDigits(this.used.get(m) ?? []);
      const top = digits[digits.length - 1];
      if (!top) return true;
      if (!m.dense) return false;
      // A highest digit that is cut off (10 by fours: 4, 4, 2) takes all its values alone only.
      const even = Number.isFinite(m.extent)
        ? top.lower * top.extent <= m.extent
        : top.lower === 1 || constInt(simplify(ops.floormod(m.size, top.lower))) === 0;
      return even || (digits.length === 1 && top.extent === Math.ceil(m.extent / top.lower));
    });
  }
}

const sortedDigits = (used: readonly Used[]): IterDigit[] =>
  used.map((u) => u.digit).sort((x, y) => x.lower - y.lower);
