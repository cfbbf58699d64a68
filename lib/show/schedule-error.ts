/** A refused primitive: what was refused and why, the program with the loops and blocks at fault underlined. */
import type { ScheduleError } from "../schedule/index.ts";
import { boundText } from "./bounds.ts";
import type { MimeBundle } from "./display.ts";
import { html, plain } from "./html.ts";
import { programHtml } from "./program.ts";
import { frame } from "./style.ts";

export function scheduleErrorBundle(e: ScheduleError): MimeBundle {
  const r = e.refusal;
  const body = html`<p class="tw-head"><b class="tw-red">${r.primitive}</b>: <b>${r.rule}</b></p>
<p class="tw-head">${r.detail}</p>${e.func && programHtml(e.func, { underline: r.nodes })}${
    r.suggestion !== undefined &&
    html`<p class="tw-head"><b class="tw-green">Try</b> <code>${r.suggestion}</code></p>`
  }<p class="tw-note">The schedule is unchanged.</p>`;
  return { "text/plain": boundText(plain(e.message)), "text/html": frame(["code"], body) };
}
