"""Language models, with the arithmetic on lengths and masks that their exports are full of."""
import math
from typing import List, Tuple

import torch
import torch.nn as nn
import torch.nn.functional as F

from .entry import Entry, below, noise


class Gpt(nn.Module):
    """Radford et al. 2019 with the keys and values of earlier steps: a mask is cut from a stored triangle."""

    def __init__(self, c=16, heads=2, layers=2, words=31, longest=24):
        super().__init__()
        self.heads, self.c = heads, c
        self.words, self.places = nn.Embedding(words, c), nn.Embedding(longest, c)
        def layer():
            return nn.ModuleDict({"n1": nn.LayerNorm(c), "n2": nn.LayerNorm(c), "qkv": nn.Linear(c, 3 * c), "out": nn.Linear(c, c),
                                  "up": nn.Linear(c, 2 * c), "down": nn.Linear(2 * c, c)})
        self.layers, self.last = nn.ModuleList([layer() for _ in range(layers)]), nn.LayerNorm(c)
        self.register_buffer("triangle", torch.tril(torch.ones(longest, longest, dtype=torch.uint8)).view(1, 1, longest, longest))

    def forward(self, ids, mask, *past):
        b, t = ids.shape
        before = past[0].shape[-2]
        at = torch.arange(before, t + before, dtype=torch.long).unsqueeze(0).view(-1, t)
        x = self.words(ids) + self.places(at)
        hidden = (1.0 - mask.view(b, -1)[:, None, None, :].to(x.dtype)) * -10000.0
        present = []
        for i, l in enumerate(self.layers):
            q, k, v = l["qkv"](l["n1"](x)).split(self.c, dim=2)
            q, k, v = (y.view(y.size()[:-1] + (self.heads, self.c // self.heads)).permute(0, 2, 1, 3) for y in (q, k, v))
            k, v = torch.cat((past[2 * i], k), -2), torch.cat((past[2 * i + 1], v), -2)
            present += [k, v]
            w = torch.matmul(q, k.transpose(-1, -2)) / (v.size(-1) ** 0.5)
            nd, ns = q.size(-2), k.size(-2)
            seen = self.triangle[:, :, ns - nd: ns, :ns].bool()
            w = torch.where(seen, w, torch.tensor(-1e4)) + hidden
            a = torch.matmul(F.softmax(w, -1), v).permute(0, 2, 1, 3).contiguous()
            x = x + l["out"](a.view(a.size()[:-2] + (self.c,)))
            y = l["up"](l["n2"](x))
            y = 0.5 * y * (1.0 + torch.tanh(math.sqrt(2.0 / math.pi) * (y + 0.044715 * torch.pow(y, 3.0))))
            x = x + l["down"](y)
        return (F.linear(self.last(x), self.words.weight), *present)


class T5(nn.Module):
    """Raffel et al. 2019: buckets of relative positions, norm by the root of the mean square."""

    def __init__(self, c=12, heads=2, buckets=8, causal=False):
        super().__init__()
        self.heads, self.buckets, self.causal = heads, buckets, causal
        self.words, self.bias, self.scale = nn.Embedding(29, c), nn.Embedding(buckets, heads), nn.Parameter(torch.rand(c) + 0.5)
        self.qkv, self.out = nn.Linear(c, 3 * c, bias=False), nn.Linear(c, c, bias=False)

    def bucket(self, relative, most=20):
        n, result = self.buckets, 0
        if self.causal:
            relative = -torch.min(relative, torch.zeros_like(relative))
        else:
            n //= 2
            result = (relative > 0).to(torch.long) * n
            relative = torch.abs(relative)
        exact = n // 2
        far = exact + (torch.log(relative.float() / exact) / math.log(most / exact) * (n - exact)).to(torch.long)
        far = torch.min(far, torch.full_like(far, n - 1))
        return result + torch.where(relative < exact, relative, far)

    def forward(self, ids):
        x = self.words(ids)
        b, t, c = x.shape
        y = x * torch.rsqrt(x.to(torch.float32).pow(2).mean(-1, keepdim=True) + 1e-6) * self.scale
        q, k, v = (z.view(b, -1, self.heads, c // self.heads).transpose(1, 2) for z in self.qkv(y).chunk(3, -1))
        at = torch.arange(t)
        bias = self.bias(self.bucket(at[None, :] - at[:, None])).permute(2, 0, 1).unsqueeze(0)
        s = torch.matmul(q, k.transpose(3, 2)) + bias
        if self.causal:
            s = s + torch.triu(torch.full((t, t), -1e9), diagonal=1)
        return x + self.out((s.float().softmax(-1).type_as(s) @ v).transpose(1, 2).contiguous().view(b, -1, c))


class Bert(nn.Module):
    """Devlin et al. 2018: three embeddings, attention masks, the first word's output."""

    def __init__(self, c=12, heads=3):
        super().__init__()
        self.heads = heads
        self.words, self.places, self.types, self.norm = nn.Embedding(41, c, padding_idx=0), nn.Embedding(32, c), nn.Embedding(2, c), nn.LayerNorm(c, eps=1e-12)
        self.register_buffer("ids", torch.arange(32).expand((1, -1)))
        self.q, self.k, self.v, self.o = (nn.Linear(c, c) for _ in range(4))
        self.n1, self.up, self.down, self.n2, self.pool = nn.LayerNorm(c), nn.Linear(c, 24), nn.Linear(24, c), nn.LayerNorm(c), nn.Linear(c, c)

    def split(self, x):
        return x.view(*x.size()[:-1], self.heads, -1).permute(0, 2, 1, 3)

    def forward(self, input_ids, attention_mask, token_type_ids):
        x = self.words(input_ids) + self.types(token_type_ids)
        x = self.norm(x + self.places(self.ids[:, : input_ids.size(1)]))
        mask = (1.0 - attention_mask[:, None, None, :].to(torch.float32)) * torch.finfo(torch.float32).min
        s = torch.matmul(self.split(self.q(x)), self.split(self.k(x)).transpose(-1, -2)) / 2.0 + mask
        y = torch.matmul(F.softmax(s, -1), self.split(self.v(x))).permute(0, 2, 1, 3).contiguous()
        x = self.n1(x + self.o(y.view(y.size()[:-2] + (-1,))))
        x = self.n2(x + self.down(F.gelu(self.up(x))))
        wide = attention_mask.unsqueeze(-1).expand(x.size()).float()
        mean = torch.sum(x * wide, 1) / torch.clamp(wide.sum(1), min=1e-9)
        return x, torch.tanh(self.pool(x[:, 0])), F.normalize(mean, p=2, dim=1)


class Llama(nn.Module):
    """Touvron et al. 2023: rotated positions, grouped keys and values, gated feed-forward."""

    def __init__(self, c=16, heads=4, groups=2):
        super().__init__()
        self.h, self.g, self.d = heads, groups, c // heads
        self.words, self.scale = nn.Embedding(23, c), nn.Parameter(torch.rand(c) + 0.5)
        self.q, self.k, self.v, self.o = nn.Linear(c, c, bias=False), nn.Linear(c, groups * self.d, bias=False), nn.Linear(c, groups * self.d, bias=False), nn.Linear(c, c, bias=False)
        self.gate, self.up, self.down = nn.Linear(c, 24, bias=False), nn.Linear(c, 24, bias=False), nn.Linear(24, c, bias=False)
        self.register_buffer("inverse", 1.0 / (10000 ** (torch.arange(0, self.d, 2).float() / self.d)))

    def norm(self, x):
        return self.scale * (x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + 1e-6))

    def turn(self, x, cos, sin):
        half = torch.cat((-x[..., x.shape[-1] // 2:], x[..., : x.shape[-1] // 2]), -1)
        return x * cos + half * sin

    def forward(self, ids, position_ids):
        x = self.words(ids)
        b, t, _ = x.shape
        angle = (self.inverse[None, :, None].expand(b, -1, 1) @ position_ids[:, None, :].float()).transpose(1, 2)
        angle = torch.cat((angle, angle), -1).unsqueeze(1)
        y = self.norm(x)
        q = self.turn(self.q(y).view(b, t, self.h, self.d).transpose(1, 2), angle.cos(), angle.sin())
        k = self.turn(self.k(y).view(b, t, self.g, self.d).transpose(1, 2), angle.cos(), angle.sin())
        v = self.v(y).view(b, t, self.g, self.d).transpose(1, 2)
        k, v = (z[:, :, None].expand(b, self.g, self.h // self.g, t, self.d).reshape(b, self.h, t, self.d) for z in (k, v))
        mask = torch.full((t, t), float("-inf")).triu(1)
        a = (q @ k.transpose(2, 3) / math.sqrt(self.d) + mask).softmax(-1) @ v
        x = x + self.o(a.transpose(1, 2).reshape(b, t, -1))
        y = self.norm(x)
        return (x + self.down(F.silu(self.gate(y)) * self.up(y))) @ self.words.weight.T


class Translate(nn.Module):
    """An encoder, and a decoder that feeds itself its best word until it says the end: a loop in the model."""

    def __init__(self, c=8, words=9):
        super().__init__()
        self.words, self.encode, self.cell, self.out = nn.Embedding(words, c), nn.GRU(c, c, batch_first=True), nn.Linear(2 * c, c), nn.Linear(c, words)

    def forward(self, ids: torch.Tensor, most: int) -> Tuple[torch.Tensor, torch.Tensor]:
        memory, h = self.encode(self.words(ids))
        h = h.squeeze(0)
        word = torch.ones(ids.size(0), dtype=torch.long)
        said = word.unsqueeze(1)
        i = 0
        going = True
        while going and i < most:
            h = torch.tanh(self.cell(torch.cat([self.words(word), h], 1)))
            a = torch.softmax(torch.bmm(memory, h.unsqueeze(2)), 1)
            h = h + (a * memory).sum(1)
            word = self.out(h).argmax(1)
            said = torch.cat([said, word.unsqueeze(1)], 1)
            going = bool((word != 0).any())
            i += 1
        return said, h


class ListLoop(nn.Module):
    """A scripted loop over steps that gathers results in a list, and chooses by the data."""

    def __init__(self):
        super().__init__()
        self.cell, self.other = nn.Linear(6, 4), nn.Linear(4, 4)

    def forward(self, x: torch.Tensor) -> Tuple[torch.Tensor, torch.Tensor]:
        h = torch.zeros(x.size(1), 4)
        out: List[torch.Tensor] = []
        for i in range(x.size(0)):
            h = torch.tanh(self.cell(torch.cat([x[i], h], 1)))
            if bool(h.sum() > 0):
                h = self.other(h)
            else:
                h = h - 0.5
            out.append(h)
        return torch.stack(out), h


class EinsumAttention(nn.Module):
    def forward(self, q, k, v):
        s = torch.einsum("bqhd,bkhd->bhqk", q, k) * 0.5
        y = torch.einsum("bhqk,bkhd->bqhd", s.softmax(-1), v)
        return torch.einsum("bqhd,bqhd->bqh", y, q), torch.einsum("bqhd->bhd", y)


class PostProcess(nn.Module):
    """What stands behind classifiers: the best, masks that select rows, writing into rows."""

    def forward(self, scores, features):
        best, at = scores.topk(3, dim=1, largest=True, sorted=True)
        low, _ = scores.topk(2, dim=0, largest=False)
        rows = torch.arange(scores.size(0)).unsqueeze(1).expand(-1, 3)
        picked = features[rows, at]
        marked = torch.zeros_like(scores)
        marked[rows, at] = best
        marked[:, 0] = 7.0
        marked[0, 1:3] += 2.0
        chosen = scores[scores > 0.5]
        which = torch.nonzero(scores > 1.0)
        sums = torch.zeros_like(scores).scatter_add(1, at, best)
        values, order = scores.sort(dim=1, descending=True)
        return best, at, low, picked, marked, chosen, which, sums, values, order


class Crf(nn.Module):
    """The best path through tags: the time is a dimension of fixed size, steps are written out."""

    def __init__(self, tags=4):
        super().__init__()
        self.move, self.first = nn.Parameter(torch.randn(tags, tags)), nn.Parameter(torch.randn(tags))

    def forward(self, x):
        score, back = self.first + x[:, 0], []
        for t in range(1, x.shape[1]):
            score, at = (score.unsqueeze(2) + self.move.unsqueeze(0) + x[:, t].unsqueeze(1)).max(1)
            back.append(at)
        best, tag = score.max(1)
        path = [tag]
        for at in reversed(back):
            tag = at.gather(1, tag.unsqueeze(1)).squeeze(1)
            path.append(tag)
        return torch.stack(path[::-1], 1), best, score.logsumexp(1)


def entries():
    def decode(seed, batch, length, before):
        past = [noise(seed + k, batch, 2, before, 8) for k in range(4)]
        mask = torch.ones(batch, length + before, dtype=torch.long)
        mask[-1, :1] = 0
        return (below(seed, 31, batch, length), mask, *past)
    past = ["k0", "v0", "k1", "v1"]
    open_past = {k: {0: "batch", 2: "before"} for k in past}

    def bert(seed, batch, length):
        mask = (torch.arange(length)[None] < torch.tensor([length, length - 2, 3])[:batch, None]).long()
        return (below(seed, 41, batch, length), mask, below(seed + 1, 2, batch, length))
    words = {0: "batch", 1: "length"}
    bert_axes = {k: words for k in ("input_ids", "attention_mask", "token_type_ids")}

    def ids(seed, limit, *shape):
        return (below(seed, limit, *shape),)

    def heads(seed, b, q, k):
        return (noise(seed, b, q, 2, 4), noise(seed + 1, b, k, 2, 4), noise(seed + 2, b, k, 2, 4))
    return {
        "gpt": Entry(Gpt, ["ids", "mask", *past], ["logits"] + ["new_" + k for k in past],
                     [decode(71, 1, 3, 4), decode(72, 2, 1, 7), decode(73, 1, 5, 0), decode(74, 1, 1, 5), decode(75, 1, 1, 6)],
                     {"ids": words, "mask": {0: "batch", 1: "total"}, **open_past}, 13),
        "gpt-11": Entry(Gpt, ["ids", "mask", *past], ["logits"] + ["new_" + k for k in past],
                        [decode(71, 1, 3, 4), decode(72, 2, 1, 7)], {"ids": words, "mask": {0: "batch", 1: "total"}, **open_past}, 11),
        "t5": Entry(T5, ["ids"], ["y"], [ids(76, 29, 1, 6), ids(77, 29, 2, 23)], {"ids": words}, 12),
        "t5-causal": Entry(lambda: T5(causal=True), ["ids"], ["y"], [ids(78, 29, 2, 5), ids(79, 29, 1, 17)], {"ids": words}, 14),
        "bert": Entry(Bert, ["input_ids", "attention_mask", "token_type_ids"], ["last", "pooled", "sentence"],
                      [bert(80, 1, 6), bert(81, 3, 9)], bert_axes, 14),
        "llama": Entry(Llama, ["ids", "position_ids"], ["logits"],
                       [(below(82, 23, 1, 5), torch.arange(5)[None]), (below(83, 23, 2, 8), torch.arange(3, 11)[None].repeat(2, 1))],
                       {"ids": words, "position_ids": words}, 14),
        "translate": Entry(Translate, ["ids", "most"], ["said", "state"],
                           [(below(84, 9, 1, 4), torch.tensor(5)), (below(85, 9, 2, 7), torch.tensor(9)), (below(86, 9, 1, 3), torch.tensor(0))],
                           {"ids": words, "said": words}, 13, script=True),
        "listloop": Entry(ListLoop, ["x"], ["all", "last"], [(noise(87, 4, 2, 2),), (noise(88, 6, 1, 2),)], {"x": {0: "t", 1: "n"}}, 13, script=True),
        "einsum": Entry(EinsumAttention, ["q", "k", "v"], ["y", "s"], [heads(89, 1, 3, 5), heads(90, 2, 4, 2)],
                        {"q": {0: "b", 1: "q"}, "k": {0: "b", 1: "k"}, "v": {0: "b", 1: "k"}}, 12),
        "postprocess": Entry(PostProcess, ["scores", "features"],
                             ["best", "at", "low", "picked", "marked", "chosen", "which", "sums", "values", "order"],
                             [(noise(91, 3, 5), noise(92, 3, 5, 2)), (noise(93, 4, 7), noise(94, 4, 7, 2))],
                             {"scores": {0: "n", 1: "c"}, "features": {0: "n", 1: "c"}}, 13),
        "crf": Entry(Crf, ["x"], ["path", "best", "norm"], [(noise(95, 1, 5, 4),), (noise(96, 3, 5, 4),)], {"x": {0: "n"}}, 11),
    }
