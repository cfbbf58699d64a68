// The language side behind a message port: what the language thread runs once it has set itself up.
import { parentPort, workerData } from "node:worker_threads";
import { answer } from "./answer.ts";
import type { LanguageRequest } from "./client.ts";
import { diskFiles, type LanguageConfig } from "./files.ts";
import { TypeScriptLanguage } from "./language.ts";

const language = new TypeScriptLanguage(diskFiles(workerData as LanguageConfig));
language.warm();
// A notebook that is merely open has time to spare; one that is being run has none.
const idle = setTimeout(() => language.warmLibrary(), 500);

parentPort!.on("message", (request: LanguageRequest) => {
  clearTimeout(idle);
  void answer(language, request, (reply) => parentPort!.postMessage(reply));
});
