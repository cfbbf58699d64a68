/**
 * Numeric identities of variables, buffers and blocks.
 *
 * An id is unique within one JavaScript realm. Programs that come from elsewhere (JSON of another process) must be
 * given new ids with `freshen` before they are mixed with programs made here.
 */
let next = 1;

export function freshId(): number {
  return next++;
}
