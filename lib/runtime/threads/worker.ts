/**
 * What a worker of the pool runs, in Node and in pages: it instantiates the programs it is sent over the memory they
 * share, and takes part in jobs. While it waits for a job it cannot receive messages; a job of a program that it does not
 * know sends it back to its messages, where the program has been since before the job. Never imported.
 */
import { hostFunctions } from "../../codegen/wasm/host.ts";
import { type Body, serve } from "./control.ts";
import { nodePort } from "./host.node.ts";
import { pagePort } from "./host-page.ts";
import type { SharedProgram, ToWorker } from "./messages.ts";

const port = nodePort() ?? pagePort();
/** The loops of each program; null where it could not be instantiated. */
const programs = new Map<number, readonly Body[] | null>();
let control: Int32Array | undefined;
let thread = 0;

const bodyOf = (program: number, body: number): Body | null | undefined => {
  const bodies = programs.get(program);
  return bodies ? bodies[body] : bodies;
};

function bodiesOf({ memory, module, kernels, bodies }: SharedProgram): Body[] {
  const parallel = (): never => {
    throw new Error("a parallel loop inside of another");
  };
  const env = { memory, ...hostFunctions, parallel };
  const kernel: Record<string, WebAssembly.ExportValue> = {};
  for (const k of kernels) kernel[k.name] = new WebAssembly.Instance(k.module, { env }).exports[k.export];
  const { exports } = new WebAssembly.Instance(module, { env, kernel });
  return bodies.map((name) => exports[name] as Body);
}

port.listen((m: ToWorker) => {
  switch (m.kind) {
    case "begin":
      ({ control, thread } = m);
      port.post({ kind: "ready" });
      return;
    case "forget":
      programs.delete(m.number);
      break;
    case "learn":
      try {
        programs.set(m.number, bodiesOf(m));
      } catch (e) {
        programs.set(m.number, null);
        port.post({ kind: "unable", number: m.number, why: e instanceof Error ? e.message : String(e) });
      }
  }
  if (control) serve(control, thread, bodyOf);
});
