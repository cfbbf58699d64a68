"""Networks in whole numbers, as quantising tools write them; the answers follow the standard's formulas."""
import numpy as np
from onnx import TensorProto
import torch
import torch.nn.functional as F

from .entry import Entry, below, noise
from .graphs import FLOAT, info, model, node, tensor

U8, I8, I32 = TensorProto.UINT8, TensorProto.INT8, TensorProto.INT32


def quantize(x, scale, zero, low, high):
    return (torch.round(x / scale) + zero).clamp(low, high)


def spread(values):
    """A row of parameters along the output channels of a weight."""
    return values.view(-1, 1, 1, 1)


def qdq():
    """Weights and activations between QuantizeLinear and DequantizeLinear; weights with a scale for each channel."""
    w1, b1 = below(301, 255, 6, 3, 3, 3) - 127, below(302, 400, 6) - 200
    w2 = below(303, 255, 4, 6) - 127
    s1 = (torch.arange(6) + 1).float() * 0.003
    sx, sa, s2 = torch.tensor(0.02), torch.tensor(0.03), torch.tensor(0.01)
    params = {"sx": sx, "zx": np.uint8(128), "sa": sa, "za": np.uint8(3), "s1": s1, "z1": np.zeros(6, np.int8), "sb": s1 * sx, "zb": np.zeros(6, np.int32), "s2": s2, "z2": np.int8(0)}
    nodes = [
        node("QuantizeLinear", ["x", "sx", "zx"], ["xq"]), node("DequantizeLinear", ["xq", "sx", "zx"], ["xd"]),
        node("DequantizeLinear", ["w1", "s1", "z1"], ["w1d"], axis=0), node("DequantizeLinear", ["b1", "sb", "zb"], ["b1d"], axis=0),
        node("Conv", ["xd", "w1d", "b1d"], ["c"], pads=[1, 1, 1, 1], strides=[2, 2]), node("Relu", ["c"], ["r"]),
        node("QuantizeLinear", ["r", "sa", "za"], ["rq"]), node("DequantizeLinear", ["rq", "sa", "za"], ["rd"]),
        node("MaxPool", ["rd"], ["p"], kernel_shape=[2, 2], strides=[2, 2]), node("ReduceMean", ["p"], ["m"], axes=[2, 3], keepdims=0),
        node("DequantizeLinear", ["w2", "s2", "z2"], ["w2d"]), node("Gemm", ["m", "w2d"], ["y"], transB=1),
    ]
    weights = [tensor("w1", w1.to(torch.int8)), tensor("b1", b1.to(torch.int32)), tensor("w2", w2.to(torch.int8))]
    weights += [tensor(k, v) if isinstance(v, torch.Tensor) else tensor(k, v, v.dtype) for k, v in params.items()]
    made = model(nodes, [info("x", ["n", 3, "h", "w"])], [info("y", ["n", 4]), info("rq", None, U8)], weights)

    def answer(x):
        xd = (quantize(x, sx, 128, 0, 255) - 128) * sx
        c = F.relu(F.conv2d(xd, w1 * spread(s1), b1 * s1 * sx, 2, 1))
        rq = quantize(c, sa, 3, 0, 255)
        return F.max_pool2d((rq - 3) * sa, 2).mean((2, 3)) @ (w2 * s2).T, rq.to(torch.uint8)
    return made, answer


def qlinear():
    """QLinearConv and QLinearMatMul between whole numbers, with zero points on both sides."""
    w1, b1, w2 = below(304, 255, 5, 2, 3, 3), below(305, 3000, 5) - 1500, below(306, 255, 5, 4) - 127
    s1 = torch.tensor([0.01, 0.02, 0.005, 0.03, 0.015])
    z1 = torch.full((5,), 121)
    nodes = [
        node("QuantizeLinear", ["x", "sx", "zx"], ["xq"]),
        node("QLinearConv", ["xq", "sx", "zx", "w1", "s1", "z1", "sa", "za", "b1"], ["a"], kernel_shape=[3, 3], pads=[1, 0, 1, 0], dilations=[1, 2], group=1),
        node("MaxPool", ["a"], ["p"], kernel_shape=[2, 2], strides=[2, 2]),
        node("Transpose", ["p"], ["t"], perm=[0, 2, 3, 1]),
        node("QLinearMatMul", ["t", "sa", "za", "w2", "s2", "z2", "sy", "zy"], ["yq"]), node("DequantizeLinear", ["yq", "sy", "zy"], ["y"]),
    ]
    scalars = {"sx": 0.04, "sa": 0.09, "s2": 0.02, "sy": 0.11}
    weights = [tensor(k, v) for k, v in scalars.items()] + [tensor("zx", 7, np.uint8), tensor("za", 128, np.uint8), tensor("z2", 2, np.int8), tensor("zy", 100, np.uint8)]
    weights += [tensor("w1", w1.to(torch.uint8)), tensor("s1", s1), tensor("z1", z1.to(torch.uint8)), tensor("b1", b1.to(torch.int32)), tensor("w2", w2.to(torch.int8))]
    made = model(nodes, [info("x", ["n", 2, "h", "w"])], [info("a", None, U8), info("yq", None, U8), info("y", None)], weights, opset=10, ir=5)

    def answer(x):
        xq = quantize(x, torch.tensor(0.04), 7, 0, 255)
        total = F.conv2d((xq - 7).double(), (w1 - 121).double(), b1.double(), padding=(1, 0), dilation=(1, 2))
        a = quantize(total.float(), 0.09 / (0.04 * spread(s1)).squeeze(-1).view(1, -1, 1, 1), 128, 0, 255)
        t = F.max_pool2d(a, 2).permute(0, 2, 3, 1)
        yq = quantize(((t - 128).double() @ (w2 - 2).double()).float(), 0.11 / (0.09 * 0.02), 100, 0, 255)
        return a.to(torch.uint8), yq.to(torch.uint8), (yq - 100) * 0.11
    return made, answer


def dynamic():
    """What dynamic quantisation leaves of a dense layer: the input's scale is found at each run."""
    w, s, b = below(307, 255, 6, 5), torch.tensor(0.013), noise(308, 5)
    nodes = [
        node("DynamicQuantizeLinear", ["x"], ["xq", "sx", "zx"]), node("MatMulInteger", ["xq", "w", "zx", "zw"], ["m"]), node("Cast", ["m"], ["f"], to=FLOAT),
        node("Mul", ["sx", "sw"], ["scale"]), node("Mul", ["f", "scale"], ["g"]), node("Add", ["g", "b"], ["y"]),
        node("ConvInteger", ["image", "k", "zi"], ["c"], pads=[1, 1, 1, 1]),
    ]
    k = below(309, 255, 3, 2, 3, 3) - 127
    made = model(nodes, [info("x", ["n", "t", 6]), info("image", [1, 2, "h", "w"], U8)], [info("y", None), info("c", None, I32), info("zx", [], U8)],
                 [tensor("w", w.to(torch.uint8)), tensor("zw", 120, np.uint8), tensor("sw", s), tensor("b", b), tensor("k", k.to(torch.int8)), tensor("zi", 9, np.uint8)], opset=11, ir=6)

    def answer(x, image):
        low, high = x.min().clamp(max=0), x.max().clamp(min=0)
        sx = (high - low) / 255
        zx = torch.round((0 - low) / sx).clamp(0, 255)
        m = (quantize(x, sx, zx, 0, 255) - zx) @ (w - 120).float()
        c = F.conv2d(F.pad((image.float() - 9), (1, 1, 1, 1)), k.float())
        return m * (sx * s) + b, c.to(torch.int32), zx.to(torch.uint8)
    return made, answer


def entries():
    def image(seed, *shape):
        return below(seed, 255, *shape).to(torch.uint8)
    return {
        "qdq": Entry(qdq, ["x"], ["y", "rq"], [(noise(311, 1, 3, 12, 12),), (noise(312, 2, 3, 9, 14),)]),
        "qlinear": Entry(qlinear, ["x"], ["a", "yq", "y"], [(noise(313, 1, 2, 8, 9),), (noise(314, 2, 2, 6, 12),)]),
        "dynamicquantized": Entry(dynamic, ["x", "image"], ["y", "c", "zx"],
                                  [(noise(315, 2, 3, 6), image(316, 1, 2, 5, 6)), (noise(317, 1, 1, 6), image(318, 1, 2, 4, 9))]),
    }
