/** What rollingBuffer asks of the producer, of its place and of its consumers. */
import { regionsOf } from "../arith/index.ts";
import {
  type Block,
  type Buffer,
  blocksIn,
  constInt,
  type For,
  type PrimFunc,
  type Region,
  type Stmt,
  usesVar,
  visitStmt,
} from "../ir/index.ts";
import { whyNotComplete } from "./conditions.ts";
import { requireStage, stagesOf, writtenOutside } from "./dependencies.ts";
import { refuse } from "./error.ts";
import { type Located, loopsOf, rangesOf } from "./lookup.ts";
import { domainsFrom, whyNotCovered, writtenSpans } from "./region-cover.ts";

const NAME = "rollingBuffer";

/** The block computes an intermediate buffer alone and in one go. Returns who reads the buffer. */
export function requirePipeline(at: Located<Block>, buffer: Buffer): Block[] {
  const b = at.node;
  const scope = requireStage(NAME, at);
  const outside = writtenOutside(scope, b);
  if (outside) {
    const detail = `${b.name} writes ${outside.name}, which is seen outside ${scope.name}: all of it is needed`;
    refuse(NAME, "the block is an output", detail, [b]);
  }
  const { dependencies } = stagesOf(scope);
  const other = dependencies.find((d) => d.kind !== "readAfterWrite" && (d.from === b || d.to === b));
  if (other) {
    const what = other.kind === "writeAfterWrite" ? "writes before" : "reads before";
    const detail = `${other.to.name} writes ${other.buffer.name}, which ${other.from.name} ${what}`;
    refuse(NAME, "not only read-after-write dependencies", detail, [other.from, other.to]);
  }
  // Of a reduction all terms of an element are formed or none: its bindings may overlap, which is what is looked for.
  const complete = whyNotComplete(at);
  const opaque = b.axes.find((a) => a.type === "O");
  if (complete && (opaque || !b.init)) {
    const reduction = opaque ? `axis ${opaque.v.name} is opaque` : `${b.name} has no init`;
    const detail = `not complete: ${complete}; no reduction: ${reduction}`;
    refuse(NAME, "the block is neither complete nor a reduction", detail, [b]);
  }
  const users = dependencies.filter((d) => d.from === b && d.buffer.id === buffer.id).map((d) => d.to);
  if (users.length > 0) return users;
  return refuse(NAME, "there is no rolling pattern", `nothing reads ${buffer.name}`, [b]);
}

/** Each element is written at axes of its own, whole boxes are written, and they are all that is read. */
export function requirePlain(
  f: PrimFunc,
  at: Located<Block>,
  write: Region,
  users: readonly Block[],
  depth: number,
): void {
  const b = at.node;
  const no = (detail: string, nodes: readonly Stmt[] = [b]): never =>
    refuse(NAME, "there is no rolling pattern", detail, nodes);
  const { name } = write.buffer;
  for (const u of [b, ...users]) {
    if (blocksIn(u.body).length > 0 || holdsExtern(u)) no(`${u.name} is not a plain block`, [u]);
  }
  if (write.buffer.strides) no(`${name} has strides of its own`);
  const indices = write.ranges.map((r) => r.min);
  const used = new Set(indices.flatMap((e) => (e.kind === "var" ? [e.id] : [])));
  const points = write.ranges.every((r) => constInt(r.extent) === 1);
  const spatial = b.axes.filter((a) => a.type === "S");
  const plain = indices.every(
    (e) => e.kind === "const" || (e.kind === "var" && spatial.some((a) => a.v.id === e.id)),
  );
  const distinct = used.size === indices.filter((e) => e.kind === "var").length;
  if (!points || !plain || !distinct || spatial.some((a) => constInt(a.extent) !== 1 && !used.has(a.v.id))) {
    no(`${b.name} does not write ${name} at its spatial axes, each in a dimension of its own`);
  }
  const shared = at.path.slice(0, depth).filter((s): s is For => s.kind === "for");
  const concurrent = loopsOf(at).find((l) => l.loopKind !== "serial" && l.loopKind !== "unrolled");
  if (concurrent) no(`the iterations of ${concurrent.v.name} do not follow each other`, [concurrent]);
  const ids = new Set(shared.map((l) => l.v.id));
  const spread = b.axes.find((a) => a.type !== "S" && usesVar(a.binding, ids));
  if (spread) no(`the sum over ${spread.v.name} of ${b.name} goes on in the next iteration`);
  const ranges = rangesOf(f, at.path.slice(0, depth));
  if (!writtenSpans(at, write.buffer.id, domainsFrom(at.path, depth), ranges)) {
    no(`what ${b.name} writes of ${name} in one iteration may have gaps`);
  }
  for (const u of users) {
    const read = regionsOf(u).reads.find((r) => r.buffer.id === write.buffer.id);
    const why = read && whyNotCovered(f, [b], u, read);
    if (why) no(why, [b, u]);
  }
}

function holdsExtern(b: Block): boolean {
  let found = false;
  visitStmt(b, {
    stmt: (s) => {
      if (s.kind === "extern") found = true;
    },
  });
  return found;
}
