/**
 * Which calls are fused: TVM's grouping by post-dominators (Chen et al., OSDI 2018; `fuse_ops`). A value joins the value
 * that all of its uses lead to, when everything on the way is cheap enough to be computed where it is read. As all uses
 * lead there, nothing in a group is needed outside of it but its last value, and nothing is computed twice.
 */
import { atMost, type OpPattern, worse } from "./op-pattern.ts";

export interface FuseEdge {
  readonly node: number;
  /** How the elements of the reader depend on those of the node. */
  readonly pattern: OpPattern;
  /** At how many places one element of the reader reads it. */
  readonly places: number;
}

/** A call in the order of the program. */
export interface FuseNode {
  readonly index: number;
  readonly pattern: OpPattern;
  /** The nodes it reads; the same one may stand there twice. */
  readonly inputs: readonly FuseEdge[];
  /** Whether its value is used by something else than nodes. */
  readonly escapes: boolean;
  /** Number of elements of its result, and whether they cost more than reading them. */
  readonly elements: number;
  readonly expensive: boolean;
}

export interface GroupLimits {
  /** A group has at most so many calls. */
  readonly maxOps: number;
  /** And at most so many when values with several uses are written out at each. */
  readonly maxWeight: number;
}

interface Group {
  root: Group | undefined;
  pattern: OpPattern;
  members: number[];
}

interface DomNode {
  readonly depth: number;
  readonly parent: number | undefined;
  /** The worst pattern on the ways to the parent. */
  readonly pattern: OpPattern;
}

/** For each node the index of its group's last node. */
export function groupsOf(nodes: readonly FuseNode[], limits: GroupLimits): number[] {
  return new Grouping(nodes, limits).run();
}

class Grouping {
  private readonly nodes: readonly FuseNode[];
  private readonly limits: GroupLimits;
  private readonly uses: { node: number; pattern: OpPattern }[][];
  private readonly dom: DomNode[] = [];
  private readonly groups: Group[];

  constructor(nodes: readonly FuseNode[], limits: GroupLimits) {
    this.nodes = nodes;
    this.limits = limits;
    this.uses = nodes.map(() => []);
    for (const n of nodes)
      for (const i of n.inputs) this.uses[i.node].push({ node: n.index, pattern: i.pattern });
    this.groups = nodes.map((n) => ({ root: undefined, pattern: n.pattern, members: [n.index] }));
    for (const n of [...nodes].reverse()) this.dom[n.index] = this.dominator(n);
  }

  run(): number[] {
    for (let phase = 0; phase < 2; phase++) for (const n of this.nodes) this.step(n, phase);
    return this.nodes.map((n) => Math.max(...this.group(n.index).members));
  }

  private dominator(n: FuseNode): DomNode {
    const uses = this.uses[n.index];
    if (n.escapes || uses.length === 0) return { depth: 1, parent: undefined, pattern: "opaque" };
    let parent: number | undefined = uses[0].node;
    let pattern: OpPattern = "elemWise";
    const climb = (at: number): number | undefined => {
      pattern = worse(pattern, this.dom[at].pattern);
      return this.dom[at].parent;
    };
    for (const u of uses) {
      pattern = worse(pattern, u.pattern);
      let other: number | undefined = u.node;
      while (parent !== other) {
        if (parent === undefined || other === undefined)
          return { depth: 1, parent: undefined, pattern: "opaque" };
        const [a, b]: [number, number] = [this.dom[parent].depth, this.dom[other].depth];
        if (a >= b) parent = climb(parent);
        if (b >= a) other = climb(other);
      }
    }
    if (parent === undefined) return { depth: 1, parent, pattern: "opaque" };
    return { depth: this.dom[parent].depth + 1, parent, pattern };
  }

  private group(i: number): Group {
    let g = this.groups[i];
    while (g.root) g = g.root;
    return g;
  }

  private step(n: FuseNode, phase: number): void {
    const { parent, pattern } = this.dom[n.index];
    const own = this.groups[n.index].pattern;
    if (parent === undefined || own === "opaque" || this.group(n.index) === this.group(parent)) return;
    const between = (limit: OpPattern, sink: (p: OpPattern) => boolean): void => {
      const way = this.way(n.index, parent);
      const fits = way.every((i) => {
        const p = this.group(i).pattern;
        return i === parent ? sink(p) : atMost(p, limit);
      });
      if (fits) this.merge(parent, [n.index, ...way]);
    };
    if (own === "outEWiseFusable") {
      if (phase === 0 && pattern === "elemWise") between("broadcast", (p) => atMost(p, "broadcast"));
    } else if (atMost(own, "broadcast")) {
      if (atMost(pattern, "commReduce")) between("injective", (p) => p !== "opaque");
    } else if (own === "injective" && phase === 1 && atMost(pattern, "injective")) {
      between("injective", (p) => atMost(p, "injective"));
    }
  }

  /** The nodes on the ways from a node to its dominator, that one included. */
  private way(from: number, to: number): number[] {
    const seen = new Set<number>();
    const go = (i: number): void => {
      if (seen.has(i)) return;
      seen.add(i);
      if (i !== to) for (const u of this.uses[i]) go(u.node);
    };
    for (const u of this.uses[from]) go(u.node);
    return [...seen];
  }

  private merge(into: number, nodes: readonly number[]): void {
    const target = this.group(into);
    const all = new Set(nodes.map((i) => this.group(i)));
    const members = [...all].flatMap((g) => g.members);
    const rigid = [...all].filter((g) => !atMost(g.pattern, "broadcast") && g.pattern !== "injective");
    if (rigid.length > 1 || members.length > this.limits.maxOps || !this.isCheap(members)) return;
    target.pattern = [...all].reduce<OpPattern>((p, g) => worse(p, g.pattern), "elemWise");
    target.members = members;
    for (const g of all) if (g !== target) g.root = target;
  }

  /** Whether no value that costs something would be computed more often than it has elements. */
  private isCheap(members: readonly number[]): boolean {
    const inside = new Set(members);
    const maps = members.filter((i) => this.isMap(i));
    const most = Math.max(0, ...maps.map((i) => this.nodes[i].elements));
    // From the last to the first: at how many places a value is read for one element of the group's result.
    const places = new Map<number, number>(members.map((i) => [i, 1]));
    const weights = new Map<number, number>();
    for (const i of [...members].sort((a, b) => b - a)) {
      for (const x of this.nodes[i].inputs) {
        if (!inside.has(x.node)) continue;
        const through = this.isMap(i) ? (places.get(i) as number) : 1;
        places.set(x.node, Math.max(places.get(x.node) as number, x.places * through));
      }
    }
    for (const i of [...members].sort((a, b) => a - b)) {
      const below = this.nodes[i].inputs.filter((x) => inside.has(x.node) && this.isMap(x.node));
      weights.set(i, 1 + below.reduce((w, x) => w + x.places * (weights.get(x.node) as number), 0));
    }
    const spread = maps.some((i) => {
      const { expensive, elements } = this.nodes[i];
      return expensive && (elements < most || (places.get(i) as number) > 1);
    });
    return !spread && Math.max(...weights.values()) <= this.limits.maxWeight;
  }

  /** Whether the value is one that is computed where it is read. */
  private isMap(i: number): boolean {
    return atMost(this.nodes[i].pattern, "injective");
  }
}
