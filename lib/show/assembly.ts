/** The WebAssembly of a program as text; nothing is run. */
import { compileWasm, hasRelaxedDot } from "../codegen/wasm/index.ts";
import { features } from "../runtime/index.ts";
import type { Displayable } from "./display.ts";
import { moduleOf, programOf, type Side } from "./side-by-side.ts";
import { source } from "./source.ts";

/**
 * The WAT of a schedule's program, a function or the tensor programs of a module, to be shown, as it is generated for one
 * thread of this machine. Throws for what WebAssembly cannot do, and a TypeError for what is no tensor program.
 */
export function assembly(x: Side): Displayable {
  const { wat } = compileWasm(moduleOf(programOf(x)), {
    relaxedSimd: features().relaxedSimd,
    relaxedDot: hasRelaxedDot(),
  });
  return source(wat(), "wat");
}
