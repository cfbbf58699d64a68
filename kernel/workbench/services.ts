// The server as JupyterLab's components know it. What the page's first script has brought is taken before anything is asked
// again: while a notebook is drawn, an answer waits for a long time until it is heard.
import {
  type Contents,
  ContentsManager,
  type Kernel,
  KernelManager,
  type ServerConnection,
  ServiceManager,
  type Session,
  SessionManager,
} from "@jupyterlab/services";
import type { Early } from "./early.ts";
import type { Connection } from "./lost.ts";
import type { Resumption } from "./resume.ts";

/**
 * The managers of a server; the notebook and the session that are there already are found in them. What reads and saves
 * notebooks waits for a server that does not answer.
 */
export function createServices(
  serverSettings: ServerConnection.ISettings,
  early: Early | undefined,
  connection: Connection,
  resumption: Resumption,
): ServiceManager {
  const kernels = new Kernels({ serverSettings }, resumption);
  const sessions = new Sessions({ serverSettings, kernelManager: kernels }, early?.session);
  const contents = new Notebooks({ serverSettings }, early?.notebook, connection);
  return new ServiceManager({ serverSettings, contents, kernels, sessions });
}

/** Speaks with each kernel as the page that the server knows, so that the kernel's answers find it again. */
class Kernels extends KernelManager {
  readonly #resumption: Resumption;

  constructor(options: KernelManager.IOptions, resumption: Resumption) {
    super(options);
    this.#resumption = resumption;
  }

  override connectTo(options: Kernel.IKernelConnection.IOptions): Kernel.IKernelConnection {
    const kernel = super.connectTo({ ...options, clientId: this.#resumption.page });
    this.#resumption.follow(kernel);
    return kernel;
  }
}

/** Gives a notebook that has been read, once, and lets saves wait for the server. */
class Notebooks extends ContentsManager {
  #early: Contents.IModel | undefined;
  readonly #connection: Connection;

  constructor(options: ContentsManager.IOptions, early: Contents.IModel | undefined, connection: Connection) {
    super(options);
    this.#early = early;
    this.#connection = connection;
  }

  override async get(path: string, options?: Contents.IFetchOptions): Promise<Contents.IModel> {
    const early = this.#early;
    if (early?.path !== path || options?.content === false)
      return this.#connection.through(() => super.get(path, options));
    this.#early = undefined;
    return early;
  }

  override save(path: string, options?: Partial<Contents.IModel>): Promise<Contents.IModel> {
    return this.#connection.through(() => super.save(path, options));
  }
}

/** Knows a session that was started, without asking, until somebody connects to it. */
class Sessions extends SessionManager {
  #early: Session.IModel | undefined;

  constructor(options: SessionManager.IOptions, early: Session.IModel | undefined) {
    super(options);
    this.#early = early;
  }

  override get ready(): Promise<void> {
    return this.#early ? Promise.resolve() : super.ready;
  }

  override async refreshRunning(): Promise<void> {
    if (!this.#early) await super.refreshRunning();
  }

  override *running(): IterableIterator<Session.IModel> {
    if (this.#early) yield this.#early;
    for (const model of super.running()) if (model.id !== this.#early?.id) yield model;
  }

  override connectTo(
    options: Omit<Session.ISessionConnection.IOptions, "connectToKernel" | "serverSettings">,
  ): Session.ISessionConnection {
    this.#early = undefined;
    return super.connectTo(options);
  }
}
