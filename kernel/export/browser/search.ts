// Search over the chapters of a site. The index is a script beside the page, loaded when somebody wants to search: a page
// that was opened from a disk may load scripts, and nothing else.
import type { SearchIndex } from "../search-index.ts";

/** How many places are shown of one chapter, and in all. */
const perChapter = 4;
const atMost = 24;

declare global {
  /** What the script with the index sets. */
  var tilewrightSearch: SearchIndex | undefined;
}

/** Makes the search field of the page work. */
export function prepareSearch(): void {
  const field = document.querySelector<HTMLInputElement>(".search input");
  const results = document.querySelector<HTMLElement>(".search-results");
  const index = field?.dataset.index;
  if (!field || !results || index === undefined) return;
  field.closest<HTMLElement>(".search")!.hidden = false;
  let loading: Promise<void> | undefined;
  const load = () => {
    loading ??= new Promise((resolve, reject) => {
      const script = document.createElement("script");
      script.src = index;
      script.onload = () => resolve();
      script.onerror = () => reject(new Error("the index of the search is not there"));
      document.head.append(script);
    });
    return loading;
  };
  const search = async () => {
    const wanted = field.value.trim();
    results.hidden = wanted.length < 2;
    if (results.hidden) return;
    try {
      await load();
    } catch (error) {
      results.replaceChildren(line((error as Error).message));
      return;
    }
    if (wanted === field.value.trim()) show(results, found(globalThis.tilewrightSearch ?? [], wanted));
  };
  field.addEventListener("focus", () => void load().catch(() => undefined));
  field.addEventListener("input", () => void search());
  field.addEventListener("keydown", ({ key }) => {
    if (key !== "Escape") return;
    field.value = "";
    results.hidden = true;
  });
  field.closest("form")?.addEventListener("submit", (event) => {
    event.preventDefault();
    results.querySelector<HTMLAnchorElement>("a")?.click();
  });
  document.addEventListener("keydown", (event) => {
    const isTyping = event.target instanceof Element && event.target.closest("input, textarea, select");
    if (event.key !== "/" || isTyping || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    field.focus();
  });
}

interface Found {
  chapter: string;
  page: string;
  id: string;
  heading: string;
  before: string;
  match: string;
  after: string;
  score: number;
}

/** Places that have all the words; those with a word in the heading, or with the whole text, come first. */
function found(index: SearchIndex, wanted: string): Found[] {
  const whole = wanted.toLowerCase();
  const words = whole.split(/\s+/);
  const places = index.flatMap(({ title, page, sections }) => {
    const here = sections.flatMap(([id, heading, text]): Found[] => {
      const [head, body] = [heading.toLowerCase(), text.toLowerCase()];
      if (!words.every((word) => head.includes(word) || body.includes(word))) return [];
      const at = body.includes(whole) ? body.indexOf(whole) : Math.max(0, body.indexOf(words[0]!));
      const length = body.includes(whole)
        ? whole.length
        : body.startsWith(words[0]!, at)
          ? words[0]!.length
          : 0;
      const score =
        (head.includes(whole) ? 4 : 0) +
        (body.includes(whole) ? 2 : 0) +
        (words.every((w) => head.includes(w)) ? 1 : 0);
      return [
        {
          chapter: title,
          page,
          id,
          heading,
          before: (at > 40 ? "… " : "") + text.slice(Math.max(0, at - 40), at),
          match: text.slice(at, at + length),
          after: text.slice(at + length, at + length + 80),
          score,
        },
      ];
    });
    return here.sort((a, b) => b.score - a.score).slice(0, perChapter);
  });
  return places.sort((a, b) => b.score - a.score).slice(0, atMost);
}

function show(results: HTMLElement, places: readonly Found[]): void {
  if (places.length === 0) {
    results.replaceChildren(line("Nothing found."));
    return;
  }
  const links = places.map(({ chapter, page, id, heading, before, match, after }) => {
    const link = document.createElement("a");
    link.href = `${encodeURIComponent(page)}${id === "" ? "" : `#${encodeURIComponent(id)}`}`;
    const head = document.createElement("strong");
    head.textContent = heading === chapter ? chapter : `${chapter} › ${heading}`;
    const text = document.createElement("span");
    const mark = document.createElement("mark");
    mark.textContent = match;
    text.append(before, mark, after);
    link.append(head, text);
    link.addEventListener("click", () => (results.hidden = true));
    return link;
  });
  results.replaceChildren(...links);
}

function line(text: string): HTMLElement {
  const made = document.createElement("p");
  made.setAttribute("role", "status");
  made.textContent = text;
  return made;
}
