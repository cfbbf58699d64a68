/**
 * In a display, what stands for the same loop or block lights up together: the lines of the program, its loop tree, its
 * graph, the code that was made of it.
 */
export function linkListings(): void {
  let lit: Element[] = [];
  const show = (target: EventTarget | null) => {
    for (const element of lit) element.classList.remove("lit");
    lit = [];
    const node = target instanceof Element ? target.closest("[data-node]") : null;
    const display = node?.closest(".tw");
    if (!node || !display) return;
    const keys = keysOf(node);
    lit = [...display.querySelectorAll("[data-node]")].filter((other) =>
      keysOf(other).some((key) => keys.includes(key)),
    );
    for (const element of lit) element.classList.add("lit");
  };
  document.addEventListener("pointerover", ({ target }) => show(target));
  document.addEventListener("focusin", ({ target }) => show(target));
}

const keysOf = (element: Element): string[] =>
  (element.getAttribute("data-node") ?? "").split(/\s+/).filter(Boolean);
