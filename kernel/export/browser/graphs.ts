// Where pictures of graphs begin that are wider than their place.

const seen = new WeakSet<Element>();

/**
 * Shows of each picture of a graph in `root` the first box, in the middle, once: what is wide begins with nothing but lines
 * otherwise. A picture that is hidden, on a tab or in a fold, waits until it is shown.
 */
export function startAtFirstBox(root: ParentNode): void {
  for (const graph of root.querySelectorAll<HTMLElement>(".tw-graph")) {
    if (seen.has(graph)) continue;
    seen.add(graph);
    // Told when it has a size for the first time, before it is painted.
    const observer = new ResizeObserver(() => {
      if (graph.clientWidth === 0) return;
      observer.disconnect();
      const boxes = [...graph.querySelectorAll<HTMLElement>(".tw-box")].filter(
        (box) => box.closest(".tw-graph") === graph,
      );
      const [first] = boxes.sort((a, b) => a.offsetTop - b.offsetTop);
      if (first && graph.scrollLeft === 0)
        graph.scrollLeft = first.offsetLeft + (first.offsetWidth - graph.clientWidth) / 2;
    });
    observer.observe(graph);
  }
}
