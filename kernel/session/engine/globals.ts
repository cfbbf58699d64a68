import type { Question } from "../types.ts";
import { RichDisplay } from "./bundle.ts";
import type { Displays } from "./displays.ts";

/** What every cell can use without an import; their types are in language/globals.ts. */
export function cellGlobals(
  displays: Displays,
  ask: (question: Question) => string,
): { [name: string]: unknown } {
  return {
    display: displays.display,
    clearOutput: displays.clearOutput,
    /** As in a page, `null` stands for "no answer" and an empty line takes the suggestion. */
    prompt: (message: unknown = "", given: unknown = "") => {
      const options = typeof given === "object" && given !== null ? (given as PromptOptions) : {};
      const suggestion = options.initial ?? (typeof given === "object" ? "" : String(given));
      const text = `${message}${suggestion === "" ? "" : ` [${suggestion}]`} `;
      const answer = ask({ prompt: text, password: options.password === true });
      return answer === "" ? suggestion : answer;
    },
    confirm: (message: unknown = "") => {
      const answer = ask({ prompt: `${message} [y/N] `, password: false });
      return /^\s*(y|yes|true|1)\s*$/i.test(answer);
    },
    image,
    ...tags(),
  };
}

interface PromptOptions {
  initial?: string;
  /** The front end does not show what is typed. */
  password?: boolean;
}

/** The tagged templates of cells: what is interpolated is inserted as it is. */
function tags() {
  const tag =
    (mime: string) =>
    (strings: TemplateStringsArray, ...values: unknown[]) => {
      const text = String.raw({ raw: strings }, ...values);
      return new RichDisplay({ [mime]: text, "text/plain": text });
    };
  return { md: tag("text/markdown"), html: tag("text/html"), svg: tag("image/svg+xml") };
}

/** A picture from its bytes (PNG, JPEG, GIF, WebP, told apart by how they begin) or from a URL, also as a tag. */
export function image(source: unknown, ...values: unknown[]): RichDisplay {
  if (source instanceof Uint8Array || source instanceof ArrayBuffer) {
    const bytes = source instanceof ArrayBuffer ? new Uint8Array(source) : source;
    const mime = imageType(bytes);
    return new RichDisplay({ [mime]: bytes, "text/plain": `${mime}, ${bytes.length} bytes` });
  }
  const isTag = Array.isArray(source) && "raw" in source;
  const url = isTag ? String.raw({ raw: source as unknown as string[] }, ...values) : String(source);
  const escaped = url.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
  return new RichDisplay({ "text/html": `<img src="${escaped}" alt="">`, "text/plain": url.slice(0, 200) });
}

function imageType(bytes: Uint8Array): string {
  const begins = (...start: number[]) => start.every((byte, index) => bytes[index] === byte);
  if (begins(0x89, 0x50, 0x4e, 0x47)) return "image/png";
  if (begins(0xff, 0xd8)) return "image/jpeg";
  if (begins(0x47, 0x49, 0x46)) return "image/gif";
  if (begins(0x52, 0x49, 0x46, 0x46)) return "image/webp";
  throw new TypeError("image: these bytes are no PNG, JPEG, GIF or WebP");
}
