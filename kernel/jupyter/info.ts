import type { JsonObject } from "../protocol/messages.ts";
import { protocolVersion } from "../protocol/messages.ts";

/** The content of a kernel_info_reply. */
export function kernelInfo(version: string): JsonObject {
  return {
    status: "ok",
    protocol_version: protocolVersion,
    implementation: "tilewright",
    implementation_version: version,
    language_info: {
      name: "typescript",
      version: "6.0",
      mimetype: "text/x-typescript",
      file_extension: ".ts",
      pygments_lexer: "typescript",
      // The classic notebook looks at the name, JupyterLab at `mime`.
      codemirror_mode: {
        name: "text/typescript",
        mime: "application/typescript",
        mode: "javascript",
        typescript: true,
      },
      nbconvert_exporter: "script",
    },
    banner: `Tilewright ${version}: TypeScript on Node.js ${process.versions.node}`,
    debugger: false,
    help_links: [
      { text: "TypeScript handbook", url: "https://www.typescriptlang.org/docs/handbook/intro.html" },
      { text: "Node.js documentation", url: "https://nodejs.org/docs/latest/api/" },
    ],
  };
}
