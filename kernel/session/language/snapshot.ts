// What runs while the snapshot of the language side is made, and again when a process starts from it. It is turned
// into one CommonJS script by `prepare.ts`: a snapshot can hold no modules.
import { readFileSync } from "node:fs";
import { startupSnapshot } from "node:v8";
import ts from "typescript";
import { FrameReader, frame } from "../user/frames.ts";
import { answer } from "./answer.ts";
import type { LanguageReply, LanguageRequest } from "./client.ts";
import { diskFiles, type LanguageConfig } from "./files.ts";
import { TypeScriptLanguage } from "./language.ts";

/** Parsed files, kept across the snapshot: parsing and binding them is most of a first cell's time. */
const registry = ts.createDocumentRegistry();
const config: LanguageConfig = JSON.parse(readFileSync(process.env.TILEWRIGHT_SNAPSHOT!, "utf8"));
// Never given up, so that the registry keeps its files.
const warmed = new TypeScriptLanguage(diskFiles(config), registry);
warmed.warmAll();
// The snapshot keeps compiled functions, so most of a session's work is done once, on a language that is
// thrown away. Not completion, which loads what a snapshot cannot hold.
const rehearsal = new TypeScriptLanguage(diskFiles(config), registry);
const sketch =
  "interface P { a: number }\nconst [p, { a }]: [number, P] = [1, { a: await 2 }];\nclass C {}\np";
void rehearsal
  .compile(sketch, 1)
  .then(() => rehearsal.finish())
  .then(() => rehearsal.compile("import os from 'node:os';\nfunction f() { return p; }\nf() + a", 2))
  .then(() => rehearsal.finish())
  .then(() => rehearsal.compile("p.q", 3))
  .then(() => rehearsal.inspect("p", 1, 1));

startupSnapshot.setDeserializeMainFunction(() => {
  const reader = new FrameReader<LanguageConfig | LanguageRequest>();
  const send = (reply: LanguageReply) => process.stdout.write(frame(reply));
  let language: TypeScriptLanguage | undefined;
  process.stdin.on("data", (chunk: Buffer) => {
    for (const message of reader.push(chunk)) {
      if ("id" in message) void answer(language ?? warmed, message, send);
      else {
        language = new TypeScriptLanguage(diskFiles(message), registry);
        send({ id: 0, value: "ready" });
      }
    }
  });
  process.stdin.on("close", () => process.exit());
});
