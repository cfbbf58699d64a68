/** What cannot be said in WGSL, or not within the limits of an adapter. */
export class WgslError extends Error {
  override readonly name = "WgslError";
}
