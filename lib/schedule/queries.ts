/** Questions about a program: which blocks and loops there are. They change nothing. */
import { type Block, type For, getPrimFunc, type IRModule, primFuncs } from "../ir/index.ts";
import { consumersOf, outputBlocks, producersOf } from "./dependencies.ts";
import { refuse } from "./error.ts";
import { allBlocks, blocksNamed, childBlocks, findBlock, findNode, loopsOf, scopeBlock } from "./lookup.ts";

/** The answer: nodes of one function. */
export interface Found {
  readonly func: string;
  readonly nodes: readonly (Block | For)[];
}

const inFunc = (func: string, nodes: readonly (Block | For)[]): Found => ({ func, nodes });

/** The one block of that name, in the function given or in the only one that has it. */
export function getBlock(mod: IRModule, name: string, func: string | undefined): Found {
  const where = func === undefined ? Object.keys(primFuncs(mod)) : [func];
  const hits = where.flatMap((fn) => {
    const f = getPrimFunc(mod, fn);
    const blocks = blocksNamed(f, name);
    // "root" is the root block, unless the author gave the name to another.
    return blocks.length === 0 && name === f.body.name
      ? [{ fn, block: f.body }]
      : blocks.map((block) => ({ fn, block }));
  });
  if (hits.length === 1) return inFunc(hits[0].fn, [hits[0].block]);
  const names = where.map((fn) => {
    const list = allBlocks(getPrimFunc(mod, fn)).map((b) => b.name);
    return `${fn} has ${list.length > 0 ? list.join(", ") : "no blocks"}`;
  });
  if (hits.length === 0) {
    refuse("getBlock", `there is no block "${name}"`, names.join("; "), []);
  }
  const functions = new Set(hits.map((h) => h.fn));
  refuse(
    "getBlock",
    `${hits.length} blocks are called "${name}"`,
    names.join("; "),
    functions.size === 1 ? hits.map((h) => h.block) : [],
    functions.size > 1 ? `sch.getBlock("${name}", "${hits[0].fn}")` : undefined,
  );
}

/** The loops around a block within its scope, outermost first. */
export function getLoops(mod: IRModule, func: string, block: number): Found {
  return inFunc(func, loopsOf(findBlock(getPrimFunc(mod, func), block)));
}

/** The outermost blocks inside a block or below a loop. */
export function getChildBlocks(mod: IRModule, func: string, id: number): Found {
  return inFunc(func, childBlocks(findNode(getPrimFunc(mod, func), id).node));
}

/** The blocks of the same scope that make what a block uses. */
export function getProducers(mod: IRModule, func: string, block: number): Found {
  const at = findBlock(getPrimFunc(mod, func), block);
  return inFunc(func, producersOf(scopeBlock(at), at.node));
}

/** The blocks of the same scope that use what a block makes. */
export function getConsumers(mod: IRModule, func: string, block: number): Found {
  const at = findBlock(getPrimFunc(mod, func), block);
  return inFunc(func, consumersOf(scopeBlock(at), at.node));
}

/** The blocks inside a scope block that write buffers which live outside of it. */
export function getOutputBlocks(mod: IRModule, func: string, scope: number): Found {
  return inFunc(func, [...outputBlocks(findBlock(getPrimFunc(mod, func), scope).node)]);
}

/** Queries about one node, by name. */
export const QUERIES = {
  getLoops: { of: "block", run: getLoops },
  getChildBlocks: { of: "blockOrLoop", run: getChildBlocks },
  getProducers: { of: "block", run: getProducers },
  getConsumers: { of: "block", run: getConsumers },
  getOutputBlocks: { of: "block", run: getOutputBlocks },
} as const;
