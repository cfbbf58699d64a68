/** A planned kernel as WGSL text: one module with one entry point, `main`, and the node each line stands for. */
import { type Buffer, constInt, type Interval, type Stmt, type Var, visitStmt } from "../../ir/index.ts";
import { emitStmt } from "./body.ts";
import { WgslError } from "./error.ts";
import { type ExprEnv, indexText, LANES } from "./expr.ts";
import { helperTexts } from "./helpers.ts";
import type { WgslLimits } from "./limits.ts";
import type { WgslLine } from "./line.ts";
import { MATRIX_FEATURE, matrixCallsIn, memoryIn, memoryOf } from "./matrix.ts";
import { Names } from "./names.ts";
import type { KernelPlan } from "./plan.ts";
import { registerBuffers, vectorBuffers } from "./runs.ts";
import { checkBytes, lengthOf, workgroupSize } from "./sizes.ts";
import { elementType, valueType } from "./types.ts";

export interface Binding {
  readonly buffer: Buffer;
  readonly access: "read" | "read_write";
}

export interface EmittedKernel {
  readonly lines: readonly WgslLine[];
  readonly code: string;
  readonly workgroup: readonly [number, number, number];
  /** Storage buffers by binding number. */
  readonly bindings: readonly Binding[];
  /** Features of the device that it needs. */
  readonly features: readonly string[];
  /** Scalars of the uniform buffer, 4 bytes each; its binding number follows those of `bindings`. */
  readonly uniforms: readonly Var[];
}

export interface EmitOptions {
  readonly f16: boolean;
  /** Whether subgroups have numbers (the language feature `subgroup_id`). */
  readonly ids: boolean;
  readonly limits: WgslLimits;
  /** Where an error is: the function's name. */
  readonly where: string;
  readonly scalars: readonly Var[];
  readonly sizes: ReadonlyMap<number, Interval>;
  /** Buffers that are bound as writable though they are only read. */
  readonly readWrite: ReadonlySet<number>;
}

export function emitKernel(plan: KernelPlan, options: EmitOptions): EmittedKernel {
  const { limits, where } = options;
  const workgroup = workgroupSize(plan, limits, where);
  const names = new Names();
  const helpers = new Set<string>();
  const ranges = new Map(options.sizes);
  for (const g of plan.grid) {
    ranges.set(g.v.id, { min: 0, max: (constInt(g.extent) ?? Number.POSITIVE_INFINITY) - 1 });
  }
  for (const a of plan.axes) ranges.set(a.v.id, { min: 0, max: a.extent - 1 });

  const inside = new Set([...plan.shared, ...plan.own].map((b) => b.id));
  const bindings = bindingsOf(plan.body, inside, options.readWrite);
  const storage = limits.maxStorageBuffersPerShaderStage;
  if (bindings.length > storage) {
    throw new WgslError(
      `${where}: a kernel uses ${bindings.length} buffers (${bindings.map((b) => b.buffer.name).join(", ")}); ` +
        `the adapter's maxStorageBuffersPerShaderStage is ${storage}: split it into several stages`,
    );
  }
  const uniforms = new Map<number, Var>();
  const scalars = new Map(options.scalars.map((v) => [v.id, v]));
  const registers = registerBuffers(plan.body, plan.own, ranges);
  // What matrix units read and write are arrays of elements.
  const calls = matrixCallsIn(plan.body);
  const plain = new Set(calls.flatMap(memoryOf).map((p) => p.buffer.id));
  const inVectors = (bs: readonly Buffer[]): Buffer[] => bs.filter((b) => !plain.has(b.id));
  const vectors = vectorBuffers(
    plan.body,
    inVectors(bindings.map((b) => b.buffer)),
    inVectors(plan.shared),
    ranges,
  );
  const env: ExprEnv = {
    f16: options.f16,
    ranges,
    helpers,
    registers,
    vectors,
    made: new Map(),
    fresh: (name) => names.fresh(name),
    variable: (id, name) => {
      const scalar = scalars.get(id);
      if (!scalar) return names.of(id, name);
      uniforms.set(id, scalar);
      const text = `params.${names.of(id, name)}`;
      return scalar.dtype === "bool" ? `(${text} != 0u)` : scalar.dtype === "f16" ? `f16(${text})` : text;
    },
    buffer: (b) => names.of(b.id, b.name),
    matrices: plan.matrices,
    subgroups: { meeting: plan.meeting, workgroup, ids: options.ids },
  };
  names.fresh("params");
  for (const b of bindings) env.buffer(b.buffer);
  const declared = [...plan.shared, ...plan.own].map((b) => ({ b, n: lengthOf(b, where) }));
  checkBytes(plan, declared, limits, where);

  const body: WgslLine[] = [];
  gridStart(plan, names, env, body);
  const meets = plan.meeting.size > 0;
  if (meets) {
    body.push({ text: "  // The place of the thread among those of its subgroup, and how many they are." });
    body.push(
      { text: "  let tw_rank = subgroupExclusiveAdd(1u);" },
      { text: "  let tw_lanes = subgroupAdd(1u);" },
    );
  }
  for (const { b, n } of declared.filter((d) => plan.own.includes(d.b))) {
    const type = elementType(b, options.f16);
    if (!registers.has(b.id)) body.push({ text: `  var ${env.buffer(b)}: array<${type}, ${n}>;`, node: b });
    else for (let i = 0; i < n; i++) body.push({ text: `  var ${env.buffer(b)}_${i}: ${type};`, node: b });
  }
  for (const [b, { type, count }] of plan.matrices)
    body.push({
      text: `  var ${env.buffer(b)}: ${count === 1 ? type : `array<${type}, ${count}>`};`,
      node: b,
    });
  emitStmt(plan.body, "  ", env, ranges, body);

  const head: WgslLine[] = [];
  const usesF16 = [
    ...bindings.map((b) => b.buffer),
    ...plan.shared,
    ...plan.own,
    ...plan.matrices.keys(),
  ].some((b) => b.dtype === "f16");
  const enabled = [
    ...(usesF16 ? ["enable f16;"] : []),
    ...(meets || calls.length > 0 ? ["enable subgroups;"] : []),
  ];
  if (calls.length > 0) enabled.push("enable chromium_experimental_subgroup_matrix;");
  if (meets && options.ids) enabled.push("requires subgroup_id;");
  // Rows of threads are whole subgroups, so that what follows from tw_local.y is one for each: Dawn cannot see that.
  if (calls.length > 0 && plan.axes.some((x) => x.axis !== "threadIdx.x"))
    enabled.push("diagnostic(off, chromium.subgroup_matrix_uniformity);");
  if (enabled.length > 0) head.push(...enabled.map((text) => ({ text })), { text: "" });
  const elementOf = (b: Buffer): string => {
    const type = elementType(b, options.f16);
    return vectors.has(b.id) ? `vec${LANES}<${type}>` : type;
  };
  bindings.forEach(({ buffer, access }, i) => {
    const type = `array<${elementOf(buffer)}>`;
    const text = `@group(0) @binding(${i}) var<storage, ${access}> ${env.buffer(buffer)}: ${type};`;
    head.push({ text, node: buffer });
  });
  const params = [...uniforms.values()];
  if (params.length > 0) {
    const fields = params.map((v) => `${names.of(v.id, v.name)}: ${uniformType(v)}`).join(", ");
    head.push({ text: `struct Params { ${fields} }` });
    head.push({ text: `@group(0) @binding(${bindings.length}) var<uniform> params: Params;` });
  }
  for (const { b, n } of declared.filter((d) => plan.shared.includes(d.b))) {
    const type = `array<${elementOf(b)}, ${vectors.has(b.id) ? n / LANES : n}>`;
    head.push({ text: `var<workgroup> ${env.buffer(b)}: ${type};`, node: b });
  }
  for (const text of helperTexts(helpers)) head.push({ text });
  const lines = [
    ...head,
    { text: "" },
    { text: `@compute @workgroup_size(${workgroup.join(", ")})` },
    { text: "fn main(" },
    { text: "  @builtin(workgroup_id) tw_group: vec3<u32>," },
    { text: "  @builtin(local_invocation_id) tw_local: vec3<u32>," },
    { text: "  @builtin(num_workgroups) tw_groups: vec3<u32>," },
    ...(meets ? (options.ids ? SUBGROUP : THREAD).map((text) => ({ text })) : []),
    { text: ") {" },
    ...body,
    { text: "}" },
  ];
  const code = `${lines.map((l) => l.text).join("\n")}\n`;
  const features = [
    ...(calls.length > 0 ? [MATRIX_FEATURE] : []),
    ...(usesF16 ? ["shader-f16"] : []),
    ...(meets || calls.length > 0 ? ["subgroups"] : []),
  ];
  return { lines, code, workgroup, bindings, uniforms: params, features };
}

const SUBGROUP = [
  "  @builtin(subgroup_id) tw_subgroup: u32,",
  "  @builtin(num_subgroups) tw_subgroups: u32,",
];
const THREAD = ["  @builtin(local_invocation_index) tw_thread: u32,"];

/** The type of a scalar in the uniform buffer. */
function uniformType(v: Var): string {
  if (v.dtype === "bool") return "u32";
  return v.dtype === "f16" ? "f32" : valueType(v.dtype, true);
}

/** Device buffers in order of first use. */
function bindingsOf(body: Stmt, inside: ReadonlySet<number>, readWrite: ReadonlySet<number>): Binding[] {
  const out = new Map<number, Binding>();
  const use = (buffer: Buffer, access: Binding["access"]): void => {
    if (inside.has(buffer.id)) return;
    const known = out.get(buffer.id);
    out.set(buffer.id, { buffer, access: known?.access === "read_write" ? known.access : access });
  };
  visitStmt(body, {
    stmt: (s) => {
      if (s.kind === "store") use(s.buffer, "read_write");
      for (const p of memoryIn(s))
        use(p.buffer, p.access === "r" && !readWrite.has(p.buffer.id) ? "read" : "read_write");
    },
    expr: (e) => {
      if (e.kind === "load") use(e.buffer, readWrite.has(e.buffer.id) ? "read_write" : "read");
    },
  });
  return [...out.values()];
}

/** Where a workgroup and a thread are. */
function gridStart(plan: KernelPlan, names: Names, env: ExprEnv, out: WgslLine[]): void {
  const folded = isFolded(plan);
  for (const g of plan.grid) {
    const d = g.axis.slice(-1);
    const value = folded ? "tw_group.x + tw_group.y * tw_groups.x" : `tw_group.${d}`;
    out.push({ text: `  let ${names.of(g.v.id, g.v.name)} = i32(${value});` });
  }
  if (folded) {
    const g = plan.grid[0];
    out.push({ text: `  if (${names.of(g.v.id, g.v.name)} >= ${indexText(g.extent, env)}) { return; }` });
  }
  for (const a of plan.axes) {
    out.push({ text: `  let ${names.of(a.v.id, a.v.name)} = i32(tw_local.${a.axis.slice(-1)});` });
  }
}

/** A grid along x alone may be longer than one dimension of a dispatch allows: the rest goes along y. */
export const isFolded = (plan: Pick<KernelPlan, "grid">): boolean =>
  plan.grid.length === 1 && plan.grid[0].axis === "blockIdx.x";
