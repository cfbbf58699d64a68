/**
 * Memory as values of a program, after callTirRewrite: what is allocated, where planMemory put it, and when it is no
 * longer needed. The virtual machine does these; they have no tensor program.
 */
import { BYTES, constInt, type DType, type GraphType, type TensorType, tupleType } from "../../ir/index.ts";
import type { OpArgs, OpDef } from "../op.ts";
import { constShape, product, sameSize } from "../shape.ts";

const SHAPE = { name: "shape", kind: "shape" } as const;

function inStorage(c: OpArgs): TensorType {
  const dtype = c.str("dtype") as DType;
  if (!Object.hasOwn(BYTES, dtype)) c.refuse(`there is no dtype "${dtype}"`);
  const shape = c.shape(0);
  const known = constShape(shape);
  const size = c.has(1) ? constInt(c.tensor(1).shape[0]) : undefined;
  if (known && size !== undefined) {
    const end = c.num("offset") + known.reduce((a, b) => a * b, 1) * BYTES[dtype];
    if (end > size) c.refuse(`the tensor ends at byte ${end} of a storage of ${size}`);
  }
  return { kind: "tensor", dtype, shape };
}

function view(c: OpArgs): TensorType {
  const [x, shape] = [c.tensor(0), c.shape(1)];
  if (!sameSize(product(x.shape), product(shape)))
    c.refuse("a view has as many elements as what it is a view of");
  return { ...x, shape };
}

export const MEMORY = {
  "memory.allocStorage": {
    doc: "so many bytes, which the tensors of a function share: its arena",
    args: [SHAPE],
    infer: (c): TensorType => {
      if (c.shape(0).length !== 1) c.refuse("its shape is the number of bytes");
      return { kind: "tensor", dtype: "u8", shape: c.shape(0) };
    },
    builtin: true,
  },
  "memory.allocTensor": {
    doc: "a tensor whose elements are not yet written, in memory of its own or in a storage",
    args: [SHAPE, { name: "storage", kind: "tensor", optional: true }],
    attrs: {
      dtype: { doc: "dtype of the elements", default: "f32" },
      offset: { doc: "where in the storage it begins, in bytes", default: 0 },
    },
    infer: inStorage,
    builtin: true,
  },
  "memory.view": {
    doc: "the same memory under another shape; nothing is copied",
    args: [{ name: "x", kind: "tensor" }, SHAPE],
    infer: view,
    builtin: true,
  },
  "memory.kill": {
    doc: "the memory of a value is no longer needed",
    args: [{ name: "x", kind: "tensor" }],
    infer: (): GraphType => tupleType([]),
    builtin: true,
  },
} as const satisfies Record<string, OpDef>;
