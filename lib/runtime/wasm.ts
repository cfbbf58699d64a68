/** WebAssembly as a target: compile, instantiate over the device's memory, call with addresses. */
import { type Argument, type Bound, evalSize } from "../codegen/index.ts";
import { instantiateWasm, type WasmFunction } from "../codegen/wasm/index.ts";
import type { IRModule } from "../ir/index.ts";
import type { Backend, Prepared } from "./backend.ts";
import type { Tensor } from "./tensor.ts";
import { type WasmCodeOptions, wasmCode } from "./wasm-code.ts";

type Entry = (...args: (number | bigint)[]) => void;

export async function wasmBackend(mod: IRModule, options: WasmCodeOptions): Promise<Backend> {
  const { code, memory, spread, threads, ready } = wasmCode(mod, options);
  const instance = await instantiateWasm(code, memory.memory, spread);
  return {
    target: "wasm",
    threads,
    ready,
    prepare(name, args, bound) {
      const f = code.functions[name];
      const entry = instance.exports[name] as unknown as Entry;
      const values = callArguments(f, args as readonly Argument[], bound);
      const bytes = evalSize(f.workspace, bound.sizes);
      if (bytes === undefined) throw new Error(`${name}: the size of its workspace is unknown`);
      const last = values.length - 1;
      const call: Prepared =
        bytes === 0
          ? () => entry(...values)
          : () => {
              values[last] = memory.workspace(bytes);
              entry(...values);
            };
      return () => {
        try {
          call();
        } catch (e) {
          if (e instanceof WebAssembly.RuntimeError) throw trap(name, e);
          throw e;
        }
      };
    },
    source(format = "wat") {
      if (format !== "wat")
        throw new Error(`source: unknown format ${JSON.stringify(format)}; there is "wat"`);
      return code.wat();
    },
  };
}

/** Addresses and scalars in order of the parameters, then the sizes, then a place for the workspace's address. */
function callArguments(f: WasmFunction, args: readonly Argument[], bound: Bound): (number | bigint)[] {
  const params = f.params.map((p, i) =>
    p.kind === "buffer" ? (args[i] as Tensor).address : bound.scalars.get(p.id)!,
  );
  const sizes = f.sizes.map((v) => bound.sizes.get(v.id)!);
  return [...params, ...sizes, 0];
}

/** What generated code ran into, in the words of the program. */
function trap(name: string, e: WebAssembly.RuntimeError): Error {
  const division = /divide by zero|remainder by zero|division by zero/.test(e.message);
  const why = division ? "integer division by zero" : e.message;
  return new Error(`${name}: ${why} (target wasm; the interpreter says where)`, { cause: e });
}
