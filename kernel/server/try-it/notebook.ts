// A notebook that does in code what was done with a model: the same steps under the same options.
import type { JsonObject } from "../../protocol/messages.ts";
import type { TryOptions } from "./options.ts";

/** What a notebook is made of: the model's file in the notebook's folder, the data files beside it, and the options. */
export interface NotebookPlan {
  readonly model: string;
  readonly data: readonly string[];
  readonly options: TryOptions;
}

type Cell = readonly ["markdown" | "code", string];

/** The notebook, in Jupyter's format. Its cells run from top to bottom, in the folder where the model is. */
export function notebookOf(plan: NotebookPlan): JsonObject {
  const cells = cellsOf(plan).map(([type, source], i) => ({
    cell_type: type,
    id: `try-${i + 1}`,
    metadata: {},
    source,
    ...(type === "code" ? { execution_count: null, outputs: [] } : {}),
  }));
  const kernelspec = { display_name: "TypeScript (Tilewright)", language: "typescript", name: "tilewright" };
  return { nbformat: 4, nbformat_minor: 5, metadata: { kernelspec }, cells };
}

function cellsOf(plan: NotebookPlan): Cell[] {
  const { model, data, options } = plan;
  const search = options.trials > 0;
  const stem = model.replace(/\.onnx$/i, "");
  const names = [
    ...["bundle", "decodeModel", "exampleInputs", "graphView", "loadOnnx", "measure", "memoryPlanView"],
    ...["modelSummary", "PassRecorder", "passesView", "profileView", "sizeReport", "type Tensor"],
    ...(search ? ["openDatabase", "tuneModel", "tuningCurve"] : []),
  ];
  const imports = [
    imported(["mkdirSync", "readFileSync", "writeFileSync"], "node:fs"),
    ...(data.length > 0 ? ['import { basename } from "node:path";'] : []),
    imported(names, "tilewright"),
    ...(search ? ['import { live } from "tilewright/notebook";'] : []),
  ];
  const external = data.length > 0 ? ", { externalData: (name) => readFileSync(basename(name)) }" : "";
  return [
    [
      "markdown",
      `# ${literal(model)}\n\nFrom the file to a bundle, as under *Try it*: import, passes, kernels, times${search ? ", a search" : ""}, and the files that run anywhere.`,
    ],
    [
      "code",
      [
        ...imports,
        "",
        `const file = decodeModel(readFileSync(${quote(model)})${external});`,
        "modelSummary(file)",
      ].join("\n"),
    ],
    [
      "markdown",
      "## The options\n\nStages of the pipeline in `skip` are left out; `OPTIONAL_STAGES` says what each brings.",
    ],
    [
      "code",
      [
        `const sizes = ${json(options.sizes)};`,
        `const values = ${json(options.values)};`,
        `const [target, threads, relaxedSimd] = [${quote(options.target)} as const, ${options.threads}, ${options.relaxedSimd}];`,
        `const skip = ${json(options.skip)} as const;`,
        `const pipeline = { skip, winograd: ${!options.skip.includes("winogradConv2d")} };`,
      ].join("\n"),
    ],
    ["markdown", "## Import\n\nInputs are made up: random numbers of the right shape."],
    [
      "code",
      [
        "const recorder = new PassRecorder();",
        "const session = loadOnnx(file, {",
        "  target, threads, relaxedSimd, pipeline: { ...pipeline, recorder },",
        "});",
        "const inputs = exampleInputs(session.model, { sizes, values });",
        "const module = session.moduleFor(inputs);",
        "graphView(module)",
      ].join("\n"),
    ],
    ["markdown", "## Passes\n\nThe first run compiles the model. Each pass opens to what it changed."],
    ["code", "const outputs = await session.run(inputs);\npassesView(recorder)"],
    ["markdown", "## Times"],
    [
      "code",
      [
        `const timeOf = (one: typeof session) => measure(${quote(model)}, target, async () => {`,
        "  for (const given of Object.values(await one.run(inputs))) (given as Tensor).dispose();",
        "});",
        "await timeOf(session)",
      ].join("\n"),
    ],
    ["code", "const profile = await session.profile(inputs, { runs: 5 });\nprofileView(profile)"],
    ["code", 'graphView(session.loweredFor(inputs), { func: "main", profile })'],
    ["code", "memoryPlanView(session.memoryPlan(inputs))"],
    ...(search ? searchCells(options, stem) : []),
    [
      "markdown",
      options.target === "webgpu"
        ? "## The bundle\n\nAn ES module, WGSL, WebAssembly and weights that need nothing else, wherever there is WebGPU."
        : "## The bundle\n\nAn ES module, WebAssembly and weights that need nothing else. It runs in one thread, in every browser with SIMD.",
    ],
    [
      "code",
      [
        "const made = await bundle([{ module, fixed: session.model.valueInputs }], {",
        `  target, name: ${quote(model)}, f16: ${options.f16}, relaxedSimd, pipeline,${search ? " database," : ""}`,
        "});",
        `const folder = ${quote(`${stem}-bundle`)};`,
        "mkdirSync(folder, { recursive: true });",
        'for (const { name, bytes } of made.files) writeFileSync(folder + "/" + name, bytes);',
        "console.log(sizeReport(made));",
      ].join("\n"),
    ],
    [
      "markdown",
      "It gives what the session gave" +
        (options.f16 ? ", as far as half precision goes" : "") +
        ": the largest difference of each output.",
    ],
    [
      "code",
      [
        'const { load } = await import("./" + folder + "/model.js");',
        "const { run } = await load();",
        "const fixed = new Set(session.model.valueInputs);",
        "const given = Object.entries(inputs).flatMap(([name, t]) =>",
        "  t === null || fixed.has(name) ? [] : [[name, { data: t.data, shape: t.shape }] as const]);",
        "const results: Record<string, { data: ArrayLike<number | bigint> }> = await run(Object.fromEntries(given));",
        "Object.entries(results).map(([output, { data }]) => {",
        "  const expected = (outputs[output] as Tensor).data;",
        "  const differences = Array.from(data, (x, i) => Math.abs(Number(x) - Number(expected[i])));",
        "  return { output, elements: data.length, largestDifference: differences.reduce((a, b) => Math.max(a, b), 0) };",
        "})",
      ].join("\n"),
    ],
  ];
}

function searchCells({ trials }: TryOptions, stem: string): Cell[] {
  return [
    [
      "markdown",
      "## Search\n\nWhat is measured is kept in a file: the search goes on from there when the cell runs again.",
    ],
    [
      "code",
      [
        `const database = await openDatabase(${quote(`${stem}.records.jsonl`)});`,
        "const show = live((trials: Parameters<typeof tuningCurve>[0]) => tuningCurve(trials));",
        "await tuneModel(module, {",
        `  numTrials: ${trials}, database, target: { kind: target, threads, relaxedSimd }, pipeline,`,
        "  onProgress: (p) => show(p.history),",
        "});",
        "const tuned = loadOnnx(file, { target, threads, relaxedSimd, pipeline, database });",
        "await timeOf(tuned)",
      ].join("\n"),
    ],
  ];
}

/** Columns of a line. */
const width = 90;

/** An import, over several lines where it would be too long. */
function imported(names: readonly string[], from: string): string {
  const whole = `import { ${names.join(", ")} } from ${quote(from)};`;
  if (whole.length <= width) return whole;
  const lines = [" "];
  for (const name of names) {
    if (`${lines.at(-1)} ${name},`.length > width) lines.push(" ");
    lines[lines.length - 1] += ` ${name},`;
  }
  return `import {\n${lines.join("\n")}\n} from ${quote(from)};`;
}

const quote = (text: string): string => JSON.stringify(text);

/** Plain data as it is written in a program, `{ batch: 1 }`. */
function json(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(json).join(", ")}]`;
  if (typeof value !== "object" || value === null) return JSON.stringify(value);
  const key = (name: string) =>
    /^[A-Za-z_$][\w$]*$/.test(name) && name !== "__proto__" ? name : `[${quote(name)}]`;
  const fields = Object.entries(value).map(([name, x]) => `${key(name)}: ${json(x)}`);
  return fields.length === 0 ? "{}" : `{ ${fields.join(", ")} }`;
}

/** A name that Markdown shows as it is. */
const literal = (text: string): string => text.replace(/[\\`*_{}[\]<>#|&!~$]/g, "\\$&");
