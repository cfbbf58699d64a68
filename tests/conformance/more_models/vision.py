"""Classifiers, segmentation, image to image, and a text recogniser."""
import torch
import torch.nn as nn
import torch.nn.functional as F

from .entry import Entry, below, noise


class EfficientNetBlock(nn.Module):
    """Tan and Le 2019: expansion, depthwise convolution, squeeze and excitation, SiLU."""

    def __init__(self, c=8, expand=4):
        super().__init__()
        mid = c * expand
        self.stem = nn.Sequential(nn.Conv2d(3, c, 3, 2, 1, bias=False), nn.BatchNorm2d(c), nn.SiLU())
        self.up = nn.Sequential(nn.Conv2d(c, mid, 1, bias=False), nn.BatchNorm2d(mid), nn.SiLU())
        self.depth = nn.Sequential(nn.Conv2d(mid, mid, 5, 1, 2, groups=mid, bias=False), nn.BatchNorm2d(mid), nn.SiLU())
        self.reduce, self.excite = nn.Conv2d(mid, 2, 1), nn.Conv2d(2, mid, 1)
        self.down = nn.Sequential(nn.Conv2d(mid, c, 1, bias=False), nn.BatchNorm2d(c))
        self.head = nn.Linear(c, 5)

    def forward(self, x):
        x = self.stem(x)
        y = self.depth(self.up(x))
        s = self.excite(F.silu(self.reduce(F.adaptive_avg_pool2d(y, 1))))
        x = x + self.down(y * torch.sigmoid(s))
        return self.head(torch.flatten(F.adaptive_avg_pool2d(x, 1), 1))


class MobileNetV3Block(nn.Module):
    """Howard et al. 2019: hard swish and hard sigmoid."""

    def __init__(self):
        super().__init__()
        self.up, self.norm = nn.Conv2d(3, 12, 3, 2, 1, bias=False), nn.BatchNorm2d(12)
        self.depth = nn.Conv2d(12, 12, 3, 1, 1, groups=12)
        self.a, self.b = nn.Linear(12, 4), nn.Linear(4, 12)
        self.out = nn.Conv2d(12, 6, 1)

    def forward(self, x):
        x = F.hardswish(self.norm(self.up(x)))
        y = F.hardswish(self.depth(x))
        n, c = y.shape[:2]
        s = F.hardsigmoid(self.b(F.relu6(self.a(F.adaptive_avg_pool2d(y, 1).view(n, c)))))
        return self.out(y * s.view(n, c, 1, 1)).mean((2, 3))


class ConvNeXt(nn.Module):
    """Liu et al. 2022: 7 x 7 depthwise convolution, layer norm over channels last, scale per channel."""

    def __init__(self, c=8):
        super().__init__()
        self.stem, self.first = nn.Conv2d(3, c, 4, 4), nn.LayerNorm(c, eps=1e-6)
        self.depth, self.norm = nn.Conv2d(c, c, 7, padding=3, groups=c), nn.LayerNorm(c, eps=1e-6)
        self.up, self.down = nn.Linear(c, 4 * c), nn.Linear(4 * c, c)
        self.gamma = nn.Parameter(torch.full((c,), 0.3))
        self.last, self.head = nn.LayerNorm(c, eps=1e-6), nn.Linear(c, 4)

    def forward(self, x):
        x = self.first(self.stem(x).permute(0, 2, 3, 1)).permute(0, 3, 1, 2)
        y = self.depth(x).permute(0, 2, 3, 1)
        y = self.gamma * self.down(F.gelu(self.up(self.norm(y))))
        x = x + y.permute(0, 3, 1, 2)
        return self.head(self.last(x.mean([-2, -1])))


class ShuffleNetUnit(nn.Module):
    """Ma et al. 2018: channels are split, one half is worked on, and the channels are shuffled."""

    def __init__(self):
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, 8, 3, 2, 1, bias=False), nn.BatchNorm2d(8), nn.ReLU(), nn.MaxPool2d(3, 2, 1))
        self.branch = nn.Sequential(
            nn.Conv2d(4, 4, 1, bias=False), nn.BatchNorm2d(4), nn.ReLU(),
            nn.Conv2d(4, 4, 3, 1, 1, groups=4, bias=False), nn.BatchNorm2d(4),
            nn.Conv2d(4, 4, 1, groups=2, bias=False), nn.BatchNorm2d(4), nn.ReLU())

    def forward(self, x):
        a, b = self.stem(x).chunk(2, dim=1)
        x = torch.cat((a, self.branch(b)), dim=1)
        n, c, h, w = x.size()
        return torch.transpose(x.view(n, 2, c // 2, h, w), 1, 2).contiguous().view(n, -1, h, w)


class SuperResolution(nn.Module):
    """Shi et al. 2016: convolutions on the small image, then channels become pixels."""

    def __init__(self, scale=3):
        super().__init__()
        self.a, self.b = nn.Conv2d(1, 8, 5, 1, 2), nn.Conv2d(8, scale * scale, 3, 1, 1)
        self.shuffle = nn.PixelShuffle(scale)

    def forward(self, x):
        return self.shuffle(self.b(torch.tanh(self.a(x))))


class StyleTransfer(nn.Module):
    """Johnson et al. 2016: reflection padding, instance norm, residual block, upsampling by nearest pixel."""

    def __init__(self):
        super().__init__()
        self.pad4, self.pad1 = nn.ReflectionPad2d(4), nn.ReflectionPad2d(1)
        self.c1, self.n1 = nn.Conv2d(3, 4, 9), nn.InstanceNorm2d(4, affine=True)
        self.c2, self.n2 = nn.Conv2d(4, 8, 3, 2), nn.InstanceNorm2d(8, affine=True)
        self.c3, self.n3 = nn.Conv2d(8, 8, 3), nn.InstanceNorm2d(8, affine=True)
        self.c4, self.n4 = nn.Conv2d(8, 3, 3), nn.InstanceNorm2d(3, affine=True)

    def forward(self, x):
        x = F.relu(self.n1(self.c1(self.pad4(x))))
        x = F.relu(self.n2(self.c2(self.pad1(x))))
        x = x + self.n3(self.c3(self.pad1(x)))
        x = F.interpolate(x, mode="nearest", scale_factor=2)
        return self.n4(self.c4(self.pad1(x)))


class Segmentation(nn.Module):
    """Chen et al. 2017: dilated convolutions, pooling over the image, bilinear resizing to the input's size."""

    def __init__(self, classes=5):
        super().__init__()
        self.stem = nn.Conv2d(3, 8, 3, 4, 1)
        self.a, self.b = nn.Conv2d(8, 6, 3, padding=2, dilation=2), nn.Conv2d(8, 6, 3, padding=3, dilation=3)
        self.whole, self.out = nn.Conv2d(8, 6, 1), nn.Conv2d(18, classes, 1)

    def forward(self, x):
        y = F.relu(self.stem(x))
        pooled = F.interpolate(self.whole(F.adaptive_avg_pool2d(y, 1)), size=y.shape[-2:], mode="bilinear", align_corners=False)
        y = self.out(torch.cat([F.relu(self.a(y)), F.relu(self.b(y)), pooled], 1))
        soft = F.interpolate(y, size=x.shape[-2:], mode="bilinear", align_corners=False)
        sharp = F.interpolate(y, size=x.shape[-2:], mode="bilinear", align_corners=True)
        return soft, sharp, soft.argmax(1)


class AnySize(nn.Module):
    """Batch, height and width are open; ceil mode, and a pooling to 1 x 1 both by mean and by maximum."""

    def __init__(self):
        super().__init__()
        self.a, self.b = nn.Conv2d(3, 8, 3, 2, 1), nn.Conv2d(8, 8, (1, 3), (1, 2), bias=False)
        self.pool = nn.MaxPool2d(3, 2, ceil_mode=True)
        self.mean = nn.AvgPool2d(3, 1, 1, count_include_pad=False)
        self.head = nn.Linear(16, 3)

    def forward(self, x):
        x = F.leaky_relu(self.b(self.mean(self.pool(F.elu(self.a(x))))), 0.1)
        y = torch.cat([F.adaptive_avg_pool2d(x, 1), F.adaptive_max_pool2d(x, 1)], 1)
        return self.head(y.view(y.size(0), -1)), x.norm(p=2, dim=1, keepdim=True)


class Adaptive(nn.Module):
    """The head of VGG and AlexNet: pooling to a grid, a long dense layer, dropout; local response norm."""

    def __init__(self):
        super().__init__()
        self.c, self.head = nn.Conv2d(3, 6, 3, 1, 1), nn.Sequential(nn.Dropout(), nn.Linear(24, 7), nn.Softplus())

    def forward(self, x):
        x = F.local_response_norm(F.relu(self.c(x)), 3)
        return F.softmax(self.head(torch.flatten(F.adaptive_avg_pool2d(x, (2, 2)), 1)), dim=-1)


class Crnn(nn.Module):
    """Shi et al. 2015: columns of a text line as steps of a bidirectional LSTM."""

    def __init__(self, symbols=11):
        super().__init__()
        self.net = nn.Sequential(
            nn.Conv2d(1, 6, 3, 1, 1), nn.ReLU(), nn.MaxPool2d(2, 2),
            nn.Conv2d(6, 8, 3, 1, 1), nn.BatchNorm2d(8), nn.ReLU(), nn.MaxPool2d((2, 2), (2, 1), (0, 1)),
            nn.Conv2d(8, 8, 2, 1, 0), nn.ReLU())
        self.lstm = nn.LSTM(8, 6, 2, bidirectional=True)
        self.out = nn.Linear(12, symbols)

    def forward(self, x):
        y = self.net(x).squeeze(2).permute(2, 0, 1)
        y, _ = self.lstm(y)
        t, b, h = y.size()
        return F.log_softmax(self.out(y.view(t * b, h)).view(t, b, -1), dim=2)


class SpatialTransformer(nn.Module):
    """Jaderberg et al. 2015: an affine grid is computed from the image, and the image sampled by it."""

    def __init__(self):
        super().__init__()
        self.c, self.theta = nn.Conv2d(1, 4, 5, 2), nn.Linear(4, 6)

    def forward(self, x):
        t = self.theta(self.c(x).mean((2, 3))).view(-1, 2, 3)
        ys, xs = torch.meshgrid(torch.linspace(-1, 1, 9), torch.linspace(-1, 1, 7), indexing="ij")
        points = torch.stack([xs, ys, torch.ones_like(xs)], -1).view(1, -1, 3)
        grid = (points @ t.transpose(1, 2)).view(-1, 9, 7, 2)
        return F.grid_sample(x, grid, align_corners=True), F.grid_sample(x, grid, mode="nearest", padding_mode="border", align_corners=False)


class WindowAttention(nn.Module):
    """Liu et al. 2021: windows that are shifted by a roll, with a table of relative positions."""

    def __init__(self, c=8, w=4):
        super().__init__()
        self.w, self.qkv, self.out = w, nn.Linear(c, 3 * c), nn.Linear(c, c)
        self.table = nn.Parameter(torch.randn((2 * w - 1) ** 2, 2))
        at = torch.stack(torch.meshgrid(torch.arange(w), torch.arange(w), indexing="ij")).flatten(1)
        d = at[:, :, None] - at[:, None, :] + w - 1
        self.register_buffer("index", d[0] * (2 * w - 1) + d[1])

    def forward(self, x):
        b, h, w, c = x.shape
        n = self.w
        y = torch.roll(x, (-1, -1), (1, 2)).view(b, h // n, n, w // n, n, c).permute(0, 1, 3, 2, 4, 5).reshape(-1, n * n, c)
        qkv = self.qkv(y).reshape(y.shape[0], n * n, 3, 2, c // 2).permute(2, 0, 3, 1, 4)
        q, k, v = qkv.unbind(0)
        bias = self.table[self.index.view(-1)].view(n * n, n * n, -1).permute(2, 0, 1)
        a = (q * 0.5 @ k.transpose(-2, -1) + bias.unsqueeze(0)).softmax(-1)
        y = self.out((a @ v).transpose(1, 2).reshape(-1, n * n, c))
        y = y.view(b, h // n, w // n, n, n, c).permute(0, 1, 3, 2, 4, 5).reshape(b, h, w, c)
        return torch.roll(y, (1, 1), (1, 2)) + x


class Camera(nn.Module):
    """Pixels as they come from a camera, u8 with channels last, in another order of colours; pixels and labels go out."""

    def __init__(self):
        super().__init__()
        self.c = nn.Conv2d(3, 4, 3, 2)
        self.register_buffer("mean", torch.tensor([123.0, 117.0, 104.0]).view(1, 3, 1, 1))

    def forward(self, x):
        y = self.c(((x.permute(0, 3, 1, 2).float() - self.mean) / 57.0)[:, [2, 1, 0]])
        shown = torch.floor(torch.sigmoid(y) * 255 + 0.25).clamp(0, 255).to(torch.uint8)
        return y, shown, y.argmax(1, keepdim=True).to(torch.int32)


HW = {2: "height", 3: "width"}


def entries():
    def image(seed, *shape):
        return (noise(seed, *shape),)
    open_image = {"x": {0: "batch", **HW}}
    return {
        "efficientnet": Entry(EfficientNetBlock, ["x"], ["y"], [image(1, 1, 3, 24, 24), image(2, 3, 3, 24, 24)],
                              {"x": {0: "n"}, "y": {0: "n"}}, 13),
        "mobilenetv3": Entry(MobileNetV3Block, ["x"], ["y"], [image(3, 2, 3, 17, 16), image(4, 1, 3, 17, 16)], {"x": {0: "n"}}, 14),
        "mobilenetv3-11": Entry(MobileNetV3Block, ["x"], ["y"], [image(3, 2, 3, 17, 16)], {}, 11),
        "convnext": Entry(ConvNeXt, ["x"], ["y"], [image(5, 1, 3, 32, 32), image(6, 2, 3, 24, 40)], open_image, 17),
        "convnext-12": Entry(ConvNeXt, ["x"], ["y"], [image(5, 1, 3, 32, 32), image(6, 2, 3, 24, 40)], open_image, 12),
        "shufflenet": Entry(ShuffleNetUnit, ["x"], ["y"], [image(7, 1, 3, 32, 32), image(8, 2, 3, 20, 36)], open_image, 11),
        "superresolution": Entry(SuperResolution, ["x"], ["y"], [image(9, 1, 1, 12, 10), image(10, 2, 1, 7, 16)], open_image, 11),
        "superresolution-9": Entry(SuperResolution, ["x"], ["y"], [image(9, 1, 1, 12, 10)], {}, 9),
        "style": Entry(StyleTransfer, ["x"], ["y"], [image(11, 1, 3, 20, 16), image(12, 1, 3, 24, 28)], {"x": HW}, 13),
        "style-9": Entry(StyleTransfer, ["x"], ["y"], [image(11, 1, 3, 20, 16)], {}, 9),
        "segmentation": Entry(Segmentation, ["x"], ["soft", "sharp", "labels"], [image(13, 1, 3, 24, 32), image(14, 2, 3, 37, 21)],
                              {**open_image, "labels": {0: "batch", 1: "height", 2: "width"}}, 16),
        "segmentation-11": Entry(Segmentation, ["x"], ["soft", "sharp", "labels"], [image(13, 1, 3, 24, 32), image(14, 2, 3, 37, 21)],
                                 open_image, 11),
        "anysize": Entry(AnySize, ["x"], ["y", "norm"], [image(15, 1, 3, 32, 32), image(16, 4, 3, 19, 45), image(17, 2, 3, 33, 20)],
                         open_image, 13),
        "anysize-10": Entry(AnySize, ["x"], ["y", "norm"], [image(15, 1, 3, 32, 32), image(16, 4, 3, 19, 45)], open_image, 10),
        "adaptive": Entry(Adaptive, ["x"], ["y"], [image(18, 2, 3, 8, 12), image(19, 5, 3, 8, 12)], {"x": {0: "n"}}, 9),
        "crnn": Entry(Crnn, ["x"], ["y"], [image(20, 1, 1, 8, 40), image(21, 2, 1, 8, 24), image(22, 1, 1, 8, 61)],
                      {"x": {0: "n", 3: "w"}}, 11),
        "crnn-14": Entry(Crnn, ["x"], ["y"], [image(20, 1, 1, 8, 40), image(21, 2, 1, 8, 24)], {"x": {0: "n", 3: "w"}}, 14),
        "spatialtransformer": Entry(SpatialTransformer, ["x"], ["a", "b"], [image(23, 2, 1, 16, 20), image(24, 1, 1, 11, 14)], open_image, 16),
        "camera": Entry(Camera, ["pixels"], ["map", "shown", "labels"],
                        [(below(27, 255, 1, 9, 8, 3).to(torch.uint8),), (below(28, 255, 2, 12, 7, 3).to(torch.uint8),)],
                        {"pixels": {0: "n", 1: "h", 2: "w"}}, 13),
        "swin": Entry(WindowAttention, ["x"], ["y"], [image(25, 1, 8, 8, 8), image(26, 2, 12, 8, 8)], {"x": {0: "n", 1: "h", 2: "w"}}, 14),
    }
