/**
 * A hash of tensor programs up to the names and identities of variables, buffers and blocks: programs that are
 * structurally equal (`equal.ts`) have equal hashes, here and in another process. Variables and buffers count by the
 * order in which they are bound; what is free counts as free.
 */
import type { Region } from "./buffer.ts";
import type { NamesCount } from "./equal.ts";
import type { Buffer, Expr, Var } from "./expr.ts";
import type { PrimFunc } from "./func.ts";
import type { Attrs, Stmt } from "./stmt.ts";

/** 16 hexadecimal digits. Not for adversaries: programs can be made whose hashes collide. `names`: these count, too. */
export function structuralHash(f: PrimFunc, { names = false }: NamesCount = {}): string {
  const h = new Hasher(names);
  h.func(f);
  return h.digest();
}

class Hasher {
  /** Two FNV-1a hashes of 32 bits with different offsets and primes. */
  private a = 0x811c9dc5;
  private b = 0x9747b28c;
  private readonly numbers = new Map<number, number>();
  private bound = 0;
  private declaring = false;
  private readonly names: boolean;

  constructor(names: boolean) {
    this.names = names;
  }

  digest(): string {
    return [this.a, this.b]
      .map((x) => {
        // The finaliser of MurmurHash3: the last characters have to reach every bit.
        let z = Math.imul(x ^ (x >>> 16), 0x85ebca6b);
        z = Math.imul(z ^ (z >>> 13), 0xc2b2ae35);
        return ((z ^ (z >>> 16)) >>> 0).toString(16).padStart(8, "0");
      })
      .join("");
  }

  /** A token; its end is marked, so that "ab", "c" and "a", "bc" differ. */
  private put(token: string | number | undefined): void {
    const text = `${typeof token === "string" ? "" : "#"}${token}\0`;
    for (let i = 0; i < text.length; i++) {
      const c = text.charCodeAt(i);
      this.a = Math.imul(this.a ^ c, 0x01000193);
      this.b = Math.imul(this.b ^ c, 0x85ebca77);
    }
  }

  func(f: PrimFunc): void {
    this.put(f.params.length);
    for (const p of f.params) {
      this.put(p.kind);
      if (p.kind === "var") this.bindVar(p);
      else this.bindBuffer(p, true);
    }
    this.attrs(f.attrs);
    this.stmt(f.body);
  }

  private bind(id: number): void {
    this.numbers.set(id, this.bound++);
  }

  private name(name: string): void {
    if (this.names) this.put(name);
  }

  private bindVar(v: Var): void {
    this.name(v.name);
    this.put(v.dtype);
    this.bind(v.id);
  }

  /** `declares`: variables met here first are symbolic sizes of the function, bound here. */
  private bindBuffer(b: Buffer, declares = false): void {
    this.name(b.name);
    for (const x of [b.dtype, b.scope, b.offsetFactor, b.shape.length, b.strides?.length]) this.put(x);
    this.declaring = declares;
    for (const e of [...b.shape, ...(b.strides ?? [])]) this.expr(e);
    this.declaring = false;
    this.bind(b.id);
  }

  private identity(x: { readonly kind: string; readonly id: number }): void {
    if (this.declaring && x.kind === "var" && !this.numbers.has(x.id)) this.bind(x.id);
    this.put(this.numbers.get(x.id) ?? "free");
  }

  private stmt(s: Stmt): void {
    this.put(s.kind);
    switch (s.kind) {
      case "for":
        this.put(s.loopKind);
        this.put(s.thread);
        this.expr(s.min);
        this.expr(s.extent);
        this.attrs(s.annotations);
        this.bindVar(s.v);
        return this.stmt(s.body);
      case "block":
        this.name(s.name);
        this.put(s.axes.length);
        for (const x of s.axes) {
          this.put(x.type);
          this.expr(x.extent);
          this.expr(x.binding);
        }
        this.optional(s.predicate);
        for (const x of s.axes) this.bindVar(x.v);
        this.put(s.allocs.length);
        for (const b of s.allocs) this.bindBuffer(b);
        this.regions(s.reads);
        this.regions(s.writes);
        this.attrs(s.annotations);
        this.put(s.init ? "init" : "none");
        if (s.init) this.stmt(s.init);
        return this.stmt(s.body);
      case "seq":
        this.put(s.stmts.length);
        for (const x of s.stmts) this.stmt(x);
        return;
      case "store":
        this.identity(s.buffer);
        this.exprs(s.indices);
        return this.expr(s.value);
      case "if":
        this.expr(s.cond);
        this.stmt(s.then);
        this.put(s.else ? "else" : "none");
        if (s.else) this.stmt(s.else);
        return;
      case "let":
        this.expr(s.value);
        this.bindVar(s.v);
        return this.stmt(s.body);
      case "extern":
        this.put(s.func);
        this.put(s.args.length);
        for (const x of s.args) {
          if (x.kind !== "accessPtr") this.expr(x);
          else {
            this.put(x.access);
            this.regions([x.region]);
          }
        }
    }
  }

  private expr(e: Expr): void {
    this.put(e.kind);
    this.put(e.dtype);
    switch (e.kind) {
      case "var":
        return this.identity(e);
      case "const":
        return this.put(e.value);
      case "binary":
        this.put(e.op);
        this.expr(e.a);
        return this.expr(e.b);
      case "unary":
        this.put(e.op);
        return this.expr(e.a);
      case "select":
        this.expr(e.cond);
        this.expr(e.a);
        return this.expr(e.b);
      case "cast":
        return this.expr(e.value);
      case "call":
        this.put(e.op);
        return this.exprs(e.args);
      case "load":
        this.identity(e.buffer);
        return this.exprs(e.indices);
    }
  }

  private exprs(es: readonly Expr[]): void {
    this.put(es.length);
    for (const e of es) this.expr(e);
  }

  private optional(e: Expr | undefined): void {
    this.put(e ? "some" : "none");
    if (e) this.expr(e);
  }

  private regions(rs: readonly Region[] | undefined): void {
    this.put(rs?.length);
    for (const r of rs ?? []) {
      this.identity(r.buffer);
      this.put(r.ranges.length);
      for (const { min, extent } of r.ranges) {
        this.expr(min);
        this.expr(extent);
      }
    }
  }

  private attrs(a: Attrs): void {
    this.put(JSON.stringify(Object.entries(a).sort(([p], [q]) => (p < q ? -1 : 1))));
  }
}
