/** The programs that models are made of, in any size. */
import type { Expr, PrimFunc } from "../../../lib/ir/index.ts";
import { te } from "../../../lib/te/index.ts";

/** Matrix product with bias and ReLU; `transposed`: weights as [columns, inner]. */
export function linear(m: number, k: number, n: number, transposed = false): PrimFunc {
  const A = te.placeholder([m, k], "A");
  const W = te.placeholder(transposed ? [n, k] : [k, n], "W");
  const b = te.placeholder([n], "b");
  const r = te.reduceAxis(k);
  const C = te.compute(
    [m, n],
    (i, j) => te.sum(te.mul(A.at(i, r), transposed ? W.at(j, r) : W.at(r, j)), r),
    "product",
  );
  const D = te.compute([m, n], (i, j) => te.add(C.at(i, j), b.at(j)), "bias");
  const E = te.compute([m, n], (i, j) => te.max(D.at(i, j), 0), "relu");
  return te.createPrimFunc([A, W, b, E]);
}

export function batchedProduct(b: number, m: number, k: number, n: number): PrimFunc {
  const A = te.placeholder([b, m, k], "A");
  const Y = te.placeholder([b, n, k], "Y");
  const r = te.reduceAxis(k);
  const C = te.compute([b, m, n], (v, i, j) => te.sum(te.mul(A.at(v, i, r), Y.at(v, j, r)), r), "product");
  return te.createPrimFunc([A, Y, C]);
}

function padding(X: te.Tensor, h: number, p: number): te.Tensor {
  const [n, c] = X.shape;
  return te.compute(
    [n, c, h + 2 * p, h + 2 * p],
    (b, ch, y, x) =>
      te.select(
        te.and(te.and(te.ge(y, p), te.lt(y, h + p)), te.and(te.ge(x, p), te.lt(x, h + p))),
        X.at(b, ch, te.sub(y, p), te.sub(x, p)),
        te.const(0, "f32"),
      ),
    "pad",
  );
}

export interface Window {
  readonly kernel: number;
  readonly stride?: number;
  readonly pad?: number;
}

/** Convolution of squares with bias and ReLU, NCHW. */
export function convolution(
  ci: number,
  co: number,
  h: number,
  { kernel: k, stride: s = 1, pad: p = 0 }: Window,
): PrimFunc {
  const X = te.placeholder([1, ci, h, h], "X");
  const W = te.placeholder([co, ci, k, k], "W");
  const b = te.placeholder([co], "b");
  const P = p > 0 ? padding(X, h, p) : X;
  const o = Math.floor((h + 2 * p - k) / s) + 1;
  const [rc, ry, rx] = [te.reduceAxis(ci), te.reduceAxis(k), te.reduceAxis(k)];
  const C = te.compute(
    [1, co, o, o],
    (n, f, y, x) =>
      te.sum(te.mul(P.at(n, rc, te.add(te.mul(y, s), ry), te.add(te.mul(x, s), rx)), W.at(f, rc, ry, rx)), [
        rc,
        ry,
        rx,
      ]),
    "conv",
  );
  const D = te.compute([1, co, o, o], (n, f, y, x) => te.add(C.at(n, f, y, x), b.at(f)), "bias");
  const E = te.compute([1, co, o, o], (n, f, y, x) => te.max(D.at(n, f, y, x), 0), "relu");
  return te.createPrimFunc([X, W, b, E]);
}

export function depthwise(c: number, h: number, { kernel: k, stride: s = 1, pad: p = 0 }: Window): PrimFunc {
  const X = te.placeholder([1, c, h, h], "X");
  const W = te.placeholder([c, k, k], "W");
  const P = p > 0 ? padding(X, h, p) : X;
  const o = Math.floor((h + 2 * p - k) / s) + 1;
  const [ry, rx] = [te.reduceAxis(k), te.reduceAxis(k)];
  const C = te.compute(
    [1, c, o, o],
    (n, f, y, x) =>
      te.sum(te.mul(P.at(n, f, te.add(te.mul(y, s), ry), te.add(te.mul(x, s), rx)), W.at(f, ry, rx)), [
        ry,
        rx,
      ]),
    "depthwise",
  );
  return te.createPrimFunc([X, W, C]);
}

export function pooling(c: number, h: number, { kernel: k, stride: s = 1 }: Window): PrimFunc {
  const X = te.placeholder([1, c, h, h], "X");
  const o = Math.floor((h - k) / s) + 1;
  const [ry, rx] = [te.reduceAxis(k), te.reduceAxis(k)];
  const P = te.compute(
    [1, c, o, o],
    (n, f, y, x) => te.max(X.at(n, f, te.add(te.mul(y, s), ry), te.add(te.mul(x, s), rx)), [ry, rx]),
    "pool",
  );
  return te.createPrimFunc([X, P]);
}

export function softmax(m: number, n: number): PrimFunc {
  const A = te.placeholder([m, n], "A");
  const [k, l] = [te.reduceAxis(n), te.reduceAxis(n)];
  const M = te.compute([m], (i) => te.max(A.at(i, k), k), "most");
  const E = te.compute([m, n], (i, j) => te.exp(te.sub(A.at(i, j), M.at(i))), "exps");
  const S = te.compute([m], (i) => te.sum(E.at(i, l), l), "total");
  const O = te.compute([m, n], (i, j) => te.div(E.at(i, j), S.at(i)), "softmax");
  return te.createPrimFunc([A, O]);
}

export function layerNorm(m: number, n: number): PrimFunc {
  const A = te.placeholder([m, n], "A");
  const [k, l] = [te.reduceAxis(n), te.reduceAxis(n)];
  const S = te.compute([m], (i) => te.sum(A.at(i, k), k), "total");
  const C = te.compute([m, n], (i, j) => te.sub(A.at(i, j), te.div(S.at(i), n)), "centred");
  const V = te.compute([m], (i) => te.sum(te.mul(C.at(i, l), C.at(i, l)), l), "squares");
  const O = te.compute(
    [m, n],
    (i, j) => te.mul(C.at(i, j), te.rsqrt(te.add(te.div(V.at(i), n), 1e-5))),
    "norm",
  );
  return te.createPrimFunc([A, O]);
}

/**
 * A transposed convolution of squares without overlap, moved by `from`: element y of the result takes place
 * (y + from) mod stride of the weight.
 */
export function transposed(ci: number, co: number, h: number, stride: number, from = 0): PrimFunc {
  const X = te.placeholder([1, ci, h + 1, h + 1], "X");
  const W = te.placeholder([ci, co, stride, stride], "W");
  const b = te.placeholder([co], "b");
  const rc = te.reduceAxis(ci);
  const shape = [1, co, h * stride, h * stride];
  const C = te.compute(
    shape,
    (n, f, y, x) => {
      const at = [y, x].map((i) => te.add(i, from));
      const [p, q] = at.map((i) => te.floordiv(i, stride));
      const [r, s] = at.map((i) => te.floormod(i, stride));
      return te.sum(te.mul(X.at(n, rc, p, q), W.at(rc, f, r, s)), [rc]);
    },
    "transposed",
  );
  return te.createPrimFunc([
    X,
    W,
    b,
    te.compute(shape, (n, f, y, x) => te.add(C.at(n, f, y, x), b.at(f)), "bias"),
  ]);
}

/** Rows resampled by a table of neighbours and weights that is computed in doubles, as a linear resize is. */
export function resampled(rows: number, from: number, to: number): PrimFunc {
  const X = te.placeholder([rows, from], "X");
  const place = (o: Expr) => te.sub(te.div(te.add(te.cast(o, "f64"), 0.5), to / from), 0.5);
  const left = te.compute(
    [to],
    (o) => te.max(te.min(te.cast(te.floor(place(o)), "i32"), from - 2), 0),
    "left",
  );
  const weight = te.compute(
    [to],
    (o) => te.cast(te.sub(place(o), te.cast(left.at(o), "f64")), "f32"),
    "weight",
  );
  const Y = te.compute(
    [rows, to],
    (r, o) => {
      const [a, b] = [X.at(r, left.at(o)), X.at(r, te.add(left.at(o), 1))];
      return te.add(a, te.mul(te.sub(b, a), weight.at(o)));
    },
    "resampled",
  );
  return te.createPrimFunc([X, Y]);
}
