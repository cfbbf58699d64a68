import { escapeHtml } from "../session/engine/table.ts";

const colours = ["black", "red", "green", "yellow", "blue", "magenta", "cyan", "white"];

// Built from strings, because a control character may not stand in a regular expression's literal.
const control = String.fromCharCode(27);
const sequence = new RegExp(`${control}(?:\\[[0-9;?]*[A-Za-z]?)?`, "g");
const sequences = new RegExp(`(?:${control}\\[([0-9;]*)m)|([^${control}]+)|${sequence.source}`, "g");

/** Text with terminal colours as HTML; all other control sequences are dropped. */
export function ansiToHtml(text: string): string {
  const state = { colour: "", bold: false, dim: false };
  let html = "";
  for (const [, codes, plain = ""] of text.matchAll(sequences)) {
    if (codes !== undefined) for (const code of codes.split(";")) apply(state, Number(code));
    else html += styled(escapeHtml(plain), state);
  }
  return html;
}

/** Text without terminal colours. */
export function stripAnsi(text: string): string {
  return text.replace(sequence, "");
}

function apply(state: { colour: string; bold: boolean; dim: boolean }, code: number): void {
  if (code === 0) Object.assign(state, { colour: "", bold: false, dim: false });
  else if (code === 1) state.bold = true;
  else if (code === 2) state.dim = true;
  else if (code === 22) Object.assign(state, { bold: false, dim: false });
  else if (code === 39) state.colour = "";
  else if (code >= 30 && code <= 37) state.colour = colours[code - 30]!;
  else if (code >= 90 && code <= 97) state.colour = colours[code - 90]!;
}

function styled(
  html: string,
  { colour, bold, dim }: { colour: string; bold: boolean; dim: boolean },
): string {
  const classes = [colour && `ansi-${colour}`, bold && "ansi-bold", dim && "ansi-dim"].filter(Boolean);
  return classes.length > 0 ? `<span class="${classes.join(" ")}">${html}</span>` : html;
}
