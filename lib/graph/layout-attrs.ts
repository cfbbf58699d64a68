/** How tensor programs and schedules speak about the layout of weights. */

/**
 * Attribute of a tensor program: the numbers of those buffer parameters that are constants wherever it is called. A
 * schedule may lay them out anew as it likes.
 */
export const LAYOUT_FREE = "layoutFreeBuffers";

/** Annotation of a block that does nothing but lay such a buffer out: it need not run in every call. */
export const LAYOUT_PREPROC = "layoutRewritePreproc";
