// How a test says that it cannot run here, and why.

/** What of Mocha's `this` is needed; tests, hooks and suites can carry a reason. */
interface Context {
  readonly test?: object | undefined;
  skip(): never;
}

/**
 * Skips the running test, or in a `before` hook all tests of its suite. `npm test` repeats the reason at its end, under
 * NOT TESTED (scripts/mocha-reporter.mjs reads it).
 */
export function skipBecause(context: Context, reason: string): never {
  if (context.test !== undefined) Object.assign(context.test, { skipReason: reason });
  return context.skip();
}
