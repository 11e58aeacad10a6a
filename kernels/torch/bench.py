#!/usr/bin/env python3
"""Times what people run where PyTorch is installed, into the same CSV as stepcast-bench.

    bench.py --out DIR [--suite attention,decode,norm,mlp,adam] [--quick] [--max-s 540]
    torchrun --nproc-per-node 8 bench.py --suite coll --out DIR

Suites: attention (scaled_dot_product_attention by flash and by cuDNN, forward and
backward), decode (one query over a KV cache), norm (LayerNorm and RMSNorm, eager and
compiled), mlp (GELU and SwiGLU feed-forward, eager and compiled), adam (fused and
foreach), coll (what DDP and FSDP send, over all ranks of torchrun).

Operands are random, results are compared with a reference in higher precision before
anything is timed. Times are between device events around runs of calls that last half
a millisecond at least, launches included: that is what a program pays. Run it again and
it goes on where it stopped. Exit codes: 0 done, 3 no GPU, 4 a result is wrong, 5 stopped
by --max-s with cases left.
"""

import argparse
import contextlib
import os
import sys
import time

import torch
import torch.nn.functional as F

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import common  # noqa: E402

TAIL = """min_us,median_us,p95_us,n_repeats,n_inner,rel_err,machine,driver,cuda,sm_mhz,mem_mhz,\
power_w,temp_c,date,key""".split(",")
FILES = {
    "attention_train.csv": """source,ref,gpu,impl,phase,causal,dtype,batch,heads,kv_heads,\
head_dim,seqlen_q,seqlen_kv,time_us,notes""".split(","),
    "attention_decode.csv": """gpu,dtype,kv_dtype,batch,kv_len,heads,kv_heads,head_dim,\
time_us""".split(","),
    "memory_bound.csv": """source,ref,gpu,test,op,value,notes,dtype,rows,cols,bytes,\
time_us""".split(","),
    "gemm_mlp.csv": "gpu,dtype,mlp,impl,phase,tokens,hidden,ffn,time_us,tflops".split(","),
    "collectives.csv": """source,gpu,library,collective,dtype,gpus_per_node,nodes,ranks,intra,\
inter,nics_per_node,nic_gbps,bytes,time_us,notes,algo,proto,busbw_GBps""".split(","),
}
EXIT_WRONG = 4
N_SAMPLES = 20


class Wrong(Exception):
    pass


# ==== grids: lists of (suite, key parts) that need no GPU ====

def grid_attention(quick, tiny):
    shapes = [  # batch, heads, kv heads, head size, sequence
        (16, 12, 12, 64, 1024), (8, 16, 16, 64, 1024), (4, 25, 25, 64, 1024),
        (2, 32, 32, 80, 2048), (2, 32, 32, 128, 2048), (1, 32, 8, 128, 4096),
        (2, 32, 8, 64, 4096), (1, 24, 8, 128, 4096), (1, 32, 8, 128, 8192),
        (1, 32, 8, 128, 16384), (8, 32, 32, 128, 512), (32, 12, 12, 64, 512),
        (1, 64, 8, 128, 4096), (64, 12, 12, 64, 1024), (8, 25, 25, 64, 1024)]
    if tiny:
        shapes = [(1, 2, 1, 16, 32)]
    for s in shapes[:6] if quick else shapes:
        for impl in ("math",) if tiny else ("flash", "cudnn"):
            for causal in (True,) if quick or tiny else (True, False):
                for phase in ("fwd", "bwd"):
                    yield ("attention", impl, phase, int(causal), *s)


def grid_decode(quick, tiny):
    heads = [(2, 1, 16)] if tiny else [(32, 8, 128), (32, 8, 64), (25, 25, 64), (64, 8, 128)]
    for h in heads[:1] if quick else heads:
        for batch in (1,) if tiny else (1, 8, 32, 128):
            for kv in (32,) if tiny else (1024, 8192) if quick else (512, 1024, 4096, 16384):
                if batch * kv <= 1 << 20:
                    yield ("decode", batch, kv, *h)


def grid_norm(quick, tiny):
    cols = (64,) if tiny else (1600, 4096) if quick else (768, 1600, 2048, 4096, 8192)
    for kind in ("layer_norm", "rms_norm"):
        for impl in ("eager",) if tiny else ("eager", "compiled"):
            for c in cols:
                for rows in (16,) if tiny else (8192,) if quick else (2048, 8192, 32768):
                    for phase in ("fwd", "bwd"):
                        yield ("norm", kind, impl, phase, rows, c)


def grid_mlp(quick, tiny):
    shapes = [("gelu", 1600, 6400), ("gelu", 4096, 16384), ("swiglu", 2048, 8192),
              ("swiglu", 4096, 14336)]
    if tiny:
        shapes = [("gelu", 32, 64), ("swiglu", 32, 64)]
    for kind, hidden, ffn in shapes[1:3] if quick else shapes:
        for impl in ("eager",) if tiny else ("eager", "compiled"):
            for tokens in (16,) if tiny else (8192,) if quick else (4096, 16384):
                for phase in ("fwd", "bwd"):
                    yield ("mlp", kind, impl, phase, tokens, hidden, ffn)


def grid_adam(quick, tiny):
    for impl in ("fused", "foreach"):
        for params in ("fp32", "bf16"):
            for n in (4096,) if tiny else (124_000_000,) if quick else (
                    10_000_000, 124_000_000, 774_000_000, 1_558_000_000):
                yield ("adam", impl, params, n)


def grid_coll(quick, tiny):
    for kind in ("all_reduce", "all_gather", "reduce_scatter"):
        # DDP sends buckets of 1 and 25 MiB; FSDP one block's weights at a time.
        for mib in (1,) if tiny else (1, 25, 128, 512) if quick else (1, 4, 25, 64, 128, 256, 512, 1024):
            yield ("coll", kind, mib << 20)


GRIDS = {"attention": grid_attention, "decode": grid_decode, "norm": grid_norm,
         "mlp": grid_mlp, "adam": grid_adam, "coll": grid_coll}


def key_of(case):
    return "torch/" + "/".join(map(str, case))


# ==== timing ====

def time_calls(m, call, budget_s=0.08):
    """(samples in microseconds of one call, calls in a sample)"""
    for _ in range(3):
        call()
    m.sync()
    start = time.perf_counter()
    call()
    m.sync()
    one = max(time.perf_counter() - start, 1e-6)
    inner = max(1, min(100, round(5e-4 / one)))
    n = max(5, min(N_SAMPLES, int(budget_s / (one * inner))))
    samples = []
    if not m.cuda:
        for _ in range(n):
            start = time.perf_counter()
            for _ in range(inner):
                call()
            samples.append((time.perf_counter() - start) * 1e6 / inner)
        return samples, inner
    marks = [torch.cuda.Event(enable_timing=True) for _ in range(n + 1)]
    marks[0].record()
    for mark in marks[1:]:
        for _ in range(inner):
            call()
        mark.record()
    m.sync()
    return [a.elapsed_time(b) * 1e3 / inner for a, b in zip(marks, marks[1:])], inner


def relative_error(got, want):
    got, want = got.double(), want.double()
    return ((got - want).norm() / want.norm().clamp(min=1e-30)).item()


def require(err, allowed):
    if not err <= allowed:
        raise Wrong(f"differs from the reference by {err:.3g}, allowed {allowed:.3g}")
    return err


# ==== attention ====

def sdpa(impl):
    from torch.nn.attention import SDPBackend, sdpa_kernel
    kinds = {"flash": SDPBackend.FLASH_ATTENTION, "cudnn": SDPBackend.CUDNN_ATTENTION,
             "math": SDPBackend.MATH}
    return sdpa_kernel(kinds[impl])


def check_attention(m, impl, causal, heads, kv, dim, phase):
    """The same kernel on a short sequence against fp64 sums in plain operations."""
    t, dtype = 128, torch.bfloat16 if m.cuda else torch.float32
    q = torch.randn(2, heads, t, dim, device=m.device).to(dtype).requires_grad_()
    k, v = (torch.randn(2, kv, t, dim, device=m.device).to(dtype).requires_grad_() for _ in "kv")
    dy = torch.randn(2, heads, t, dim, device=m.device).to(dtype)
    with sdpa(impl):
        y = F.scaled_dot_product_attention(q, k, v, is_causal=causal, enable_gqa=heads != kv)
        got = [y] if phase == "fwd" else torch.autograd.grad(y, (q, k, v), dy)
    qd, kd, vd = (x.detach().double().requires_grad_() for x in (q, k, v))
    scores = qd @ kd.repeat_interleave(heads // kv, 1).transpose(-1, -2) / dim ** 0.5
    if causal:
        hide = torch.ones(t, t, dtype=torch.bool, device=m.device).triu(1)
        scores = scores.masked_fill(hide, float("-inf"))
    yd = scores.softmax(-1) @ vd.repeat_interleave(heads // kv, 1)
    want = [yd] if phase == "fwd" else torch.autograd.grad(yd, (qd, kd, vd), dy.double())
    return require(max(relative_error(a, b) for a, b in zip(got, want)), 2e-2)


def run_attention(m, case):
    _, impl, phase, causal, batch, heads, kv, dim, seq = case
    err = check_attention(m, impl, bool(causal), heads, kv, dim, phase)
    dtype = torch.bfloat16 if m.cuda else torch.float32
    grad = phase == "bwd"
    q = torch.randn(batch, heads, seq, dim, device=m.device, dtype=dtype, requires_grad=grad)
    k, v = (torch.randn(batch, kv, seq, dim, device=m.device, dtype=dtype, requires_grad=grad)
            for _ in "kv")

    def fwd():
        with sdpa(impl):
            return F.scaled_dot_product_attention(q, k, v, is_causal=bool(causal),
                                                  enable_gqa=heads != kv)

    call = fwd
    if grad:
        y, dy = fwd(), torch.randn(batch, heads, seq, dim, device=m.device, dtype=dtype)

        def call():
            return torch.autograd.grad(y, (q, k, v), dy, retain_graph=True)

    samples, inner = time_calls(m, call)
    row = {"source": "stepcast bench.py", "ref": m.name, "gpu": m.gpu,
           "impl": {"flash": "PyTorch SDPA (flash)", "cudnn": "PyTorch SDPA (cuDNN)"}.get(impl, impl),
           "phase": phase, "causal": causal, "dtype": "bfloat16", "batch": batch, "heads": heads,
           "kv_heads": kv, "head_dim": dim, "seqlen_q": seq, "seqlen_kv": seq,
           "notes": f"torch {torch.__version__}"}
    return "attention_train.csv", row, samples, inner, err


def run_decode(m, case):
    _, batch, kv_len, heads, kv, dim = case
    dtype = torch.bfloat16 if m.cuda else torch.float32
    q = torch.randn(batch, heads, 1, dim, device=m.device, dtype=dtype)
    sets = [[torch.randn(batch, kv, kv_len, dim, device=m.device, dtype=dtype) for _ in "kv"]
            for _ in range(2)]
    turn = [0]

    def call():
        turn[0] ^= 1
        k, v = sets[turn[0]]
        return F.scaled_dot_product_attention(q, k, v, enable_gqa=heads != kv)

    y = call()
    k, v = sets[turn[0]]
    kd, vd = (x[:1].double().repeat_interleave(heads // kv, 1) for x in (k, v))
    want = (q[:1].double() @ kd.transpose(-1, -2) / dim ** 0.5).softmax(-1) @ vd
    err = require(relative_error(y[:1], want), 2e-2)
    samples, inner = time_calls(m, call)
    row = {"gpu": m.gpu, "dtype": "bfloat16", "kv_dtype": "bfloat16", "batch": batch,
           "kv_len": kv_len, "heads": heads, "kv_heads": kv, "head_dim": dim}
    return "attention_decode.csv", row, samples, inner, err


# ==== norms, feed-forward, Adam ====

def compiled(fn):
    """Compiled for the sizes of this case alone: earlier cases' versions would count
    towards the limit after which torch falls back to eager without a word."""
    torch.compiler.reset()
    return torch.compile(fn, dynamic=False)


def norm_fn(kind, cols):
    if kind == "layer_norm":
        return lambda x, w, b: F.layer_norm(x, (cols,), w, b, 1e-5)
    return lambda x, w, b: F.rms_norm(x, (cols,), w, 1e-5)


def run_norm(m, case):
    _, kind, impl, phase, rows, cols = case
    dtype = torch.bfloat16 if m.cuda else torch.float32
    x = torch.randn(rows, cols, device=m.device, dtype=dtype, requires_grad=True)
    w = torch.randn(cols, device=m.device, dtype=dtype, requires_grad=True)
    b = torch.randn(cols, device=m.device, dtype=dtype, requires_grad=True)
    dy = torch.randn(rows, cols, device=m.device, dtype=dtype)
    plain = norm_fn(kind, cols)
    fn = compiled(plain) if impl == "compiled" else plain
    wanted = (x, w, b) if kind == "layer_norm" else (x, w)
    y = fn(x, w, b)
    xd, wd, bd = (t.detach().double()[:64] if t is x else t.detach().double() for t in (x, w, b))
    err = require(relative_error(y[:64], plain(xd, wd, bd)), 2e-2)

    def bwd():
        return torch.autograd.grad(y, wanted, dy, retain_graph=True)

    samples, inner = time_calls(m, (lambda: fn(x, w, b)) if phase == "fwd" else bwd)
    n_bytes = rows * cols * x.element_size() * (2 if phase == "fwd" else 3)
    mid = common.quantiles(samples)[1]
    impl_name = {"eager": "pytorch", "compiled": "torch_compile"}[impl]
    row = {"source": "stepcast bench.py", "ref": m.name, "gpu": m.gpu,
           "test": f"{kind} {impl_name} {phase}", "op": f"bfloat16 N={rows} C={cols}",
           "value": n_bytes / mid * 1e-3, "notes": "GB/s achieved", "dtype": "bfloat16",
           "rows": rows, "cols": cols, "bytes": n_bytes}
    return "memory_bound.csv", row, samples, inner, err


def run_mlp(m, case):
    _, kind, impl, phase, tokens, hidden, ffn = case
    dtype = torch.bfloat16 if m.cuda else torch.float32
    up_cols = ffn * (2 if kind == "swiglu" else 1)
    x = torch.randn(tokens, hidden, device=m.device, dtype=dtype, requires_grad=True)
    up = (torch.randn(up_cols, hidden, device=m.device) * hidden ** -0.5).to(dtype).requires_grad_()
    down = (torch.randn(hidden, ffn, device=m.device) * ffn ** -0.5).to(dtype).requires_grad_()
    dy = torch.randn(tokens, hidden, device=m.device, dtype=dtype)

    def plain(x, up, down):
        h = F.linear(x, up)
        if kind == "gelu":
            return F.linear(F.gelu(h, approximate="tanh"), down)
        gate, value = h.chunk(2, -1)
        return F.linear(F.silu(gate) * value, down)

    fn = compiled(plain) if impl == "compiled" else plain
    y = fn(x, up, down)
    want = plain(*(t.detach().double() for t in (x[:16], up, down)))
    err = require(relative_error(y[:16], want), 2e-2)

    def bwd():
        return torch.autograd.grad(y, (x, up, down), dy, retain_graph=True)

    samples, inner = time_calls(m, (lambda: fn(x, up, down)) if phase == "fwd" else bwd)
    flop = 2.0 * tokens * hidden * (up_cols + ffn) * (1 if phase == "fwd" else 2)
    row = {"gpu": m.gpu, "dtype": "bfloat16", "mlp": kind, "impl": impl, "phase": phase,
           "tokens": tokens, "hidden": hidden, "ffn": ffn,
           "tflops": flop / common.quantiles(samples)[1] * 1e-6}
    return "gemm_mlp.csv", row, samples, inner, err


def adam_tensors(n, dtype, device):
    """n parameters as a model has them: a few large tensors and many small ones."""
    sizes, left = [], n
    for part in (n // 8, n // 16, n // 32, 1024):
        while left >= part > 0 and sizes.count(part) < 12:
            sizes.append(part)
            left -= part
    if left:
        sizes.append(left)
    return [torch.randn(s, device=device).to(dtype).requires_grad_() for s in sizes]


def run_adam(m, case):
    _, impl, params, n = case
    dtype = torch.bfloat16 if params == "bf16" else torch.float32
    kw = {"lr": 1e-3, "betas": (0.9, 0.95), "weight_decay": 0.1}
    small = adam_tensors(4096, torch.float32, m.device)
    plain = [p.detach().clone().requires_grad_() for p in small]
    for a, b in zip(small, plain):
        a.grad = torch.randn_like(a)
        b.grad = a.grad.clone()
    torch.optim.AdamW(small, fused=impl == "fused" or None, foreach=impl == "foreach" or None, **kw).step()
    torch.optim.AdamW(plain, fused=False, foreach=False, **kw).step()
    err = require(max(relative_error(a, b) for a, b in zip(small, plain)), 1e-5)
    tensors = adam_tensors(n, dtype, m.device)
    for t in tensors:
        t.grad = torch.randn_like(t)
    opt = torch.optim.AdamW(tensors, fused=impl == "fused" or None,
                            foreach=impl == "foreach" or None, **kw)
    samples, inner = time_calls(m, opt.step)
    n_bytes = n * tensors[0].element_size() * 7  # p, m, v read and written; g read
    row = {"source": "stepcast bench.py", "ref": m.name, "gpu": m.gpu,
           "test": f"adam pytorch_{impl}", "op": f"{params} N={n} tensors={len(tensors)}",
           "value": n_bytes / common.quantiles(samples)[1] * 1e-3, "notes": "GB/s achieved",
           "dtype": {"fp32": "fp32", "bf16": "bfloat16"}[params], "rows": 1, "cols": n, "bytes": n_bytes}
    return "memory_bound.csv", row, samples, inner, err


# ==== collectives ====

def run_coll(m, case):
    import torch.distributed as dist
    _, kind, n_bytes = case
    ranks, me = dist.get_world_size(), dist.get_rank()
    n = n_bytes // 2 // ranks * ranks
    whole = torch.full((n,), me + 1.0, device=m.device, dtype=torch.bfloat16)
    share = torch.full((n // ranks,), me + 1.0, device=m.device, dtype=torch.bfloat16)
    total = ranks * (ranks + 1) / 2
    factor = {"all_reduce": 2.0, "all_gather": 1.0, "reduce_scatter": 1.0}[kind] * (ranks - 1) / ranks
    out = torch.full((n if kind == "all_gather" else n // ranks,), float("nan"), device=m.device,
                     dtype=torch.bfloat16)
    call = {"all_reduce": lambda: dist.all_reduce(whole),
            "all_gather": lambda: dist.all_gather_into_tensor(out, share),
            "reduce_scatter": lambda: dist.reduce_scatter_tensor(out, whole)}[kind]
    call()
    m.sync()
    got, want = {"all_reduce": (whole, total), "reduce_scatter": (out, total),
                 "all_gather": (out.view(ranks, -1)[ranks - 1], float(ranks))}[kind]
    err = require((got.double() / want - 1).abs().max().item(), 2e-2)
    whole.zero_()  # sums of many rounds must stay finite
    samples, inner = [], 20
    for _ in range(12):
        dist.barrier()
        m.sync()
        start = time.perf_counter()
        for _ in range(inner):
            call()
        m.sync()
        samples.append((time.perf_counter() - start) * 1e6 / inner)
    mid = common.quantiles(samples)[1]
    nodes = max(1, ranks // max(1, int(os.environ.get("LOCAL_WORLD_SIZE", ranks))))
    row = {"source": "stepcast bench.py", "gpu": m.gpu, "library": "nccl" if m.cuda else "gloo",
           "collective": kind, "dtype": "bfloat16", "gpus_per_node": ranks // nodes, "nodes": nodes,
           "ranks": ranks, "inter": "none" if nodes == 1 else "", "bytes": n * 2,
           "notes": f"torch.distributed {torch.__version__}", "algo": os.environ.get("NCCL_ALGO", "auto"),
           "proto": os.environ.get("NCCL_PROTO", "auto"), "busbw_GBps": n * 2 / mid * 1e-3 * factor}
    return "collectives.csv", row, samples, inner, err


RUNS = {"attention": run_attention, "decode": run_decode, "norm": run_norm, "mlp": run_mlp,
        "adam": run_adam, "coll": run_coll}


# ==== the program ====

class Output:
    """The CSV files of one folder, opened when their first row comes."""

    def __init__(self, folder, writes):
        self.folder, self.writes, self.tables = folder, writes, {}
        self.keys = set()
        if writes:
            for name in FILES:
                if os.path.exists(os.path.join(folder, name)):
                    self.keys |= self.table(name).keys
            self.keys |= self.table("skipped.csv").keys

    def table(self, name):
        if name not in self.tables:
            columns = ["suite", "reason", "key"] if name == "skipped.csv" else FILES[name] + TAIL
            self.tables[name] = common.Table(os.path.join(self.folder, name), columns)
        return self.tables[name]

    def put(self, m, name, row, samples, inner, err, key):
        if not self.writes:
            return
        low, mid, high = common.quantiles(samples)
        sm, mem, power, temp, driver = m.state()
        self.table(name).put(**row, time_us=mid, min_us=low, median_us=mid, p95_us=high,
                             n_repeats=len(samples), n_inner=inner, rel_err=err, machine=m.name,
                             driver=driver, cuda=torch.version.cuda or "", sm_mhz=sm, mem_mhz=mem,
                             power_w=power, temp_c=temp, date=common.today(), key=key)


def options(argv):
    p = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    p.add_argument("--out", default="bench-torch", help="folder of the CSV files")
    p.add_argument("--suite", default="attention,decode,norm,mlp,adam",
                   help="comma-separated; coll wants torchrun")
    p.add_argument("--quick", action="store_true", help="short grids")
    p.add_argument("--tiny", action="store_true", help="sizes for a test on a CPU")
    p.add_argument("--device", choices=["cuda", "cpu"], default="cuda")
    p.add_argument("--max-s", type=float, default=0, help="stop after so many seconds (exit code 5)")
    p.add_argument("--dry-run", action="store_true", help="print the cases and the estimated time")
    p.add_argument("--list", action="store_true", help="print the suites")
    p.add_argument("--gpu", help="the GPU's catalogue name")
    p.add_argument("--machine", help="the machine's name in the rows")
    o = p.parse_args(argv)
    unknown = [s for s in o.suite.split(",") if s not in GRIDS]
    if unknown:
        p.error(f"no suite is called {unknown[0]}; there are {', '.join(GRIDS)}")
    return o


def estimate_s(case):
    return 4.0 if "compiled" in case else 1.5 if case[0] == "adam" else 0.35


@contextlib.contextmanager
def distributed(o):
    """torchrun's group, where it is asked for."""
    if "coll" not in o.suite.split(","):
        yield 0
        return
    import torch.distributed as dist
    if "RANK" not in os.environ:
        raise SystemExit("bench.py: --suite coll wants torchrun --nproc-per-node N bench.py ...")
    if o.device == "cuda" and torch.cuda.is_available():
        torch.cuda.set_device(int(os.environ.get("LOCAL_RANK", 0)))
    dist.init_process_group("nccl" if o.device == "cuda" else "gloo")
    yield dist.get_rank()
    dist.destroy_process_group()


def agreed(done, rank):
    """Rank 0's list of what is done already, on every rank."""
    if "RANK" not in os.environ or not torch.distributed.is_initialized():
        return done
    box = [done if rank == 0 else None]
    torch.distributed.broadcast_object_list(box, 0)
    return box[0]


def run(o, m, cases, rank):
    out = Output(o.out, rank == 0)
    done = agreed(out.keys, rank)
    todo = [c for c in cases if key_of(c) not in done]
    sitting = common.Sitting(o.max_s, len(todo))
    for case in todo:
        # Ranks may not stop on their own clocks: a run under torchrun has no limit.
        if case[0] != "coll" and not sitting.room_for(estimate_s(case)):
            print(f"bench.py: stopped by --max-s; {sitting.n - sitting.i} left", file=sys.stderr)
            return common.EXIT_MORE
        try:
            out.put(m, *RUNS[case[0]](m, case), key_of(case))
            status = "ok"
        except Wrong as e:
            print(f"bench.py: {key_of(case)}: {e}; stopped", file=sys.stderr)
            return EXIT_WRONG
        except Exception as e:  # not supported, or out of memory: recorded, not fatal
            status = " ".join(str(e).split())[:160] or type(e).__name__
            if rank == 0:
                out.table("skipped.csv").put(suite=case[0], reason=status, key=key_of(case))
        if m.cuda:
            torch.cuda.empty_cache()
        if rank == 0:
            sitting.say(f"{status[:40]}  {key_of(case)}")
    return 0


def main(argv=None):
    o = options(argv)
    if o.list:
        print("\n".join(GRIDS))
        return 0
    cases = [c for s in o.suite.split(",") for c in GRIDS[s](o.quick, o.tiny)]
    if o.dry_run:
        for s in o.suite.split(","):
            mine = [c for c in cases if c[0] == s]
            print(f"{s:10} {len(mine):5} cases  {sum(map(estimate_s, mine)):6.0f} s")
        print(f"{len(cases)} cases, about {sum(map(estimate_s, cases)) / 60:.1f} minutes")
        return 0
    torch.manual_seed(2)
    device = common.pick_device(torch, o.device)
    with distributed(o) as rank:
        return run(o, common.Machine(torch, device, o.gpu, o.machine), cases, rank)


if __name__ == "__main__":
    sys.exit(main())
