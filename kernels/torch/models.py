"""Small GPT and Llama models, written for measuring steps: nothing but what a
training step and a decoding step need.

SHAPES. B sequences, T tokens, D hidden, H heads, K key-value heads, E = D / H.

    gpt    learned positions, LayerNorm, biases, GELU (tanh form), tied logits
    llama  rotary, RMSNorm, grouped queries, SwiGLU, no biases

Layers, hidden sizes and heads are the published ones: GPT-2 (Radford et al.
2019, table 2; vocabulary padded to 50304), GPT-3 2.7B and 6.7B (Brown et al.
2020, table 2.1), Llama 3.1 8B and 3.2 1B and 3B (their config.json files).
"""

import math

import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.checkpoint import checkpoint

SHAPES = {
    #               family  layers hidden ffn   heads kv  vocab  tied
    "gpt2-small":  ("gpt",   12,   768,  3072, 12, 12,  50304, True),
    "gpt2-medium": ("gpt",   24,  1024,  4096, 16, 16,  50304, True),
    "gpt2-large":  ("gpt",   36,  1280,  5120, 20, 20,  50304, True),
    "gpt2-xl":     ("gpt",   48,  1600,  6400, 25, 25,  50304, True),
    "gpt-2.7b":    ("gpt",   32,  2560, 10240, 32, 32,  50304, True),
    "gpt-6.7b":    ("gpt",   32,  4096, 16384, 32, 32,  50304, True),
    "llama-1b":    ("llama", 16,  2048,  8192, 32,  8, 128256, True),
    "llama-3b":    ("llama", 28,  3072,  8192, 24,  8, 128256, True),
    "llama-8b":    ("llama", 32,  4096, 14336, 32,  8, 128256, False),
    "gpt-tiny":    ("gpt",    2,    64,   256,  4,  4,    512, True),   # for tests
    "llama-tiny":  ("llama",  2,    64,   128,  4,  2,    512, False),  # for tests
}


class Shape:
    def __init__(self, name, layers=None):
        (self.family, self.layers, self.hidden, self.ffn, self.heads, self.kv_heads,
         self.vocab, self.tied) = SHAPES[name]
        self.name = name
        self.layers = layers or self.layers
        self.head_dim = self.hidden // self.heads

    def n_params(self, seq_len):
        d, f, kv = self.hidden, self.ffn, self.kv_heads * self.head_dim
        if self.family == "gpt":
            layer = (d * 3 * d + 3 * d) + (d * d + d) + (d * f + f) + (f * d + d) + 4 * d
            rest = self.vocab * d + seq_len * d + 2 * d
        else:
            layer = d * (d + 2 * kv) + d * d + 3 * d * f + 2 * d
            rest = self.vocab * d * (1 if self.tied else 2) + d
        return self.layers * layer + rest

    def step_flop(self, seq_len, tokens):
        """Forward and backward: dense products, full (not halved) attention, logits;
        nothing recomputed."""
        d, f, kv = self.hidden, self.ffn, self.kv_heads * self.head_dim
        weights = d * (d + 2 * kv) + d * d + d * f * (2 if self.family == "gpt" else 3)
        per_token = self.layers * (2 * weights + 4 * seq_len * d) + 2 * d * self.vocab
        return 3.0 * per_token * tokens


# ==== fp8 products ====

def to_fp8(x, dtype):
    """x as fp8 with one scale for the whole tensor, and what undoes it."""
    top = torch.finfo(dtype).max
    scale = top / x.detach().abs().amax().float().clamp(min=1e-12)
    return (x.float() * scale).clamp(-top, top).to(dtype), 1.0 / scale


def fp8_product(a, b, a_dtype, b_dtype):
    """a @ b.T in bf16 from fp8 operands, per-tensor scales."""
    qa, sa = to_fp8(a, a_dtype)
    qb, sb = to_fp8(b, b_dtype)
    if a.is_cuda:
        return torch._scaled_mm(qa.contiguous(), qb.contiguous().t(), scale_a=sa, scale_b=sb,
                                out_dtype=torch.bfloat16, use_fast_accum=True)
    return ((qa.float() * sa) @ (qb.float() * sb).t()).bfloat16()


class Fp8Linear(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, w):
        ctx.save_for_backward(x, w)
        return fp8_product(x, w, torch.float8_e4m3fn, torch.float8_e4m3fn)

    @staticmethod
    def backward(ctx, dy):
        x, w = ctx.saved_tensors
        dx = fp8_product(dy, w.t(), torch.float8_e5m2, torch.float8_e4m3fn)
        dw = fp8_product(dy.t(), x.t(), torch.float8_e5m2, torch.float8_e4m3fn)
        return dx, dw.to(w.dtype)


class Linear(nn.Linear):
    """nn.Linear, or an fp8 product where `fp8` is set (weights stay as they are)."""

    fp8 = False

    def forward(self, x):
        if not self.fp8:
            return super().forward(x)
        flat = x.reshape(-1, x.shape[-1]).bfloat16()
        y = Fp8Linear.apply(flat, self.weight.bfloat16())
        y = y.view(*x.shape[:-1], -1)
        return y if self.bias is None else y + self.bias.bfloat16()


# ==== blocks ====

class RmsNorm(nn.Module):
    def __init__(self, d):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(d))

    def forward(self, x):
        return F.rms_norm(x, self.weight.shape, self.weight.to(x.dtype), 1e-5)


def rotate(x, cs, sn):
    """x (B, heads, T, E) turned by its position; pairs are halves apart."""
    lo, hi = x.chunk(2, -1)
    cs, sn = cs.to(x.dtype), sn.to(x.dtype)
    return torch.cat((lo * cs - hi * sn, hi * cs + lo * sn), -1)


class Attention(nn.Module):
    def __init__(self, s):
        super().__init__()
        self.s = s
        bias = s.family == "gpt"
        self.qkv = Linear(s.hidden, (s.heads + 2 * s.kv_heads) * s.head_dim, bias=bias)
        self.out = Linear(s.hidden, s.hidden, bias=bias)

    def forward(self, x, turn=None, cache=None, at=0):
        s, (b, t, _) = self.s, x.shape
        q, k, v = self.qkv(x).view(b, t, -1, s.head_dim).transpose(1, 2).split(
            (s.heads, s.kv_heads, s.kv_heads), 1)
        if turn is not None:
            q, k = rotate(q, *turn), rotate(k, *turn)
        if cache is not None:
            cache[0][:, :, at:at + t] = k
            cache[1][:, :, at:at + t] = v
            k, v = cache[0][:, :, :at + t], cache[1][:, :, :at + t]
        # One new token sees all that is cached; a prompt starts at 0.
        y = F.scaled_dot_product_attention(q, k, v, is_causal=t > 1,
                                           enable_gqa=s.heads != s.kv_heads)
        return self.out(y.transpose(1, 2).reshape(b, t, s.hidden))


class Mlp(nn.Module):
    def __init__(self, s):
        super().__init__()
        self.gpt = s.family == "gpt"
        self.up = Linear(s.hidden, s.ffn * (1 if self.gpt else 2), bias=self.gpt)
        self.down = Linear(s.ffn, s.hidden, bias=self.gpt)

    def forward(self, x):
        h = self.up(x)
        if self.gpt:
            return self.down(F.gelu(h, approximate="tanh"))
        gate, up = h.chunk(2, -1)
        return self.down(F.silu(gate) * up)


class Block(nn.Module):
    def __init__(self, s):
        super().__init__()
        norm = nn.LayerNorm if s.family == "gpt" else RmsNorm
        self.norm1, self.attn = norm(s.hidden), Attention(s)
        self.norm2, self.mlp = norm(s.hidden), Mlp(s)

    def forward(self, x, turn=None, cache=None, at=0):
        x = x + self.attn(self.norm1(x), turn, cache, at)
        return x + self.mlp(self.norm2(x))


class Model(nn.Module):
    def __init__(self, s, seq_len, recompute="none"):
        super().__init__()
        self.s, self.recompute = s, recompute
        self.tokens = nn.Embedding(s.vocab, s.hidden)
        self.places = nn.Embedding(seq_len, s.hidden) if s.family == "gpt" else None
        self.blocks = nn.ModuleList(Block(s) for _ in range(s.layers))
        self.norm = nn.LayerNorm(s.hidden) if s.family == "gpt" else RmsNorm(s.hidden)
        self.logits = nn.Linear(s.hidden, s.vocab, bias=False)
        if s.family == "llama":
            place = torch.arange(seq_len, dtype=torch.float32)[:, None]
            pair = torch.arange(0, s.head_dim, 2, dtype=torch.float32)
            angle = place * 500000.0 ** (-pair / s.head_dim)
            dtype = torch.get_default_dtype()  # found in fp32, kept as the weights are
            self.register_buffer("cs", angle.cos().to(dtype), persistent=False)
            self.register_buffer("sn", angle.sin().to(dtype), persistent=False)
        for p in self.parameters():
            if p.dim() > 1:
                nn.init.normal_(p, std=0.02 / math.sqrt(2 * s.layers) if p.shape[0] == s.hidden else 0.02)
        if s.tied:
            self.logits.weight = self.tokens.weight

    def set_fp8(self):
        for m in self.blocks.modules():
            if isinstance(m, Linear):
                m.fp8 = True

    def forward(self, ids, caches=None, at=0):
        t = ids.shape[1]
        x, turn = self.tokens(ids), None
        if self.places is not None:
            x = x + self.places.weight[at:at + t]
        else:
            turn = (self.cs[at:at + t], self.sn[at:at + t])
        for i, block in enumerate(self.blocks):
            if self.recompute == "full" and self.training:
                x = checkpoint(block, x, turn, use_reentrant=False)
            else:
                x = block(x, turn, caches[i] if caches else None, at)
        return self.norm(x)

    def loss(self, ids, targets):
        logits = self.logits(self.forward(ids))
        return F.cross_entropy(logits.float().view(-1, self.s.vocab), targets.view(-1))
