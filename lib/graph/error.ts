/** What is refused at graph level: the operator or pass, what is wrong, and what to do. */
export class GraphError extends Error {
  override readonly name = "GraphError";
  /** The operator, pass or primitive that refused. */
  readonly where: string;

  constructor(where: string, reason: string, options?: ErrorOptions) {
    super(`${where}: ${reason}`, options);
    this.where = where;
  }
}

export function refuseGraph(where: string, reason: string): never {
  throw new GraphError(where, reason);
}
