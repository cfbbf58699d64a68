/** What stands for the values of the model while it is imported. */
import { type GraphExpr, type NDArray, type TensorType, typeText } from "../../ir/index.ts";
import { dataOf, type Literal, literalOf } from "./literal.ts";

export interface TensorValue {
  readonly kind: "tensor";
  readonly type: TensorType;
  /** The value in the program: emitted when it is asked for the first time. */
  readonly leaf: () => GraphExpr;
  /** Known data. */
  readonly data?: NDArray;
  /** Known elements of a small tensor, which may be symbolic sizes. */
  readonly literal?: Literal;
  /** The elements would be known if the values of these inputs were. */
  readonly needs?: ReadonlySet<string>;
}

/** Sequences and optionals exist at import alone. */
export interface SequenceValue {
  readonly kind: "sequence";
  readonly items: readonly Value[];
}
export interface OptionalValue {
  readonly kind: "optional";
  readonly value: Value | undefined;
}
/** The node that makes it is a problem already reported. */
export interface MissingValue {
  readonly kind: "missing";
}
export type Value = TensorValue | SequenceValue | OptionalValue | MissingValue;

export const MISSING: MissingValue = { kind: "missing" };

export function valueText(v: Value): string {
  switch (v.kind) {
    case "tensor":
      return typeText(v.type);
    case "sequence":
      return `a sequence of ${v.items.length}`;
    case "optional":
      return v.value ? `an optional with ${valueText(v.value)}` : "an empty optional";
    case "missing":
      return "not imported";
  }
}

/** The known elements of a tensor, where it is small. */
export function literalIn(v: TensorValue): Literal | undefined {
  return v.literal ?? (v.data && literalOf(v.data));
}

/** The known data of a tensor: no symbolic sizes among them. */
export function dataIn(v: TensorValue): NDArray | undefined {
  return v.data ?? (v.literal && dataOf(v.literal));
}
