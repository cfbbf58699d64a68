/** Before and after: loops, marks and places. */
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

describe("addUnitLoop, before and after", () => {
  it("around a block", () => {
    becomes(
      scheduled(stages(), (sch) => {
        sch.addUnitLoop(sch.getBlock("C"));
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
        for (const [i, j, u] of T.grid(4, 6, 1)) {
          T.block("C", () => {
            const [vi, vj] = T.axis.remap("SS", [i, j]);
            C[vi][vj] = B[vi][vj] + 1;
          });
        }
      });
    `,
    );
  });

  it("around a loop", () => {
    becomes(
      scheduled(stages(), (sch) => {
        sch.addUnitLoop(sch.getLoops(sch.getBlock("B"))[0]);
      }),
      `
      T.primFunc({ A: T.buffer([4, 6]), C: T.buffer([4, 6]) }, ({ A, C }) => {
        const B = T.alloc([4, 6]);
        for (const [u, i, j] of T.grid(1, 4, 6)) {
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
    `,
    );
  });

  it("after split and fuse, and bound", () => {
    becomes(
      scheduled(stages(), (sch) => {
        const [i, j] = sch.getLoops(sch.getBlock("C"));
        const [outer] = sch.split(sch.fuse(i, j), [null, 6]);
        sch.bind(sch.addUnitLoop(outer), "blockIdx.x");
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
        for (const u of T.threadBinding(1, "blockIdx.x")) {
          for (const [i_j_fused_0, i_j_fused_1] of T.grid(4, 6)) {
            T.block("C", () => {
              const [vi, vj] = T.axis.remap("SS", [i_j_fused_0, i_j_fused_1]);
              C[vi][vj] = B[vi][vj] + 1;
            });
          }
        }
      });
    `,
    );
  });
});

describe("bind, before and after", () => {
  it("blocks of a grid", () => {
    becomes(
      scheduled(stages(), (sch) => {
        sch.bind(sch.getLoops(sch.getBlock("C"))[0], "blockIdx.x");
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
        for (const i of T.threadBinding(4, "blockIdx.x")) {
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

  it("two axes of threads", () => {
    becomes(
      scheduled(stages(), (sch) => {
        const [i, j] = sch.getLoops(sch.getBlock("B"));
        sch.bind(j, "threadIdx.x");
        sch.bind(i, "threadIdx.y");
      }),
      `
      T.primFunc({ A: T.buffer([4, 6]), C: T.buffer([4, 6]) }, ({ A, C }) => {
        const B = T.alloc([4, 6]);
        for (const i of T.threadBinding(4, "threadIdx.y")) {
          for (const j of T.threadBinding(6, "threadIdx.x")) {
            T.block("B", () => {
              const [vi, vj] = T.axis.remap("SS", [i, j]);
              B[vi][vj] = A[vi][vj] * 2;
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

  it("after fuse and an uneven split", () => {
    becomes(
      scheduled(stages(), (sch) => {
        const [i, j] = sch.getLoops(sch.getBlock("C"));
        const [outer, inner] = sch.split(sch.fuse(i, j), [null, 5]);
        sch.bind(outer, "blockIdx.x");
        sch.bind(inner, "threadIdx.x");
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
        for (const i_j_fused_0 of T.threadBinding(5, "blockIdx.x")) {
          for (const i_j_fused_1 of T.threadBinding(5, "threadIdx.x")) {
            T.block("C", () => {
              const vi = T.axis.spatial(4, T.floordiv(i_j_fused_0 * 5 + i_j_fused_1, 6));
              const vj = T.axis.spatial(6, T.floormod(i_j_fused_0 * 5 + i_j_fused_1, 6));
              T.where(i_j_fused_0 * 5 + i_j_fused_1 < 24);
              C[vi][vj] = B[vi][vj] + 1;
            });
          }
        }
      });
    `,
    );
  });
});

describe("fuse, before and after", () => {
  it("after reorder: the other way round", () => {
    becomes(
      scheduled(stages(), (sch) => {
        const [i, j] = sch.getLoops(sch.getBlock("C"));
        sch.reorder(j, i);
        sch.fuse(j, i);
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
        for (const j_i_fused of T.serial(24)) {
          T.block("C", () => {
            const vi = T.axis.spatial(4, T.floormod(j_i_fused, 4));
            const vj = T.axis.spatial(6, T.floordiv(j_i_fused, 4));
            C[vi][vj] = B[vi][vj] + 1;
          });
        }
      });
    `,
    );
  });
});

describe("annotate and unannotate, before and after", () => {
  it("a loop and a block", () => {
    becomes(
      scheduled(stages(), (sch) => {
        const b = sch.getBlock("B");
        sch.annotate(b, "note", "first");
        sch.annotate(sch.getLoops(b)[1], "pragma", [1, 2]);
      }),
      `
      T.primFunc({ A: T.buffer([4, 6]), C: T.buffer([4, 6]) }, ({ A, C }) => {
        const B = T.alloc([4, 6]);
        for (const i of T.serial(4)) {
          for (const j of T.serial(6, { annotations: { pragma: [1, 2] } })) {
            T.block("B", () => {
              const [vi, vj] = T.axis.remap("SS", [i, j]);
              T.annotate({ note: "first" });
              B[vi][vj] = A[vi][vj] * 2;
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

  it("after split, one of two keys of a block", () => {
    becomes(
      scheduled(stages(), (sch) => {
        const c = sch.getBlock("C");
        sch.annotate(c, "tile", 4);
        sch.annotate(c, "keep", 1);
        sch.split(sch.getLoops(c)[1], [null, 2]);
        sch.unannotate(c, "tile");
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
        for (const [i, j_0, j_1] of T.grid(4, 3, 2)) {
          T.block("C", () => {
            const vi = T.axis.spatial(4, i);
            const vj = T.axis.spatial(6, j_0 * 2 + j_1);
            T.annotate({ keep: 1 });
            C[vi][vj] = B[vi][vj] + 1;
          });
        }
      });
    `,
    );
  });

  it("one key of a loop, another stays", () => {
    becomes(
      scheduled(stages(), (sch) => {
        const [i] = sch.getLoops(sch.getBlock("B"));
        sch.annotate(i, "a", 1);
        sch.annotate(i, "b", 2);
        sch.unannotate(i, "a");
      }),
      `
      T.primFunc({ A: T.buffer([4, 6]), C: T.buffer([4, 6]) }, ({ A, C }) => {
        const B = T.alloc([4, 6]);
        for (const i of T.serial(4, { annotations: { b: 2 } })) {
          for (const j of T.serial(6)) {
            T.block("B", () => {
              const [vi, vj] = T.axis.remap("SS", [i, j]);
              B[vi][vj] = A[vi][vj] * 2;
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

  it("after computeAt, the last key", () => {
    becomes(
      scheduled(stages(), (sch) => {
        const b = sch.getBlock("B");
        sch.annotate(b, "a", 1);
        sch.computeAt(b, sch.getLoops(sch.getBlock("C"))[0]);
        sch.unannotate(b, "a");
      }),
      `
      T.primFunc({ A: T.buffer([4, 6]), C: T.buffer([4, 6]) }, ({ A, C }) => {
        const B = T.alloc([4, 6]);
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
});

describe("sampleComputeLocation, before and after", () => {
  it("a loop of the consumer", () => {
    becomes(
      scheduled(stages(), (sch) => {
        const b = sch.getBlock("B");
        sch.computeAt(b, sch.sampleComputeLocation(b, 1));
      }),
      `
      T.primFunc({ A: T.buffer([4, 6]), C: T.buffer([4, 6]) }, ({ A, C }) => {
        const B = T.alloc([4, 6]);
        for (const [i, j] of T.grid(4, 6)) {
          T.block("B", () => {
            const [vi, vj] = T.axis.remap("SS", [i, j]);
            B[vi][vj] = A[vi][vj] * 2;
          });
          T.block("C", () => {
            const [vi, vj] = T.axis.remap("SS", [i, j]);
            C[vi][vj] = B[vi][vj] + 1;
          });
        }
      });
    `,
    );
  });

  it("inside the consumer", () => {
    becomes(
      scheduled(stages(), (sch) => {
        const b = sch.getBlock("B");
        sch.computeAt(b, sch.sampleComputeLocation(b, -2));
      }),
      `
      T.primFunc({ A: T.buffer([4, 6]), C: T.buffer([4, 6]) }, ({ A, C }) => {
        for (const [i, j] of T.grid(4, 6)) {
          T.block("C", () => {
            const [vi, vj] = T.axis.remap("SS", [i, j]);
            C[vi][vj] = A[vi][vj] * 2 + 1;
          });
        }
      });
    `,
    );
  });

  it("after a split: the tile", () => {
    becomes(
      scheduled(stages(), (sch) => {
        const b = sch.getBlock("B");
        sch.split(sch.getLoops(sch.getBlock("C"))[0], [null, 2]);
        sch.computeAt(b, sch.sampleComputeLocation(b, 0));
      }),
      `
      T.primFunc({ A: T.buffer([4, 6]), C: T.buffer([4, 6]) }, ({ A, C }) => {
        const B = T.alloc([4, 6]);
        for (const i_0 of T.serial(2)) {
          for (const [ax0, ax1] of T.grid(2, 6)) {
            T.block("B", () => {
              const vi = T.axis.spatial(4, i_0 * 2 + ax0);
              const vj = T.axis.spatial(6, ax1);
              B[vi][vj] = A[vi][vj] * 2;
            });
          }
          for (const [i_1, j] of T.grid(2, 6)) {
            T.block("C", () => {
              const vi = T.axis.spatial(4, i_0 * 2 + i_1);
              const vj = T.axis.spatial(6, j);
              C[vi][vj] = B[vi][vj] + 1;
            });
          }
        }
      });
    `,
    );
  });
});

describe("reverseComputeAt, before and after", () => {
  it("after a split of the producer", () => {
    becomes(
      scheduled(stages(), (sch) => {
        const b = sch.getBlock("B");
        const [outer] = sch.split(sch.getLoops(b)[0], [null, 2]);
        sch.reverseComputeAt(sch.getBlock("C"), outer);
      }),
      `
      T.primFunc({ A: T.buffer([4, 6]), C: T.buffer([4, 6]) }, ({ A, C }) => {
        const B = T.alloc([4, 6]);
        for (const i_0 of T.serial(2)) {
          for (const [i_1, j] of T.grid(2, 6)) {
            T.block("B", () => {
              const vi = T.axis.spatial(4, i_0 * 2 + i_1);
              const vj = T.axis.spatial(6, j);
              B[vi][vj] = A[vi][vj] * 2;
            });
          }
          for (const [ax0, ax1] of T.grid(2, 6)) {
            T.block("C", () => {
              const vi = T.axis.spatial(4, i_0 * 2 + ax0);
              const vj = T.axis.spatial(6, ax1);
              C[vi][vj] = B[vi][vj] + 1;
            });
          }
        }
      });
    `,
    );
  });
});

describe("reverseComputeInline, before and after", () => {
  it("after a split of the producer", () => {
    becomes(
      scheduled(stages(), (sch) => {
        sch.split(sch.getLoops(sch.getBlock("B"))[1], [null, 3]);
        sch.reverseComputeInline(sch.getBlock("C"));
      }),
      `
      T.primFunc({ A: T.buffer([4, 6]), C: T.buffer([4, 6]) }, ({ A, C }) => {
        for (const [i, j_0, j_1] of T.grid(4, 2, 3)) {
          T.block("B", () => {
            const vi = T.axis.spatial(4, i);
            const vj = T.axis.spatial(6, j_0 * 3 + j_1);
            C[vi][vj] = A[vi][vj] * 2 + 1;
          });
        }
      });
    `,
    );
  });
});
