import { randomUUID } from "node:crypto";
import { packageVersion } from "../paths.ts";
import {
  booleanField,
  type Channel,
  type ConnectionInfo,
  type Header,
  type JsonObject,
  type Message,
  makeHeader,
  numberField,
  objectField,
  stringField,
} from "../protocol/messages.ts";
import { KernelSockets, log } from "../protocol/sockets.ts";
import { type ExecuteResult, Session } from "../session/session.ts";
import type { CellEvent, CommMessage, Question } from "../session/types.ts";
import { CommTable, fromWire, toContent } from "./comms.ts";
import { History } from "./history.ts";
import { HistoryFile, historyFile } from "./history-file.ts";
import { kernelInfo } from "./info.ts";
import { toOffset, toPosition } from "./positions.ts";

/** Answers one kind of request with a reply's content. */
type Handler = (content: JsonObject, request: Queued) => Promise<JsonObject> | JsonObject;

interface Queued {
  channel: "shell" | "control";
  message: Message;
}

/** Requests whose late output still finds them. */
const remembered = 1000;

/**
 * The kernel: answers Jupyter's messages. Cells run one after another; every other request is answered at once,
 * also while a cell runs.
 */
export class Kernel {
  readonly #sockets: KernelSockets;
  readonly #session: Session;
  readonly #history: History;
  readonly #id = randomUUID();
  readonly #finished: Promise<void>;
  #finish: () => void = () => undefined;
  #messages = 0;
  /** The number of the latest counted cell. */
  #count = 0;
  /** How many cells were run without being counted; they get numbers below zero. */
  #uncounted = 0;
  readonly #queue: Queued[] = [];
  readonly #comms = new CommTable();
  /** Requests by the origins that the session knows them by, with the number of their cell. */
  readonly #origins = new Map<string, { request: Queued; count: number }>();
  #originCount = 0;
  /** The origin whose cell waits for an answer. */
  #asking: string | undefined;
  /** The request whose cell runs, or ran last: outputs belong to it. */
  #current: Queued | undefined;
  #busy = false;
  #stopping = false;

  /** `folder` is the notebook's: where imports are resolved from and cells run. */
  constructor(info: ConnectionInfo, folder: string) {
    this.#sockets = new KernelSockets(info);
    const file = historyFile();
    this.#history = new History(file === undefined ? undefined : new HistoryFile(file));
    this.#session = new Session(folder, {
      output: (event) => this.#output(event),
      question: (origin, question) => this.#ask(origin, question),
      lost: () => this.#closeComms(),
    });
    this.#finished = new Promise((resolve) => {
      this.#finish = resolve;
    });
  }

  /** Serves until a shutdown request or `stop`. */
  async serve(): Promise<void> {
    await this.#sockets.open(
      (channel, message) => this.#receive(channel, message),
      (topic) => this.#welcome(topic),
    );
    this.#publish("status", { execution_state: "starting" }, {});
    // A process takes a while to start, so what clients have asked meanwhile comes first.
    setImmediate(() => this.#session.start());
    await this.#finished;
  }

  /** Stops the running cell, as an interrupt request does. */
  interrupt(): void {
    this.#session.interrupt();
  }

  /** Ends the session and closes the sockets; `serve` then returns. */
  async stop(): Promise<void> {
    if (this.#stopping) return;
    this.#stopping = true;
    await Promise.all([this.#session.stop(), this.#history.close()]);
    await this.#sockets.close();
    this.#finish();
  }

  /** Tells a new subscriber that it will miss nothing from here on. */
  #welcome(topic: Uint8Array): void {
    const content = { subscription: Buffer.from(topic).toString("utf8") };
    this.#send("iopub", [topic], "iopub_welcome", content, {});
  }

  #receive(channel: "shell" | "control" | "stdin", message: Message): void {
    if (this.#stopping) return;
    if (channel === "stdin") return this.#answerQuestion(message);
    const type = message.header.msg_type;
    if (type === "execute_request") {
      this.#queue.push({ channel, message });
      if (!this.#busy) void this.#runQueue();
      return;
    }
    const handler = this.#handlers[type];
    if (handler) void this.#answer({ channel, message }, handler);
    else log(`no answer to a message of type ${JSON.stringify(type.slice(0, 80))}`);
  }

  readonly #handlers: { [type: string]: Handler } = {
    kernel_info_request: () => kernelInfo(packageVersion()),
    complete_request: (content) => this.#complete(content),
    inspect_request: (content) => this.#inspect(content),
    is_complete_request: async (content) => {
      const { status, indent } = await this.#session.language.isComplete(stringField(content, "code"));
      return status === "incomplete" ? { status, indent } : { status };
    },
    history_request: async (content) => ({ status: "ok", history: await this.#history.query(content) }),
    comm_info_request: (content) => this.#comms.info(content),
    comm_open: (_, request) => this.#comm(request),
    comm_msg: (_, request) => this.#comm(request),
    comm_close: (_, request) => this.#comm(request),
    interrupt_request: () => {
      this.interrupt();
      return { status: "ok" };
    },
    // For a kernel that was started before it was known for which notebook.
    tilewright_environment_request: (content) => {
      for (const [name, value] of Object.entries(content)) this.#session.setVariable(name, String(value));
      return { status: "ok" };
    },
    shutdown_request: (content) => ({ status: "ok", restart: booleanField(content, "restart", false) }),
  };

  async #answer(request: Queued, handler: Handler): Promise<void> {
    const { header, content } = request.message;
    this.#publish("status", { execution_state: "busy" }, header);
    let reply: JsonObject;
    try {
      reply = await handler(content, request);
    } catch (error) {
      const evalue = error instanceof Error ? error.message : String(error);
      reply = { status: "error", ename: "KernelError", evalue, traceback: [evalue] };
      log(`${header.msg_type} failed: ${error instanceof Error ? error.stack : error}`);
    }
    const type = header.msg_type;
    if (type.endsWith("_request")) this.#reply(request, type.replace(/_request$/, "_reply"), reply);
    if (type === "shutdown_request") this.#publish("shutdown_reply", reply, header);
    this.#publish("status", { execution_state: "idle" }, header);
    // Front ends show the latest state they hear, so a running cell has to say again that it runs.
    if (this.#busy && this.#current) this.#publish("status", { execution_state: "busy" });
    if (type === "shutdown_request") await this.stop();
  }

  async #runQueue(): Promise<void> {
    this.#busy = true;
    for (let next = this.#queue.shift(); next; next = this.#queue.shift()) {
      this.#current = next;
      const { header } = next.message;
      const failed = await this.#execute(next);
      const aborted =
        failed && booleanField(next.message.content, "stop_on_error", true) ? this.#queue.splice(0) : [];
      this.#publish("status", { execution_state: "idle" }, header);
      for (const request of aborted) this.#abort(request);
    }
    this.#busy = false;
  }

  /** Runs one request; true when its cell failed. */
  async #execute(request: Queued): Promise<boolean> {
    const { content } = request.message;
    const code = stringField(content, "code");
    const silent = booleanField(content, "silent", false);
    const counted = !silent && booleanField(content, "store_history", true);
    if (counted) {
      this.#count += 1;
      this.#history.add(this.#count, code);
    } else this.#uncounted += 1;
    const cell = counted ? this.#count : -this.#uncounted;
    const execution_count = this.#count;
    const help = /^\s*\??([\p{ID_Start}$_][\w$.]*)(\?{1,2})?\s*$/u.exec(code);
    const announce = () => {
      this.#publish("status", { execution_state: "busy" });
      if (!silent) this.#publish("execute_input", { code, execution_count });
    };
    if (help && code.includes("?")) {
      announce();
      this.#reply(request, "execute_reply", await this.#page(help[1]!, execution_count));
      return false;
    }
    const expressions = Object.fromEntries(
      Object.entries(objectField(content, "user_expressions")).map(([name, text]) => [name, String(text)]),
    );
    const origin = this.#origin(request);
    const allowInput = booleanField(content, "allow_stdin", false);
    // The session is set to work first; what it has to say comes later than what is said here.
    const running = this.#session.execute({ code, cell, origin, silent, allowInput, expressions });
    announce();
    const result = await running;
    this.#asking = undefined;
    if (result.status === "error") this.#publish("error", { ...result.error });
    this.#reply(request, "execute_reply", executeReply(result, execution_count));
    return result.status === "error";
  }

  /** `name?` shows what is known of a name in the client's pager. */
  async #page(name: string, execution_count: number): Promise<JsonObject> {
    const found = await this.#session.language.inspect(name, name.length, 1);
    const data = found.found ? found.data : { "text/plain": `Nothing is known of ${name}.` };
    const payload = [{ source: "page", data, start: 0 }];
    return { status: "ok", execution_count, payload, user_expressions: {} };
  }

  #abort(request: Queued): void {
    const { header } = request.message;
    this.#publish("status", { execution_state: "busy" }, header);
    const execution_count = this.#count;
    const error = { ename: "Aborted", evalue: "an earlier cell failed", traceback: [] };
    this.#reply(request, "execute_reply", { status: "aborted", execution_count, ...error });
    this.#publish("status", { execution_state: "idle" }, header);
  }

  #output(event: CellEvent): void {
    const known = this.#origins.get(event.origin ?? "");
    const parent = known?.request.message.header;
    switch (event.type) {
      case "stream":
        return this.#publish("stream", { name: event.name, text: event.text }, parent);
      case "clear":
        return this.#publish("clear_output", { wait: event.wait }, parent);
      case "error":
        return this.#publish("error", { ...event.error }, parent);
      case "comm":
        this.#comms.note(event.message);
        return this.#publish(`comm_${event.message.kind}`, toContent(event.message), parent, event.message);
      case "result": {
        const count = known?.count ?? this.#count;
        const text = event.display.data["text/plain"];
        if (typeof text === "string") this.#history.setOutput(count, text);
        return this.#publish("execute_result", { ...event.display, execution_count: count }, parent);
      }
      case "display": {
        const transient = event.id === undefined ? {} : { display_id: event.id };
        const type = event.update ? "update_display_data" : "display_data";
        return this.#publish(type, { ...event.display, transient }, parent);
      }
    }
  }

  /** Gives a request a name for the session, under which its output comes back. */
  #origin(request: Queued): string {
    this.#originCount += 1;
    const origin = String(this.#originCount);
    this.#origins.set(origin, { request, count: this.#count });
    if (this.#origins.size > remembered) this.#origins.delete(this.#origins.keys().next().value!);
    return origin;
  }

  async #comm(request: Queued): Promise<JsonObject> {
    const { header, content, metadata, buffers } = request.message;
    const message = fromWire(header.msg_type, content, metadata, buffers);
    this.#comms.note(message);
    await this.#session.receive(this.#origin(request), message);
    return {};
  }

  /** The front end's ends of comms whose process is gone are closed. */
  #closeComms(): void {
    for (const id of this.#comms.clear()) this.#publish("comm_close", { comm_id: id, data: {} });
  }

  #ask(origin: string, { prompt, password }: Question): void {
    const known = this.#origins.get(origin);
    if (!known) return this.#session.answer("");
    this.#asking = origin;
    const { identities, header } = known.request.message;
    this.#send("stdin", identities, "input_request", { prompt, password }, header);
  }

  #answerQuestion({ header, content }: Message): void {
    if (header.msg_type !== "input_reply" || this.#asking === undefined) return;
    this.#asking = undefined;
    this.#session.answer(stringField(content, "value"));
  }

  async #complete(content: JsonObject): Promise<JsonObject> {
    const code = stringField(content, "code");
    const offset = toOffset(code, numberField(content, "cursor_pos", code.length));
    const { start, end, matches } = await this.#session.language.complete(code, offset);
    const [cursor_start, cursor_end] = [toPosition(code, start), toPosition(code, end)];
    const types = matches.map((match) => ({ ...match, start: cursor_start, end: cursor_end }));
    const metadata = { _jupyter_types_experimental: types };
    return { status: "ok", matches: matches.map(({ text }) => text), cursor_start, cursor_end, metadata };
  }

  async #inspect(content: JsonObject): Promise<JsonObject> {
    const code = stringField(content, "code");
    const offset = toOffset(code, numberField(content, "cursor_pos", code.length));
    const found = await this.#session.language.inspect(code, offset, numberField(content, "detail_level", 0));
    return { status: "ok", found: found.found, data: found.found ? found.data : {}, metadata: {} };
  }

  #reply({ channel, message }: Queued, type: string, content: JsonObject): void {
    this.#send(channel, message.identities, type, content, message.header);
  }

  #publish(
    type: string,
    content: JsonObject,
    parent: Message["parent"] = this.#current?.message.header ?? {},
    extra?: Pick<CommMessage, "metadata" | "buffers">,
  ): void {
    const topic = Buffer.from(`kernel.${this.#id}.${type}`);
    this.#send("iopub", [topic], type, content, parent, extra);
  }

  #send(
    channel: Channel,
    identities: Uint8Array[],
    type: string,
    content: JsonObject,
    parent: Message["parent"],
    { metadata, buffers }: Pick<CommMessage, "metadata" | "buffers"> = { metadata: {}, buffers: [] },
  ): void {
    this.#messages += 1;
    const header: Header = makeHeader(type, this.#id, `${this.#id}_${this.#messages}`);
    void this.#sockets.send(channel, { identities, header, parent, metadata, content, buffers });
  }
}

function executeReply(result: ExecuteResult, execution_count: number): JsonObject {
  if (result.status === "ok") {
    return { status: "ok", execution_count, payload: [], user_expressions: result.expressions };
  }
  return { status: "error", execution_count, ...result.error, user_expressions: {}, payload: [] };
}
