/** The names that users of other machine-learning compilers know for running graph-level functions. */
import type { Executable, Kernel, KernelArg } from "../executable.ts";
import type { Tensor } from "../tensor.ts";
import type { GraphResult } from "./library.ts";
import type { Profile } from "./profile.ts";

class Machine {
  readonly executable: Executable;

  constructor(executable: Executable) {
    this.executable = executable;
    for (const [name, f] of Object.entries(executable.functions)) {
      if (!(name in this)) Object.defineProperty(this, name, { value: f, enumerable: true });
    }
  }

  /** Calls a function by name. */
  async call<Result extends GraphResult | void = Tensor>(
    name: string,
    ...args: KernelArg[]
  ): Promise<Result> {
    const { functions } = this.executable;
    if (!Object.hasOwn(functions, name)) {
      throw new Error(`there is no function "${name}"; there are ${Object.keys(functions).join(", ")}`);
    }
    return functions[name]<Result>(...args);
  }

  /** What the steps of one call took. */
  async profile(name: string, ...args: KernelArg[]): Promise<Profile> {
    return this.executable.profile(name, args);
  }
}

export type VirtualMachine = Machine & { readonly [name: string]: Kernel };

/** `new VirtualMachine(await build(mod))`: its functions are its members, `await vm.main(x)`. */
export const VirtualMachine = Machine as unknown as new (executable: Executable) => VirtualMachine;
