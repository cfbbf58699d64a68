"""Detectors of objects and faces, with the decoding of boxes inside the model."""
import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
import torch
import torch.nn as nn
import torch.nn.functional as F

from .entry import Entry, noise


def conv(cin, cout, k=1, s=1):
    return nn.Sequential(nn.Conv2d(cin, cout, k, s, k // 2, bias=False), nn.BatchNorm2d(cout, eps=1e-3), nn.SiLU())


class Yolo(nn.Module):
    """The anchor-based kind (version 5): focus by slices, cross-stage block, pyramid pooling, two scales, decoded grid."""

    def __init__(self, classes=3, anchors=2):
        super().__init__()
        self.na, self.no = anchors, classes + 5
        self.focus, self.c2 = conv(12, 8, 3), conv(8, 12, 3, 2)
        self.cv1, self.cv2, self.cv3 = conv(12, 6), conv(12, 6), conv(12, 12)
        self.m1, self.m2 = conv(6, 6), conv(6, 6, 3)
        self.c3, self.s1, self.s2 = conv(12, 16, 3, 2), conv(16, 8), conv(32, 16)
        self.lateral = conv(28, 12)
        self.heads = nn.ModuleList([nn.Conv2d(12, anchors * self.no, 1), nn.Conv2d(16, anchors * self.no, 1)])
        self.register_buffer("anchors", torch.tensor([[[4., 6.], [9., 5.]], [[14., 17.], [22., 30.]]]))

    def forward(self, x):
        x = torch.cat([x[..., ::2, ::2], x[..., 1::2, ::2], x[..., ::2, 1::2], x[..., 1::2, 1::2]], 1)
        x = self.c2(self.focus(x))
        y = self.cv1(x)
        p = self.cv3(torch.cat((y + self.m2(self.m1(y)), self.cv2(x)), 1))
        q = self.s1(self.c3(p))
        q = self.s2(torch.cat([q] + [F.max_pool2d(q, k, 1, k // 2) for k in (3, 5, 7)], 1))
        p = self.lateral(torch.cat([F.interpolate(q, scale_factor=2.0, mode="nearest"), p], 1))
        z = []
        for i, (f, stride) in enumerate(((p, 4), (q, 8))):
            b, _, ny, nx = self.heads[i](f).shape
            y = self.heads[i](f).view(b, self.na, self.no, ny, nx).permute(0, 1, 3, 4, 2).contiguous().sigmoid()
            yv, xv = torch.meshgrid(torch.arange(ny), torch.arange(nx), indexing="ij")
            grid = torch.stack((xv, yv), 2).expand((1, self.na, ny, nx, 2)).float()
            xy = (y[..., 0:2] * 2. - 0.5 + grid) * stride
            wh = (y[..., 2:4] * 2) ** 2 * self.anchors[i].view(1, self.na, 1, 1, 2)
            z.append(torch.cat((xy, wh, y[..., 4:]), -1).view(b, -1, self.no))
        return torch.cat(z, 1)


def iou(a, b):
    """Of boxes given by centre and size."""
    (al, ar), (bl, br) = ((p[:2] - p[2:] / 2, p[:2] + p[2:] / 2) for p in (a, b))
    inner = (torch.minimum(ar, br) - torch.maximum(al, bl)).clamp(min=0).prod()
    return inner / (a[2] * a[3] + b[2] * b[3] - inner)


def suppressed(boxes, scores, most, overlap, least):
    """ONNX's NonMaxSuppression, by its definition."""
    rows = []
    for n in range(boxes.shape[0]):
        for c in range(scores.shape[1]):
            s, kept = scores[n, c], []
            for i in torch.argsort(s, descending=True, stable=True).tolist():
                if len(kept) == most or s[i] <= least:
                    break
                if all(iou(boxes[n, i], boxes[n, k]) <= overlap for k in kept):
                    kept.append(i)
            rows += [[n, c, i] for i in kept]
    return torch.tensor(rows, dtype=torch.int64).reshape(-1, 3)


def yolo_answer(model, x):
    p = model(x)
    boxes, scores = p[..., :4], (p[..., 4:5] * p[..., 5:]).transpose(1, 2)
    rows = suppressed(boxes, scores, 4, 0.45, 0.25)
    return p, rows, boxes[rows[:, 0], rows[:, 2]]


def append_nms(model):
    """What deployment tools put behind the detector: scores, suppression, the boxes that are left."""
    g = model.graph

    def constant(name, values, dtype):
        g.initializer.append(numpy_helper.from_array(np.array(values, dtype), name))
        return name
    axis = constant("axis2", [2], np.int64)
    for name, lo, hi in (("boxes", 0, 4), ("object", 4, 5), ("classes", 5, 2 ** 31 - 1)):
        lo, hi = constant(name + "_lo", [lo], np.int64), constant(name + "_hi", [hi], np.int64)
        g.node.append(helper.make_node("Slice", ["p", lo, hi, axis], [name]))
    g.node.extend([
        helper.make_node("Mul", ["object", "classes"], ["joint"]),
        helper.make_node("Transpose", ["joint"], ["scores"], perm=[0, 2, 1]),
        helper.make_node("NonMaxSuppression", ["boxes", "scores", constant("most", [4], np.int64), constant("overlap", [0.45], np.float32),
                                               constant("least", [0.25], np.float32)], ["rows"], center_point_box=1),
        helper.make_node("Gather", ["rows", constant("columns", [0, 2], np.int64)], ["where"], axis=1),
        helper.make_node("GatherND", ["boxes", "where"], ["kept"]),
    ])
    g.output.append(helper.make_tensor_value_info("rows", TensorProto.INT64, ["count", 3]))
    g.output.append(helper.make_tensor_value_info("kept", TensorProto.FLOAT, ["count", 4]))
    onnx.checker.check_model(model)
    return model


class AnchorFree(nn.Module):
    """The anchor-free kind (version 8): sides of boxes as distributions, whose mean is a convolution."""

    def __init__(self, classes=4, bins=8):
        super().__init__()
        self.bins, self.no = bins, 4 * bins + classes
        self.stem, self.next = conv(3, 8, 3, 4), conv(8, 8, 3, 2)
        self.heads = nn.ModuleList([nn.Conv2d(8, self.no, 1) for _ in range(2)])
        self.mean = nn.Conv2d(bins, 1, 1, bias=False)
        self.mean.weight.data[:] = torch.arange(bins, dtype=torch.float).view(1, bins, 1, 1)

    def forward(self, x):
        a = self.stem(x)
        levels = [h(f) for h, f in zip(self.heads, (a, self.next(a)))]
        points, strides = [], []
        for f, stride in zip(levels, (4, 8)):
            h, w = f.shape[2:]
            sy, sx = torch.meshgrid(torch.arange(h) + 0.5, torch.arange(w) + 0.5, indexing="ij")
            points.append(torch.stack((sx, sy), -1).view(-1, 2))
            strides.append(torch.full((h * w, 1), float(stride)))
        points, strides = torch.cat(points).transpose(0, 1), torch.cat(strides).transpose(0, 1)
        box, cls = torch.cat([f.view(x.shape[0], self.no, -1) for f in levels], 2).split((4 * self.bins, self.no - 4 * self.bins), 1)
        b, _, n = box.shape
        side = self.mean(box.view(b, 4, self.bins, n).transpose(2, 1).softmax(1)).view(b, 4, n)
        lt, rb = side.chunk(2, 1)
        low, high = points.unsqueeze(0) - lt, points.unsqueeze(0) + rb
        return torch.cat((torch.cat(((low + high) / 2, high - low), 1) * strides, cls.sigmoid()), 1)


class Ssd(nn.Module):
    """Liu et al. 2016: norm per position, heads on two maps, boxes decoded against fixed priors."""

    def __init__(self, classes=4):
        super().__init__()
        self.classes = classes
        self.a, self.b = nn.Conv2d(3, 8, 3, 4, 1), nn.Conv2d(8, 8, 3, 2, 1)
        self.scale = nn.Parameter(torch.full((1, 8, 1, 1), 20.))
        self.loc = nn.ModuleList([nn.Conv2d(8, 8, 3, 1, 1) for _ in range(2)])
        self.conf = nn.ModuleList([nn.Conv2d(8, 2 * classes, 3, 1, 1) for _ in range(2)])
        self.register_buffer("priors", torch.rand(2 * (36 + 9), 4) * 0.8 + 0.1)

    def forward(self, x):
        a = F.relu(self.a(x))
        maps = [F.normalize(a, p=2, dim=1) * self.scale, F.relu(self.b(a))]
        n = x.size(0)
        loc = torch.cat([l(m).permute(0, 2, 3, 1).contiguous().view(n, -1) for l, m in zip(self.loc, maps)], 1).view(n, -1, 4)
        conf = torch.cat([c(m).permute(0, 2, 3, 1).contiguous().view(n, -1) for c, m in zip(self.conf, maps)], 1)
        scores = F.softmax(conf.view(n, -1, self.classes), dim=-1)
        p = self.priors
        centre = p[:, :2] + loc[..., :2] * 0.1 * p[:, 2:]
        size = p[:, 2:] * torch.exp(loc[..., 2:] * 0.2)
        boxes = torch.cat((centre - size / 2, size), -1)
        boxes[..., 2:] += boxes[..., :2]
        return boxes.clamp(0, 1), scores


class BlazeFace(nn.Module):
    """Bazarevsky et al. 2019: padding on two sides, depthwise convolution, padded channels, PReLU."""

    def __init__(self):
        super().__init__()
        self.stem = nn.Conv2d(3, 8, 5, 2)
        self.d1, self.p1 = nn.Conv2d(8, 8, 3, 1, 1, groups=8), nn.Conv2d(8, 8, 1)
        self.d2, self.p2 = nn.Conv2d(8, 8, 3, 2, groups=8), nn.Conv2d(8, 12, 1)
        self.act1, self.act2 = nn.PReLU(8), nn.PReLU(12)
        self.box, self.score = nn.Conv2d(12, 2 * 4, 1), nn.Conv2d(12, 2, 1)

    def forward(self, x):
        x = F.relu(self.stem(F.pad(x, (1, 2, 1, 2))))
        x = self.act1(x + self.p1(self.d1(x)))
        skip = F.pad(F.max_pool2d(x, 2, 2), (0, 0, 0, 0, 0, 4), "constant", 0)
        x = self.act2(self.p2(self.d2(F.pad(x, (0, 2, 0, 2)))) + skip)
        b = x.shape[0]
        return self.box(x).permute(0, 2, 3, 1).reshape(b, -1, 4), torch.sigmoid(self.score(x).permute(0, 2, 3, 1).reshape(b, -1, 1))


class RetinaFace(nn.Module):
    """Deng et al. 2019: a pyramid whose upper level is resized to the size that the lower one happens to have."""

    def __init__(self):
        super().__init__()
        self.a, self.b, self.c = nn.Conv2d(3, 6, 3, 4, 1), nn.Conv2d(6, 8, 3, 2, 1), nn.Conv2d(8, 8, 3, 2, 1)
        self.la, self.lb, self.lc = nn.Conv2d(6, 4, 1), nn.Conv2d(8, 4, 1), nn.Conv2d(8, 4, 1)
        self.merge, self.cls = nn.Conv2d(4, 4, 3, 1, 1), nn.Conv2d(4, 4, 1)

    def forward(self, x):
        a = F.leaky_relu(self.a(x), 0.1)
        b = F.leaky_relu(self.b(a), 0.1)
        c = self.lc(F.leaky_relu(self.c(b), 0.1))
        b = self.lb(b)
        b = self.merge(b + F.interpolate(c, size=[b.size(2), b.size(3)], mode="nearest"))
        a = self.la(a)
        a = self.merge(a + F.interpolate(b, size=[a.size(2), a.size(3)], mode="nearest"))
        out = [self.cls(f).permute(0, 2, 3, 1).contiguous().view(x.shape[0], -1, 2) for f in (a, b, c)]
        return F.softmax(torch.cat(out, 1), -1)


class CenterNet(nn.Module):
    """Zhou et al. 2019: peaks of a heat map, the best of them, and what other maps say at their places."""

    def __init__(self):
        super().__init__()
        self.stem, self.up = nn.Conv2d(3, 8, 3, 4, 1), nn.ConvTranspose2d(8, 8, 4, 2, 1, groups=8, bias=False)
        self.heat, self.size = nn.Conv2d(8, 2, 1), nn.Conv2d(8, 2, 1)

    def forward(self, x):
        f = F.relu(self.up(self.stem(x)))
        heat, size = torch.sigmoid(self.heat(f)), self.size(f)
        heat = heat * (F.max_pool2d(heat, 3, 1, 1) == heat).float()
        b, c, h, w = heat.shape
        score, at = torch.topk(heat.view(b, -1), 5)
        place = at % (h * w)
        size = size.view(b, 2, -1).permute(0, 2, 1).gather(1, place.unsqueeze(2).expand(-1, -1, 2))
        ys, xs = torch.div(place, w, rounding_mode="floor").float(), (place % w).float()
        return torch.stack([xs, ys], 2), size, score, torch.div(at, h * w, rounding_mode="floor")


class Detr(nn.Module):
    """Carion et al. 2020: learned queries attend to the positions of a feature map."""

    def __init__(self, c=16, queries=6):
        super().__init__()
        self.stem = nn.Conv2d(3, c, 8, 8)
        self.encoder = nn.TransformerEncoderLayer(c, 2, 32, batch_first=False)
        self.decoder = nn.TransformerDecoderLayer(c, 2, 32, batch_first=False)
        self.row, self.column = nn.Parameter(torch.rand(20, c // 2)), nn.Parameter(torch.rand(20, c // 2))
        self.queries = nn.Parameter(torch.rand(queries, c))
        self.cls, self.box = nn.Linear(c, 4), nn.Linear(c, 4)

    def forward(self, x):
        h = self.stem(x)
        H, W = h.shape[-2:]
        pos = torch.cat([self.column[:W].unsqueeze(0).repeat(H, 1, 1), self.row[:H].unsqueeze(1).repeat(1, W, 1)], -1).flatten(0, 1).unsqueeze(1)
        memory = self.encoder(pos + 0.1 * h.flatten(2).permute(2, 0, 1))
        q = self.queries.unsqueeze(1).repeat(1, x.shape[0], 1)
        y = self.decoder(q, memory).transpose(0, 1)
        return self.cls(y), self.box(y).sigmoid()


def entries():
    def image(seed, *shape):
        return (noise(seed, *shape),)
    hw = {2: "height", 3: "width"}
    open_image = {"x": {0: "batch", **hw}}
    two = [image(31, 1, 3, 48, 48), image(32, 2, 3, 32, 64)]
    return {
        "yolo": Entry(Yolo, ["x"], ["p", "rows", "kept"], [image(30, 1, 3, 32, 32), image(33, 2, 3, 16, 48)], open_image, 13,
                      exported=1, after=append_nms, answer=yolo_answer),
        "yolo-fixed-11": Entry(Yolo, ["x"], ["p", "rows", "kept"], [image(34, 1, 3, 32, 32)], {}, 11, exported=1, after=append_nms, answer=yolo_answer),
        "anchorfree": Entry(AnchorFree, ["x"], ["y"], two, open_image, 16),
        "ssd": Entry(Ssd, ["x"], ["boxes", "scores"], [image(35, 1, 3, 24, 24), image(36, 3, 3, 24, 24)], {"x": {0: "n"}}, 11),
        "blazeface": Entry(BlazeFace, ["x"], ["boxes", "scores"], [image(37, 1, 3, 32, 32), image(38, 2, 3, 32, 32)], {"x": {0: "n"}}, 10),
        "retinaface": Entry(RetinaFace, ["x"], ["y"], [image(39, 1, 3, 40, 56), image(40, 2, 3, 53, 37)], open_image, 11),
        "centernet": Entry(CenterNet, ["x"], ["centres", "sizes", "scores", "classes"], two, open_image, 13),
        "detr": Entry(Detr, ["x"], ["classes", "boxes"], two, open_image, 14),
    }
