/**
 * What runs a bundle on a GPU, as JavaScript. `kernels`, `sizes`, `launches`, `weights`, `contents`, `constants`, `needs` and
 * `entries` are the bundle's own tables; `s` is a device with what was made on it, `r` one run.
 */

/** Elements of tensors as the device has them: 32-bit integers for those of other widths. */
const ELEMENTS = `const words = (data, what) => {
  if (data.BYTES_PER_ELEMENT === 1) return Int32Array.from(data);
  if (!(data instanceof BigInt64Array)) return data;
  const out = new Int32Array(data.length);
  for (let i = 0; i < out.length; i++) {
    out[i] = Number(data[i]);
    if (BigInt(out[i]) !== data[i]) throw new TypeError(what + ": element " + i + " is " + data[i] + "; the GPU has 32-bit integers only");
  }
  return out;
};
const elements = (bytes, A, count) =>
  A === BigInt64Array ? A.from(new Int32Array(bytes, 0, count), BigInt)
  : A.BYTES_PER_ELEMENT === 1 ? A.from(new Int32Array(bytes, 0, count))
  : new A(bytes, 0, count);
const count = (shape) => shape.reduce((a, b) => a * b, 1);
const bytesOf = (A, shape) => Math.max(4, Math.ceil((count(shape) * (A === Uint16Array ? 2 : 4)) / 4) * 4);`;

/** A device that can run the model, and errors that it reports. */
const DEVICE = `const suits = (x, what) => {
  const lacks = needs.features.filter((f) => !x.features.has(f));
  if (lacks.length > 0) throw new Error("the GPU's " + what + " lacks " + lacks.join(", ") + ", which the model needs");
  for (const [limit, n] of Object.entries(needs.limits))
    if (x.limits[limit] < n) throw new Error("the model needs a " + limit + " of " + n + "; the GPU's " + what + " has " + x.limits[limit]);
};
const acquire = async () => {
  const source = gpu ?? globalThis.navigator?.gpu;
  if (!source) throw new Error("there is no WebGPU here: the browser has none, or the page is not served securely; in Node, load({ gpu }) takes what create([]) of the package webgpu gives");
  const adapter = await source.requestAdapter({ powerPreference });
  if (!adapter) throw new Error("WebGPU finds no adapter: there is no GPU, or no driver for it");
  suits(adapter, "adapter");
  return adapter.requestDevice({ requiredFeatures: needs.features, requiredLimits: needs.limits });
};
const guarded = async (s, what, work) => {
  const filters = ["internal", "out-of-memory", "validation"];
  for (const f of filters) s.device.pushErrorScope(f);
  let result, failed;
  try { result = work(); } catch (e) { failed = e; }
  const [invalid, memory, internal] = await Promise.all(filters.map(() => s.device.popErrorScope().catch(() => null)));
  if (s.lost !== undefined) throw new Error(what + ": the GPU device was lost (" + s.lost + ")");
  if (memory) throw new Error(what + ": out of GPU memory: " + memory.message);
  if (invalid ?? internal) throw new Error(what + ": " + (invalid ?? internal).message);
  if (failed) throw failed;
  return result;
};
const compile = async (d, name, code, before) => {
  d.pushErrorScope("validation");
  const module = d.createShaderModule({ code, label: name });
  const scope = d.popErrorScope();
  const [{ messages }, invalid] = [await module.getCompilationInfo(), await scope];
  const wrong = messages.find((m) => m.type === "error");
  if (wrong) {
    const line = code.split("\\n")[wrong.lineNum - 1]?.trim() ?? "";
    throw new Error(name + ": kernels.wgsl, line " + (before + wrong.lineNum) + ", \`" + line + "\`: " + wrong.message);
  }
  if (invalid) throw new Error(name + ": " + invalid.message);
  try {
    return await d.createComputePipelineAsync({ layout: "auto", label: name, compute: { module, entryPoint: "main" } });
  } catch (e) {
    throw new Error(name + ": " + e.message, { cause: e });
  }
};`;

/** Everything that is made on a device, once. */
const OPEN = `const write = (s, buffer, offset, data) => {
  let bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  if (bytes.length === 0) return;
  if (bytes.length % 4 !== 0 || !(data.buffer instanceof ArrayBuffer)) {
    const own = new Uint8Array(Math.ceil(bytes.length / 4) * 4);
    own.set(bytes);
    bytes = own;
  }
  s.device.queue.writeBuffer(buffer, offset, bytes);
};
const close = (s) => {
  for (const b of [...s.buffers, ...s.staging.splice(0)]) b.destroy();
  if (!device) s.device.destroy();
};
const open = async () => {
  const s = { device: device ?? (await acquire()), lost: undefined, buffers: [], pipelines: [], groups: [], staging: [] };
  if (device) suits(device, "device");
  s.device.lost.then((info) => { s.lost = info.message || info.reason || "unknown"; });
  try {
    const stored = await weightsOf();
    await guarded(s, "load", () => {
      s.buffers = sizes.map((size) => s.device.createBuffer({ size, usage: 0xcc }));
      for (const [b, from, n] of weights) write(s, s.buffers[b], 0, stored.subarray(from, from + n));
      for (const [b, data] of contents) write(s, s.buffers[b], 0, Uint32Array.from(data));
    });
    let line = 0;
    s.pipelines = await Promise.all(kernels.map(([name, code]) => {
      const before = ++line;
      line += code.split("\\n").length - 1;
      return compile(s.device, name, code, before);
    }));
    await guarded(s, "load", () => { launches.forEach((_, i) => group({ s, given: new Map() }, i)); });
  } catch (e) {
    close(s);
    throw e;
  }
  return s;
};`;

/** One run: what is to be done is collected, and recorded when there is something to wait for. */
const RUN = `const bufferOf = (r, b) => (typeof b === "number" ? r.given.get(b) ?? r.s.buffers[b] : b);
const group = (r, i) => {
  const row = launches[i];
  const entries = [];
  let own = false;
  for (let j = 4; j < row.length; j += 3) {
    own ||= r.given.has(row[j]);
    entries.push({ binding: entries.length, resource: { buffer: bufferOf(r, row[j]), offset: row[j + 1], size: row[j + 2] } });
  }
  const make = () => r.s.device.createBindGroup({ layout: r.s.pipelines[row[0]].getBindGroupLayout(0), entries });
  return own ? make() : (r.s.groups[i] ??= make());
};
const commands = (r) => {
  r.pass?.end();
  r.pass = undefined;
  return (r.encoder ??= r.s.device.createCommandEncoder());
};
const submit = (r) => {
  if (r.encoder) r.s.device.queue.submit([commands(r).finish()]);
  r.encoder = undefined;
};
const go = (r, first, end) => r.todo.push(() => {
  for (let i = first; i < end; i++) {
    const [kernel, x, y, z] = launches[i];
    r.pass ??= commands(r).beginComputePass();
    r.pass.setPipeline(r.s.pipelines[kernel]);
    r.pass.setBindGroup(0, group(r, i));
    r.pass.dispatchWorkgroups(x, y, z);
  }
});
const copy = (r, [from, at, n], [to, offset]) => r.todo.push(() => {
  commands(r).copyBufferToBuffer(bufferOf(r, from), at, bufferOf(r, to), offset, n);
});
const flush = async (r, places) => {
  const { s } = r;
  const total = places.reduce((n, p) => n + p[2], 0);
  let staging, mapped;
  try {
    await guarded(s, "run", () => {
      for (const record of r.todo.splice(0)) record();
      if (total > 0) {
        const i = s.staging.findIndex((b) => b.size >= total);
        staging = i >= 0 ? s.staging.splice(i, 1)[0] : s.device.createBuffer({ size: total, usage: 9 });
        let to = 0;
        for (const [b, at, n] of places) {
          commands(r).copyBufferToBuffer(bufferOf(r, b), at, staging, to, n);
          to += n;
        }
      }
      submit(r);
      mapped = staging?.mapAsync(1, 0, total);
      mapped?.catch(() => {});
    });
    if (!staging) return [];
    await mapped.catch(async (e) => {
      await Promise.race([s.device.lost, new Promise((go) => setTimeout(go, 100))]);
      throw s.lost === undefined ? e : new Error("run: the GPU device was lost (" + s.lost + ")", { cause: e });
    });
  } catch (e) {
    staging?.destroy();
    throw e;
  }
  const all = staging.getMappedRange(0, total).slice(0);
  staging.unmap();
  // Few are kept: those that are too small go.
  s.staging = [staging, ...s.staging].slice(0, lanes);
  let at = 0;
  return places.map(([, , n]) => all.slice(at, (at += n)));
};`;

/** Copies between the memories, for steps that run on the CPU. */
const COPIES = `const down = async (r, list) => {
  const parts = await flush(r, list.map(([place]) => place));
  list.forEach(([, at, A, n], i) => new A(memory.buffer, at, n).set(elements(parts[i], A, n)));
};
const up = (r, at, A, n, [b, offset]) => {
  const data = words(new A(memory.buffer, at, n).slice(), "a value that the CPU computes");
  r.todo.push(() => {
    submit(r);
    write(r.s, bufferOf(r, b), offset, data);
  });
};`;

/** Loops whose iterations the CPU counts: what it tells and is told lies at these addresses (0: nothing). */
const LOOP = `const loop = async (trip, cond, iteration, given, again, rows, body) => {
  const at = new DataView(memory.buffer);
  const refuse = (n) => {
    throw new Error("a loop makes " + n + " iteration(s); the model was compiled for " + rows);
  };
  const most = trip ? Number(at.getBigInt64(trip, true)) : Infinity;
  let go = !cond || u8[cond], n = 0;
  for (; go && n < most; n++) {
    if (rows >= 0 && n >= rows) refuse(n + 1);
    at.setBigInt64(iteration, BigInt(n), true);
    u8[given] = 1;
    await body(n);
    go = u8[again];
  }
  if (rows >= 0 && n !== rows) refuse(n);
};`;

/** The model that \`load\` gives. */
const model = (cpu: boolean): string => `const turns = { free: lanes, waiting: [] };
const turn = async (work) => {
  if (turns.free > 0) turns.free--;
  else await new Promise((next) => turns.waiting.push(next));
  try {
    return await work();
  } finally {
    const next = turns.waiting.shift();
    if (next) next();
    else turns.free++;
  }
};
const execute = async (s, [steps, ins, outs], inputs, keep) => {
  const r = { s, given: new Map(), todo: [], encoder: undefined, pass: undefined };
  for (const [n, [b, A, shape${cpu ? ", at" : ""}]] of Object.entries(ins)) {
    const x = inputs[n];
    if (x.buffer) {
      if (b >= 0) r.given.set(b, x.buffer);
${cpu ? `      if (at) await down(r, [[[x.buffer, 0, bytesOf(A, shape)], at, A, count(shape)]]);\n` : ""}      continue;
    }
    const data = x.data instanceof A ? x.data : A.from(x.data);
${cpu ? `    if (at) new A(memory.buffer, at, data.length).set(data);\n` : ""}    if (b < 0) continue;
    const own = words(data, n);
    r.todo.push(() => write(s, s.buffers[b], 0, own));
  }
  await steps(r);
  const found = Object.entries(outs).map(([n, [place, A, shape]]) => {
    const x = typeof place === "string" ? inputs[place] : undefined;
    const on = x?.buffer ? [x.buffer, 0, bytesOf(A, shape)] : Array.isArray(place) ? place : undefined;
    return { n, A, shape, on, here: () => ${cpu ? "x ? A.from(x.data) : new A(memory.buffer, place, count(shape)).slice()" : "A.from(x.data)"} };
  });
  if (keep) return kept(r, found);
  const there = found.filter((f) => f.on);
  const parts = await flush(r, there.map((f) => f.on));
  return Object.fromEntries(found.map((f) => {
    const data = f.on ? elements(parts[there.indexOf(f)], f.A, count(f.shape)) : f.here();
    return [f.n, { data, shape: [...f.shape] }];
  }));
};
const kept = async (r, found) => {
  const { s } = r;
  const made = [];
  try {
    const outputs = found.map(({ n, A, shape, on, here }) => {
      if (A === Float64Array) return [n, { data: here(), shape: [...shape] }];
      const size = bytesOf(A, shape);
      const data = on ? undefined : words(here(), n);
      const tensor = { buffer: undefined, shape: [...shape], read: () => turn(async () => {
        const own = { s, given: new Map(), todo: [] };
        const [part] = await flush(own, [[tensor.buffer, 0, size]]);
        return { data: elements(part, A, count(shape)), shape: [...shape] };
      }) };
      r.todo.push(() => {
        tensor.buffer = s.device.createBuffer({ size, usage: 0x8c });
        made.push(tensor.buffer);
        if (on) commands(r).copyBufferToBuffer(bufferOf(r, on[0]), on[1], tensor.buffer, 0, size);
        else write(s, tensor.buffer, 0, data);
      });
      return [n, tensor];
    });
    await flush(r, []);
    return Object.fromEntries(outputs);
  } catch (e) {
    for (const b of made) b.destroy();
    throw e;
  }
};
let state = await open();
let again, disposed = false;
const ready = async () => {
  if (disposed) throw new Error("the model was disposed and may not run any more");
  if (state.lost === undefined) return state;
  if (device) throw new Error("the GPU device that load was given was lost (" + state.lost + "): load the model again with another");
  again ??= open().then((s) => (state = s)).finally(() => { again = undefined; });
  return again;
};
return {
  run: async (inputs, { outputs = "cpu" } = {}) => {
    const entry = choose(inputs ?? {});
    if (outputs !== "cpu" && outputs !== "gpu") throw new TypeError("outputs is " + outputs + "; it can be cpu or gpu");
    return turn(async () => execute(await ready(), entry, inputs, outputs === "gpu"));
  },
  get device() { return state.device; },
  dispose() {
    if (!disposed) close(state);
    disposed = true;
  },
};`;

/** Which inputs fit: tensors of the CPU, or buffers of the device that are large enough. */
const FITS = `const fits = ([, ports], inputs) => Object.keys(inputs).every((n) => n in ports) &&
  Object.entries(ports).every(([n, [, A, shape]]) => {
    const x = inputs[n];
    if (!x?.buffer) return holds(x, A, shape);
    return A !== Float64Array && String(x.shape) === String(shape) && x.buffer.size >= bytesOf(A, shape);
  });`;

/** `cpu`: whether some of the model runs on the CPU; `loops`: whether the CPU counts iterations. */
export const runtimeText = (cpu: boolean, loops: boolean, choose: string): string => {
  const own = [...(cpu ? [COPIES] : []), ...(loops ? [LOOP] : [])];
  return [ELEMENTS, DEVICE, OPEN, RUN, ...own, FITS, choose, model(cpu)].join("\n");
};
