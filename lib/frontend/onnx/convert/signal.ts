/** Signals. */
import { R } from "../../../graph/index.ts";
import { constantOf, type DType, type Expr, ops } from "../../../ir/index.ts";
import type { Converter, ConverterTable, NodeContext } from "../context.ts";
import { dtypeOfCode } from "../types.ts";
