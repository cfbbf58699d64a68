/** A model that is imported again for each new set of input shapes: the policy, without what runs the programs. */
import type { IRModule, NDArray } from "../../ir/index.ts";
import { decodeModel } from "./decode.ts";
import { NeedsValue, refuseOnnx } from "./error.ts";
import { fromOnnx, type InputForm, type OnnxOptions } from "./from-onnx.ts";
import { givenInputs } from "./summary.ts";
import type { OnnxFile, ValueInfo } from "./types.ts";

/** What an input is given: a tensor, a sequence, or null for an empty optional. */
export type ModelInput = NDArray | readonly ModelInput[] | null;
export type ModelInputs = Readonly<Record<string, ModelInput>>;

export interface OnnxModelOptions extends Pick<OnnxOptions, "externalData" | "keepParamsInInput"> {
  /** How many specialised programs are kept; the one that was not used for longest goes. */
  readonly keep?: number;
}

const KEEP = 16;

export class OnnxModel {
  readonly file: OnnxFile;
  private readonly options: OnnxModelOptions;
  private readonly programs = new Map<string, IRModule>();
  private readonly needed = new Set<string>();

  /** Throws an OnnxError for a damaged file. What is not supported shows when the model is specialised. */
  constructor(model: Uint8Array | OnnxFile, options: OnnxModelOptions = {}) {
    this.file = model instanceof Uint8Array ? decodeModel(model, options) : model;
    this.options = options;
    this.inputs = givenInputs(this.file);
  }

  /** The inputs that callers give: those that the file has no data for. */
  readonly inputs: readonly ValueInfo[];

  get outputs(): readonly ValueInfo[] {
    return this.file.graph.outputs;
  }

  /** Whether the program depends on shapes alone, as far as is known now. */
  get dependsOnShapesAlone(): boolean {
    return this.needed.size === 0;
  }

  /** Inputs whose values, not only shapes, sizes of the program depend on, as far as is known now. */
  get valueInputs(): readonly string[] {
    return [...this.needed];
  }

  /**
   * The module for inputs of these shapes (and of these values, where sizes depend on them). Programs are kept, so that
   * the same shapes give the same module. Throws an OnnxError when an input is missing or does not fit.
   */
  specialise(inputs: ModelInputs): IRModule {
    for (const { name } of this.inputs) {
      if (!Object.hasOwn(inputs, name)) refuseOnnx(`the input "${name}" is missing`);
    }
    for (;;) {
      const key = this.key(inputs);
      const known = this.programs.get(key);
      if (known) {
        this.programs.delete(key);
        this.programs.set(key, known);
        return known;
      }
      try {
        const made = fromOnnx(this.file, { ...this.options, ...this.formsOf(inputs) });
        this.programs.set(key, made);
        const [oldest] = this.programs.keys();
        if (this.programs.size > (this.options.keep ?? KEEP)) this.programs.delete(oldest);
        return made;
      } catch (e) {
        if (!(e instanceof NeedsValue) || e.inputs.every((name) => this.needed.has(name))) throw e;
        for (const name of e.inputs) this.needed.add(name);
      }
    }
  }

  /** Equal for inputs with which the same program can run. */
  private key(inputs: ModelInputs): string {
    const parts = this.inputs.map(({ name }) => {
      const v = inputs[name];
      const value = this.needed.has(name) && isTensor(v) ? [...v.bytes] : [];
      return [formOf(v), value];
    });
    return JSON.stringify(parts);
  }

  private formsOf(inputs: ModelInputs): Pick<OnnxOptions, "shapes" | "values" | "forms"> {
    const shapes: Record<string, readonly number[]> = {};
    const values: Record<string, NDArray> = {};
    const forms: Record<string, InputForm> = {};
    for (const { name } of this.inputs) {
      const v = inputs[name];
      forms[name] = formOf(v);
      if (!isTensor(v)) continue;
      shapes[name] = v.shape;
      if (this.needed.has(name)) values[name] = v;
    }
    return { shapes, values, forms };
  }
}

const isTensor = (v: ModelInput): v is NDArray => v !== null && !Array.isArray(v);

function formOf(v: ModelInput): InputForm {
  if (v === null) return null;
  return isTensor(v) ? { dtype: v.dtype, shape: v.shape } : v.map(formOf);
}
