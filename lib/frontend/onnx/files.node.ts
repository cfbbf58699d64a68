/** Model files on disk, with the data files beside them. */
import { readFileSync, realpathSync } from "node:fs";
import { dirname, resolve, sep } from "node:path";
import { refuseOnnx } from "./error.ts";
import { OnnxModel, type OnnxModelOptions } from "./model.ts";
import type { ExternalData } from "./types.ts";

/** Reads files in a folder and below it; what leads out of it, by its path or by a link, is refused. */
export function externalDataIn(folder: string): ExternalData {
  const root = realpathSync(folder);
  const read = new Map<string, Uint8Array>();
  return (location) => {
    const path = realpathSync(resolve(root, location));
    if (!path.startsWith(root.endsWith(sep) ? root : root + sep)) {
      refuseOnnx(`"${location}" leads outside the model's folder`);
    }
    const known = read.get(path) ?? new Uint8Array(readFileSync(path));
    read.set(path, known);
    return known;
  };
}

/** A model from a file; tensors stored beside it are read from its folder. Throws an OnnxError for a damaged file. */
export function openOnnx(path: string, options: Omit<OnnxModelOptions, "externalData"> = {}): OnnxModel {
  return new OnnxModel(new Uint8Array(readFileSync(path)), {
    ...options,
    externalData: externalDataIn(dirname(path)),
  });
}
