/** The table of all converters. */
import type { Converter, ConverterTable } from "../context.ts";
import { BASIC } from "./basic.ts";

const TABLE: ConverterTable = {
  ...BASIC,
};

/** The converter of an operator; the standard's own domain is "". */
export function converterOf(domain: string, opType: string): Converter | undefined {
  const key = domain === "" ? opType : `${domain}:${opType}`;
  return Object.hasOwn(TABLE, key) ? TABLE[key] : undefined;
}

export const listConverters = (): readonly string[] => Object.keys(TABLE);
