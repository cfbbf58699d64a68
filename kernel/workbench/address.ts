// What the address names, and how wide the page is.

/** The notebook and the cell that the address names: `#/03-name.ipynb` or `#/03-name.ipynb@12`. */
export function addressed(): { path: string; cell?: number } | undefined {
  const found = /^#\/(.+?)(?:@(\d+))?$/.exec(location.hash);
  if (!found) return undefined;
  try {
    const path = decodeURI(found[1]!);
    return found[2] === undefined ? { path } : { path, cell: Number(found[2]) };
  } catch {
    return undefined;
  }
}

/** The address of a notebook. */
export function addressOf(path: string): string {
  return `#/${encodeURI(path)}`;
}

/** Says whether there is room for one column only, and when that changes. */
export const narrow: MediaQueryList = matchMedia("(max-width: 800px)");

/** Whether there is room for one column only. */
export function isNarrow(): boolean {
  return narrow.matches;
}
