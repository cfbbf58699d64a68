/** A line of generated code. */
export interface WgslLine {
  readonly text: string;
  /** The statement or buffer of the lowered program that the line comes from. */
  readonly node?: object;
}
