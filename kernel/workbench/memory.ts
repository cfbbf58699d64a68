// What the browser keeps for the reader. A browser that keeps nothing is no error.
const prefix = `tilewright:${new URL(".", document.baseURI).pathname}:`;

/** What was kept under a name; undefined when there is nothing. */
export function remembered<T>(name: string): T | undefined {
  try {
    const text = localStorage.getItem(prefix + name);
    return text === null ? undefined : (JSON.parse(text) as T);
  } catch {
    return undefined;
  }
}

/** Keeps a value of plain data under a name. */
export function remember(name: string, value: unknown): void {
  try {
    localStorage.setItem(prefix + name, JSON.stringify(value));
  } catch {
    // Full, or forbidden.
  }
}
