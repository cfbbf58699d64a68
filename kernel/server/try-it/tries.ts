// The models that readers try: each in a temporary folder of its own, until it is given back.
import { randomBytes } from "node:crypto";
import { createWriteStream, mkdirSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { rm } from "node:fs/promises";
import os from "node:os";
import path from "node:path";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import type { ReadableStream as WebStream } from "node:stream/web";
import { isAlive } from "../../notebook/save.ts";
import { HttpError } from "../errors.ts";
import type { Machine, TryEvent } from "./events.ts";
import { files } from "./files.ts";
import type { TryOptions } from "./options.ts";
import { WorkProcess } from "./process.ts";

/** Models that are kept at a time; the one that was not used for longest makes room. */
const mostTries = 8;
/** Models that are worked on at a time. */
const mostWorking = 2;
/** How long a model is kept that nobody asks for, in milliseconds. */
const patience = 60 * 60_000;
/** Data files of one model. */
const mostFiles = 64;
/** How long looking at the machine may take, in seconds. */
const machineTime = 60;

/** A model that was sent. */
export class Try {
  readonly id = randomBytes(16).toString("hex");
  readonly folder: string;
  /** What the reader calls the file. */
  readonly name: string;
  /** The data files that came with it. */
  readonly data: string[] = [];
  used = Date.now();
  work: WorkProcess | undefined;

  constructor(folder: string, name: string) {
    this.folder = folder;
    this.name = name;
  }
}

/** All of a server's. */
export class Tries {
  readonly #tries = new Map<string, Try>();
  readonly #seconds: number;
  /** Where the folders are; made when the first model comes. */
  #folder: string | undefined;
  #machine: Promise<Machine> | undefined;
  #machineWork: WorkProcess | undefined;
  #closed = false;
  readonly #sweep = setInterval(() => this.#expire(), 60_000).unref();

  /** Work on a model is ended after so many seconds. */
  constructor(seconds: number) {
    this.#seconds = seconds;
  }

  /** What there is to choose from here; looked at once, in a process of its own. */
  machine(): Promise<Machine> {
    this.#machine ??= this.#look().catch((error) => {
      this.#machine = undefined;
      throw error;
    });
    return this.#machine;
  }

  /** Takes a model in. Nothing of it is left when `body` breaks off. */
  async add(name: string, body: WebStream | null): Promise<Try> {
    this.#makeRoom();
    const made = new Try(mkdtempSync(path.join(this.#home(), "model-")), name);
    try {
      await store(body, path.join(made.folder, files.model));
    } catch (error) {
      await rm(made.folder, { recursive: true, force: true });
      throw error;
    }
    if (this.#closed) {
      await rm(made.folder, { recursive: true, force: true });
      throw new HttpError(503, "The server ends");
    }
    this.#tries.set(made.id, made);
    return made;
  }

  /** Takes a file in that the model refers to. */
  async addData(id: string, name: string, body: WebStream | null): Promise<void> {
    const one = this.get(id);
    if (!one.data.includes(name) && one.data.length >= mostFiles)
      throw new HttpError(400, `A model has at most ${mostFiles} data files here`);
    const folder = path.join(one.folder, files.data);
    mkdirSync(folder, { recursive: true });
    await store(body, path.join(folder, name));
    if (!one.data.includes(name)) one.data.push(name);
  }

  /** The model of this id; throws a 404 `HttpError` when it is not kept, or no longer. */
  get(id: string): Try {
    const found = this.#tries.get(id);
    if (!found) throw new HttpError(404, "This model is no longer here: choose it again");
    found.used = Date.now();
    return found;
  }

  /**
   * Works on a model; what was going on with it is ended before. `hear` gets every event, the last one is `end`. Throws a
   * 429 `HttpError` when too many others are being worked on.
   */
  async work(id: string, options: TryOptions, hear: (e: TryEvent) => void): Promise<WorkProcess> {
    const one = this.get(id);
    while (one.work) await one.work.stop("It was started again with other options.");
    this.get(id);
    const busy = [...this.#tries.values()].filter(({ work }) => work !== undefined).length;
    if (busy >= mostWorking)
      throw new HttpError(
        429,
        `${busy} models are being worked on already: wait for one of them, or cancel it`,
      );
    let ok = true;
    const work = new WorkProcess([one.folder, one.name, JSON.stringify(options)], this.#seconds, (event) => {
      if (event.event === "error") ok = false;
      hear(event);
    });
    one.work = work;
    void work.ended.then(() => {
      if (one.work === work) one.work = undefined;
      one.used = Date.now();
      hear({ event: "end", ok });
    });
    return work;
  }

  /** Ends what goes on with a model and removes its files. */
  async remove(id: string): Promise<void> {
    const one = this.#tries.get(id);
    if (!one) return;
    this.#tries.delete(id);
    await one.work?.stop("The model was given back.");
    await rm(one.folder, { recursive: true, force: true });
  }

  /** Ends all work and removes all files. */
  async close(): Promise<void> {
    this.#closed = true;
    clearInterval(this.#sweep);
    await this.#machineWork?.stop("The server ends.");
    await Promise.all([...this.#tries.keys()].map((id) => this.remove(id)));
    if (this.#folder !== undefined) await rm(this.#folder, { recursive: true, force: true });
  }

  /** The same from a place that cannot wait. */
  kill(): void {
    this.#closed = true;
    void this.#machineWork?.stop("The server ends.");
    for (const { work } of this.#tries.values()) void work?.stop("The server ends.");
    if (this.#folder !== undefined) rmSync(this.#folder, { recursive: true, force: true });
  }

  #look(): Promise<Machine> {
    return new Promise((resolve, reject) => {
      let found: Machine | undefined;
      let problem = "nothing was told";
      const work = new WorkProcess(["--machine"], machineTime, (line) => {
        if (line.event === "machine") found = line.machine;
        else if (line.event === "error") problem = line.message;
      });
      this.#machineWork = work;
      void work.ended.then(() => {
        this.#machineWork = undefined;
        if (found) resolve(found);
        else reject(new HttpError(500, `The machine could not be looked at: ${problem}`));
      });
    });
  }

  #home(): string {
    if (this.#folder === undefined) {
      sweepFolders();
      this.#folder = mkdtempSync(path.join(os.tmpdir(), `${prefix}${process.pid}-`));
    }
    return this.#folder;
  }

  #makeRoom(): void {
    if (this.#closed) throw new HttpError(503, "The server ends");
    if (this.#tries.size < mostTries) return;
    const idle = [...this.#tries.values()].filter(({ work }) => work === undefined);
    const [oldest] = idle.sort((a, b) => a.used - b.used);
    if (!oldest) throw new HttpError(429, "Too many models are being worked on already");
    void this.remove(oldest.id);
  }

  #expire(): void {
    for (const { id, work, used } of this.#tries.values())
      if (work === undefined && Date.now() - used > patience) void this.remove(id);
  }
}

/** Writes a request's body to a file as it comes. An empty one is a 400 `HttpError`. */
async function store(body: WebStream | null, file: string): Promise<void> {
  if (!body) throw new HttpError(400, "The file is empty");
  let size = 0;
  const counted = Readable.fromWeb(body).on("data", (chunk: Uint8Array) => {
    size += chunk.length;
  });
  await pipeline(counted, createWriteStream(file, { mode: 0o600 }));
  if (size === 0) {
    rmSync(file);
    throw new HttpError(400, "The file is empty");
  }
}

/** What the folders' names begin with; the server's process follows. */
const prefix = "tilewright-try-";

/** Removes the folders of servers that were killed. */
function sweepFolders(): void {
  for (const name of readdirSync(os.tmpdir())) {
    const pid = name.startsWith(prefix) ? /^\d+/.exec(name.slice(prefix.length))?.[0] : undefined;
    if (pid === undefined || isAlive(Number(pid))) continue;
    try {
      rmSync(path.join(os.tmpdir(), name), { recursive: true, force: true });
    } catch {
      // Another user's.
    }
  }
}
