// The page itself: everything that `main.ts` loads.
import "@jupyterlab/notebook/style/index.js";
import "@jupyterlab/completer/style/index.js";
import "@jupyterlab/tooltip/style/index.js";
import "@jupyterlab/mathjax-extension/style/index.js";
import "./style.css";
import { PageConfig } from "@jupyterlab/coreutils";
import { ServerConnection, ServiceManager } from "@jupyterlab/services";
import { App } from "./app.ts";
import { createEditors } from "./editors.ts";
import { createRendering } from "./rendering.ts";
import { Theme } from "./theme.ts";

const baseUrl = new URL(".", document.baseURI).href;
const wsUrl = baseUrl.replace(/^http/, "ws");
PageConfig.setOption("baseUrl", baseUrl);
PageConfig.setOption("wsUrl", wsUrl);

const theme = new Theme();
const editors = createEditors();
const services = new ServiceManager({ serverSettings: ServerConnection.makeSettings({ baseUrl, wsUrl }) });
const rendering = createRendering(editors.languages);
const app = new App({ services, editors, rendering }, theme, document.getElementById("page")!);
await app.start();
