// What values look like to the compiler, for a panel beside the notebook: a front end opens a comm and asks.
import type { JsonObject } from "../../protocol/messages.ts";
import { bundleOf, displaySymbol } from "./bundle.ts";
import type { Comm, Comms } from "./comms.ts";
import { libraryViews, type View } from "./library-views.ts";
import { LiveSearches } from "./live-searches.ts";

/**
 * The comm target. `{ id, ask: "values", cell, names, with }` is answered with the values that have views: the cell's last
 * value, the names', and under `others` every other that cells have set; `with` names a second value to compare with.
 * `{ id, ask: "view", key, view, with }` is answered with the view's MIME bundle and the code that makes it, or an error.
 * Unasked come `{ live }`: the curve of a search that runs.
 */
const viewsTarget = "tilewright.views";

/** How many values are told of, and how long the HTML of a view may be, in characters. */
const atMost = 40;
const longest = 2_000_000;

/** What questions are answered from. */
export interface ViewSource {
  scope: object;
  /** The value of a name. */
  read(name: string): unknown;
  /** The names that cells have set. */
  names(): Iterable<string>;
  /** The last value of a cell, by its number, as long as it is remembered. */
  result(cell: number): unknown;
  inspect(value: unknown): string;
}

/** The view that every value has which shows itself. A control does not: it would be there twice to be moved. */
const output: View = {
  name: "output",
  title: "Output",
  applies: (value) => showsItself(value) && !isControl(value),
  render: (x) => x,
  code: (n) => n,
};

/** Answers questions for views, and tells of searches. */
export function acceptViews(comms: Comms, source: ViewSource): void {
  const open = new Set<Comm>();
  const searches = new LiveSearches(source.scope, (live) => {
    for (const comm of open) comm.send({ live });
  });
  comms.accept(viewsTarget, (comm) => {
    open.add(comm);
    searches.isWanted = true;
    comm.onClose = () => {
      open.delete(comm);
      searches.isWanted = open.size > 0;
    };
    comm.onMessage = async ({ data }) => {
      const answer = data.ask === "view" ? await viewOf(source, data) : valuesOf(source, data);
      comm.send({ id: data.id ?? null, ...answer });
    };
  });
}

function valuesOf(source: ViewSource, asked: JsonObject): JsonObject {
  const names = strings(asked.names);
  const named = [...new Set(names)].map((name) => ({ key: name, value: source.read(name) }));
  const result = typeof asked.cell === "number" ? source.result(asked.cell) : undefined;
  const isNamed = named.some(({ value }) => value === result);
  const own = isNamed || result === undefined ? named : [{ key: `[${asked.cell}]`, value: result }, ...named];
  const others = [...source.names()].filter((name) => !names.includes(name));
  const second = typeof asked.with === "string" ? keyed(source, asked.with) : undefined;
  return {
    values: own
      .map((one) => described(source, one, second))
      .filter(hasViews)
      .slice(0, atMost),
    others: others
      .map((name) => described(source, { key: name, value: source.read(name) }, second))
      .filter(hasViews)
      .slice(-atMost),
  };
}

const hasViews = ({ views }: { views: object[] }): boolean => views.length > 0;
const named = ({ name, title }: { name: string; title: string }) => ({ name, title });

function described({ scope }: ViewSource, { key, value }: { key: string; value: unknown }, second: unknown) {
  const library = libraryViews(scope);
  const comparisons = second === undefined ? [] : (library?.comparisonViews ?? []);
  return {
    key,
    kind: library?.valueKind(value) ?? "display",
    views: viewsFor(scope, value).map(named),
    comparisons: comparisons.filter((one) => one.applies(value, second)).map(named),
  };
}

/** A display that the library's own views show anyway is not listed a second time. */
function viewsFor(scope: object, value: unknown): View[] {
  const views = (libraryViews(scope)?.compilerViews ?? []).filter((one) => one.applies(value));
  const isShown = views.some(({ name }) => name === "steps" || name === "passes" || name === "program");
  return isShown || !output.applies(value) ? views : [...views, output];
}

async function viewOf(source: ViewSource, asked: JsonObject): Promise<JsonObject> {
  try {
    const [key, second] = [String(asked.key), typeof asked.with === "string" ? asked.with : undefined];
    const value = keyed(source, key);
    const { made, code } =
      second === undefined
        ? await alone(source.scope, key, value, asked.view)
        : await compared(source, [key, second], asked.view);
    const { data } = await bundleOf(made, source.inspect);
    const html = data["text/html"];
    if (typeof html === "string" && html.length > longest)
      throw new RangeError("this view is too large to be shown");
    return { data, code };
  } catch (error) {
    // Not `instanceof`: it may come from another realm.
    const message: unknown = Reflect.get(Object(error), "message");
    return { error: typeof message === "string" ? message : String(error) };
  }
}

async function alone(scope: object, key: string, value: unknown, name: unknown) {
  const view = viewsFor(scope, value).find((one) => one.name === name);
  if (!view) throw new Error(`${key} has no such view any more`);
  return { made: await view.render(value), code: withImports([key], view.code(key, value)) };
}

async function compared(source: ViewSource, [a, b]: [string, string], name: unknown) {
  const [left, right] = [keyed(source, a), keyed(source, b)];
  const all = libraryViews(source.scope)?.comparisonViews ?? [];
  const view = all.find((one) => one.name === name && one.applies(left, right));
  if (!view) throw new Error(`${a} and ${b} cannot be compared like this any more`);
  return { made: await view.render(left, right, [a, b]), code: withImports([a, b], view.code(a, b)) };
}

/** A name, or `[3]` for the last value of cell 3. */
function keyed(source: ViewSource, key: string): unknown {
  const cell = /^\[(\d+)\]$/.exec(key)?.[1];
  return cell === undefined ? source.read(key) : source.result(Number(cell));
}

/** The code of a cell; nothing for values that have no name. */
function withImports(keys: readonly string[], code: string): string {
  if (keys.some((key) => key.startsWith("["))) return "";
  const called = [...code.matchAll(/(?<![.\w])([a-z]\w*)\(/gi)].map(([, name]) => name!);
  const names = [...new Set(called)].sort();
  return names.length === 0 ? code : `import { ${names.join(", ")} } from "tilewright";\n${code}`;
}

/** Whether a value that shows itself is a control (notebook/widget.ts). Asking for its model would open it. */
const isControl = (value: unknown): boolean => "modelId" in (value as object);

function showsItself(value: unknown): boolean {
  if (typeof value !== "object" || value === null) return false;
  try {
    return typeof Reflect.get(value, displaySymbol) === "function";
  } catch {
    return false;
  }
}

function strings(list: unknown): string[] {
  return Array.isArray(list) ? list.filter((one) => typeof one === "string") : [];
}
