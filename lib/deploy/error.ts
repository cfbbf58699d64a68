/** What keeps a model from becoming a bundle, and what to do about it. */
export class DeployError extends Error {
  override readonly name = "DeployError";
}

/** Throws a `DeployError`. */
export function refuseDeploy(reason: string): never {
  throw new DeployError(reason);
}
