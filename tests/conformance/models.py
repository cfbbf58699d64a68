"""Models made with PyTorch, exported to ONNX with inputs and PyTorch's own answers.

    python3 models.py DIRECTORY [NAME ...]

writes DIRECTORY/NAME.onnx and DIRECTORY/NAME.json: for each case the inputs and outputs by name as {shape, dtype, file},
where `file` holds the elements in row-major order, little-endian. Weights are random with a fixed seed: what matters is
that the answers agree. Dynamic axes are exported by name, with cases of several sizes.
"""
import json
import os
import sys

import torch
import torch.nn as nn
import torch.nn.functional as F


class Mlp(nn.Module):
    def __init__(self):
        super().__init__()
        self.a, self.b = nn.Linear(784, 200), nn.Linear(200, 10)

    def forward(self, x):
        return self.b(torch.relu(self.a(x)))


class CourseCnn(nn.Module):
    """Convolution, pooling and two dense layers, as in the course's assignment."""

    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(
            nn.Conv2d(1, 32, 3), nn.ReLU(), nn.MaxPool2d(2, 2), nn.Flatten(),
            nn.Linear(5408, 100), nn.ReLU(), nn.Linear(100, 10), nn.Softmax(dim=1))

    def forward(self, x):
        return self.net(x)


class Residual(nn.Module):
    def __init__(self, cin, cout, stride):
        super().__init__()
        self.c1, self.b1 = nn.Conv2d(cin, cout, 3, stride, 1, bias=False), nn.BatchNorm2d(cout)
        self.c2, self.b2 = nn.Conv2d(cout, cout, 3, 1, 1, bias=False), nn.BatchNorm2d(cout)
        self.down = None
        if stride != 1 or cin != cout:
            self.down = nn.Sequential(nn.Conv2d(cin, cout, 1, stride, bias=False), nn.BatchNorm2d(cout))

    def forward(self, x):
        y = self.b2(self.c2(F.relu(self.b1(self.c1(x)))))
        return F.relu(y + (self.down(x) if self.down else x))


class ResNet18(nn.Module):
    """He et al. 2015, the 18-layer network."""

    def __init__(self, classes=1000):
        super().__init__()
        self.stem = nn.Sequential(
            nn.Conv2d(3, 64, 7, 2, 3, bias=False), nn.BatchNorm2d(64), nn.ReLU(), nn.MaxPool2d(3, 2, 1))
        blocks, cin = [], 64
        for cout, stride in ((64, 1), (128, 2), (256, 2), (512, 2)):
            blocks += [Residual(cin, cout, stride), Residual(cout, cout, 1)]
            cin = cout
        self.blocks, self.head = nn.Sequential(*blocks), nn.Linear(512, classes)

    def forward(self, x):
        return self.head(F.adaptive_avg_pool2d(self.blocks(self.stem(x)), 1).flatten(1))


class Inverted(nn.Module):
    def __init__(self, cin, cout, stride, expand):
        super().__init__()
        mid = cin * expand
        layers = []
        if expand != 1:
            layers += [nn.Conv2d(cin, mid, 1, bias=False), nn.BatchNorm2d(mid), nn.ReLU6()]
        layers += [nn.Conv2d(mid, mid, 3, stride, 1, groups=mid, bias=False), nn.BatchNorm2d(mid), nn.ReLU6(),
                   nn.Conv2d(mid, cout, 1, bias=False), nn.BatchNorm2d(cout)]
        self.net, self.skip = nn.Sequential(*layers), stride == 1 and cin == cout

    def forward(self, x):
        y = self.net(x)
        return x + y if self.skip else y


class MobileNetV2(nn.Module):
    """Sandler et al. 2018."""

    def __init__(self, classes=1000):
        super().__init__()
        layers = [nn.Conv2d(3, 32, 3, 2, 1, bias=False), nn.BatchNorm2d(32), nn.ReLU6()]
        cin = 32
        for t, c, n, s in ((1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2),
                           (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1)):
            for i in range(n):
                layers.append(Inverted(cin, c, s if i == 0 else 1, t))
                cin = c
        layers += [nn.Conv2d(cin, 1280, 1, bias=False), nn.BatchNorm2d(1280), nn.ReLU6()]
        self.net, self.head = nn.Sequential(*layers), nn.Linear(1280, classes)

    def forward(self, x):
        return self.head(self.net(x).mean([2, 3]))


class UNet(nn.Module):
    """A small U-Net: one way up by a transposed convolution, one by Resize."""

    def __init__(self):
        super().__init__()
        def double(cin, cout):
            return nn.Sequential(nn.Conv2d(cin, cout, 3, 1, 1), nn.ReLU(), nn.Conv2d(cout, cout, 3, 1, 1), nn.ReLU())
        self.d1, self.d2, self.d3 = double(3, 16), double(16, 32), double(32, 64)
        self.up1 = nn.ConvTranspose2d(64, 32, 2, 2)
        self.u1, self.u2, self.out = double(64, 32), double(48, 16), nn.Conv2d(16, 2, 1)

    def forward(self, x):
        a = self.d1(x)
        b = self.d2(F.max_pool2d(a, 2))
        c = self.d3(F.max_pool2d(b, 2))
        y = self.u1(torch.cat([self.up1(c), b], 1))
        y = F.interpolate(y, scale_factor=2, mode="bilinear", align_corners=False)
        return torch.sigmoid(self.out(self.u2(torch.cat([y, a], 1))))


class Attention(nn.Module):
    def __init__(self, width, heads, causal):
        super().__init__()
        self.heads, self.causal = heads, causal
        self.qkv, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)

    def forward(self, x):
        b, t, w = x.shape
        q, k, v = (y.reshape(b, t, self.heads, w // self.heads).transpose(1, 2) for y in self.qkv(x).chunk(3, -1))
        s = q @ k.transpose(-2, -1) / (w // self.heads) ** 0.5
        if self.causal:
            i = torch.arange(t, device=x.device)
            s = s.masked_fill(i[None, :] > i[:, None], -1e9)
        return self.out((s.softmax(-1) @ v).transpose(1, 2).reshape(b, t, w))


class Layer(nn.Module):
    def __init__(self, width, heads, causal):
        super().__init__()
        self.n1, self.n2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.attention = Attention(width, heads, causal)
        self.up, self.down = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)

    def forward(self, x):
        x = x + self.attention(self.n1(x))
        return x + self.down(F.gelu(self.up(self.n2(x))))


class Transformer(nn.Module):
    def __init__(self, width=128, heads=4, layers=2, vocabulary=200, causal=False, longest=64):
        super().__init__()
        self.words, self.places = nn.Embedding(vocabulary, width), nn.Embedding(longest, width)
        self.layers = nn.Sequential(*[Layer(width, heads, causal) for _ in range(layers)])
        self.norm, self.head = nn.LayerNorm(width), nn.Linear(width, vocabulary)

    def forward(self, ids):
        t = ids.shape[1]
        x = self.words(ids) + self.places(torch.arange(t, device=ids.device))
        return self.head(self.norm(self.layers(x)))


class Vit(nn.Module):
    """A small vision transformer: patches of 8 x 8."""

    def __init__(self, width=96, heads=3, layers=2, classes=10):
        super().__init__()
        self.patches = nn.Conv2d(3, width, 8, 8)
        self.first = nn.Parameter(torch.randn(1, 1, width) * 0.1)
        self.places = nn.Parameter(torch.randn(1, 17, width) * 0.1)
        self.layers = nn.Sequential(*[Layer(width, heads, False) for _ in range(layers)])
        self.norm, self.head = nn.LayerNorm(width), nn.Linear(width, classes)

    def forward(self, x):
        p = self.patches(x).flatten(2).transpose(1, 2)
        x = torch.cat([self.first.expand(x.shape[0], -1, -1), p], 1) + self.places
        return self.head(self.norm(self.layers(x))[:, 0])


class Recurrent(nn.Module):
    def __init__(self, cell, bidirectional=False):
        super().__init__()
        self.net = cell(16, 32, num_layers=2, batch_first=True, bidirectional=bidirectional)
        self.head = nn.Linear(64 if bidirectional else 32, 5)

    def forward(self, x):
        y, _ = self.net(x)
        return self.head(y)


def ids(*shape):
    return torch.randint(0, 200, shape)


# name: (model, input name, dynamic axes of the input, the same of the output, cases)
def models():
    image = torch.randn
    return {
        "mlp": (Mlp, "x", {0: "batch"}, {0: "batch"}, [image(1, 784), image(64, 784)]),
        "cnn": (CourseCnn, "x", {}, {}, [image(4, 1, 28, 28)]),
        "resnet18": (ResNet18, "x", {}, {}, [image(1, 3, 224, 224)]),
        "mobilenetv2": (MobileNetV2, "x", {}, {}, [image(1, 3, 224, 224)]),
        "unet": (UNet, "x", {}, {}, [image(1, 3, 64, 64)]),
        "vit": (Vit, "x", {}, {}, [image(1, 3, 32, 32)]),
        "encoder": (Transformer, "ids", {}, {}, [ids(1, 64)]),
        "decoder": (lambda: Transformer(causal=True), "ids", {1: "length"}, {1: "length"},
                    [ids(1, 7), ids(1, 8), ids(1, 40)]),
        "lstm": (lambda: Recurrent(nn.LSTM, True), "x", {1: "length"}, {1: "length"},
                 [image(2, 20, 16), image(2, 7, 16)]),
        "gru": (lambda: Recurrent(nn.GRU), "x", {}, {}, [image(2, 20, 16)]),
    }


def save(directory, name, tensor):
    file = name + ".bin"
    tensor.detach().contiguous().numpy().tofile(os.path.join(directory, file))
    return {"shape": list(tensor.shape), "dtype": str(tensor.dtype).replace("torch.", ""), "file": file}


def main(directory, wanted):
    os.makedirs(directory, exist_ok=True)
    for name, (make, input_name, axes, out_axes, cases) in models().items():
        if wanted and name not in wanted:
            continue
        torch.manual_seed(20261122)
        model = make().eval()
        with torch.no_grad():
            # Statistics of batch norms and weights away from their defaults, so that a mistake shows.
            for m in model.modules():
                if isinstance(m, nn.BatchNorm2d):
                    m.running_mean.normal_(0, 0.2)
                    m.running_var.uniform_(0.5, 1.5)
            dynamic = {k: v for k, v in ((input_name, axes), ("out", out_axes)) if v}
            torch.onnx.export(model, cases[0], os.path.join(directory, name + ".onnx"), opset_version=14,
                              input_names=[input_name], output_names=["out"], dynamic_axes=dynamic)
            listed = []
            for i, x in enumerate(cases):
                listed.append({"inputs": {input_name: save(directory, f"{name}-{i}-in", x)},
                               "outputs": {"out": save(directory, f"{name}-{i}-out", model(x))}})
        with open(os.path.join(directory, name + ".json"), "w") as f:
            json.dump({"name": name, "cases": listed}, f)
        print(name, flush=True)


if __name__ == "__main__":
    main(sys.argv[1], set(sys.argv[2:]))
