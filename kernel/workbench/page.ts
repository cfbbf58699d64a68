// The page itself: everything that `main.ts` loads.
import "@jupyterlab/notebook/style/index.js";
import "@jupyterlab/completer/style/index.js";
import "@jupyterlab/tooltip/style/index.js";
import "@jupyterlab/mathjax-extension/style/index.js";
import "./style.css";
import { PageConfig } from "@jupyterlab/coreutils";
import { ServerConnection } from "@jupyterlab/services";
import { App } from "./app.ts";
import type { Early } from "./early.ts";
import { createEditors } from "./editors.ts";
import { Connection } from "./lost.ts";
import { createRendering } from "./rendering.ts";
import { Resumption } from "./resume.ts";
import { createServices } from "./services.ts";
import { Theme } from "./theme.ts";

const baseUrl = new URL(".", document.baseURI).href;
const wsUrl = baseUrl.replace(/^http/, "ws");
PageConfig.setOption("baseUrl", baseUrl);
PageConfig.setOption("wsUrl", wsUrl);

/** Builds the page and opens its first notebook; `early` is what was brought for it meanwhile. */
export async function openPage(early: Early | undefined): Promise<void> {
  const theme = new Theme();
  const editors = createEditors();
  const connection = new Connection();
  const resumption = await Resumption.begin();
  const settings = ServerConnection.makeSettings({ baseUrl, wsUrl, WebSocket: resumption.WebSocket });
  const services = createServices(settings, early, connection, resumption);
  const rendering = createRendering(editors.languages, () => app.begun);
  const app: App = new App(
    { services, connection, resumption, editors, rendering, early },
    theme,
    document.getElementById("page")!,
  );
  await app.start();
}
