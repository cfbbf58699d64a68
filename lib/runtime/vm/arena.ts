/**
 * The memory that intermediate values of running programs lie in. Runs are synchronous, so all programs use the same
 * bytes, one after the other; only a program that runs inside another (a library function that calls one, the rest of
 * a function whose sizes were just read) gets an arena of its own, one level further up.
 */
import { cpuMemory, type DeviceMemory } from "../memory.ts";
import { settleThreads } from "../threads/index.ts";

interface Level {
  address: number;
  bytes: number;
}

export class ArenaStack {
  private readonly memory: DeviceMemory;
  private readonly levels: Level[] = [];
  private readonly claims = new Map<object, number>();
  private depth = 0;

  constructor(memory: DeviceMemory) {
    this.memory = memory;
  }

  /** The address of at least `bytes` bytes, until `leave`. The next `enter` may give another. */
  enter(bytes: number): number {
    settleThreads();
    this.levels[this.depth] ??= { address: 0, bytes: 0 };
    const level = this.levels[this.depth];
    if (level.bytes < bytes) {
      if (level.address !== 0) this.memory.free(level.address);
      level.address = 0;
      level.bytes = 0;
      level.address = this.memory.alloc(bytes);
      level.bytes = bytes;
    }
    this.depth++;
    return level.address;
  }

  leave(): void {
    this.depth--;
  }

  /** Says that a program needs so much whenever it runs: until then, nothing above the largest claim is kept. */
  claim(owner: object, bytes: number): void {
    this.claims.set(owner, bytes);
  }

  /** Takes a claim back, and gives memory back that nobody claims any more. */
  release(owner: object): void {
    this.claims.delete(owner);
    if (this.depth > 0) return;
    const needed = Math.max(0, ...this.claims.values());
    for (const level of this.levels) {
      if (level.address === 0 || level.bytes <= needed) continue;
      this.memory.free(level.address);
      level.address = 0;
      level.bytes = 0;
    }
  }
}

let cpu: ArenaStack | undefined;

/** The arenas of the CPU device. */
export function cpuArenas(): ArenaStack {
  cpu ??= new ArenaStack(cpuMemory());
  return cpu;
}
