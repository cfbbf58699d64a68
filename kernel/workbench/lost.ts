/** How often a server that does not answer is asked again, in milliseconds. */
const pause = 2000;

/** Says in a banner that the server does not answer, until it does. */
export function tellLost(banner: HTMLElement): void {
  if (!banner.hidden) return;
  banner.textContent =
    "The server does not answer. What you write stays in this page until it is back; copy it if you close the page.";
  banner.hidden = false;
  const ask = setInterval(async () => {
    const answer = await fetch(new URL("api", document.baseURI), { cache: "no-store" }).catch(
      () => undefined,
    );
    if (!answer?.ok) return;
    clearInterval(ask);
    banner.hidden = true;
  }, pause);
}
