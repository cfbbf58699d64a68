"""Voice activity, wake words, key words, speech encoders, and what streams with state."""
import math
from typing import Tuple

import torch
import torch.nn as nn
import torch.nn.functional as F

from .entry import Entry, noise


class VoiceActivity(nn.Module):
    """The structure of Silero's: a network for each sample rate, spectrum by convolution, LSTM with state from outside."""

    def __init__(self):
        super().__init__()
        self.wide, self.narrow = SpeechNet(32, 16), SpeechNet(16, 8)

    def forward(self, x: torch.Tensor, sr: torch.Tensor, h: torch.Tensor, c: torch.Tensor) -> Tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        if int(sr) == 16000:
            y, h, c = self.wide(x, h, c)
        else:
            y, h, c = self.narrow(x, h, c)
        return y, h, c


class SpeechNet(nn.Module):
    def __init__(self, size: int, hop: int):
        super().__init__()
        n = size // 2 + 1
        k, t = torch.arange(n, dtype=torch.float)[:, None], torch.arange(size, dtype=torch.float)[None]
        angle, window = 2 * math.pi * k * t / size, torch.hann_window(size)
        self.register_buffer("basis", torch.cat([angle.cos() * window, -angle.sin() * window]).unsqueeze(1))
        self.size, self.hop, self.n = size, hop, n
        self.encoder = nn.Sequential(nn.Conv1d(2 * n, 8, 3, 1, 1), nn.BatchNorm1d(8), nn.ReLU(), nn.Conv1d(8, 8, 1, 2), nn.ReLU())
        self.lstm = nn.LSTM(8, 8, 2)
        self.decoder = nn.Sequential(nn.ReLU(), nn.Conv1d(8, 1, 1), nn.Sigmoid())

    def forward(self, x: torch.Tensor, h: torch.Tensor, c: torch.Tensor) -> Tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        x = F.pad(x.unsqueeze(1), [self.size // 2, self.size // 2], "reflect")
        s = F.conv1d(x, self.basis, stride=self.hop)
        magnitude = torch.sqrt(s[:, : self.n] ** 2 + s[:, self.n :] ** 2)
        level = torch.log1p(magnitude * 1048576).mean(dim=[1, 2], keepdim=True)
        y = self.encoder(torch.cat([magnitude, magnitude - level], 1))
        y, state = self.lstm(y.permute(2, 0, 1), (h, c))
        return self.decoder(y.permute(1, 2, 0)).mean(2), state[0], state[1]


class WakeWord(nn.Module):
    """Frames come in pieces: what convolutions still need of the past and the GRU's state go in and out."""

    def __init__(self, bins=8, hidden=6):
        super().__init__()
        self.c1, self.c2 = nn.Conv1d(bins, 8, 3), nn.Conv1d(8, 8, 3, dilation=2, groups=8)
        self.gru, self.head = nn.GRU(8, hidden, batch_first=True), nn.Linear(hidden, 2)

    def forward(self, x, cache1, cache2, state):
        x = torch.cat([cache1, x.transpose(1, 2)], 2)
        cache1 = x[:, :, -2:]
        x = torch.cat([cache2, F.relu(self.c1(x))], 2)
        cache2 = x[:, :, -4:]
        y, state = self.gru(F.relu(self.c2(x)).transpose(1, 2), state)
        return self.head(y[:, -1]).sigmoid(), cache1, cache2, state


class MelFrontEnd(nn.Module):
    """openWakeWord's first stage: frames by slices, spectrum by matrices, logarithm in decibels below the loudest."""

    def __init__(self, size=32, hop=16, mels=6):
        super().__init__()
        n = size // 2 + 1
        k, t = torch.arange(n, dtype=torch.float)[:, None], torch.arange(size, dtype=torch.float)[None]
        angle = 2 * math.pi * k * t / size
        self.register_buffer("cos", (angle.cos() * torch.hann_window(size)).unsqueeze(1))
        self.register_buffer("sin", (angle.sin() * torch.hann_window(size)).unsqueeze(1))
        self.register_buffer("mel", torch.rand(n, mels))
        self.hop = hop

    def forward(self, x):
        x = x[:, None, :]
        power = F.conv1d(x, self.cos, stride=self.hop).pow(2.0) + F.conv1d(x, self.sin, stride=self.hop).pow(2.0)
        db = 10.0 * torch.log10(torch.clamp(power.transpose(1, 2) @ self.mel, min=1e-10))
        db = torch.maximum(db, db.amax(dim=(-2, -1), keepdim=True) - 80.0)
        return (db / 10 + 2).unsqueeze(1)


class DsCnn(nn.Module):
    """Zhang et al. 2017: depthwise separable convolutions on a small spectrogram."""

    def __init__(self):
        super().__init__()
        def unit(c):
            return [nn.Conv2d(c, c, 3, 1, 1, groups=c, bias=False), nn.BatchNorm2d(c), nn.ReLU(),
                    nn.Conv2d(c, c, 1, bias=False), nn.BatchNorm2d(c), nn.ReLU()]
        self.net = nn.Sequential(nn.Conv2d(1, 8, (10, 4), (2, 2), (5, 1)), nn.BatchNorm2d(8), nn.ReLU(), *unit(8), *unit(8),
                                 nn.Dropout(0.4), nn.AvgPool2d((13, 5)), nn.Flatten(), nn.Linear(8, 12))

    def forward(self, x):
        return F.softmax(self.net(x.unsqueeze(1)), 1)


class Conformer(nn.Module):
    """Gulati et al. 2020: half feed-forward, attention with relative positions, gated convolution, mask by lengths."""

    def __init__(self, c=12, heads=2):
        super().__init__()
        self.heads, self.d = heads, c // heads
        self.ff1 = nn.Sequential(nn.LayerNorm(c), nn.Linear(c, 24), nn.SiLU(), nn.Linear(24, c))
        self.ff2 = nn.Sequential(nn.LayerNorm(c), nn.Linear(c, 24), nn.SiLU(), nn.Linear(24, c))
        self.norm, self.qkv, self.out = nn.LayerNorm(c), nn.Linear(c, 3 * c), nn.Linear(c, c)
        self.pos = nn.Linear(c, c, bias=False)
        self.u, self.v = nn.Parameter(torch.randn(heads, self.d) * 0.3), nn.Parameter(torch.randn(heads, self.d) * 0.3)
        self.cnorm, self.p1 = nn.LayerNorm(c), nn.Conv1d(c, 2 * c, 1)
        self.dw, self.bn, self.p2 = nn.Conv1d(c, c, 5, padding=2, groups=c), nn.BatchNorm1d(c), nn.Conv1d(c, c, 1)
        self.last = nn.LayerNorm(c)
        at = torch.arange(49, -50, -1).float()[:, None] * torch.exp(torch.arange(0, c, 2).float() * (-math.log(10000.) / c))
        self.register_buffer("table", torch.stack([at.sin(), at.cos()], 2).view(1, 99, c))

    def shift(self, x):
        b, h, q, k = x.shape
        x = F.pad(x, (1, 0)).view(b, h, -1, q)
        return x[:, :, 1:].view(b, h, q, k)[:, :, :, : k // 2 + 1]

    def forward(self, x, lengths):
        b, t, c = x.shape
        mask = torch.arange(t)[None, :] >= lengths[:, None]
        x = x + 0.5 * self.ff1(x)
        q, k, v = self.qkv(self.norm(x)).view(b, t, 3, self.heads, self.d).unbind(2)
        k, v = k.transpose(1, 2), v.transpose(1, 2)
        p = self.pos(self.table[:, 50 - t: 49 + t]).view(1, -1, self.heads, self.d).transpose(1, 2)
        near = torch.matmul((q + self.u).transpose(1, 2), k.transpose(-2, -1))
        far = self.shift(torch.matmul((q + self.v).transpose(1, 2), p.transpose(-2, -1)))
        s = (near + far) / math.sqrt(self.d)
        s = s.masked_fill(mask[:, None, None, :], float("-inf")).softmax(-1).masked_fill(mask[:, None, None, :], 0.0)
        x = x + self.out((s @ v).transpose(1, 2).contiguous().view(b, t, c))
        y = F.glu(self.p1(self.cnorm(x).transpose(1, 2)), dim=1).masked_fill(mask[:, None, :], 0.0)
        x = x + self.p2(F.silu(self.bn(self.dw(y)))).transpose(1, 2)
        x = self.last(x + 0.5 * self.ff2(x))
        return x, (~mask).sum(1)


class Wav2Vec(nn.Module):
    """Baevski et al. 2020: convolutions on the wave with group norm and GELU, and positions by a grouped convolution."""

    def __init__(self, c=8):
        super().__init__()
        self.c1, self.n1 = nn.Conv1d(1, c, 10, 5, bias=False), nn.GroupNorm(c, c)
        self.c2, self.n2 = nn.Conv1d(c, c, 3, 2), nn.GroupNorm(2, c)
        self.norm, self.proj = nn.LayerNorm(c), nn.Linear(c, c)
        self.pos = nn.utils.weight_norm(nn.Conv1d(c, c, 4, padding=2, groups=2), dim=2)

    def forward(self, x):
        x = (x - x.mean(-1, keepdim=True)) / torch.sqrt(x.var(-1, unbiased=False, keepdim=True) + 1e-7)
        x = F.gelu(self.n1(self.c1(x.unsqueeze(1))))
        x = self.proj(self.norm(F.gelu(self.n2(self.c2(x))).transpose(1, 2)))
        return x + F.gelu(self.pos(x.transpose(1, 2))[:, :, :-1]).transpose(1, 2)


class Whisper(nn.Module):
    """Radford et al. 2022: convolutions halve the frames, fixed positions; one step of a decoder attends to the result."""

    def __init__(self, c=12):
        super().__init__()
        self.c1, self.c2 = nn.Conv1d(8, c, 3, 1, 1), nn.Conv1d(c, c, 3, 2, 1)
        self.register_buffer("places", torch.randn(40, c) * 0.3)
        self.layer = nn.TransformerEncoderLayer(c, 2, 24, activation="gelu", batch_first=True, norm_first=True)
        self.last, self.words, self.at = nn.LayerNorm(c), nn.Embedding(17, c), nn.Parameter(torch.randn(10, c) * 0.3)
        self.cross = nn.MultiheadAttention(c, 2, batch_first=True)

    def forward(self, mel, tokens):
        x = F.gelu(self.c2(F.gelu(self.c1(mel)))).permute(0, 2, 1)
        # A layer in evaluation would take the fused kernel, which has no symbolic form.
        y = self.layer.norm1(x + self.places[: x.shape[1]])
        a, _ = self.layer.self_attn(y, y, y, need_weights=False)
        x = x + a
        x = self.last(x + self.layer.linear2(F.gelu(self.layer.linear1(self.layer.norm2(x)))))
        d = self.words(tokens) + self.at[: tokens.shape[-1]]
        d, w = self.cross(d, x, x)
        return (d @ self.words.weight.t()).float(), w


class CausalNet(nn.Module):
    """Bai et al. 2018: dilated convolutions that see no future, by padding on both sides and cutting the end."""

    def __init__(self):
        super().__init__()
        self.c1 = nn.utils.weight_norm(nn.Conv1d(4, 6, 3, padding=2))
        self.c2 = nn.utils.weight_norm(nn.Conv1d(6, 6, 3, padding=4, dilation=2))
        self.down, self.up = nn.Conv1d(4, 6, 1), nn.ConvTranspose1d(6, 2, 4, 2, 1, output_padding=1)

    def forward(self, x):
        y = F.relu(self.c1(x)[:, :, :-2].contiguous())
        y = F.relu(self.c2(y)[:, :, :-4].contiguous())
        return torch.tanh(self.up(F.relu(y + self.down(x)))), x.cumsum(-1)


class BiGru(nn.Module):
    """Two layers in both directions, the last states joined; sums over time by attention."""

    def __init__(self):
        super().__init__()
        self.gru, self.rnn = nn.GRU(6, 5, 2, bidirectional=True), nn.RNN(10, 4, nonlinearity="relu", batch_first=True)
        self.score, self.head = nn.Linear(10, 1), nn.Linear(20, 3)

    def forward(self, x):
        y, h = self.gru(x)
        a = torch.softmax(self.score(torch.tanh(y)), 0)
        h = h.view(2, 2, x.size(1), 5)[-1]
        joined = torch.cat([(a * y).sum(0), h.transpose(0, 1).reshape(x.size(1), -1)], 1)
        z, _ = self.rnn(y.transpose(0, 1))
        return self.head(joined), z


def entries():
    def vad(seed, batch, n, rate, dtype=torch.int64):
        return (noise(seed, batch, n), torch.tensor(rate, dtype=dtype), noise(seed + 1, 2, batch, 8), noise(seed + 2, 2, batch, 8))

    def piece(seed, batch, frames):
        return (noise(seed, batch, frames, 8), noise(seed + 1, batch, 8, 2), noise(seed + 2, batch, 8, 4), noise(seed + 3, 1, batch, 6))

    def one(seed, *shape):
        return (noise(seed, *shape),)
    state = {0: "batch"}
    streaming = {"x": {0: "n", 1: "t"}, "cache1": state, "cache2": state, "state": {1: "n"}}
    return {
        "vad": Entry(VoiceActivity, ["input", "sr", "h", "c"], ["output", "hn", "cn"],
                     [vad(41, 1, 256, 16000), vad(42, 2, 128, 8000), vad(43, 1, 160, 8000), vad(44, 3, 96, 16000)],
                     {"input": {0: "batch", 1: "sequence"}, "h": {1: "batch"}, "c": {1: "batch"}}, 16, script=True),
        "wakeword": Entry(WakeWord, ["x", "cache1", "cache2", "state"], ["score", "next1", "next2", "next"],
                          [piece(50, 1, 8), piece(51, 1, 3), piece(52, 2, 1)], streaming, 13),
        "mel": Entry(MelFrontEnd, ["x"], ["y"], [one(53, 1, 320), one(54, 2, 200)], {"x": {0: "n", 1: "samples"}}, 11),
        "dscnn": Entry(DsCnn, ["x"], ["y"], [one(55, 1, 25, 10), one(56, 3, 25, 10)], {"x": {0: "n"}}, 9),
        "conformer": Entry(Conformer, ["x", "lengths"], ["y", "count"],
                           [(noise(57, 2, 9, 12), torch.tensor([9, 6])), (noise(58, 3, 14, 12), torch.tensor([3, 14, 8]))],
                           {"x": {0: "n", 1: "t"}, "lengths": {0: "n"}}, 14),
        "wav2vec": Entry(Wav2Vec, ["x"], ["y"], [one(59, 1, 200), one(60, 2, 333)], {"x": {0: "n", 1: "samples"}}, 12),
        "whisper": Entry(Whisper, ["mel", "tokens"], ["logits", "weights"],
                         [(noise(61, 1, 8, 40), torch.tensor([[3, 1, 4]])), (noise(62, 2, 8, 27), torch.tensor([[1, 5], [9, 2]]))],
                         {"mel": {0: "n", 2: "t"}, "tokens": {0: "n", 1: "k"}}, 14),
        "causal": Entry(CausalNet, ["x"], ["y", "sums"], [one(63, 1, 4, 20), one(64, 2, 4, 9)], {"x": {0: "n", 2: "t"}}, 11),
        "bigru": Entry(BiGru, ["x"], ["y", "z"], [one(65, 7, 2, 6), one(66, 12, 1, 6)], {"x": {0: "t", 1: "n"}}, 10),
        "bigru-16": Entry(BiGru, ["x"], ["y", "z"], [one(65, 7, 2, 6), one(66, 12, 1, 6)], {"x": {0: "t", 1: "n"}}, 16),
    }
