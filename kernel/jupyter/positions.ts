// The protocol counts positions in code points, JavaScript in UTF-16 units.

/** The UTF-16 offset of a code-point position. */
export function toOffset(text: string, position: number): number {
  let offset = 0;
  for (let count = 0; count < position && offset < text.length; count += 1) {
    offset += text.codePointAt(offset)! > 0xffff ? 2 : 1;
  }
  return offset;
}

/** The code-point position of a UTF-16 offset. */
export function toPosition(text: string, offset: number): number {
  let position = 0;
  for (let at = 0; at < offset; at += text.codePointAt(at)! > 0xffff ? 2 : 1) position += 1;
  return position;
}
