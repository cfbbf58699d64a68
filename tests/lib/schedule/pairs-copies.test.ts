/** Before and after: copies, their layouts, padding. */
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

/** A with a border of zeros. */
const border = (): PrimFunc =>
  T.primFunc({ A: T.buffer([4, 6]), B: T.buffer([6, 8]) }, ({ A, B }) => {
    for (const [i, j] of T.grid(6, 8)) {
      T.block("B", () => {
        const [vi, vj] = T.axis.remap("SS", [i, j]);
        B[vi][vj] = vi >= 1 && vi < 5 && vj >= 1 && vj < 7 ? A[vi - 1][vj - 1] : 0;
      });
    }
  });

describe("cacheWrite, before and after", () => {
  it("after a split, moved under a tile", () => {
    becomes(
      scheduled(stages(), (sch) => {
        const c = sch.getBlock("C");
        const [outer] = sch.split(sch.getLoops(c)[0], [null, 2]);
        sch.reverseComputeAt(sch.cacheWrite(c, 0, "local"), outer);
      }),
      `
      T.primFunc({ A: T.buffer([4, 6]), C: T.buffer([4, 6]) }, ({ A, C }) => {
        const B = T.alloc([4, 6]);
        const C_local = T.alloc([4, 6], "f32", "local");
        for (const [i, j] of T.grid(4, 6)) {
          T.block("B", () => {
            const [vi, vj] = T.axis.remap("SS", [i, j]);
            B[vi][vj] = A[vi][vj] * 2;
          });
        }
        for (const i_0 of T.serial(2)) {
          for (const [i_1, j] of T.grid(2, 6)) {
            T.block("C", () => {
              const vi = T.axis.spatial(4, i_0 * 2 + i_1);
              const vj = T.axis.spatial(6, j);
              C_local[vi][vj] = B[vi][vj] + 1;
            });
          }
          for (const [ax0, ax1] of T.grid(2, 6)) {
            T.block("C_local", () => {
              const v0 = T.axis.spatial(4, i_0 * 2 + ax0);
              const v1 = T.axis.spatial(6, ax1);
              C[v0][v1] = C_local[v0][v1];
            });
          }
        }
      });
    `,
    );
  });
});

describe("readAt, before and after", () => {
  it("one row of the input at a time", () => {
    becomes(
      scheduled(stages(), (sch) => {
        const b = sch.getBlock("B");
        sch.readAt(sch.getLoops(b)[0], b, 0, "shared");
      }),
      `
      T.primFunc({ A: T.buffer([4, 6]), C: T.buffer([4, 6]) }, ({ A, C }) => {
        const B = T.alloc([4, 6]);
        const A_shared = T.alloc([4, 6], "f32", "shared");
        for (const i of T.serial(4)) {
          for (const ax0 of T.serial(6)) {
            T.block("A_shared", () => {
              const [v0, v1] = T.axis.remap("SS", [i, ax0]);
              T.annotate({ auto_copy: 1 });
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

  it("an intermediate buffer, after a split", () => {
    becomes(
      scheduled(stages(), (sch) => {
        const c = sch.getBlock("C");
        const [outer] = sch.split(sch.getLoops(c)[0], [null, 2]);
        sch.readAt(outer, c, 0, "local");
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
        for (const i_0 of T.serial(2)) {
          for (const [ax0, ax1] of T.grid(2, 6)) {
            T.block("B_local", () => {
              const v0 = T.axis.spatial(4, i_0 * 2 + ax0);
              const v1 = T.axis.spatial(6, ax1);
              T.annotate({ auto_copy: 1 });
              B_local[v0][v1] = B[v0][v1];
            });
          }
          for (const [i_1, j] of T.grid(2, 6)) {
            T.block("C", () => {
              const vi = T.axis.spatial(4, i_0 * 2 + i_1);
              const vj = T.axis.spatial(6, j);
              C[vi][vj] = B_local[vi][vj] + 1;
            });
          }
        }
      });
    `,
    );
  });
});

describe("writeAt, before and after", () => {
  it("one row of the output at a time", () => {
    becomes(
      scheduled(stages(), (sch) => {
        const c = sch.getBlock("C");
        sch.writeAt(sch.getLoops(c)[0], c, 0, "local");
      }),
      `
      T.primFunc({ A: T.buffer([4, 6]), C: T.buffer([4, 6]) }, ({ A, C }) => {
        const B = T.alloc([4, 6]);
        const C_local = T.alloc([4, 6], "f32", "local");
        for (const [i, j] of T.grid(4, 6)) {
          T.block("B", () => {
            const [vi, vj] = T.axis.remap("SS", [i, j]);
            B[vi][vj] = A[vi][vj] * 2;
          });
        }
        for (const i of T.serial(4)) {
          for (const j of T.serial(6)) {
            T.block("C", () => {
              const [vi, vj] = T.axis.remap("SS", [i, j]);
              C_local[vi][vj] = B[vi][vj] + 1;
            });
          }
          for (const ax0 of T.serial(6)) {
            T.block("C_local", () => {
              const [v0, v1] = T.axis.remap("SS", [i, ax0]);
              T.annotate({ auto_copy: 1 });
              C[v0][v1] = C_local[v0][v1];
            });
          }
        }
      });
    `,
    );
  });

  it("one element at a time", () => {
    becomes(
      scheduled(stages(), (sch) => {
        const b = sch.getBlock("B");
        sch.writeAt(sch.getLoops(b)[1], b, 0, "local");
      }),
      `
      T.primFunc({ A: T.buffer([4, 6]), C: T.buffer([4, 6]) }, ({ A, C }) => {
        const B = T.alloc([4, 6]);
        const B_local = T.alloc([4, 6], "f32", "local");
        for (const [i, j] of T.grid(4, 6)) {
          T.block("B", () => {
            const [vi, vj] = T.axis.remap("SS", [i, j]);
            B_local[vi][vj] = A[vi][vj] * 2;
          });
          T.block("B_local", () => {
            const [v0, v1] = T.axis.remap("SS", [i, j]);
            T.annotate({ auto_copy: 1 });
            B[v0][v1] = B_local[v0][v1];
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

  it("a tile, after split and reorder", () => {
    becomes(
      scheduled(stages(), (sch) => {
        const c = sch.getBlock("C");
        const [i, j] = sch.getLoops(c);
        const [i0, i1] = sch.split(i, [null, 2]);
        const [j0, j1] = sch.split(j, [null, 3]);
        sch.reorder(i0, j0, i1, j1);
        sch.writeAt(j0, c, 0, "local");
      }),
      `
      T.primFunc({ A: T.buffer([4, 6]), C: T.buffer([4, 6]) }, ({ A, C }) => {
        const B = T.alloc([4, 6]);
        const C_local = T.alloc([4, 6], "f32", "local");
        for (const [i, j] of T.grid(4, 6)) {
          T.block("B", () => {
            const [vi, vj] = T.axis.remap("SS", [i, j]);
            B[vi][vj] = A[vi][vj] * 2;
          });
        }
        for (const [i_0, j_0] of T.grid(2, 2)) {
          for (const [i_1, j_1] of T.grid(2, 3)) {
            T.block("C", () => {
              const vi = T.axis.spatial(4, i_0 * 2 + i_1);
              const vj = T.axis.spatial(6, j_0 * 3 + j_1);
              C_local[vi][vj] = B[vi][vj] + 1;
            });
          }
          for (const [ax0, ax1] of T.grid(2, 3)) {
            T.block("C_local", () => {
              const v0 = T.axis.spatial(4, i_0 * 2 + ax0);
              const v1 = T.axis.spatial(6, j_0 * 3 + ax1);
              T.annotate({ auto_copy: 1 });
              C[v0][v1] = C_local[v0][v1];
            });
          }
        }
      });
    `,
    );
  });
});

describe("reindexCacheRead, before and after", () => {
  it("transposed", () => {
    becomes(
      scheduled(stages(), (sch) => {
        sch.reindexCacheRead(sch.getBlock("C"), 0, "shared", "(i, j) => [j, i]");
      }),
      `
      T.primFunc({ A: T.buffer([4, 6]), C: T.buffer([4, 6]) }, ({ A, C }) => {
        const B = T.alloc([4, 6]);
        const B_shared = T.alloc([6, 4], "f32", "shared");
        for (const [i, j] of T.grid(4, 6)) {
          T.block("B", () => {
            const [vi, vj] = T.axis.remap("SS", [i, j]);
            B[vi][vj] = A[vi][vj] * 2;
          });
        }
        for (const [ax0, ax1] of T.grid(4, 6)) {
          T.block("B_shared", () => {
            const [vi, vj] = T.axis.remap("SS", [ax0, ax1]);
            B_shared[vj][vi] = B[vi][vj];
          });
        }
        for (const [i, j] of T.grid(4, 6)) {
          T.block("C", () => {
            const [vi, vj] = T.axis.remap("SS", [i, j]);
            C[vi][vj] = B_shared[vj][vi] + 1;
          });
        }
      });
    `,
    );
  });

  it("packed", () => {
    becomes(
      scheduled(stages(), (sch) => {
        sch.reindexCacheRead(
          sch.getBlock("B"),
          0,
          "local",
          "(i, j) => [T.floordiv(j, 3), i, T.floormod(j, 3)]",
        );
      }),
      `
      T.primFunc({ A: T.buffer([4, 6]), C: T.buffer([4, 6]) }, ({ A, C }) => {
        const B = T.alloc([4, 6]);
        const A_local = T.alloc([2, 4, 3], "f32", "local");
        for (const [ax0, ax1] of T.grid(4, 6)) {
          T.block("A_local", () => {
            const [vi, vj] = T.axis.remap("SS", [ax0, ax1]);
            A_local[T.floordiv(vj, 3)][vi][T.floormod(vj, 3)] = A[vi][vj];
          });
        }
        for (const [i, j] of T.grid(4, 6)) {
          T.block("B", () => {
            const [vi, vj] = T.axis.remap("SS", [i, j]);
            B[vi][vj] = A_local[T.floordiv(vj, 3)][vi][T.floormod(vj, 3)] * 2;
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

  it("after a split; moved under it", () => {
    becomes(
      scheduled(stages(), (sch) => {
        const c = sch.getBlock("C");
        const [outer] = sch.split(sch.getLoops(c)[0], [null, 2]);
        const copy = sch.reindexCacheRead(c, 0, "shared", "(i, j) => [j, i]");
        sch.computeAt(copy, outer);
      }),
      `
      T.primFunc({ A: T.buffer([4, 6]), C: T.buffer([4, 6]) }, ({ A, C }) => {
        const B = T.alloc([4, 6]);
        const B_shared = T.alloc([6, 4], "f32", "shared");
        for (const [i, j] of T.grid(4, 6)) {
          T.block("B", () => {
            const [vi, vj] = T.axis.remap("SS", [i, j]);
            B[vi][vj] = A[vi][vj] * 2;
          });
        }
        for (const i_0 of T.serial(2)) {
          for (const [ax0, ax1] of T.grid(2, 6)) {
            T.block("B_shared", () => {
              const vi = T.axis.spatial(4, i_0 * 2 + ax0);
              const vj = T.axis.spatial(6, ax1);
              B_shared[vj][vi] = B[vi][vj];
            });
          }
          for (const [i_1, j] of T.grid(2, 6)) {
            T.block("C", () => {
              const vi = T.axis.spatial(4, i_0 * 2 + i_1);
              const vj = T.axis.spatial(6, j);
              C[vi][vj] = B_shared[vj][vi] + 1;
            });
          }
        }
      });
    `,
    );
  });
});

describe("reindexCacheWrite, before and after", () => {
  it("transposed", () => {
    becomes(
      scheduled(stages(), (sch) => {
        sch.reindexCacheWrite(sch.getBlock("B"), 0, "local", "(i, j) => [j, i]");
      }),
      `
      T.primFunc({ A: T.buffer([4, 6]), C: T.buffer([4, 6]) }, ({ A, C }) => {
        const B = T.alloc([4, 6]);
        const B_local = T.alloc([6, 4], "f32", "local");
        for (const [i, j] of T.grid(4, 6)) {
          T.block("B", () => {
            const [vi, vj] = T.axis.remap("SS", [i, j]);
            B_local[vj][vi] = A[vi][vj] * 2;
          });
        }
        for (const [ax0, ax1] of T.grid(4, 6)) {
          T.block("B_local", () => {
            const [vi, vj] = T.axis.remap("SS", [ax0, ax1]);
            B[vi][vj] = B_local[vj][vi];
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

  it("in one dimension", () => {
    becomes(
      scheduled(stages(), (sch) => {
        sch.reindexCacheWrite(sch.getBlock("C"), 0, "local", "(i, j) => [i * 6 + j]");
      }),
      `
      T.primFunc({ A: T.buffer([4, 6]), C: T.buffer([4, 6]) }, ({ A, C }) => {
        const B = T.alloc([4, 6]);
        const C_local = T.alloc([24], "f32", "local");
        for (const [i, j] of T.grid(4, 6)) {
          T.block("B", () => {
            const [vi, vj] = T.axis.remap("SS", [i, j]);
            B[vi][vj] = A[vi][vj] * 2;
          });
        }
        for (const [i, j] of T.grid(4, 6)) {
          T.block("C", () => {
            const [vi, vj] = T.axis.remap("SS", [i, j]);
            C_local[vi * 6 + vj] = B[vi][vj] + 1;
          });
        }
        for (const [ax0, ax1] of T.grid(4, 6)) {
          T.block("C_local", () => {
            const [vi, vj] = T.axis.remap("SS", [ax0, ax1]);
            C[vi][vj] = C_local[vi * 6 + vj];
          });
        }
      });
    `,
    );
  });

  it("after reverseComputeInline and reorder", () => {
    becomes(
      scheduled(stages(), (sch) => {
        const b = sch.getBlock("B");
        sch.reverseComputeInline(sch.getBlock("C"));
        const [i, j] = sch.getLoops(b);
        sch.reorder(j, i);
        sch.reindexCacheWrite(b, 0, "local", "(i, j) => [j, i]");
      }),
      `
      T.primFunc({ A: T.buffer([4, 6]), C: T.buffer([4, 6]) }, ({ A, C }) => {
        const C_local = T.alloc([6, 4], "f32", "local");
        for (const [j, i] of T.grid(6, 4)) {
          T.block("B", () => {
            const [vi, vj] = T.axis.remap("SS", [i, j]);
            C_local[vj][vi] = A[vi][vj] * 2 + 1;
          });
        }
        for (const [ax0, ax1] of T.grid(4, 6)) {
          T.block("C_local", () => {
            const [vi, vj] = T.axis.remap("SS", [ax0, ax1]);
            C[vi][vj] = C_local[vj][vi];
          });
        }
      });
    `,
    );
  });
});

describe("decomposePadding, before and after", () => {
  it("at the inner loop: the outer one keeps its condition", () => {
    becomes(
      scheduled(border(), (sch) => {
        const b = sch.getBlock("B");
        sch.decomposePadding(b, sch.getLoops(b)[1]);
      }),
      `
      T.primFunc({ A: T.buffer([4, 6]), B: T.buffer([6, 8]) }, ({ A, B }) => {
        for (const i of T.serial(6)) {
          for (const j of T.serial(8)) {
            T.block("B_pad_const", () => {
              const [vi, vj] = T.axis.remap("SS", [i, j]);
              B[vi][vj] = 0;
            });
          }
          for (const j of T.serial(6)) {
            T.block("B", () => {
              const [vi, vj] = T.axis.remap("SS", [i, j]);
              T.where(i >= 1 && i < 5);
              B[vi][vj + 1] = A[vi - 1][vj];
            });
          }
        }
      });
    `,
    );
  });

  it("after split and unroll: the condition becomes a predicate", () => {
    becomes(
      scheduled(border(), (sch) => {
        const b = sch.getBlock("B");
        const [, inner] = sch.split(sch.getLoops(b)[1], [null, 4]);
        sch.unroll(inner);
        sch.decomposePadding(b, sch.getLoops(b)[0]);
      }),
      `
      T.primFunc({ A: T.buffer([4, 6]), B: T.buffer([6, 8]) }, ({ A, B }) => {
        for (const [i, j_0] of T.grid(6, 2)) {
          for (const j_1 of T.unroll(4)) {
            T.block("B_pad_const", () => {
              const vi = T.axis.spatial(6, i);
              const vj = T.axis.spatial(8, j_0 * 4 + j_1);
              B[vi][vj] = 0;
            });
          }
        }
        for (const [i, j_0] of T.grid(4, 2)) {
          for (const j_1 of T.unroll(4)) {
            T.block("B", () => {
              const vi = T.axis.spatial(4, i);
              const vj = T.axis.spatial(8, j_0 * 4 + j_1);
              T.where(j_0 * 4 + j_1 >= 1 && j_0 * 4 + j_1 < 7);
              B[vi + 1][vj] = A[vi][vj - 1];
            });
          }
        }
      });
    `,
    );
  });
});
