/** The table of all operators. */
import type { OpDef } from "../op.ts";
import { ACTIVATION } from "./activation.ts";
import { BATCH_NORM } from "./batch-norm.ts";
import { CACHE } from "./cache.ts";
import { COLUMNS } from "./columns.ts";
import { COMPACT } from "./compact.ts";
import { CONV } from "./conv.ts";
import { CONV_TRANSPOSE } from "./conv-transpose.ts";
import { CREATE } from "./create.ts";
import { DETECTION } from "./detection.ts";
import { EINSUM } from "./einsum.ts";
import { ELEMENTWISE } from "./elementwise.ts";
import { GATHER } from "./gather.ts";
import { GRID_SAMPLE } from "./grid-sample.ts";
import { LAYERS } from "./layers.ts";
import { LAYOUT_TRANSFORM } from "./layout-transform.ts";
import { LINALG } from "./linalg.ts";
import { LINEAR } from "./linear.ts";
import { LOSS } from "./loss.ts";
import { MANIPULATE } from "./manipulate.ts";
import { MEMORY } from "./memory.ts";
import { NGRAM } from "./ngram.ts";
import { NORMALIZE } from "./normalize.ts";
import { PAD } from "./pad.ts";
import { PAIR_OPS } from "./pairs.ts";
import { POOL } from "./pool.ts";
import { POOL_ADAPTIVE } from "./pool-adaptive.ts";
import { QUANTIZE } from "./quantize.ts";
import { RECURRENT } from "./recurrent.ts";
import { REDUCE } from "./reduce.ts";
import { RESIZE } from "./resize.ts";
import { SCAN } from "./scan.ts";
import { SCATTER } from "./scatter.ts";
import { SHAPE_OF } from "./shape-of.ts";
import { SIGNAL } from "./signal.ts";
import { SLICE } from "./slice.ts";
import { SOFTMAX } from "./softmax.ts";
import { SORT } from "./sort.ts";
import { UNPOOL } from "./unpool.ts";
import { WINOGRAD } from "./winograd.ts";

export const OPS = {
  ...ACTIVATION,
  ...ELEMENTWISE,
  ...LAYOUT_TRANSFORM,
  ...LINEAR,
  ...PAIR_OPS,
  ...MEMORY,
  ...SHAPE_OF,
  ...CONV,
  ...CONV_TRANSPOSE,
  ...WINOGRAD,
  ...POOL,
  ...LOSS,
  ...RESIZE,
  ...REDUCE,
  ...EINSUM,
  ...QUANTIZE,
  ...SIGNAL,
  ...RECURRENT,
  ...BATCH_NORM,
  ...CACHE,
  ...COMPACT,
  ...CREATE,
  ...GATHER,
  ...MANIPULATE,
  ...NGRAM,
  ...NORMALIZE,
  ...PAD,
  ...SCAN,
  ...SCATTER,
  ...SLICE,
  ...SOFTMAX,
  ...SORT,
  ...DETECTION,
  ...GRID_SAMPLE,
  ...LINALG,
  ...UNPOOL,
  ...COLUMNS,
  ...LAYERS,
  ...POOL_ADAPTIVE,
} as const satisfies Record<string, OpDef>;

export type OpName = keyof typeof OPS;
