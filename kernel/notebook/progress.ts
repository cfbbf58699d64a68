import { type Progress, title } from "./run.ts";

/** Erases the terminal's current line. */
const erase = "\r\u001b[2K";

/** Says on a stream how a run goes: a line for each cell, and on a terminal also what runs now, and for how long. */
export function printProgress(stream: NodeJS.WriteStream): Progress {
  let ticker: NodeJS.Timeout | undefined;
  return {
    started(index, count, cell) {
      if (!stream.isTTY) return;
      const began = performance.now();
      const show = () => {
        const seconds = Math.floor((performance.now() - began) / 1000);
        const line = `… cell ${index} of ${count}  ${seconds} s  ${title(cell)}`;
        stream.write(`${erase}${line.slice(0, Math.max(20, stream.columns - 1))}`);
      };
      show();
      ticker = setInterval(show, 1000);
    },
    ended(index, count, cell, seconds, failed) {
      clearInterval(ticker);
      const line = `${failed ? "✗" : "✓"} cell ${index} of ${count}  ${seconds.toFixed(2)} s  ${title(cell)}\n`;
      stream.write(stream.isTTY ? erase + line : line);
    },
  };
}
