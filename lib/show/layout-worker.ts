/** What a page's worker runs: it lays out what it is sent. Loaded as a module by `layout-page.ts`, never imported. */
import { layered } from "./layered.ts";
import type { LayoutJob } from "./layout-aside.ts";

addEventListener("message", ({ data }: MessageEvent<LayoutJob>) => {
  for (const input of data.layouts) postMessage(layered(input));
});
