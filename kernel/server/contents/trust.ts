// Which notebooks a reader's own kernel made: their outputs may run scripts, those of others may not.
import { createHmac, randomBytes } from "node:crypto";
import { appendFileSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import type { RawCell, RawNotebook } from "../../notebook/validate.ts";
import { isObject } from "../../protocol/messages.ts";
import { sorted, withoutTransient } from "./canonical.ts";

/** Displays that cannot run anything. */
const harmless = new Set(["text/plain", "image/png", "image/jpeg"]);

/** How many signatures are kept; the oldest are forgotten. */
const limit = 20_000;

/** Signatures of trusted notebooks, kept in a folder of the user's, made with a secret that lies beside them. */
export class TrustStore {
  readonly #folder: string;
  #secret: Buffer | undefined;
  #signatures: Set<string> | undefined;

  constructor(folder: string) {
    this.#folder = folder;
  }

  /** Whether this very notebook was saved by this user with all its outputs trusted. */
  isTrusted(notebook: RawNotebook): boolean {
    return this.#known().has(this.#sign(notebook));
  }

  /** Signs a notebook that is being saved when all its outputs are trusted or harmless. */
  sawSaved(notebook: RawNotebook): void {
    if (!notebook.cells.every(isTrustedCell)) return;
    const signature = this.#sign(notebook);
    const known = this.#known();
    if (known.has(signature)) return;
    known.add(signature);
    try {
      appendFileSync(this.#file("signatures"), `${signature}\n`, { mode: 0o600 });
    } catch {
      // A home that cannot be written: trust lasts as long as this server.
    }
  }

  #sign(notebook: RawNotebook): string {
    const text = JSON.stringify(sorted(withoutTransient(notebook)));
    return createHmac("sha256", this.#key()).update(text).digest("hex");
  }

  #key(): Buffer {
    if (this.#secret) return this.#secret;
    const file = this.#file("secret");
    try {
      mkdirSync(this.#folder, { recursive: true, mode: 0o700 });
      writeFileSync(file, randomBytes(32), { mode: 0o600, flag: "wx" });
    } catch {
      // There is one already, or nothing can be written here.
    }
    try {
      this.#secret = readFileSync(file);
    } catch {
      this.#secret = randomBytes(32);
    }
    return this.#secret;
  }

  #known(): Set<string> {
    if (this.#signatures) return this.#signatures;
    let lines: string[] = [];
    try {
      lines = readFileSync(this.#file("signatures"), "utf8").split("\n").filter(Boolean);
      if (lines.length > limit) {
        lines = lines.slice(-limit / 2);
        writeFileSync(this.#file("signatures"), `${lines.join("\n")}\n`, { mode: 0o600 });
      }
    } catch {
      // None yet.
    }
    this.#signatures = new Set(lines);
    return this.#signatures;
  }

  #file(name: string): string {
    return path.join(this.#folder, name);
  }
}

function isTrustedCell(cell: RawCell): boolean {
  if (cell.cell_type !== "code" || cell.metadata.trusted === true) return true;
  const outputs = Array.isArray(cell.outputs) ? cell.outputs : [];
  return outputs.every(
    (output) => !isObject(output?.data) || Object.keys(output.data).every((mime) => harmless.has(mime)),
  );
}
