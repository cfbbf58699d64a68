/** `script()` and `toString()` on functions and modules. */
import {
  type GraphFunc,
  graphFuncMethods,
  type IRModule,
  moduleMethods,
  type PrimFunc,
  primFuncMethods,
} from "../ir/index.ts";
import { script } from "./print/index.ts";

declare module "../ir/graph.ts" {
  interface GraphFuncMethods {
    /** The function as TypeScript, which can be pasted. */
    script(): string;
  }
}
declare module "../ir/func.ts" {
  interface PrimFuncMethods {
    /** The function as TypeScript, which can be pasted. */
    script(): string;
  }
  interface IRModuleMethods {
    /** The module as TypeScript, which can be pasted. */
    script(): string;
  }
}

function scriptOfThis(this: PrimFunc | GraphFunc | IRModule): string {
  return script(this);
}

for (const methods of [primFuncMethods, graphFuncMethods, moduleMethods]) {
  Object.defineProperties(methods, {
    script: { value: scriptOfThis, configurable: true },
    toString: { value: scriptOfThis, configurable: true },
  });
}
