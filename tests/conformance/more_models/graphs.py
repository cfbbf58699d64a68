"""Graphs written node by node: what exporters other than PyTorch's do, and what the standard allows but few write."""
import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
import torch
import torch.nn.functional as F

from .entry import Entry, below, noise

FLOAT, INT64, BOOL = TensorProto.FLOAT, TensorProto.INT64, TensorProto.BOOL


def node(op, inputs, outputs, **attributes):
    return helper.make_node(op, inputs, outputs, **attributes)


def tensor(name, values, dtype=np.float32):
    array = values.numpy() if isinstance(values, torch.Tensor) else np.array(values, dtype)
    return numpy_helper.from_array(array, name)


def info(name, shape, kind=FLOAT):
    return helper.make_tensor_value_info(name, kind, shape)


def model(nodes, inputs, outputs, initializers=(), opset=13, ir=7):
    graph = helper.make_graph(nodes, "graph", inputs, outputs, list(initializers))
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=ir)


def constants():
    """Constants by every attribute that holds numbers; weights in raw bytes and in fields."""
    w = noise(201, 4, 3)
    nodes = [
        node("Constant", [], ["one"], value_float=1.5), node("Constant", [], ["ints"], value_ints=[1, -1]),
        node("Constant", [], ["floats"], value_floats=[0.5, 2.0, -1.0]), node("Constant", [], ["axis"], value_int=1),
        node("Constant", [], ["w"], value=helper.make_tensor("w", FLOAT, [4, 3], w.flatten().tolist())),
        node("Constant", [], ["none"], value=helper.make_tensor("none", FLOAT, [0], [])),
        node("Gemm", ["x", "w"], ["a"], transB=0), node("Mul", ["a", "floats"], ["b"]), node("Add", ["b", "one"], ["c"]),
        node("Reshape", ["axis", "shape1"], ["axes"]), node("Unsqueeze", ["c", "axes"], ["d"]),
        node("Concat", ["zero", "ints"], ["to"], axis=0), node("Reshape", ["d", "to"], ["e"]),
        node("Concat", ["floats", "none"], ["f"], axis=0), node("Sub", ["e", "f"], ["y"]),
    ]
    made = model(nodes, [info("x", ["n", 4])], [info("y", None)], [tensor("shape1", [1], np.int64), tensor("zero", [0], np.int64)])
    floats = torch.tensor([0.5, 2.0, -1.0])
    return made, lambda x: ((x @ w) * floats + 1.5).unsqueeze(1) - floats


def old_initializers():
    """IR 3: every weight is an input too; PyTorch's and MXNet's early files. Broadcasting of opset 6 by `axis`."""
    w, b, g = noise(202, 5, 3, 3, 3), noise(203, 5), noise(204, 5).abs()
    nodes = [
        node("Conv", ["data", "w"], ["a"], kernel_shape=[3, 3], auto_pad="SAME_UPPER", strides=[2, 2]),
        node("Add", ["a", "b"], ["c"], broadcast=1, axis=1), node("PRelu", ["c", "g"], ["d"]),
        node("Dropout", ["d"], ["e", "mask"], is_test=1, ratio=0.5),
        node("BatchNormalization", ["e", "g", "b", "b", "g"], ["f"], is_test=1, epsilon=1e-3),
        node("GlobalAveragePool", ["f"], ["h"]), node("Flatten", ["h"], ["i"]),
        node("Softmax", ["i"], ["y"]),
    ]
    weights = {"w": w, "b": b, "g": g}
    ins = [info("data", [1, 3, 9, 8])] + [info(k, list(v.shape)) for k, v in weights.items()]
    made = model(nodes, ins, [info("y", [1, 5])], [tensor(k, v) for k, v in weights.items()], opset=6, ir=3)

    def answer(x):
        y = F.conv2d(F.pad(x, (0, 1, 1, 1)), w, stride=2) + b.view(1, -1, 1, 1)
        y = torch.where(y >= 0, y, y * g.view(1, -1, 1, 1))
        y = (y - b.view(1, -1, 1, 1)) / torch.sqrt(g.view(1, -1, 1, 1) + 1e-3) * g.view(1, -1, 1, 1) + b.view(1, -1, 1, 1)
        return F.softmax(y.mean((2, 3)), 1)
    return made, answer


def names():
    """Names that are no identifiers, nodes of one name, outputs that nobody names or reads, an input that is not used."""
    w = noise(205, 2, 7)
    half = tensor("", noise(206, 3))  # The name is set below: a weight that no node reads.
    half.name = "not/used:0"
    nodes = [
        node("Split", ["a/b:0"], ["left", "right piece", "1"], axis=1, name="same"),
        node("TopK", ["right piece", "k"], ["values", "at"], name="same", axis=1),
        node("MaxPool", ["1"], ["most", ""], kernel_shape=[2], name=""),
        node("Cast", ["at"], ["return"], to=FLOAT, name="same"), node("Squeeze", ["most", "first"], ["class"], name="same"),
        node("Dropout", ["class"], ["kept"], name=""), node("Identity", ["kept"], ["y"]), node("Identity", ["return"], ["Zeile ü"]),
        node("Relu", ["kept"], ["nobody reads this"]),
        node("Clip", ["y", "", "top"], ["clipped"]), node("Resize", ["1", "", "scales"], ["resized"], mode="nearest"),
        node("Pad", ["right piece", "pads"], ["padded"], mode="reflect"),
    ]
    ins = [info("a/b:0", ["n", 3, 6]), info("unused", [None, 2])]
    made = model(nodes, ins, [info(k, None, FLOAT) for k in ("y", "Zeile ü", "clipped", "resized", "padded")],
                 [tensor("k", [1], np.int64), tensor("first", [1], np.int64), tensor("top", 0.25), half,
                  tensor("scales", [1, 1, 1.5]), tensor("pads", [0, 0, 2, 0, 0, 1], np.int64), tensor("w", w)])

    def answer(x, _):
        _, right, last = x.split(1, 1)
        y = F.max_pool1d(last, 2, 1).squeeze(1)
        size = int(last.shape[2] * 1.5)
        at = (torch.arange(size) / 1.5 + 0.5 / 1.5 - 0.5)
        nearest = torch.ceil(at - 0.5).clamp(0, last.shape[2] - 1).long()
        return y, right.topk(1, 1).indices.float(), y.clamp(max=0.25), last[..., nearest], F.pad(right, (2, 1), mode="reflect")
    return made, answer


def optional_outputs():
    """Recurrent layers with inputs left out in the middle, and only some outputs; the sequence lengths given."""
    w, r, b = noise(207, 2, 12, 4) * 0.5, noise(208, 2, 12, 3) * 0.5, noise(209, 2, 24) * 0.5
    nodes = [
        node("LSTM", ["x", "w", "r", "b", "lengths"], ["", "last"], hidden_size=3, direction="bidirectional"),
        node("LSTM", ["x", "w", "r", "", "", "h0"], ["all", "", "cell"], hidden_size=3, direction="bidirectional"),
        node("GRU", ["x", "gw", "gr"], ["", "g"], hidden_size=4, direction="reverse", linear_before_reset=1),
    ]
    gw, gr = noise(210, 1, 12, 4) * 0.5, noise(211, 1, 12, 4) * 0.5
    made = model(nodes, [info("x", ["t", "n", 4]), info("lengths", ["n"], TensorProto.INT32), info("h0", [2, "n", 3])],
                 [info(k, None) for k in ("last", "all", "cell", "g")], [tensor(k, v) for k, v in (("w", w), ("r", r), ("b", b), ("gw", gw), ("gr", gr))], opset=9, ir=4)

    def lstm(x, h, w, r, b):
        c, out = torch.zeros_like(h), []
        for step in x:
            i, o, f, g = (step @ w.T + h @ r.T + b).chunk(4, -1)
            c = f.sigmoid() * c + i.sigmoid() * g.tanh()
            h = o.sigmoid() * c.tanh()
            out.append(h)
        return torch.stack(out), h, c

    def answer(x, lengths, h0):
        n = x.shape[1]
        zero, last = torch.zeros(1, 3), torch.zeros(2, n, 3)
        for k, t in enumerate(lengths.tolist()):
            own = x[:t, k: k + 1]
            last[0, k] = lstm(own, zero, w[0], r[0], b[0, :12] + b[0, 12:])[1]
            last[1, k] = lstm(own.flip(0), zero, w[1], r[1], b[1, :12] + b[1, 12:])[1]
        fy, _, fc = lstm(x, h0[0], w[0], r[0], 0)
        by, _, bc = lstm(x.flip(0), h0[1], w[1], r[1], 0)
        h = torch.zeros(n, 4)
        for step in x.flip(0):
            (wz, wr, wh), (rz, rr, rh) = (step @ gw[0].T).chunk(3, -1), (h @ gr[0].T).chunk(3, -1)
            z, q = (wz + rz).sigmoid(), (wr + rr).sigmoid()
            h = (1 - z) * (wh + q * rh).tanh() + z * h
        return last, torch.stack([fy, by.flip(0)], 1), torch.stack([fc, bc]), h.unsqueeze(0)
    return made, answer


def nested():
    """An If in a Loop in an If, with values of all graphs around; the loop stacks a value of each step."""
    inner_then = helper.make_graph([node("Mul", ["h_in", "scale"], ["t"])], "then", [], [info("t", None)])
    inner_else = helper.make_graph([node("Add", ["h_in", "row"], ["e"])], "else", [], [info("e", None)])
    body = helper.make_graph([
        node("Gather", ["x", "i"], ["row"]), node("ReduceSum", ["h_in"], ["total"], keepdims=0), node("Less", ["total", "limit"], ["low"]),
        node("If", ["low"], ["h_next"], then_branch=inner_else, else_branch=inner_then),
        node("Abs", ["h_next"], ["seen"]), node("Identity", ["c_in"], ["c_out"]),
    ], "body", [info("i", [], INT64), info("c_in", [], BOOL), info("h_in", [3])], [info("c_out", [], BOOL), info("h_next", [3]), info("seen", [3])])
    outer_then = helper.make_graph([
        node("Shape", ["x"], ["s"]), node("Gather", ["s", "zero"], ["steps"]), node("Loop", ["steps", "yes", "h"], ["state", "each"], body=body)],
        "loops", [], [info("state", [3]), info("each", ["t", 3])])
    outer_else = helper.make_graph([node("Neg", ["h"], ["n"]), node("Sin", ["x"], ["same"])], "plain", [], [info("n", [3]), info("same", ["t", 3])])
    nodes = [node("Greater", ["flag", "nothing"], ["go"]), node("If", ["go"], ["y", "z"], then_branch=outer_then, else_branch=outer_else),
             node("Mul", ["y", "scale"], ["out"])]
    made = model(nodes, [info("x", ["t", 3]), info("h", [3]), info("flag", [])], [info("out", [3]), info("z", ["t", 3])],
                 [tensor("zero", 0, np.int64), tensor("yes", True, bool), tensor("scale", [0.5, -1.0, 0.25]), tensor("limit", 1.0), tensor("nothing", 0.0)])
    scale = torch.tensor([0.5, -1.0, 0.25])

    def answer(x, h, flag):
        if flag <= 0:
            return -h * scale, x.sin()
        seen = []
        for row in x:
            h = h + row if h.sum() < 1 else h * scale
            seen.append(h.abs())
        return h * scale, torch.stack(seen)
    return made, answer


def scan():
    """Keras exports recurrences as Scan: state through, two inputs in step, one backwards."""
    body = helper.make_graph([node("Concat", ["a", "b", "s"], ["j"], axis=0), node("MatMul", ["j", "w"], ["m"]), node("Tanh", ["m"], ["s2"]), node("Add", ["s2", "b"], ["o"])],
                             "step", [info("s", [2]), info("a", [3]), info("b", [2])], [info("s2", [2]), info("o", [2])])
    w = noise(212, 7, 2)
    made = model([node("Scan", ["s0", "a_all", "b_all"], ["s_end", "out"], body=body, num_scan_inputs=2, scan_input_directions=[0, 1], scan_output_directions=[1])],
                 [info("s0", [2]), info("a_all", ["t", 3]), info("b_all", ["t", 2])], [info("s_end", [2]), info("out", ["t", 2])], [tensor("w", w)])

    def answer(s, a, b):
        out = []
        for x, y in zip(a, b.flip(0)):
            s = torch.tanh(torch.cat([x, y, s]) @ w)
            out.append(s + y)
        return s, torch.stack(out[::-1])
    return made, answer


def until(bound):
    """A loop that ends by its own condition, whose stacked output has as many rows as it ran; and a tensor that grows.
    `bound`: the name of the largest number of iterations, if there is one."""
    body = helper.make_graph([
        node("Mul", ["v", "half"], ["v2"]), node("ReduceMax", ["v2"], ["top"], keepdims=0), node("Greater", ["top", "enough"], ["more"]),
        node("Unsqueeze", ["top", "first"], ["t1"]), node("Concat", ["tops", "t1"], ["tops2"], axis=0), node("Identity", ["v2"], ["copy"]),
    ], "body", [info("i", [], INT64), info("c", [], BOOL), info("v", ["n"]), info("tops", ["k"])],
        [info("more", [], BOOL), info("v2", ["n"]), info("tops2", ["k2"]), info("copy", ["n"])])
    made = model([node("Loop", [bound, "yes", "x", "empty"], ["end", "tops_all", "copies"], body=body), node("ReduceSum", ["copies", "first"], ["sum"], keepdims=0),
                  node("Shape", ["tops_all"], ["count"])],
                 [info("x", ["n"])] + ([info("most", [], INT64)] if bound == "most" else []),
                 [info("end", ["n"]), info("tops_all", ["k"]), info("sum", ["n"]), info("count", [1], INT64)],
                 [tensor("yes", True, bool), tensor("half", 0.5), tensor("enough", 0.3), tensor("first", [0], np.int64), tensor("empty", []), tensor("hundred", 100, np.int64)])

    def answer(x, most=100):
        tops, copies, more = [], [], True
        while more:
            x = x * 0.5
            tops.append(x.max())
            copies.append(x)
            more = bool(x.max() > 0.3) and len(tops) < most
        return x, torch.stack(tops), torch.stack(copies).sum(0), torch.tensor([len(tops)])
    return made, answer


def choose_size():
    """Branches that give tensors of different sizes, one of them as large as the data says."""
    then = helper.make_graph([node("NonZero", ["x"], ["at"]), node("Squeeze", ["at", "first"], ["flat"]), node("Gather", ["x", "flat"], ["t"])], "some", [], [info("t", ["k"])])
    other = helper.make_graph([node("Concat", ["x", "x"], ["e"], axis=0)], "twice", [], [info("e", ["m"])])
    made = model([node("ReduceSum", ["x"], ["s"], keepdims=0), node("Greater", ["s", "zero"], ["c"]), node("If", ["c"], ["y"], then_branch=then, else_branch=other),
                  node("Exp", ["y"], ["z"]), node("Shape", ["y"], ["n"])],
                 [info("x", ["n"])], [info("z", ["q"]), info("n", [1], INT64)], [tensor("zero", 0.0), tensor("first", [0], np.int64)])

    def answer(x):
        y = x[x != 0] if x.sum() > 0 else torch.cat([x, x])
        return y.exp(), torch.tensor(y.shape)
    return made, answer


def stored_half():
    """Weights stored as f16, cast where they are used; sizes that go through f32; whole numbers that are divided."""
    w, b = (noise(213, 6, 5) * 0.3).half(), noise(214, 6).half()
    nodes = [
        node("Cast", ["w"], ["w32"], to=FLOAT), node("Cast", ["b"], ["b32"], to=FLOAT), node("Gemm", ["x", "w32", "b32"], ["g"], transB=1, alpha=0.5, beta=2.0),
        node("Shape", ["x"], ["s"]), node("Cast", ["s"], ["sf"], to=FLOAT), node("Mul", ["sf", "factor"], ["sg"]), node("Floor", ["sg"], ["sh"]), node("Cast", ["sh"], ["si"], to=INT64),
        node("Slice", ["g", "start", "si", "both"], ["y"]),
        node("Cast", ["x"], ["xh"], to=TensorProto.FLOAT16), node("Cast", ["xh"], ["back"], to=FLOAT),
        node("Div", ["s", "three"], ["d"]), node("Mod", ["s", "three"], ["m"]),
    ]
    made = model(nodes, [info("x", ["n", 5])], [info("y", None), info("back", ["n", 5]), info("d", [2], INT64), info("m", [2], INT64)],
                 [tensor("w", w), tensor("b", b), tensor("factor", [0.5, 0.8]), tensor("start", [0, 0], np.int64), tensor("both", [0, 1], np.int64), tensor("three", 3, np.int64)])

    def answer(x):
        y = 0.5 * (x @ w.float().T) + 2 * b.float()
        n = x.shape[0]
        return y[: n // 2, :4], x.half().float(), torch.tensor([n // 3, 1]), torch.tensor([n % 3, 2])
    return made, answer


def half_inside():
    """All arithmetic in f16 between a cast at the begin and one at the end, as converters of weights leave it. Where f16 is
    rounded is left open, and a step of it is 1e-3."""
    w1, w2, b = (noise(215, 4, 3, 3, 3) * 0.3).half(), (noise(216, 4, 2) * 0.5).half(), noise(217, 4).half()
    nodes = [node("Cast", ["x"], ["h"], to=TensorProto.FLOAT16), node("Conv", ["h", "w1", "b"], ["c"], pads=[1, 1, 1, 1]), node("Relu", ["c"], ["r"]),
             node("GlobalAveragePool", ["r"], ["p"]), node("Flatten", ["p"], ["f"]), node("MatMul", ["f", "w2"], ["m"]), node("Softmax", ["m"], ["s"], axis=-1),
             node("Cast", ["s"], ["y"], to=FLOAT)]
    made = model(nodes, [info("x", ["n", 3, 6, 6])], [info("y", ["n", 2])], [tensor("w1", w1), tensor("w2", w2), tensor("b", b)])

    def answer(x):
        y = F.relu(F.conv2d(x.half().float(), w1.float(), b.float(), padding=1)).half().float().mean((2, 3)).half()
        return F.softmax((y.float() @ w2.float()).half().float(), 1)
    return made, answer


def keras():
    """What tf2onnx writes: channels last between transposes, squeezed and unsqueezed, depthwise as groups, `same` padding by Pad."""
    w, d, k = noise(218, 6, 3, 3, 3) * 0.3, noise(219, 6, 1, 3, 3), noise(220, 6, 4)
    nodes = [node("Transpose", ["x"], ["t"], perm=[0, 3, 1, 2]), node("Pad", ["t", "pads"], ["p"]), node("Conv", ["p", "w"], ["c"], strides=[2, 2]),
             node("Clip", ["c", "lo", "hi"], ["r"]), node("Conv", ["r", "d"], ["e"], group=6, auto_pad="SAME_LOWER"), node("Transpose", ["e"], ["l"], perm=[0, 2, 3, 1]),
             node("Shape", ["l"], ["s"]), node("Slice", ["s", "i0", "i1"], ["n"]), node("Concat", ["n", "rest"], ["to"], axis=0), node("Reshape", ["l", "to"], ["f"]),
             node("ReduceMean", ["f"], ["m"], axes=[1], keepdims=0), node("MatMul", ["m", "k"], ["o"]), node("Sigmoid", ["o"], ["g"]), node("Mul", ["o", "g"], ["y"])]
    made = model(nodes, [info("x", ["unk__1", None, None, 3])], [info("y", ["unk__1", 4])],
                 [tensor("w", w), tensor("d", d), tensor("k", k), tensor("pads", [0, 0, 0, 0, 0, 0, 1, 1], np.int64), tensor("lo", 0.0), tensor("hi", 6.0),
                  tensor("i0", [0], np.int64), tensor("i1", [1], np.int64), tensor("rest", [-1, 6], np.int64)], opset=12, ir=6)

    def answer(x):
        y = F.conv2d(F.pad(x.permute(0, 3, 1, 2), (0, 1, 0, 1)), w, stride=2).clamp(0, 6)
        return F.silu(F.conv2d(y, d, groups=6, padding=1).mean((2, 3)) @ k)
    return made, answer


def entries():
    def row(seed, *shape):
        return (noise(seed, *shape),)
    i32 = torch.int32
    flag = torch.tensor
    return {
        "constants": Entry(constants, ["x"], ["y"], [row(221, 2, 4), row(222, 5, 4)]),
        "initializers": Entry(old_initializers, ["data"], ["y"], [row(223, 1, 3, 9, 8)]),
        "names": Entry(names, ["a/b:0", "unused"], ["y", "Zeile ü", "clipped", "resized", "padded"],
                       [(noise(224, 2, 3, 6), noise(225, 1, 2)), (noise(226, 1, 3, 6), noise(227, 4, 2))]),
        "optional": Entry(optional_outputs, ["x", "lengths", "h0"], ["last", "all", "cell", "g"],
                          [(noise(228, 5, 2, 4), flag([5, 3], dtype=i32), noise(229, 2, 2, 3)), (noise(230, 3, 3, 4), flag([1, 3, 2], dtype=i32), noise(231, 2, 3, 3))]),
        "nested": Entry(nested, ["x", "h", "flag"], ["out", "z"],
                        [(noise(232, 4, 3), noise(233, 3), flag(1.0)), (noise(234, 7, 3), noise(235, 3), flag(2.0)), (noise(236, 2, 3), noise(237, 3), flag(-1.0))]),
        "scan": Entry(scan, ["s0", "a_all", "b_all"], ["s_end", "out"], [(noise(238, 2), noise(239, 4, 3), noise(240, 4, 2)), (noise(241, 2), noise(242, 1, 3), noise(243, 1, 2))]),
        "until": Entry(lambda: until(""), ["x"], ["end", "tops_all", "sum", "count"], [(flag([3.0, -1.0]),), (flag([0.1, 0.2, -7.0]),), (flag([40.0, 1.0]),)]),
        "until-bounded": Entry(lambda: until("hundred"), ["x"], ["end", "tops_all", "sum", "count"], [(flag([3.0, -1.0]),), (flag([0.1, 0.2, -7.0]),)]),
        "until-most": Entry(lambda: until("most"), ["x", "most"], ["end", "tops_all", "sum", "count"], [(flag([9.0, -1.0]), flag(3)), (flag([0.7, -7.0]), flag(5))]),
        "choosesize": Entry(choose_size, ["x"], ["z", "n"], [(flag([1.0, 0.0, 2.0]),), (flag([-1.0, 0.0, -2.0]),), (flag([0.0, 0.0, 5.0]),)]),
        "storedhalf": Entry(stored_half, ["x"], ["y", "back", "d", "m"], [row(244, 4, 5), row(245, 7, 5)]),
        "halfinside": Entry(half_inside, ["x"], ["y"], [row(246, 1, 3, 6, 6), row(247, 3, 3, 6, 6)], relative=2e-3),
        "keras": Entry(keras, ["x"], ["y"], [row(248, 1, 12, 12, 3), row(249, 2, 15, 10, 3)]),
    }
