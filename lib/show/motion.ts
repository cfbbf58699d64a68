/**
 * Animations as CSS keyframes: no script, nothing to load. A value holds until the next step (`step-end`). Who asked
 * the system for less motion, and who pauses, sees the picture stand still.
 */
import { round } from "./svg.ts";

/** Far outside every picture. */
const AWAY = "translate(-9999px,0)";

export class Motion {
  private readonly rules: string[] = [];
  private readonly names = new Map<string, string>();
  private readonly name: string;
  private readonly steps: number;
  private readonly stepMs: number;

  /** `what`: what is animated; names are made from it, so that two displays of one page do not meet. */
  constructor(what: string, steps: number, stepMs: number) {
    this.name = `tw-${hash(what)}`;
    this.steps = Math.max(1, steps);
    this.stepMs = Math.min(10_000, Math.max(20, stepMs));
  }

  /** A class that puts something at a place at each step, away where there is none. */
  move(places: readonly ({ readonly x: number; readonly y: number } | undefined)[]): string {
    return this.rule(
      "transform",
      places.map((p) => (p ? `translate(${round(p.x)}px,${round(p.y)}px)` : AWAY)),
    );
  }

  /** A class that shows something in some steps. */
  show(visible: readonly boolean[]): string {
    return this.rule(
      "opacity",
      visible.map((v) => (v ? "1" : "0")),
    );
  }

  private rule(property: string, values: readonly string[]): string {
    const frames = values.flatMap((v, n) =>
      n > 0 && v === values[n - 1] ? [] : [`${Math.round((n / this.steps) * 1e5) / 1e3}%{${property}:${v}}`],
    );
    const first = values[0] ?? "";
    const key = `${frames.join("")}`;
    const known = this.names.get(key);
    if (known) return known;
    const name = `${this.name}-${this.names.size}`;
    this.names.set(key, name);
    const still = first === "" ? "" : `${property}:${first};`;
    if (frames.length <= 1) this.rules.push(`.${name}{${still}}`);
    else {
      const end = `100%{${property}:${values[values.length - 1]}}`;
      this.rules.push(
        `@keyframes ${name}{${frames.join("")}${end}}.${name}{${still}animation:${name} ${this.steps * this.stepMs}ms step-end infinite}`,
      );
    }
    return name;
  }

  css(): string {
    const rest =
      ".tw-anim:has(input:checked) *{animation-play-state:paused!important}@media(prefers-reduced-motion:reduce){.tw-anim *{animation:none!important}}";
    return this.rules.join("") + rest;
  }
}

/** FNV-1a, 32 bits. */
export function hash(text: string): string {
  let h = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) h = Math.imul(h ^ text.charCodeAt(i), 0x01000193);
  return (h >>> 0).toString(36);
}
