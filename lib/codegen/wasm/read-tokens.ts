/** The text format of WebAssembly as nested lists of words (core specification, "Text Format: Lexical Format"). */

export interface Word {
  readonly word: string;
  /** It stood in quotes. */
  readonly quoted?: boolean;
  readonly line: number;
}

export interface List {
  readonly items: readonly Item[];
  readonly line: number;
}

export type Item = Word | List;

export const isList = (x: Item | undefined): x is List => x !== undefined && "items" in x;

/** An error in a kernel's text. */
export function wrong(line: number, what: string): never {
  throw new Error(`WAT, line ${line}: ${what}`);
}

/** White space and comments, a bracket, a string, or a word. */
const TOKEN = /(\s+|;;[^\n]*|\(;[\s\S]*?;\))|([()])|"((?:[^"\\\n]|\\.)*)"|([^\s()";]+)/y;
/** Brackets deeper than this are no program that a person wrote. */
const MAX_DEPTH = 500;

/** The lists of a text. Throws with the line where brackets or strings do not close. */
export function readLists(text: string): List[] {
  const stack: { items: Item[]; line: number }[] = [{ items: [], line: 1 }];
  let line = 1;
  TOKEN.lastIndex = 0;
  while (TOKEN.lastIndex < text.length) {
    const m = TOKEN.exec(text);
    if (!m) return wrong(line, "a string, a comment or a word that does not end");
    const [all, space, bracket, quoted, word] = m;
    const top = stack[stack.length - 1];
    if (bracket === "(") {
      if (stack.length > MAX_DEPTH) wrong(line, `brackets are nested deeper than ${MAX_DEPTH}`);
      stack.push({ items: [], line });
    } else if (bracket === ")") {
      stack.pop();
      if (stack.length === 0) return wrong(line, ") without (");
      stack[stack.length - 1].items.push({ items: top.items, line: top.line });
    } else if (space === undefined) {
      top.items.push(quoted === undefined ? { word, line } : { word: quoted, quoted: true, line });
    }
    for (const c of all) if (c === "\n") line++;
  }
  if (stack.length > 1) return wrong(stack[stack.length - 1].line, "( without )");
  return stack[0].items.map((x) => (isList(x) ? x : wrong(x.line, `${x.word} stands outside of brackets`)));
}
