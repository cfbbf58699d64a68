/**
 * Which function of a model is worked on next (after the task scheduler of Ansor): the one where another round promises
 * most for the time of the whole model. What the last rounds gained is one guide; the other is the hope that a function of
 * which little was tried still has much to give.
 */
import type { TuningTask } from "./task.ts";

/** How much of the promise is hope rather than what was gained. */
const HOPE = 0.5;

interface Past {
  readonly trials: number;
  readonly best: number;
}

export class TaskScheduler {
  private readonly tasks: readonly TuningTask[];
  /** For each task what was known after each of its rounds. */
  private readonly past = new Map<TuningTask, Past[]>();

  constructor(tasks: readonly TuningTask[]) {
    this.tasks = tasks;
  }

  /** Notes what a round has brought. */
  noted(task: TuningTask): void {
    if (task.best === undefined) return;
    const list = this.past.get(task) ?? [];
    list.push({ trials: task.trials, best: task.best });
    this.past.set(task, list);
  }

  /** The next task, or undefined when all are exhausted. Tasks that were never tried come first, in their order. */
  next(): TuningTask | undefined {
    const open = this.tasks.filter((t) => !t.exhausted);
    const untried = open.find((t) => t.trials === 0);
    if (untried) return untried;
    return open.reduce<TuningTask | undefined>(
      (a, b) => (a === undefined || this.promise(b) > this.promise(a) ? b : a),
      undefined,
    );
  }

  /** Milliseconds of the model that a trial may save. */
  private promise(t: TuningTask): number {
    if (t.best === undefined) return 0;
    const list = this.past.get(t) ?? [];
    const last = list[list.length - 1];
    const before = list[Math.max(0, list.length - 3)];
    const tried = last ? last.trials - before.trials : 0;
    const gained = last && tried > 0 ? (before.best - last.best) / tried : 0;
    return t.weight * ((1 - HOPE) * gained + (HOPE * t.best) / t.trials);
  }
}
