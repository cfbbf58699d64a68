/**
 * Random numbers of a schedule: Lehmer's generator (Park and Miller's constants), whose whole state is one number, so
 * that a state of the schedule holds it and undo brings it back.
 */
const MULTIPLIER = 48271;
const MODULUS = 2 ** 31 - 1;

export class Random {
  /** 1 … 2^31 - 2. */
  state: number;

  constructor(seed: number) {
    // Scrambled (Steele and Vigna's mixer of 32 bits), since neighbouring states begin alike.
    let h = (seed ^ (seed >>> 16)) >>> 0;
    h = Math.imul(h, 0x21f0aaad);
    h = Math.imul(h ^ (h >>> 15), 0x735a2d97);
    this.state = (((h ^ (h >>> 15)) >>> 0) % (MODULUS - 1)) + 1;
  }

  /** A generator that goes on from a state. */
  static at(state: number): Random {
    const r = new Random(0);
    r.state = state;
    return r;
  }

  next(): number {
    this.state = (this.state * MULTIPLIER) % MODULUS;
    return this.state;
  }

  /** 0 <= x < 1. */
  real(): number {
    return (this.next() - 1) / (MODULUS - 1);
  }

  /** A whole number, 0 … below - 1. */
  int(below: number): number {
    return Math.floor(this.real() * below);
  }

  /** An index, as often as its weight among all. Weights are not negative, and not all 0. */
  weighted(weights: readonly number[]): number {
    let x = this.real() * weights.reduce((a, b) => a + b, 0);
    for (const [i, w] of weights.entries()) {
      x -= w;
      if (x < 0) return i;
    }
    return weights.findLastIndex((w) => w > 0);
  }

  /** A seed for a generator that goes its own way. */
  fork(): number {
    return (this.next() * 32767) % 1999999973;
  }
}
