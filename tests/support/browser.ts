// What the suites that look at pages begin and end with: a headless browser, pages that are watched, a server of ours.
import { writeFileSync } from "node:fs";
import path from "node:path";
import { type Browser, type BrowserContextOptions, chromium, type Page } from "playwright-core";
import { ready } from "./page.ts";
import { requireSystem } from "./system.ts";
import { type RunningServer, startWorkbench } from "./workbench.ts";

/** An open page, and what went wrong in it. */
export interface OpenPage {
  page: Page;
  /** Errors on the page's console, uncaught errors, and answers that are errors; or what was asked for. */
  problems: string[];
}

/** The browsers of this process, with and without WebGPU: suites share them, and every page has a context of its own. */
const browsers = new Map<boolean, Promise<Browser>>();

after(async () => {
  for (const browser of browsers.values()) await (await browser).close();
});

/** A browser that asks nobody for anything. One that has died is replaced. */
async function browserWith(webgpu: boolean): Promise<Browser> {
  const running = browsers.get(webgpu);
  if (running !== undefined && (await running).isConnected()) return running;
  const args = [
    "--no-sandbox",
    "--disable-background-networking",
    "--disable-component-update",
    "--no-first-run",
    ...(webgpu ? ["--enable-unsafe-webgpu", "--use-webgpu-adapter=swiftshader"] : []),
  ];
  const started = chromium.launch({ executablePath: "/usr/bin/chromium", args });
  browsers.set(webgpu, started);
  return started;
}

/**
 * Pages for the tests of the suite that this is called in; the suite is skipped where there is no browser. `webgpu`: with
 * WebGPU, on the driver in software that the browser brings. Pages are closed after the test that opened them, and when
 * it failed, what went wrong in them is told on the error stream.
 */
export class Pages {
  private browser: Browser | undefined;
  private opened: OpenPage[] = [];

  constructor({ webgpu = false } = {}) {
    const pages = this;
    before(async function () {
      this.timeout(120_000);
      requireSystem(this, "chromium");
      pages.browser = await browserWith(webgpu);
    });
    afterEach(async function () {
      const opened = pages.opened.splice(0);
      for (const { page, problems } of opened) {
        if (this.currentTest?.state === "failed")
          for (const problem of [`at ${page.url()}`, ...problems])
            console.error(`${this.currentTest.fullTitle()}: ${problem}`);
        await page.context().close();
      }
    });
  }

  /** A page of its own, with nothing in it yet. `warnings`: these are problems, too, and so are files that do not load. */
  async page({ warnings = false, ...options }: BrowserContextOptions & { warnings?: boolean } = {}) {
    const context = await this.browser!.newContext({
      viewport: { width: 1280, height: 800 },
      colorScheme: "light",
      ...options,
    });
    // For what hangs, not for slow machines.
    context.setDefaultTimeout(120_000);
    const page = await context.newPage();
    const problems: string[] = [];
    const kinds = warnings ? ["error", "warning"] : ["error"];
    page.on("console", (message) => {
      if (kinds.includes(message.type())) problems.push(message.text());
    });
    page.on("pageerror", (error) => problems.push(String(error.stack ?? error)));
    page.on("response", (response) => {
      if (response.status() >= 400) problems.push(`${response.status()} ${response.url()}`);
    });
    if (warnings) page.on("requestfailed", (request) => problems.push(`not loaded: ${request.url()}`));
    const opened: OpenPage = { page, problems };
    this.opened.push(opened);
    return opened;
  }
}

/** The workbench for the tests of the suite that this is called in: a server with a folder of its own, and its page. */
export class Workbench extends Pages {
  private running: RunningServer | undefined;

  constructor() {
    super();
    const bench = this;
    before(async function () {
      this.timeout(120_000);
      bench.running = await startWorkbench();
    });
    after(() => bench.running?.stop());
  }

  get server(): RunningServer {
    return this.running!;
  }

  /** The place of a file in the folder that is served. */
  file(name: string): string {
    return path.join(this.server.folder, name);
  }

  write(name: string, text: string): void {
    writeFileSync(this.file(name), text);
  }

  /** The page's address, with the token; `hash` stands behind `#`. */
  address(hash: string): string {
    return `${this.server.url}?token=${this.server.token}#${hash}`;
  }

  /** Opens the page at an address behind `#`. */
  async open(hash: string): Promise<OpenPage> {
    const opened = await this.page();
    await opened.page.goto(this.address(hash));
    return opened;
  }

  /** Opens the page at a notebook, and waits until a cell can be run. `text` is written to its file first. */
  async notebook(name: string, text?: string): Promise<OpenPage> {
    if (text !== undefined) this.write(name, text);
    const opened = await this.open(`/${name}`);
    await ready(opened.page);
    return opened;
  }

  /** The id of the kernel that runs for a notebook. */
  async kernelOf(name: string): Promise<string> {
    const sessions = (await (await this.server.request("api/sessions")).json()) as {
      path: string;
      kernel: { id: string };
    }[];
    return sessions.find((session) => session.path === name)!.kernel.id;
  }
}
