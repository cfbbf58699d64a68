// What an exported page does when it is read: theme, headings, steps, listings. Everything can be read without it.

import { foldContents } from "./contents.ts";
import { followHeadings } from "./headings.ts";
import { linkListings } from "./listings.ts";
import { makeScrollable } from "./scrolling.ts";
import { prepareSearch } from "./search.ts";
import { addStepBars } from "./steps.ts";
import { prepareTheme } from "./theme.ts";

// The theme before anything is painted, the rest when the page is there.
prepareTheme();
document.addEventListener("DOMContentLoaded", () => {
  foldContents();
  addStepBars();
  linkListings();
  followHeadings();
  makeScrollable();
  prepareSearch();
});
