import type { Comms } from "../engine/comms.ts";
import type { Displays } from "../engine/displays.ts";
import type { Task } from "../engine/host.ts";
import type { CellEvent } from "../types.ts";

/** What the modules that cells import need of the session they run in. */
export interface CellSession {
  readonly displays: Displays;
  readonly comms: Comms;
  /** The cell or comm message on whose account the caller runs. */
  task(): Task | undefined;
  /** Runs `body` on account of this work; for code after an `await`, where not every platform still knows. */
  within<T>(task: Task | undefined, body: () => T): T;
  /** Runs `body` as a cell is run, with what it prints, displays, throws and gives going to `take`, also later. */
  capture(take: (event: CellEvent) => void, body: () => unknown): Promise<void>;
}

let current: CellSession | undefined;

/** Says which session this process has. */
export function provide(session: CellSession): void {
  current = session;
}

/** The session; throws outside of a notebook. */
export function session(): CellSession {
  if (!current) throw new Error("this module works in a notebook's cells only");
  return current;
}
