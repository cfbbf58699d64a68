// The server's side of "Try it": a file goes there, events come back.
import { ServerConnection } from "@jupyterlab/services";
import type { Machine, TryEvent } from "../../server/try-it/events.ts";
import type { TryOptions } from "../../server/try-it/options.ts";

/** What the server allows, and what there is to choose from. */
export interface Terms {
  /** Bytes of the largest file. */
  maxBody: number;
  /** Longest time for one piece of work. */
  seconds: number;
  machine: Machine;
}

/** A model's file with the files that it refers to. */
export interface ModelFiles {
  model: File;
  data: readonly File[];
}

/** What is asked of the server for one model at a time. */
export class TryClient {
  readonly #settings: ServerConnection.ISettings;
  /** The model as the server knows it. */
  #id: string | undefined;
  #files: ModelFiles | undefined;

  constructor(settings: ServerConnection.ISettings) {
    this.#settings = settings;
    addEventListener("pagehide", () => void this.release().catch(() => undefined));
  }

  async terms(): Promise<Terms> {
    return (await this.#ask("", { method: "GET" })).json();
  }

  /** Chooses another model; it is sent when it is first worked on. */
  choose(files: ModelFiles): void {
    void this.release().catch(() => undefined);
    this.#files = files;
  }

  /** Where the bundle of the model is, after it was made. */
  get bundleUrl(): string {
    return this.#url(`/${this.#id}/bundle.zip`);
  }

  /** Works on the model and hands on what is told of it. Rejects when that ends before its end; `signal` cancels it. */
  async work(options: TryOptions, hear: (e: TryEvent) => void, signal: AbortSignal): Promise<void> {
    const body = JSON.stringify(options);
    const response = await this.#withModel((id) => this.#ask(`/${id}/work`, { body, signal }), signal);
    const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader();
    let rest = "";
    let ended = false;
    for (;;) {
      const { done, value } = await reader.read();
      if (done) break;
      const lines = (rest + value).split("\n");
      rest = lines.pop()!;
      for (const line of lines) {
        const event = JSON.parse(line) as TryEvent;
        ended ||= event.event === "end";
        hear(event);
      }
    }
    if (!ended) throw new Error("The server ended the work before it was done.");
  }

  /** Writes the notebook, and the model beside it; gives their names in the served folder. */
  async notebook(options: TryOptions): Promise<{ notebook: string; model: string }> {
    const body = JSON.stringify(options);
    return (await this.#withModel((id) => this.#ask(`/${id}/notebook`, { body }))).json();
  }

  /** Tells the server that the model is no longer wanted. */
  async release(): Promise<void> {
    const id = this.#id;
    this.#id = undefined;
    // The page may be going away.
    if (id !== undefined) await this.#ask(`/${id}`, { method: "DELETE", keepalive: true });
  }

  /** Asks for the model; sends it before, and once more when the server has it no longer. */
  async #withModel(ask: (id: string) => Promise<Response>, signal?: AbortSignal): Promise<Response> {
    const known = this.#id;
    if (known !== undefined) {
      try {
        return await ask(known);
      } catch (error) {
        if (!(error instanceof ServerConnection.ResponseError && error.response.status === 404)) throw error;
      }
    }
    return ask(await this.#send(signal));
  }

  async #send(signal?: AbortSignal): Promise<string> {
    if (!this.#files) throw new Error("No file was chosen.");
    const { model, data } = this.#files;
    const headers = { "Content-Type": "application/octet-stream" };
    const more = signal ? { signal } : {};
    const name = `?name=${encodeURIComponent(model.name)}`;
    const { id } = (await (await this.#ask(name, { body: model, headers, ...more })).json()) as {
      id: string;
    };
    this.#id = id;
    for (const file of data)
      await this.#ask(`/${id}/data/${encodeURIComponent(file.name)}`, {
        method: "PUT",
        body: file,
        headers,
        ...more,
      });
    return id;
  }

  #url(path: string): string {
    return new URL(`api/tilewright/try-it${path}`, this.#settings.baseUrl).href;
  }

  async #ask(path: string, init: RequestInit): Promise<Response> {
    const request = { method: "POST", cache: "no-store" as const, ...init };
    const response = await ServerConnection.makeRequest(this.#url(path), request, this.#settings);
    if (!response.ok) throw await ServerConnection.ResponseError.create(response);
    return response;
  }
}
