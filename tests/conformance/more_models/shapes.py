"""Models whose sizes depend on their data: speech synthesis, two-stage detectors, search, loops that select."""
from typing import List, Tuple

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F

from .detection import iou
from .entry import Entry, below, noise
from .graphs import BOOL, FLOAT, INT64, info, model, node, tensor
from onnx import helper


class Speak(nn.Module):
    """Text to speech as in VITS: durations from the text say how long the sound is, a path aligns them, a generator follows."""

    def __init__(self, c=6):
        super().__init__()
        self.words, self.enc, self.dur = nn.Embedding(20, c), nn.Conv1d(c, c, 3, 1, 1), nn.Conv1d(c, 1, 1)
        self.up, self.res, self.out = nn.ConvTranspose1d(c, 4, 4, 2, 1), nn.Conv1d(4, 4, 3, 1, 3, dilation=3), nn.Conv1d(4, 1, 7, 1, 3)

    def mask(self, lengths, most):
        return (torch.arange(most, dtype=lengths.dtype, device=lengths.device).unsqueeze(0) < lengths.unsqueeze(1))

    def forward(self, text, lengths, speed):
        x = self.words(text).transpose(1, 2)
        seen = self.mask(lengths, x.size(2)).unsqueeze(1).to(x.dtype)
        x = self.enc(x * seen) * seen
        w = torch.ceil(torch.exp(self.dur(x)) * seen * speed)
        long = torch.clamp_min(torch.sum(w, [1, 2]), 1).long()
        most = long.max()
        heard = self.mask(long, most).unsqueeze(1).to(x.dtype)
        both = seen.unsqueeze(2) * heard.unsqueeze(-1)
        b, _, ty, tx = both.shape
        ends = torch.cumsum(w, -1).view(b * tx)
        path = (torch.arange(ty).unsqueeze(0).float() < ends.unsqueeze(1)).to(x.dtype).view(b, tx, ty)
        path = path - F.pad(path, [0, 0, 1, 0, 0, 0])[:, :-1]
        path = path.unsqueeze(1).transpose(2, 3) * both
        z = torch.matmul(path.squeeze(1), x.transpose(1, 2)).transpose(1, 2)
        y = F.leaky_relu(self.up(z * heard), 0.1)
        y = y + self.res(F.leaky_relu(y, 0.1))
        return torch.tanh(self.out(y)), long


class PadToMultiple(nn.Module):
    """Any image size: padded to a multiple of 8 at the end, worked on, and cut again; position codes resized to the map."""

    def __init__(self):
        super().__init__()
        self.down, self.up = nn.Conv2d(3, 4, 8, 8), nn.ConvTranspose2d(4, 2, 8, 8)
        self.places = nn.Parameter(torch.randn(1, 4, 3, 3))

    def forward(self, x):
        h, w = x.shape[2], x.shape[3]
        y = F.pad(x, (0, (8 - w % 8) % 8, 0, (8 - h % 8) % 8))
        y = self.down(y)
        y = y + F.interpolate(self.places, size=(y.shape[2], y.shape[3]), mode="bicubic", align_corners=False)
        return self.up(y)[:, :, :h, :w]


class Frames(nn.Module):
    """The longest of the lengths decides the size of masks; frames are folded out of the signal and gathered by row."""

    def __init__(self):
        super().__init__()
        self.cell = nn.Linear(4, 3)

    def forward(self, x, lengths):
        most = lengths.max()
        mask = torch.arange(most).expand(x.shape[0], most) < lengths.unsqueeze(1)
        y = self.cell(x)[:, :most] * mask.unsqueeze(-1)
        last = y.gather(1, (lengths - 1).view(-1, 1, 1).expand(-1, 1, 3)).squeeze(1)
        return y, last, y[mask].mean(0)


class Beam(nn.Module):
    """Search with two hypotheses: the best continuations of both, whose histories are gathered and grow."""

    def __init__(self, words=7, c=5):
        super().__init__()
        self.words, self.cell, self.out = nn.Embedding(words, c), nn.GRUCell(c, c), nn.Linear(c, words)

    def forward(self, start: torch.Tensor) -> Tuple[torch.Tensor, torch.Tensor]:
        h = start.expand(2, -1)
        said = torch.ones(2, 1, dtype=torch.long)
        total = torch.tensor([0.0, -1e9])
        going = True
        n = 0
        while going:
            word = said[:, -1]
            h = torch.tanh(self.words(word) + h * 0.7 + start)
            score = total.unsqueeze(1) + torch.log_softmax(self.out(h), 1)
            total, at = score.view(-1).topk(2)
            row = torch.div(at, score.size(1), rounding_mode="floor")
            said = torch.cat([said[row], (at % score.size(1)).unsqueeze(1)], 1)
            h = h[row]
            n += 1
            going = bool(total[0] > -6.0) and n < 12
        return said, total


class SelectThenLoop(nn.Module):
    """Rows are selected by the data, and a loop goes over as many as there are, selecting again in each step."""

    def __init__(self):
        super().__init__()
        self.a = nn.Linear(3, 3)

    def forward(self, x: torch.Tensor) -> Tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        x = x[x.sum(1) > 0]
        h = torch.zeros(3)
        seen = torch.zeros(1)
        for i in range(x.size(0)):
            row = x[i]
            chosen = row[row > 0]
            h = torch.tanh(self.a(h) + row)
            seen = torch.cat([seen, chosen.sum().unsqueeze(0)])
        return x, h, seen


class Break(nn.Module):
    """A loop of known bound that is left early, by data."""

    def forward(self, x: torch.Tensor) -> Tuple[torch.Tensor, torch.Tensor]:
        y = x
        for i in range(10):
            y = torch.cat([y, x * float(i)])
            if bool(y.sum() > 20):
                break
        return y, (y > 1).nonzero()


def counts():
    """The body gives its own counter and condition on, as carried values and as rows; what goes in comes out again."""
    body = helper.make_graph([node("Identity", ["i"], ["before"]), node("Less", ["i", "four"], ["c2"]), node("Identity", ["fixed"], ["kept"])],
                             "body", [info("i", [], INT64), info("c", [], BOOL), info("last", [], INT64), info("fixed", ["n"])],
                             [info("c2", [], BOOL), info("before", [], INT64), info("kept", ["n"]), info("i", [], INT64), info("c", [], BOOL), info("x", ["n"])])
    made = model([node("Loop", ["most", "", "none", "x"], ["last", "same", "all", "flags", "copies"], body=body), node("ReduceSum", ["all"], ["sum"], keepdims=0)],
                 [info("x", ["n"]), info("most", [], INT64)],
                 [info("last", [], INT64), info("same", ["n"]), info("all", ["t"], INT64), info("sum", [], INT64), info("copies", ["t", "n"])],
                 [tensor("none", -1, np.int64), tensor("four", 4, np.int64)])

    def answer(x, most):
        n = min(int(most), 5)
        return torch.tensor(n - 1), x, torch.arange(n), torch.arange(n).sum(), x.expand(n, -1)
    return made, answer


def two_stages():
    """Proposals: the best of as many as there are, suppression, regions of a map, and a head on each."""
    w, k, v = noise(401, 8, 2, 4, 4) * 0.3, noise(402, 8 * 9, 3) * 0.2, noise(403, 4, 2, 1, 1)
    nodes = [
        node("Conv", ["image", "w"], ["f"], strides=[4, 4]), node("Conv", ["image", "s"], ["o"], strides=[4, 4], kernel_shape=[4, 4]),
        node("Reshape", ["o", "flat"], ["scores"]), node("Shape", ["scores"], ["sh"]), node("Concat", ["sh", "six"], ["cand"], axis=0), node("ReduceMin", ["cand"], ["k"], keepdims=1),
        node("TopK", ["scores", "k"], ["best", "at"], axis=0), node("Shape", ["o"], ["osh"]), node("Gather", ["osh", "three"], ["width"]),
        node("Mod", ["at", "width"], ["xi"]), node("Div", ["at", "width"], ["yi"]), node("Cast", ["xi"], ["xf"], to=FLOAT), node("Cast", ["yi"], ["yf"], to=FLOAT),
        node("Unsqueeze", ["xf", "one"], ["x1"]), node("Unsqueeze", ["yf", "one"], ["y1"]), node("Concat", ["x1", "y1", "x1", "y1"], ["p"], axis=1),
        node("Mul", ["p", "four"], ["q"]), node("Add", ["q", "corners"], ["boxes"]),
        node("Unsqueeze", ["boxes", "zero"], ["b3"]), node("Unsqueeze", ["best", "zeroone"], ["s3"]),
        node("NonMaxSuppression", ["b3", "s3", "most", "overlap"], ["rows"]), node("Gather", ["rows", "two"], ["kept"], axis=1),
        node("Gather", ["boxes", "kept"], ["rois"]), node("Shape", ["kept"], ["n"]), node("ConstantOfShape", ["n"], ["batch"], value=helper.make_tensor("z", INT64, [1], [0])),
        node("RoiAlign", ["f", "rois", "batch"], ["r"], output_height=3, output_width=3, sampling_ratio=2, spatial_scale=0.25, mode="avg", coordinate_transformation_mode="half_pixel"),
        node("Flatten", ["r"], ["rf"]), node("MatMul", ["rf", "head"], ["y"]), node("Identity", ["rois"], ["out"]), node("Greater", ["y", "level"], ["g"]), node("NonZero", ["g"], ["nz"]),
    ]
    made = model(nodes, [info("image", [1, 2, "h", "w"])], [info("out", ["n", 4]), info("y", ["n", 3]), info("nz", [2, "m"], INT64)],
                 [tensor("w", w), tensor("s", v[:1].expand(1, 2, 4, 4).contiguous() * 0.2), tensor("flat", [-1], np.int64), tensor("six", [6], np.int64), tensor("three", 3, np.int64),
                  tensor("one", [1], np.int64), tensor("four", 4.0), tensor("corners", [-3.0, -3.0, 6.0, 5.0]), tensor("zero", [0], np.int64), tensor("zeroone", [0, 1], np.int64),
                  tensor("most", 4, np.int64), tensor("overlap", 0.2), tensor("two", 2, np.int64), tensor("head", k), tensor("level", 0.1)], opset=16, ir=8)

    def sample(f, y, x):
        h, w = f.shape[1:]
        if y < -1 or y > h or x < -1 or x > w:
            return torch.zeros(f.shape[0])
        y, x = max(y, 0.0), max(x, 0.0)
        y0, x0 = min(int(y), h - 1), min(int(x), w - 1)
        y1, x1 = min(y0 + 1, h - 1), min(x0 + 1, w - 1)
        ly, lx = (y - y0 if y0 < h - 1 else 0.0), (x - x0 if x0 < w - 1 else 0.0)
        return f[:, y0, x0] * (1 - ly) * (1 - lx) + f[:, y0, x1] * (1 - ly) * lx + f[:, y1, x0] * ly * (1 - lx) + f[:, y1, x1] * ly * lx

    def answer(image):
        f = F.conv2d(image, w, stride=4)
        o = F.conv2d(image, v[:1].expand(1, 2, 4, 4) * 0.2, stride=4)
        s = o.flatten()
        best, at = s.topk(min(6, s.numel()))
        x, y = (at % o.shape[3]).float() * 4, torch.div(at, o.shape[3], rounding_mode="floor").float() * 4
        boxes = torch.stack([x - 3, y - 3, x + 6, y + 5], 1)
        kept = []
        centre = torch.cat([(boxes[:, :2] + boxes[:, 2:]) / 2, boxes[:, 2:] - boxes[:, :2]], 1)
        for i in range(len(at)):
            if len(kept) < 4 and all(iou(centre[i], centre[j]) <= 0.2 for j in kept):
                kept.append(i)
        rois, out = boxes[kept], []
        for r in rois * 0.25 - 0.5:
            bh, bw = (r[3] - r[1]).item() / 3, (r[2] - r[0]).item() / 3
            cells = [[sum(sample(f[0], r[1].item() + (i + (a + 0.5) / 2) * bh, r[0].item() + (j + (b + 0.5) / 2) * bw) for a in range(2) for b in range(2)) / 4
                      for j in range(3)] for i in range(3)]
            out.append(torch.stack([torch.stack(c, 1) for c in cells], 1).flatten())
        y = torch.stack(out) @ k
        return rois, y, (y > 0.1).nonzero().t().contiguous()
    return made, answer


def entries():
    hw = {2: "h", 3: "w"}
    flag = torch.tensor
    return {
        "speak": Entry(Speak, ["text", "lengths", "speed"], ["wave", "frames"],
                       [(below(411, 20, 1, 5), flag([5]), flag(1.0)), (below(412, 20, 2, 7), flag([7, 3]), flag(1.7)), (below(413, 20, 1, 2), flag([2]), flag(0.6))],
                       {"text": {0: "n", 1: "t"}, "lengths": {0: "n"}, "wave": {2: "samples"}}, 15),
        "padtomultiple": Entry(PadToMultiple, ["x"], ["y"], [(noise(414, 1, 3, 20, 24),), (noise(415, 2, 3, 17, 9),)], {"x": {0: "n", **hw}}, 12),
        "frames": Entry(Frames, ["x", "lengths"], ["y", "last", "mean"], [(noise(416, 2, 6, 4), flag([4, 2])), (noise(417, 3, 8, 4), flag([1, 7, 3]))],
                        {"x": {0: "n", 1: "t"}, "lengths": {0: "n"}}, 13),
        "beam": Entry(Beam, ["start"], ["said", "total"], [(noise(418, 1, 5),), (noise(419, 1, 5) * 3,)], {}, 14, script=True),
        "selectloop": Entry(SelectThenLoop, ["x"], ["rows", "h", "seen"], [(noise(420, 5, 3),), (noise(421, 8, 3),), (-noise(422, 2, 3).abs(),)], {"x": {0: "n"}}, 13, script=True),
        "break": Entry(Break, ["x"], ["y", "at"], [(noise(423, 3).abs(),), (noise(424, 2).abs() + 4,)], {"x": {0: "n"}}, 13, script=True),
        "counts": Entry(counts, ["x", "most"], ["last", "same", "all", "sum", "copies"], [(noise(425, 3), flag(3)), (noise(426, 2), flag(9))]),
        "twostages": Entry(two_stages, ["image"], ["out", "y", "nz"], [(noise(427, 1, 2, 24, 20),), (noise(428, 1, 2, 8, 8),), (noise(429, 1, 2, 16, 40),)]),
    }
