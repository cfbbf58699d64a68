/**
 * What is known of tensor programs, by what they say: a model is compiled for one set of sizes after another, and most of
 * its programs come out the same each time, as other objects.
 */
import { structuralEqual } from "./equal.ts";
import type { PrimFunc } from "./func.ts";
import { structuralHash } from "./hash.ts";

/** Names count, so that what was made of one program is in all it says what the other would have given. */
const NAMES = { names: true };

/** Programs never change. */
const hashes = new WeakMap<PrimFunc, string>();

function hashOf(f: PrimFunc): string {
  let hash = hashes.get(f);
  if (hash === undefined) {
    hash = structuralHash(f, NAMES);
    hashes.set(f, hash);
  }
  return hash;
}

interface Entry<V> {
  readonly program: PrimFunc;
  readonly value: V;
}

/** A map whose keys are equal when they are the same program, names included. It keeps its keys. */
export class ProgramMap<V> {
  private readonly most: number;
  /** By hash, in the order of last use. Of two programs whose hashes collide only the later one is known. */
  private readonly entries = new Map<string, Entry<V>>();

  /** `most`: with more programs than that, the one that was not asked for for longest goes. */
  constructor(most = Number.POSITIVE_INFINITY) {
    this.most = most;
  }

  get size(): number {
    return this.entries.size;
  }

  get(f: PrimFunc): V | undefined {
    const hash = hashOf(f);
    const entry = this.entries.get(hash);
    if (!entry || !structuralEqual(entry.program, f, NAMES)) return undefined;
    this.entries.delete(hash);
    this.entries.set(hash, entry);
    return entry.value;
  }

  set(f: PrimFunc, value: V): void {
    const hash = hashOf(f);
    this.entries.delete(hash);
    this.entries.set(hash, { program: f, value });
    const [oldest] = this.entries.keys();
    if (this.entries.size > this.most) this.entries.delete(oldest);
  }

  /** Forgets a program, if the map has this value for it. */
  delete(f: PrimFunc, value: V): void {
    const hash = hashOf(f);
    if (this.entries.get(hash)?.value === value) this.entries.delete(hash);
  }
}
