/**
 * The rules of the default space for GPUs, as a table like that for WebAssembly. What the adapter cannot do is thrown out
 * by the postprocessor `gpuLimits`; what no rule takes is bound when code is generated.
 */
import type { Block } from "../../../ir/index.ts";
import { contractionOf } from "../../default/shape.ts";
import { scheduleElementwiseGpu } from "../../default-gpu/elementwise.ts";
import type { GpuMachine } from "../../default-gpu/machine.ts";
import { matrixShapesFor, scheduleMatrixUnits } from "../../default-gpu/matrix/choose.ts";
import { scheduleProduct } from "../../default-gpu/product.ts";
import { scheduleSum } from "../../default-gpu/sum.ts";
import type { Rule } from "../rules.ts";
import { gpuMatrices } from "./matrices.ts";
import { gpuApart, gpuElementwise, gpuRows, gpuTogether } from "./threads.ts";
import { gpuParts, gpuTiles } from "./tiles.ts";

const reduces = (b: Block): boolean => b.axes.some((a) => a.type === "R");
const sums = (b: Block, inner: number): boolean => inner === 0 && reduces(b);

/** `machine`: whose schedules without search are among the forms that are tried. */
export const gpuRules = (machine: GpuMachine): readonly Rule[] => [
  {
    name: "multiLevelTilingTensorCore",
    what: "products on matrix units: subgroups, matrices of each, and steps of the reduction; operands through shared memory or where they lie",
    weight: (b, inner) =>
      inner === 0 && machine.matrix && typeof matrixShapesFor(b, machine.matrix) !== "string" ? 20 : 0,
    apply: (sch, rv, d) => gpuMatrices(sch, rv, d, machine.matrix),
  },
  {
    name: "multiLevelTiling",
    what: "products: blocks, threads and sums; operands fetched together into shared memory, or read where they lie",
    weight: (b, inner) => (inner === 0 && contractionOf(b) ? 12 : 0),
    apply: gpuTiles,
  },
  {
    name: "addRfactor",
    what: "products with a long reduction: parts of it as products side by side, and their sum",
    weight: (b, inner) => (inner === 0 && contractionOf(b) ? 1 : 0),
    apply: gpuParts,
  },
  {
    name: "rowsTogether",
    what: "softmax, norms: a workgroup has a row of all blocks, in its memory",
    weight: (b, inner) => (sums(b, inner) && !contractionOf(b) ? 20 : 0),
    apply: gpuRows,
  },
  {
    name: "crossThreadReduction",
    what: "the threads of a workgroup share a row, and put their parts together",
    weight: (b, inner) => (sums(b, inner) ? (contractionOf(b) ? 0.5 : 3) : 0),
    apply: gpuTogether,
  },
  {
    name: "threadForEach",
    what: "reductions: a thread for each result, in workgroups of a drawn size",
    weight: (b, inner) => (sums(b, inner) ? (contractionOf(b) ? 0.5 : 2) : 0),
    apply: gpuApart,
  },
  {
    name: "elementwise",
    what: "everything else: a thread for each element or vector, in workgroups of a drawn size",
    weight: (b, inner) => (inner === 0 && !reduces(b) ? 4 : 0),
    apply: gpuElementwise,
  },
  {
    name: "byAnalysis",
    what: "as without search, so that one block can be as it was while another changes",
    weight: () => 0.3,
    apply: (sch, rv) => {
      if (!reduces(sch.get(rv))) return scheduleElementwiseGpu(sch, rv);
      const onUnits = scheduleMatrixUnits(sch, rv, machine.matrix);
      const tiled = onUnits === sch ? scheduleProduct(sch, rv, machine) : onUnits;
      return tiled === sch ? scheduleSum(sch, rv, machine) : tiled;
    },
  },
];
