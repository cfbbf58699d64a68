import type { JsonObject } from "../../protocol/messages.ts";
import type { CellEvent } from "../types.ts";
import { Control } from "./controls.ts";
import { session } from "./session.ts";

/** One output as the notebook format writes it. */
type Output = JsonObject & { output_type: string };

/**
 * An area that shows outputs, and can be filled again and again. What it shows is part of its state, set as a whole,
 * so that two fills can never mix.
 */
export class OutputArea extends Control {
  constructor() {
    const module = { module: "@jupyter-widgets/output", moduleVersion: "1.0.0" };
    super({ name: "OutputModel", ...module }, { msg_id: "", outputs: [] });
  }

  /** The outputs shown. */
  get outputs(): readonly JsonObject[] {
    return this.get("outputs") as Output[];
  }

  /** Replaces what is shown by what `body` prints, displays and returns; an error is shown too. */
  async fill(body: () => unknown): Promise<void> {
    const outputs: Output[] = [];
    let late = false;
    const take = (event: CellEvent) => {
      add(outputs, event);
      // What comes once the area has been filled is added to it.
      if (late) this.set({ outputs: [...outputs] });
    };
    const { task, within, capture } = session();
    const work = task();
    await capture(take, body);
    late = true;
    within(work, () => this.set({ outputs: [...outputs] }));
  }
}

function add(outputs: Output[], event: CellEvent): void {
  const last = outputs.at(-1);
  if (event.type === "stream" && last?.output_type === "stream" && last.name === event.name) {
    outputs[outputs.length - 1] = { ...last, text: `${last.text}${event.text}` };
  } else if (event.type === "stream") {
    outputs.push({ output_type: "stream", name: event.name, text: event.text });
  } else if (event.type === "error") outputs.push({ output_type: "error", ...event.error });
  else if (event.type === "clear") outputs.length = 0;
  else if (event.type === "result") {
    outputs.push({ output_type: "execute_result", execution_count: null, ...event.display });
  } else if (event.type === "display") {
    const output = {
      output_type: "display_data",
      ...event.display,
      ...(event.id === undefined ? {} : { transient: { display_id: event.id } }),
    };
    const same = outputs.findIndex(({ transient }) => (transient as JsonObject)?.display_id === event.id);
    if (event.update && same >= 0) outputs[same] = output;
    else outputs.push(output);
  }
}
