/** Thrown for what the device reports of a call: validation, memory, loss. */
export class GpuError extends Error {
  override readonly name = "GpuError";
}
