/** What is wrong with a model file, or not supported in it: where, and what to do. */

/** Where in the file: the part (`graph`, `initializer W`, …), and the node with its place in the graph. */
export interface OnnxPlace {
  readonly part?: string;
  readonly node?: { readonly name: string; readonly opType: string; readonly index: number };
  readonly attribute?: string;
}

/** One thing that is not supported, or does not fit together. */
export interface OnnxProblem {
  readonly reason: string;
  readonly place: OnnxPlace;
}

/** The most problems a message lists; `problems` has them all. */
const LISTED = 20;

export class OnnxError extends Error {
  override readonly name: string = "OnnxError";
  readonly problems: readonly OnnxProblem[];

  constructor(problems: readonly OnnxProblem[], options?: ErrorOptions) {
    super(messageOf(problems), options);
    this.problems = problems;
  }

  /** The place of the first problem. */
  get place(): OnnxPlace {
    return this.problems[0]?.place ?? {};
  }
}

/** The sizes in the program depend on the values of these inputs: import again with `values` for them. */
export class NeedsValue extends OnnxError {
  override readonly name = "NeedsValue";
  readonly inputs: readonly string[];

  constructor(inputs: readonly string[], problems: readonly OnnxProblem[]) {
    super(problems);
    this.inputs = inputs;
  }
}

export function refuseOnnx(reason: string, place: OnnxPlace = {}, options?: ErrorOptions): never {
  throw new OnnxError([{ reason, place }], options);
}

/** The place as words, such as `node 3 (Conv "conv1"), attribute pads`. */
export function placeText(p: OnnxPlace): string {
  const node = p.node && `node ${p.node.index} (${p.node.opType}${p.node.name ? ` "${p.node.name}"` : ""})`;
  const attribute = p.attribute && `attribute ${p.attribute}`;
  return [p.part, node, attribute].filter(Boolean).join(", ");
}

function messageOf(problems: readonly OnnxProblem[]): string {
  const line = ({ reason, place }: OnnxProblem): string => {
    const where = placeText(place);
    return legible(where ? `${where}: ${reason}` : reason);
  };
  if (problems.length === 1) return line(problems[0]);
  const more = problems.length - LISTED;
  const lines = problems.slice(0, LISTED).map((p) => `\n  ${line(p)}`);
  return `${problems.length} problems in the model:${lines.join("")}${more > 0 ? `\n  … and ${more} more` : ""}`;
}

/** The longest line of a message: names of damaged files are anything. */
const LONGEST = 400;

function legible(text: string): string {
  const plain = text.replace(/[\p{Cc}\p{Cf}\ufffd]+/gu, "\ufffd");
  return plain.length > LONGEST ? `${plain.slice(0, LONGEST)}…` : plain;
}
