/** The contents are a fold above the text where there is no room beside it, and closed there; beside the text they are open. */
export function foldContents(): void {
  const fold = document.querySelector<HTMLDetailsElement>("details.side");
  if (!fold) return;
  const narrow = matchMedia("(max-width: 60rem)");
  const follow = () => {
    fold.open = !narrow.matches;
  };
  follow();
  narrow.addEventListener("change", follow);
  // Who has chosen where to go has no more use for the list in front of the text.
  fold.addEventListener("click", ({ target }) => {
    if (narrow.matches && target instanceof Element && target.closest("a")) fold.open = false;
  });
}
