import type { LanguageReply, LanguageRequest } from "./client.ts";
import type { TypeScriptLanguage } from "./language.ts";

/** Answers one call, and then does what may wait until the cell runs. */
export async function answer(
  language: TypeScriptLanguage,
  { id, method, args }: LanguageRequest,
  send: (reply: LanguageReply) => void,
): Promise<void> {
  try {
    const call = language[method] as (...args: unknown[]) => Promise<unknown>;
    send({ id, value: await call.apply(language, args) });
  } catch (error) {
    send({ id, error: error instanceof Error ? (error.stack ?? error.message) : String(error) });
  }
  if (method === "compile") language.finish();
}
