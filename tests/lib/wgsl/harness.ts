/** Runs functions on Dawn and in the interpreter on the same data. */
import assert from "node:assert/strict";
import { bindArguments, interpret } from "../../../lib/codegen/index.ts";
import { compileWgsl, type WgslFunction, type WgslOptions } from "../../../lib/codegen/wgsl/index.ts";
import {
  bufferParams,
  constInt,
  type DType,
  irModule,
  newArray,
  type PrimFunc,
  type Scalar,
  sizeOf,
} from "../../../lib/ir/index.ts";
import { assertAllclose, Tensor, type Tolerance } from "../../../lib/runtime/index.ts";
import { gpuCall } from "../../../lib/runtime/webgpu/call.ts";
import { gpuDevice } from "../../../lib/runtime/webgpu/device.ts";

/** Runs the function on the GPU; the tensors hold the results afterwards. `as`: features that code is made for instead. */
export async function runGpu(
  f: PrimFunc,
  args: readonly (Tensor | Scalar)[],
  as: WgslOptions = {},
): Promise<WgslFunction> {
  const device = await gpuDevice();
  const { functions } = compileWgsl(irModule({ main: f }), {
    ...{ limits: device.limits, features: device.features, language: device.language },
    ...as,
  });
  const bound = bindArguments(f, args);
  await gpuCall(device, functions.main, args, bound).run();
  return functions.main;
}

/** Small whole numbers, so that sums are exact in every order; outputs start with what no program computes. */
export function wholeNumbers(f: PrimFunc): Tensor[] {
  const params = bufferParams(f);
  return params.map((p, n) => {
    const shape = p.shape.map((s) => constInt(s) as number);
    if (n === params.length - 1) return Tensor.full(shape, p.dtype === "bool" ? 0 : 99, p.dtype);
    return filled(shape, p.dtype, (i) => ((i * 7 + n * 3) % 9) - (p.dtype === "u8" ? 0 : 4));
  });
}

function filled(shape: readonly number[], dtype: DType, f: (i: number) => number): Tensor {
  const data = newArray(dtype, sizeOf(shape));
  for (let i = 0; i < data.length; i++) {
    if (dtype === "i64") (data as BigInt64Array)[i] = BigInt(f(i));
    else (data as Float32Array)[i] = f(i);
  }
  return Tensor.from(data, shape, dtype);
}

/** Compares all parameters after running `scheduled` on the GPU with `original` in the interpreter. */
export async function assertAgrees(
  original: PrimFunc,
  scheduled: PrimFunc,
  inputs: () => Tensor[],
  tolerance: Tolerance = { rtol: 0, atol: 0 },
  as: WgslOptions = {},
): Promise<WgslFunction> {
  const expected = inputs();
  interpret(original, expected);
  const got = inputs();
  const code = await runGpu(scheduled, got, as);
  got.forEach((t, i) => {
    try {
      assertAllclose(t, expected[i], tolerance);
    } catch (e) {
      const text = code.kernels.map((k) => k.code).join("\n");
      throw new assert.AssertionError({
        message: `parameter ${i}: ${(e as Error).message}\n${code.notes.join("\n")}\n${text}`,
      });
    }
  });
  for (const t of [...expected, ...got]) t.dispose();
  return code;
}
