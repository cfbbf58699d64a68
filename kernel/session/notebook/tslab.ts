// What `import … from "tslab"` gives to cells, so that notebooks written for tslab run unchanged.
import { RichDisplay } from "../engine/bundle.ts";
import { session } from "./session.ts";

/** Shows values of one kind of media each. */
export interface Display {
  javascript(text: string): void;
  html(text: string): void;
  markdown(text: string): void;
  latex(text: string): void;
  svg(text: string): void;
  png(bytes: Uint8Array): void;
  jpeg(bytes: Uint8Array): void;
  gif(bytes: Uint8Array): void;
  pdf(bytes: Uint8Array): void;
  text(text: string): void;
  raw(mime: string, content: string | Uint8Array): void;
}

/** A display that shows again in the same place. */
export interface UpdatableDisplay extends Display {
  /** Replaces what is shown by any value. */
  update(value: unknown): void;
}

function displayBy(show: (value: unknown) => void): Display {
  const raw = (mime: string, content: string | Uint8Array) => {
    const text = typeof content === "string" && mime.startsWith("text/") ? content : mime;
    // A library's own text/plain is its whole bundle; every other kind has a word for clients that draw none.
    show(new RichDisplay({ "text/plain": text, [mime]: content }));
  };
  const of =
    <C extends string | Uint8Array>(mime: string) =>
    (content: C) =>
      raw(mime, content);
  return {
    javascript: of<string>("text/javascript"),
    html: of<string>("text/html"),
    markdown: of<string>("text/markdown"),
    latex: of<string>("text/latex"),
    svg: of<string>("image/svg+xml"),
    png: of<Uint8Array>("image/png"),
    jpeg: of<Uint8Array>("image/jpeg"),
    gif: of<Uint8Array>("image/gif"),
    pdf: of<Uint8Array>("application/pdf"),
    text: of<string>("text/plain"),
    raw,
  };
}

/** A display whose later calls replace what the first one showed. */
export function newDisplay(): UpdatableDisplay {
  let id: string | undefined;
  const update = (value: unknown) => {
    const { display } = session().displays;
    if (id === undefined) id = display(value).id;
    else display(value, { id, update: true });
  };
  return { ...displayBy(update), update };
}

/** Shows below the cell. */
export const display: Display & { newDisplay(): UpdatableDisplay } = {
  ...displayBy((value) => void session().displays.display(value)),
  newDisplay,
};
