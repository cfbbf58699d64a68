/** The table of all converters. */
import type { Converter, ConverterTable } from "../context.ts";
import { ACTIVATION } from "./activation.ts";
import { ATTENTION } from "./attention.ts";
import { BASIC } from "./basic.ts";
import { CONV } from "./conv.ts";
import { CREATE } from "./create.ts";
import { DETECTION } from "./detection.ts";
import { ELEMENTWISE } from "./elementwise.ts";
import { IMAGE } from "./image.ts";
import { INDEXING } from "./indexing.ts";
import { LINEAR } from "./linear.ts";
import { LOSS } from "./loss.ts";
import { NGRAM } from "./ngram.ts";
import { NORMALIZE } from "./normalize.ts";
import { POOL } from "./pool.ts";
import { QUANTIZE } from "./quantize.ts";
import { RECURRENT } from "./recurrent.ts";
import { REDUCE } from "./reduce.ts";
import { SHAPE } from "./shape.ts";
import { SIGNAL } from "./signal.ts";

const TABLE: ConverterTable = {
  ...BASIC,
  ...SHAPE,
  ...REDUCE,
  ...NGRAM,
  ...NORMALIZE,
  ...INDEXING,
  ...ELEMENTWISE,
  ...CREATE,
  ...ACTIVATION,
  ...ATTENTION,
  ...CONV,
  ...DETECTION,
  ...IMAGE,
  ...LINEAR,
  ...LOSS,
  ...POOL,
  ...QUANTIZE,
  ...RECURRENT,
  ...SIGNAL,
};

/** The converter of an operator; the standard's own domain is "". */
export function converterOf(domain: string, opType: string): Converter | undefined {
  const key = domain === "" ? opType : `${domain}:${opType}`;
  return Object.hasOwn(TABLE, key) ? TABLE[key] : undefined;
}

export const listConverters = (): readonly string[] => Object.keys(TABLE);
