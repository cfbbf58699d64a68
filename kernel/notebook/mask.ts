// What differs from run to run without meaning anything: times, rates, dates.

const number = String.raw`[-−+]?\d[\d,]*(?:\.\d+)?(?:[eE][-−+]?\d+)?`;

/** A number, as programs print it: with thousands separated, with a typographic minus, in scientific notation. */
export const numberPattern: RegExp = new RegExp(number, "g");

const time = new RegExp(
  String.raw`${number}\s?(?:ns|µs|μs|us|ms|s|sec|seconds?|min|minutes?)(?![\p{L}\d/])`,
  "gu",
);
const rate = new RegExp(
  String.raw`${number}\s?(?:[kKMGT]?i?(?:FLOPS?|FLOP|B|bytes|bit|ops?|it|images|samples)/s|×(?!\s?\d)|times (?:faster|slower|as (?:fast|slow|long)))`,
  "g",
);
const date = /\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:Z|[-+]\d\d:?\d\d)?)?/g;

/** Words in the head of a table that tell that its numbers are measurements. */
const measured = /\b(?:[kKMGT]?FLOP\/s|[kKMGT]?i?B\/s|median|p25|p75|speed-?up)(?!\p{L})|\((?:ns|µs|ms|s)\)/u;

/** One line as it was printed, and as it is compared. */
export interface Line {
  raw: string;
  compared: string;
}

/**
 * The lines of a text, with times, rates and dates masked in what is compared and runs of spaces taken as one. Below a
 * table's head that names a measured quantity every number is masked, up to the next empty line, and the rows are put in the
 * order of their text: the one they came in may be that of the measurements.
 */
export function maskedLines(text: string): Line[] {
  const masked: Line[] = [];
  let rows: Line[] | undefined;
  const endTable = () => {
    masked.push(
      ...(rows ?? []).sort((a, b) => (a.compared < b.compared ? -1 : a.compared > b.compared ? 1 : 0)),
    );
    rows = undefined;
  };
  for (const raw of lines(text)) {
    let compared = raw.replace(date, "⟨date⟩").replace(rate, "⟨rate⟩").replace(time, "⟨time⟩");
    if (rows) compared = compared.replace(/⟨(?:time|rate)⟩/g, "⟨n⟩").replace(numberPattern, "⟨n⟩");
    if (raw.trim() === "") endTable();
    const line = { raw, compared: compared.replace(/\s+/g, " ").trim() };
    (rows ?? masked).push(line);
    if (measured.test(raw)) rows ??= [];
  }
  endTable();
  return masked;
}

/** The lines of a text, compared to the letter. */
export function exactLines(text: string): Line[] {
  return lines(text).map((raw) => ({ raw, compared: raw }));
}

function lines(text: string): string[] {
  return text.replace(/\n$/, "").split("\n");
}
