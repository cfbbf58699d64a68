/** Marks in the table of contents the heading that is read. */
export function followHeadings(): void {
  const links = [...document.querySelectorAll<HTMLAnchorElement>(".contents a[href^='#']")];
  const targets = links.map((link) => document.getElementById(decodeURIComponent(link.hash.slice(1))));
  if (links.length === 0) return;
  let marked: HTMLAnchorElement | undefined;
  const mark = () => {
    // The last heading above the upper third of the window.
    const line = innerHeight / 3;
    const at = targets.findLastIndex(
      (target) => target !== null && target.getBoundingClientRect().top < line,
    );
    const link = links[Math.max(0, at)]!;
    if (link === marked) return;
    marked?.removeAttribute("aria-current");
    link.setAttribute("aria-current", "true");
    marked = link;
    const list = link.closest<HTMLElement>(".side");
    if (list && list.scrollHeight > list.clientHeight) {
      const [box, frame] = [link.getBoundingClientRect(), list.getBoundingClientRect()];
      if (box.top < frame.top || box.bottom > frame.bottom)
        list.scrollTop += box.top - frame.top - frame.height / 2;
    }
  };
  let asked = false;
  const later = () => {
    if (asked) return;
    asked = true;
    requestAnimationFrame(() => {
      asked = false;
      mark();
    });
  };
  addEventListener("scroll", later, { passive: true });
  addEventListener("resize", later);
  mark();
}
