// Names that the server chooses, by the rules that Jupyter's readers know.
import { readdir } from "node:fs/promises";
import { HttpError } from "../errors.ts";

/** How a new file is called: "Untitled.ipynb", "untitled.txt", "Untitled Folder". */
export function untitled(type: unknown, ext: unknown) {
  const suffix = typeof ext === "string" ? ext : "";
  if (/[/\\\0]/.test(suffix)) throw new HttpError(400, `No extension of a file: ${JSON.stringify(ext)}`);
  const kind = type || (suffix === ".ipynb" ? "notebook" : "file");
  if (kind === "directory") return { kind, stem: "Untitled Folder", suffix: "", insert: " " };
  if (kind === "notebook") return { kind, stem: "Untitled", suffix: ".ipynb", insert: "" };
  if (kind === "file") return { kind, stem: "untitled", suffix, insert: "" };
  throw new HttpError(400, `Unexpected model type: ${JSON.stringify(type)}`);
}

/** The parts of the name that copies of a file are numbered between: "a-Copy1.tar.gz" gives "a" and ".tar.gz". */
export function copyStem(name: string): { stem: string; suffix: string } {
  const original = name.replace(/-Copy\d*\./, ".");
  // A notebook may have dots in its name; other files may have several extensions.
  const at = original.endsWith(".ipynb") ? original.lastIndexOf(".") : original.indexOf(".");
  if (at < 0) return { stem: original, suffix: "" };
  return { stem: original.slice(0, at), suffix: original.slice(at) };
}

/** The first of "stem.suffix", "stem+insert+1.suffix", … that no entry of the folder has. */
export async function freeName(
  folder: string,
  stem: string,
  suffix: string,
  insert: string,
): Promise<string> {
  const taken = new Set(await readdir(folder));
  for (let i = 0; ; i++) {
    const name = `${stem}${i === 0 ? "" : `${insert}${i}`}${suffix}`;
    if (!taken.has(name)) return name;
  }
}
