/** Taking a block out of its scope. */
import { ifThen, not, type Stmt, seq } from "../ir/index.ts";

/**
 * The statement without `leaf` (by identity), and without the loops and branches that would be left empty. Undefined
 * when nothing remains.
 */
export function withoutLeaf(s: Stmt, leaf: Stmt): Stmt | undefined {
  if (s === leaf) return undefined;
  switch (s.kind) {
    case "for":
    case "let":
    case "block": {
      const body = withoutLeaf(s.body, leaf);
      return body === s.body ? s : body && { ...s, body };
    }
    case "seq": {
      const kept = s.stmts.flatMap((c) => withoutLeaf(c, leaf) ?? []);
      const same = kept.length === s.stmts.length && kept.every((c, i) => c === s.stmts[i]);
      return same ? s : kept.length > 0 ? seq(kept) : undefined;
    }
    case "if": {
      const then = withoutLeaf(s.then, leaf);
      const other = s.else && withoutLeaf(s.else, leaf);
      if (then === s.then && other === s.else) return s;
      return then ? ifThen(s.cond, then, other) : other && ifThen(not(s.cond), other);
    }
    case "store":
    case "extern":
      return s;
  }
}
