// What the browser keeps for the reader. A browser that keeps nothing is no error.

/** Where: for good, or until its tab is closed. */
type Store = "localStorage" | "sessionStorage";

const prefix = `tilewright:${new URL(".", document.baseURI).pathname}:`;

/** What was kept under a name; undefined when there is nothing. */
export function remembered<T>(name: string, where: Store = "localStorage"): T | undefined {
  try {
    const text = globalThis[where].getItem(prefix + name);
    return text === null ? undefined : (JSON.parse(text) as T);
  } catch {
    return undefined;
  }
}

/** Keeps a value of plain data under a name. Gives whether there was room for it. */
export function remember(name: string, value: unknown, where: Store = "localStorage"): boolean {
  try {
    globalThis[where].setItem(prefix + name, JSON.stringify(value));
    return true;
  } catch {
    // Full, or forbidden.
    return false;
  }
}

/** Keeps nothing any more under a name. */
export function forget(name: string, where: Store = "localStorage"): void {
  try {
    globalThis[where].removeItem(prefix + name);
  } catch {
    // Forbidden.
  }
}
