/** Before and after: properties of buffers and blocks. */
import type { PrimFunc } from "../../../lib/ir/index.ts";
import { T } from "../../../lib/script/index.ts";
import { becomes, scheduled } from "./support.ts";

/** C = B + 1, B = 2 A. */
const stages = (): PrimFunc =>
  T.primFunc({ A: T.buffer([4, 6]), C: T.buffer([4, 6]) }, ({ A, C }) => {
    const B = T.alloc([4, 6]);
    for (const [i, j] of T.grid(4, 6)) {
      T.block("B", () => {
        const [vi, vj] = T.axis.remap("SS", [i, j]);
        B[vi][vj] = A[vi][vj] * 2;
      });
    }
    for (const [i, j] of T.grid(4, 6)) {
      T.block("C", () => {
        const [vi, vj] = T.axis.remap("SS", [i, j]);
        C[vi][vj] = B[vi][vj] + 1;
      });
    }
  });

/** A small product. */
const product = (): PrimFunc =>
  T.primFunc({ A: T.buffer([4, 6]), B: T.buffer([6, 4]), C: T.buffer([4, 4]) }, ({ A, B, C }) => {
    for (const [i, j, k] of T.grid(4, 4, 6)) {
      T.block("C", () => {
        const [vi, vj, vk] = T.axis.remap("SSR", [i, j, k]);
        T.init(() => {
          C[vi][vj] = 0;
        });
        C[vi][vj] += A[vi][vk] * B[vk][vj];
      });
    }
  });

/** Doubles A in place. */
const update = (): PrimFunc =>
  T.primFunc({ A: T.buffer([4, 6]) }, ({ A }) => {
    for (const [i, j] of T.grid(4, 6)) {
      T.block("B", () => {
        const [vi, vj] = T.axis.remap("SS", [i, j]);
        A[vi][vj] = A[vi][vj] * 2;
      });
    }
  });

describe("reorderBlockIterVar, before and after", () => {
  it("of a copy, after cacheRead", () => {
    becomes(
      scheduled(stages(), (sch) => {
        sch.reorderBlockIterVar(sch.cacheRead(sch.getBlock("C"), 0, "local"), [1, 0]);
      }),
      `
      T.primFunc({ A: T.buffer([4, 6]), C: T.buffer([4, 6]) }, ({ A, C }) => {
        const B = T.alloc([4, 6]);
        const B_local = T.alloc([4, 6], "f32", "local");
        for (const [i, j] of T.grid(4, 6)) {
          T.block("B", () => {
            const [vi, vj] = T.axis.remap("SS", [i, j]);
            B[vi][vj] = A[vi][vj] * 2;
          });
        }
        for (const [ax0, ax1] of T.grid(4, 6)) {
          T.block("B_local", () => {
            const [v1, v0] = T.axis.remap("SS", [ax1, ax0]);
            B_local[v0][v1] = B[v0][v1];
          });
        }
        for (const [i, j] of T.grid(4, 6)) {
          T.block("C", () => {
            const [vi, vj] = T.axis.remap("SS", [i, j]);
            C[vi][vj] = B_local[vi][vj] + 1;
          });
        }
      });
    `,
    );
  });
});

describe("setScope, before and after", () => {
  it("after computeAt, through the reader", () => {
    becomes(
      scheduled(stages(), (sch) => {
        sch.computeAt(sch.getBlock("B"), sch.getLoops(sch.getBlock("C"))[0]);
        sch.setScope(sch.getBlock("C"), ["read", 0], "local");
      }),
      `
      T.primFunc({ A: T.buffer([4, 6]), C: T.buffer([4, 6]) }, ({ A, C }) => {
        const B = T.alloc([4, 6], "f32", "local");
        for (const i of T.serial(4)) {
          for (const ax0 of T.serial(6)) {
            T.block("B", () => {
              const [vi, vj] = T.axis.remap("SS", [i, ax0]);
              B[vi][vj] = A[vi][vj] * 2;
            });
          }
          for (const j of T.serial(6)) {
            T.block("C", () => {
              const [vi, vj] = T.axis.remap("SS", [i, j]);
              C[vi][vj] = B[vi][vj] + 1;
            });
          }
        }
      });
    `,
    );
  });

  it("of one of two copies", () => {
    becomes(
      scheduled(stages(), (sch) => {
        const copy = sch.cacheRead(sch.getBlock("B"), 0, "local");
        sch.cacheRead(sch.getBlock("C"), 0, "local");
        sch.setScope(copy, 0, "shared");
      }),
      `
      T.primFunc({ A: T.buffer([4, 6]), C: T.buffer([4, 6]) }, ({ A, C }) => {
        const B = T.alloc([4, 6]);
        const A_local = T.alloc([4, 6], "f32", "shared");
        const B_local = T.alloc([4, 6], "f32", "local");
        for (const [ax0, ax1] of T.grid(4, 6)) {
          T.block("A_local", () => {
            const [v0, v1] = T.axis.remap("SS", [ax0, ax1]);
            A_local[v0][v1] = A[v0][v1];
          });
        }
        for (const [i, j] of T.grid(4, 6)) {
          T.block("B", () => {
            const [vi, vj] = T.axis.remap("SS", [i, j]);
            B[vi][vj] = A_local[vi][vj] * 2;
          });
        }
        for (const [ax0, ax1] of T.grid(4, 6)) {
          T.block("B_local", () => {
            const [v0, v1] = T.axis.remap("SS", [ax0, ax1]);
            B_local[v0][v1] = B[v0][v1];
          });
        }
        for (const [i, j] of T.grid(4, 6)) {
          T.block("C", () => {
            const [vi, vj] = T.axis.remap("SS", [i, j]);
            C[vi][vj] = B_local[vi][vj] + 1;
          });
        }
      });
    `,
    );
  });
});

describe("unsafeSetDtype, before and after", () => {
  it("wider", () => {
    becomes(
      scheduled(stages(), (sch) => {
        sch.unsafeSetDtype(sch.getBlock("B"), 0, "f64");
      }),
      `
      T.primFunc({ A: T.buffer([4, 6]), C: T.buffer([4, 6]) }, ({ A, C }) => {
        const B = T.alloc([4, 6], "f64");
        for (const [i, j] of T.grid(4, 6)) {
          T.block("B", () => {
            const [vi, vj] = T.axis.remap("SS", [i, j]);
            B[vi][vj] = T.cast(A[vi][vj] * 2, "f64");
          });
        }
        for (const [i, j] of T.grid(4, 6)) {
          T.block("C", () => {
            const [vi, vj] = T.axis.remap("SS", [i, j]);
            C[vi][vj] = T.cast(B[vi][vj], "f32") + 1;
          });
        }
      });
    `,
    );
  });

  it("after split and computeAt, by name", () => {
    becomes(
      scheduled(stages(), (sch) => {
        const c = sch.getBlock("C");
        const [outer] = sch.split(sch.getLoops(c)[0], [null, 2]);
        sch.computeAt(sch.getBlock("B"), outer);
        sch.unsafeSetDtype(c, "B", "i32");
      }),
      `
      T.primFunc({ A: T.buffer([4, 6]), C: T.buffer([4, 6]) }, ({ A, C }) => {
        const B = T.alloc([4, 6], "i32");
        for (const i_0 of T.serial(2)) {
          for (const [ax0, ax1] of T.grid(2, 6)) {
            T.block("B", () => {
              const vi = T.axis.spatial(4, i_0 * 2 + ax0);
              const vj = T.axis.spatial(6, ax1);
              B[vi][vj] = T.cast(A[vi][vj] * 2, "i32");
            });
          }
          for (const [i_1, j] of T.grid(2, 6)) {
            T.block("C", () => {
              const vi = T.axis.spatial(4, i_0 * 2 + i_1);
              const vj = T.axis.spatial(6, j);
              C[vi][vj] = T.cast(B[vi][vj], "f32") + 1;
            });
          }
        }
      });
    `,
    );
  });
});

describe("storageAlign, before and after", () => {
  it("rows of a buffer", () => {
    becomes(
      scheduled(stages(), (sch) => {
        sch.storageAlign(sch.getBlock("B"), 0, 0, 32, 1);
      }),
      `
      T.primFunc({ A: T.buffer([4, 6]), C: T.buffer([4, 6]) }, ({ A, C }) => {
        const B = T.alloc([4, 6]);
        for (const [i, j] of T.grid(4, 6)) {
          T.block("B", () => {
            const [vi, vj] = T.axis.remap("SS", [i, j]);
            T.annotate({ buffer_dim_align: [[0, 0, 32, 1]] });
            B[vi][vj] = A[vi][vj] * 2;
          });
        }
        for (const [i, j] of T.grid(4, 6)) {
          T.block("C", () => {
            const [vi, vj] = T.axis.remap("SS", [i, j]);
            C[vi][vj] = B[vi][vj] + 1;
          });
        }
      });
    `,
    );
  });

  it("two axes, one of them twice", () => {
    becomes(
      scheduled(stages(), (sch) => {
        const b = sch.getBlock("B");
        sch.storageAlign(b, 0, -2, 16, 8);
        sch.storageAlign(b, 0, 1, 4, 2);
        sch.storageAlign(b, 0, 0, 32, 4);
      }),
      `
      T.primFunc({ A: T.buffer([4, 6]), C: T.buffer([4, 6]) }, ({ A, C }) => {
        const B = T.alloc([4, 6]);
        for (const [i, j] of T.grid(4, 6)) {
          T.block("B", () => {
            const [vi, vj] = T.axis.remap("SS", [i, j]);
            T.annotate({ buffer_dim_align: [[0, 1, 4, 2], [0, 0, 32, 4]] });
            B[vi][vj] = A[vi][vj] * 2;
          });
        }
        for (const [i, j] of T.grid(4, 6)) {
          T.block("C", () => {
            const [vi, vj] = T.axis.remap("SS", [i, j]);
            C[vi][vj] = B[vi][vj] + 1;
          });
        }
      });
    `,
    );
  });

  it("of a copy in shared memory, after readAt", () => {
    becomes(
      scheduled(stages(), (sch) => {
        const b = sch.getBlock("B");
        sch.storageAlign(sch.readAt(sch.getLoops(b)[0], b, 0, "shared"), 0, 0, 8, 4);
      }),
      `
      T.primFunc({ A: T.buffer([4, 6]), C: T.buffer([4, 6]) }, ({ A, C }) => {
        const B = T.alloc([4, 6]);
        const A_shared = T.alloc([4, 6], "f32", "shared");
        for (const i of T.serial(4)) {
          for (const ax0 of T.serial(6)) {
            T.block("A_shared", () => {
              const [v0, v1] = T.axis.remap("SS", [i, ax0]);
              T.annotate({ auto_copy: 1, buffer_dim_align: [[0, 0, 8, 4]] });
              A_shared[v0][v1] = A[v0][v1];
            });
          }
          for (const j of T.serial(6)) {
            T.block("B", () => {
              const [vi, vj] = T.axis.remap("SS", [i, j]);
              B[vi][vj] = A_shared[vi][vj] * 2;
            });
          }
        }
        for (const [i, j] of T.grid(4, 6)) {
          T.block("C", () => {
            const [vi, vj] = T.axis.remap("SS", [i, j]);
            C[vi][vj] = B[vi][vj] + 1;
          });
        }
      });
    `,
    );
  });
});

describe("transformBlockLayout, before and after", () => {
  it("after computeInline: tiles", () => {
    becomes(
      scheduled(stages(), (sch) => {
        const b = sch.getBlock("B");
        sch.computeInline(b);
        sch.transformBlockLayout(sch.getBlock("C"), "(i, j) => [T.floordiv(j, 3), i, T.floormod(j, 3)]");
      }),
      `
      T.primFunc({ A: T.buffer([4, 6]), C: T.buffer([4, 6]) }, ({ A, C }) => {
        for (const [ax0, ax1, ax2] of T.grid(2, 4, 3)) {
          T.block("C", () => {
            const [v0, v1, v2] = T.axis.remap("SSS", [ax0, ax1, ax2]);
            C[v1][v0 * 3 + v2] = A[v1][v0 * 3 + v2] * 2 + 1;
          });
        }
      });
    `,
    );
  });
});

describe("blockize, before and after", () => {
  it("after a split, its inner loops", () => {
    becomes(
      scheduled(stages(), (sch) => {
        const c = sch.getBlock("C");
        const [, inner] = sch.split(sch.getLoops(c)[0], [null, 2]);
        sch.blockize(inner);
      }),
      `
      T.primFunc({ A: T.buffer([4, 6]), C: T.buffer([4, 6]) }, ({ A, C }) => {
        const B = T.alloc([4, 6]);
        for (const [i, j] of T.grid(4, 6)) {
          T.block("B", () => {
            const [vi, vj] = T.axis.remap("SS", [i, j]);
            B[vi][vj] = A[vi][vj] * 2;
          });
        }
        for (const i_0 of T.serial(2)) {
          T.block("C_o", () => {
            const vi_o = T.axis.spatial(2, i_0);
            const vj_o = T.axis.spatial(1, 0);
            for (const [i_1, j] of T.grid(2, 6)) {
              T.block("C", () => {
                const [vi_i, vj_i] = T.axis.remap("SS", [i_1, j]);
                C[vi_o * 2 + vi_i][vj_i] = B[vi_o * 2 + vi_i][vj_i] + 1;
              });
            }
          });
        }
      });
    `,
    );
  });
});

describe("padEinsum, before and after", () => {
  it("only the summed axis", () => {
    becomes(
      scheduled(product(), (sch) => {
        sch.padEinsum(sch.getBlock("C"), [1, 1, 4]);
      }),
      `
      T.primFunc({ A: T.buffer([4, 6]), B: T.buffer([6, 4]), C: T.buffer([4, 4]) }, ({ A, B, C }) => {
        const A_pad = T.alloc([4, 8]);
        const B_pad = T.alloc([8, 4]);
        for (const [ax0, ax1] of T.grid(4, 8)) {
          T.block("A_pad", () => {
            const [v0, v1] = T.axis.remap("SS", [ax0, ax1]);
            A_pad[v0][v1] = v1 < 6 ? A[v0][v1] : 0;
          });
        }
        for (const [ax0, ax1] of T.grid(8, 4)) {
          T.block("B_pad", () => {
            const [v0, v1] = T.axis.remap("SS", [ax0, ax1]);
            B_pad[v0][v1] = v0 < 6 ? B[v0][v1] : 0;
          });
        }
        for (const [i, j, k] of T.grid(4, 4, 8)) {
          T.block("C", () => {
            const [vi, vj, vk] = T.axis.remap("SSR", [i, j, k]);
            T.init(() => { C[vi][vj] = 0; });
            C[vi][vj] += A_pad[vi][vk] * B_pad[vk][vj];
          });
        }
      });
    `,
    );
  });
});

describe("cacheInplace, before and after", () => {
  it("after split and reorder", () => {
    becomes(
      scheduled(update(), (sch) => {
        const b = sch.getBlock("B");
        const [i, j] = sch.getLoops(b);
        const [outer, inner] = sch.split(j, [null, 3]);
        sch.reorder(outer, i, inner);
        sch.cacheInplace(b, 0, "local");
      }),
      `
      T.primFunc({ A: T.buffer([4, 6]) }, ({ A }) => {
        const A_local = T.alloc([4, 6], "f32", "local");
        for (const [ax0, ax1] of T.grid(4, 6)) {
          T.block("A_local", () => {
            const [v0, v1] = T.axis.remap("SS", [ax0, ax1]);
            A_local[v0][v1] = A[v0][v1];
          });
        }
        for (const [j_0, i, j_1] of T.grid(2, 4, 3)) {
          T.block("B", () => {
            const vi = T.axis.spatial(4, i);
            const vj = T.axis.spatial(6, j_0 * 3 + j_1);
            A_local[vi][vj] *= 2;
          });
        }
        for (const [ax0, ax1] of T.grid(4, 6)) {
          T.block("A_local_back", () => {
            const [v0, v1] = T.axis.remap("SS", [ax0, ax1]);
            A[v0][v1] = A_local[v0][v1];
          });
        }
      });
    `,
    );
  });
});

describe("cacheIndex, before and after", () => {
  it("after split and transformBlockLayout", () => {
    becomes(
      scheduled(stages(), (sch) => {
        sch.split(sch.getLoops(sch.getBlock("C"))[0], [null, 2]);
        sch.transformBlockLayout(sch.getBlock("B"), "(i, j) => [i * 6 + j]");
        sch.cacheIndex(sch.getBlock("B"), "global", 0);
      }),
      `
      T.primFunc({ A: T.buffer([4, 6]), C: T.buffer([4, 6]) }, ({ A, C }) => {
        const B = T.alloc([4, 6]);
        const index_var_0 = T.alloc([24], "i32");
        const index_var_1 = T.alloc([24], "i32");
        for (const ax0 of T.serial(24)) {
          T.block("index_0", () => {
            const [v0] = T.axis.remap("S", [ax0]);
            index_var_0[v0] = T.floordiv(v0, 6);
          });
        }
        for (const ax0 of T.serial(24)) {
          T.block("index_1", () => {
            const [v0] = T.axis.remap("S", [ax0]);
            index_var_1[v0] = T.floormod(v0, 6);
          });
        }
        for (const ax0 of T.serial(24)) {
          T.block("B", () => {
            const [v0] = T.axis.remap("S", [ax0]);
            B[T.floordiv(v0, 6)][T.floormod(v0, 6)] = A[index_var_0[v0]][index_var_1[v0]] * 2;
          });
        }
        for (const [i_0, i_1, j] of T.grid(2, 2, 6)) {
          T.block("C", () => {
            const vi = T.axis.spatial(4, i_0 * 2 + i_1);
            const vj = T.axis.spatial(6, j);
            C[vi][vj] = B[vi][vj] + 1;
          });
        }
      });
    `,
    );
  });
});
