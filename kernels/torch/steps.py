#!/usr/bin/env python3
"""Real training steps, prefills and decodings of small GPT and Llama models.

    steps.py --configs kernels/grids/h200_steps.json --out DIR [--max-s 540]

Prints a row per configuration into DIR/training.csv (the columns of published
training runs, then status, spread, versions) and DIR/inference.csv. Run it again
and it goes on where it stopped. A configuration that runs out of memory is a row
too: its status is "oom" and it has no time.

A STEP is: gradients to None, `grad_accum` micro-batches forward and backward,
AdamW. Step times are the distances of events at the ends of steps while the
steps run one behind the other; 3 warm up (5 when compiled), then at least 10
count. peak_mem_gb is torch.cuda.max_memory_allocated and reserved_gb
max_memory_reserved, in GiB, from before the model was made.

PRECISION  fp32, tf32 (products only), bf16 and fp16 by autocast over fp32 weights;
           fp8 as bf16 with the blocks' products in e4m3 (gradients e5m2), one
           scale per tensor, found anew each time. `params: bf16` keeps weights,
           gradients and AdamW's moments in bf16.

Exit codes: 0 done, 3 no GPU, 5 stopped by --max-s with configurations left.
"""

import argparse
import contextlib
import gc
import gzip
import json
import os
import shutil
import sys
import time

import torch

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import common  # noqa: E402
import models  # noqa: E402

TRAINING = """id,tier,source,ref,year,family,model,params_b,layers,hidden,ffn,heads,kv_heads,\
head_dim,attention,mlp,dec_layers,vocab,seq_len,experts,topk,routing,gpu,gpus_per_node,\
nvlink_domain,nics_per_node,nic_gbps,fabric,gpus,tp,pp,vp,cp,ep,dp,schedule,end_stage_layers,\
shard,shard_group,seq_parallel,comm_overlap,async_tp,compile,micro_batch,global_batch,\
grad_accum,precision,recompute,flash_attn,dense_layers,shared_ffn,framework,release,mem_kind,\
derived,step_time_s,tokens_per_s_per_gpu,samples_per_s,tflops_per_gpu,mfu,hfu,peak_mem_gb,\
notes""".split(",")
TRAINING_MORE = """status,step_min_s,step_p95_s,n_steps,reserved_gb,params_dtype,optimizer,\
attn_backend,machine,torch,cuda,driver,sm_mhz,power_w,temp_c,date,key""".split(",")
INFERENCE = """id,source,ref,year,gpu,gpus,tp,pp,model,params_b,precision,framework,input_len,\
output_len,batch_or_concurrency,request_rate,metric,value,notes""".split(",")
INFERENCE_MORE = """status,min_ms,p95_ms,n_repeats,peak_mem_gb,machine,torch,cuda,driver,date,\
key""".split(",")

DEFAULTS = {
    "mode": "train", "micro_batch": 1, "seq_len": 1024, "grad_accum": 1, "precision": "bf16",
    "params": "fp32", "recompute": "none", "compile": False, "attn": "auto",
    "optimizer": "fused", "layers": None, "steps": 10, "trace": False,
    "batch": 1, "prompt": 1024, "decode_steps": 16,
}
CHOICES = {
    "mode": {"train", "infer"}, "precision": {"fp32", "tf32", "bf16", "fp16", "fp8"},
    "params": {"fp32", "bf16"}, "recompute": {"none", "full"},
    "attn": {"auto", "flash", "cudnn", "math", "efficient"},
    "optimizer": {"fused", "foreach", "single"}, "compile": {True, False},
}
GIB = 2.0 ** 30
# FLOP/s that training reaches, only to tell whether a sitting has room for a case.
ASSUMED = {"fp32": 40e12, "tf32": 200e12, "bf16": 350e12, "fp16": 350e12, "fp8": 350e12}


# ==== configurations ====

def read_configs(path):
    with open(path, encoding="utf-8") as file:
        doc = json.load(file)
    base = {**DEFAULTS, **doc.get("defaults", {})}
    configs = []
    for given in doc["configs"]:
        unknown = set(given) - set(DEFAULTS) - {"model"}
        if unknown:
            raise SystemExit(f"{path}: unknown keys {sorted(unknown)} in {given}")
        c = {**base, **given}
        if c.get("model") not in models.SHAPES:
            raise SystemExit(f"{path}: unknown model in {given}; there are {sorted(models.SHAPES)}")
        for key, allowed in CHOICES.items():
            if c[key] not in allowed:
                raise SystemExit(f"{path}: {key}: {c[key]!r} is none of {sorted(map(str, allowed))}")
        configs.append(c)
    return configs


def key_of(c):
    if c["mode"] == "infer":
        parts = ["infer", c["model"], f"b{c['batch']}", f"p{c['prompt']}", c["precision"]]
    else:
        parts = ["train", c["model"], f"mb{c['micro_batch']}", f"s{c['seq_len']}",
                 f"ga{c['grad_accum']}", c["precision"], f"w-{c['params']}", f"rc-{c['recompute']}",
                 "compiled" if c["compile"] else "eager", f"at-{c['attn']}", c["optimizer"]]
    if c["layers"]:
        parts.append(f"L{c['layers']}")
    return "/".join(parts)


def estimate_s(c):
    s = models.Shape(c["model"], c["layers"])
    if c["mode"] == "infer":
        return 12.0
    tokens = c["micro_batch"] * c["grad_accum"] * c["seq_len"]
    more = 4.0 / 3.0 if c["recompute"] == "full" else 1.0
    step = more * s.step_flop(c["seq_len"], tokens) / ASSUMED[c["precision"]] + 0.03
    return step * (c["steps"] + 4) + s.n_params(c["seq_len"]) * 1e-9 + (45 if c["compile"] else 3)


# ==== one training configuration ====

def attn_context(name):
    from torch.nn.attention import SDPBackend, sdpa_kernel
    if name == "auto":
        return contextlib.nullcontext()
    kind = {"flash": SDPBackend.FLASH_ATTENTION, "cudnn": SDPBackend.CUDNN_ATTENTION,
            "math": SDPBackend.MATH, "efficient": SDPBackend.EFFICIENT_ATTENTION}[name]
    return sdpa_kernel(kind)


def cast_context(m, precision):
    low = {"bf16": torch.bfloat16, "fp8": torch.bfloat16, "fp16": torch.float16}.get(precision)
    if low is None:
        return contextlib.nullcontext()
    return torch.autocast(m.device.type, dtype=low)


def make_model(m, c, seq_len, training):
    torch.manual_seed(1)
    torch.backends.cuda.matmul.allow_tf32 = c["precision"] == "tf32"
    torch.backends.cudnn.allow_tf32 = c["precision"] == "tf32"
    shape = models.Shape(c["model"], c["layers"])
    low = c["params"] == "bf16" or not training
    with torch.device(m.device):
        # Parameters are made in their final format: an fp32 copy would be the peak.
        before = torch.get_default_dtype()
        torch.set_default_dtype(torch.bfloat16 if low and c["precision"] != "fp32" else torch.float32)
        try:
            model = models.Model(shape, seq_len, c["recompute"] if training else "none")
        finally:
            torch.set_default_dtype(before)
    if c["precision"] == "fp8":
        model.set_fp8()
    if c["compile"]:
        for block in model.blocks:  # block by block: all layers share one compilation
            block.compile()
    return shape, model.train(training)


def make_optimizer(model, kind):
    return torch.optim.AdamW(model.parameters(), lr=1e-4, betas=(0.9, 0.95), weight_decay=0.1,
                             fused=kind == "fused" or None, foreach=kind == "foreach" or None)


class Step:
    """Everything that one optimizer step does."""

    def __init__(self, m, c):
        self.m, self.c = m, c
        self.shape, self.model = make_model(m, c, c["seq_len"], True)
        self.optimizer = make_optimizer(self.model, c["optimizer"])
        self.scaler = torch.amp.GradScaler(m.device.type) if c["precision"] == "fp16" else None
        size = (c["micro_batch"], c["seq_len"] + 1)
        self.data = torch.randint(0, self.shape.vocab, size, device=m.device)
        self.last = None

    def __call__(self):
        c = self.c
        ids, targets = self.data[:, :-1].contiguous(), self.data[:, 1:].contiguous()
        self.optimizer.zero_grad(set_to_none=True)
        for _ in range(c["grad_accum"]):
            with attn_context(c["attn"]), cast_context(self.m, c["precision"]):
                loss = self.model.loss(ids, targets) / c["grad_accum"]
            (self.scaler.scale(loss) if self.scaler else loss).backward()
        if self.scaler:
            self.scaler.step(self.optimizer)
            self.scaler.update()
        else:
            self.optimizer.step()
        self.last = loss.detach()


def time_steps(m, step, n):
    """Seconds from the end of one step to the end of the next."""
    if not m.cuda:
        at = [time.perf_counter()]
        for _ in range(n):
            step()
            at.append(time.perf_counter())
        return [b - a for a, b in zip(at, at[1:])]
    marks = [torch.cuda.Event(enable_timing=True) for _ in range(n + 1)]
    marks[0].record()
    for mark in marks[1:]:
        step()
        mark.record()
    m.sync()
    return [a.elapsed_time(b) * 1e-3 for a, b in zip(marks, marks[1:])]


def write_trace(m, step, path):
    """Two steps as a Kineto trace, compressed."""
    from torch.profiler import ProfilerActivity, profile
    kinds = [ProfilerActivity.CPU] + ([ProfilerActivity.CUDA] if m.cuda else [])
    with profile(activities=kinds) as prof:
        step()
        step()
        m.sync()
    prof.export_chrome_trace(path + ".tmp.json")
    with open(path + ".tmp.json", "rb") as src, gzip.open(path, "wb") as dst:
        shutil.copyfileobj(src, dst)
    os.remove(path + ".tmp.json")


def clean(m):
    gc.collect()
    if m.cuda:
        torch._C._cuda_clearCublasWorkspaces()
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()


def peaks(m):
    if not m.cuda:
        return None, None
    return torch.cuda.max_memory_allocated() / GIB, torch.cuda.max_memory_reserved() / GIB


def is_oom(e):
    return isinstance(e, torch.OutOfMemoryError) or "out of memory" in str(e).lower()


def measure_training(m, c, trace_dir):
    """A dict of what was measured; status says how it went."""
    got, step = {}, None
    clean(m)
    try:
        step = Step(m, c)
        for _ in range(5 if c["compile"] else 3):
            step()
        m.sync()
        times = time_steps(m, step, max(10, c["steps"]))
        state = m.state()
        if not torch.isfinite(step.last):
            raise ArithmeticError("the loss is not a number")
        low, mid, high = common.quantiles(times)
        got = {"status": "ok", "step_time_s": mid, "step_min_s": low, "step_p95_s": high,
               "n_steps": len(times), "sm_mhz": state[0], "power_w": state[2], "temp_c": state[3]}
        got["peak_mem_gb"], got["reserved_gb"] = peaks(m)
        if c["trace"] and trace_dir:
            os.makedirs(trace_dir, exist_ok=True)
            write_trace(m, step, os.path.join(trace_dir, key_of(c).replace("/", "_") + ".json.gz"))
    except Exception as e:  # whatever a library throws is this row's outcome
        if not got:
            text = " ".join(str(e).split())[:160]
            got = {"status": "oom" if is_oom(e) else "failed", "notes": text}
    step = None
    if m.cuda and c["compile"]:
        torch.compiler.reset()
    clean(m)
    return got


def put_training(m, table, c, got):
    s = models.Shape(c["model"], c["layers"])
    batch = c["micro_batch"] * c["grad_accum"]
    step = got.get("step_time_s")
    params = "bf16 weights" if c["params"] == "bf16" else "autocast"
    note = f"steps.py; {params}; {c['optimizer']} AdamW; attention {c['attn']}"
    if got.get("notes"):
        note += "; " + got.pop("notes")
    tokens = batch * c["seq_len"]
    rate = {} if not step else {
        "tokens_per_s_per_gpu": tokens / step, "samples_per_s": batch / step,
        "tflops_per_gpu": s.step_flop(c["seq_len"], tokens) / step * 1e-12}
    driver = m.state()[4]
    table.put(
        id="steps/" + key_of(c), tier="A", source="stepcast steps.py on " + m.name,
        ref="kernels/torch/steps.py", year=common.today()[:4], family=s.family, model=s.name,
        params_b=s.n_params(c["seq_len"]) * 1e-9, layers=s.layers, hidden=s.hidden, ffn=s.ffn,
        heads=s.heads, kv_heads=s.kv_heads, head_dim=s.head_dim,
        mlp="gelu" if s.family == "gpt" else "swiglu", vocab=s.vocab, seq_len=c["seq_len"],
        gpu=m.gpu, gpus_per_node=1, gpus=1, tp=1, pp=1, cp=1, dp=1, shard="none",
        compile="yes" if c["compile"] else "", micro_batch=c["micro_batch"], global_batch=batch,
        grad_accum=c["grad_accum"], precision=c["precision"], recompute=c["recompute"],
        flash_attn="no" if c["attn"] == "math" else "yes", framework="PyTorch steps " + params,
        release=torch.__version__, mem_kind="allocated", notes=note,
        params_dtype=c["params"], optimizer=c["optimizer"], attn_backend=c["attn"],
        machine=m.name, torch=torch.__version__, cuda=torch.version.cuda or "", driver=driver,
        date=common.today(), key=key_of(c),
        **rate, **{k: "" if v is None else v for k, v in got.items()})


# ==== prefill and decode ====

def make_caches(m, s, c, dtype):
    room = c["prompt"] + c["decode_steps"] + 4
    size = (c["batch"], s.kv_heads, room, s.head_dim)
    return [(torch.zeros(size, dtype=dtype, device=m.device),
             torch.zeros(size, dtype=dtype, device=m.device)) for _ in range(s.layers)]


@torch.inference_mode()
def run_inference(m, c):
    room = c["prompt"] + c["decode_steps"] + 4
    s, model = make_model(m, c, room, False)
    caches = make_caches(m, s, c, next(model.parameters()).dtype)
    ids = torch.randint(0, s.vocab, (c["batch"], c["prompt"]), device=m.device)

    def prefill():
        return model.logits(model(ids, caches)[:, -1:]).argmax(-1)

    with attn_context(c["attn"]):
        for _ in range(2):
            token = prefill()
        fill = time_steps(m, prefill, 10)
        at = [c["prompt"]]

        def decode():
            # Each token is fed back, as generating does.
            nonlocal token
            token = model.logits(model(token, caches, at[0])[:, -1:]).argmax(-1)
            at[0] += 1

        for _ in range(3):
            decode()
        many = time_steps(m, decode, c["decode_steps"])
    return fill, many


def measure_inference(m, table, c):
    s, rows = models.Shape(c["model"], c["layers"]), []
    clean(m)
    try:
        fill, many = run_inference(m, c)
        for metric, times in (("prefill_ms", fill), ("decode_ms_per_token", many)):
            low, mid, high = (1e3 * t for t in common.quantiles(times))
            rows.append((metric, {"value": mid, "min_ms": low, "p95_ms": high,
                                  "n_repeats": len(times), "status": "ok", "notes": ""}))
    except Exception as e:  # whatever a library throws is this row's outcome
        text = " ".join(str(e).split())[:160]
        rows = [("prefill_ms", {"status": "oom" if is_oom(e) else "failed", "notes": text})]
    peak, driver = peaks(m)[0], m.state()[4]
    for metric, got in rows:
        note = got.pop("notes", "")
        table.put(id=f"steps/{key_of(c)}/{metric}", source="stepcast steps.py on " + m.name,
                  ref="kernels/torch/steps.py", year=common.today()[:4], gpu=m.gpu, gpus=1, tp=1,
                  pp=1, model=s.name, params_b=s.n_params(c["prompt"]) * 1e-9,
                  precision=c["precision"], framework="PyTorch " + torch.__version__,
                  input_len=c["prompt"], output_len=1 if metric == "prefill_ms" else c["decode_steps"],
                  batch_or_concurrency=c["batch"], metric=metric,
                  notes=f"eager; KV cache in one piece; {note}".strip("; "),
                  peak_mem_gb="" if peak is None else peak, machine=m.name,
                  torch=torch.__version__, cuda=torch.version.cuda or "", driver=driver,
                  date=common.today(), key=key_of(c), **got)
    clean(m)
    return rows[0][1].get("status")


# ==== the program ====

def options(argv):
    p = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    p.add_argument("--configs", required=True, help="JSON: {defaults: {...}, configs: [...]}")
    p.add_argument("--out", default="steps", help="folder of training.csv and inference.csv")
    p.add_argument("--device", choices=["cuda", "cpu"], default="cuda")
    p.add_argument("--max-s", type=float, default=0, help="stop after so many seconds (exit code 5)")
    p.add_argument("--trace", metavar="DIR", help="Kineto traces of configurations that ask for one")
    p.add_argument("--only", help="only configurations whose key holds this text")
    p.add_argument("--gpu", help="the GPU's catalogue name")
    p.add_argument("--machine", help="the machine's name in the rows")
    p.add_argument("--dry-run", action="store_true", help="print the plan and its estimated time")
    return p.parse_args(argv)


def print_plan(todo):
    for c in todo:
        print(f"{estimate_s(c):7.1f} s  {key_of(c)}")
    total = sum(map(estimate_s, todo))
    print(f"{len(todo)} configurations, about {total / 60:.0f} minutes on an H200")


def run(o, configs, m, training, inference):
    done = training.keys | inference.keys
    todo = [c for c in configs if key_of(c) not in done]
    sitting = common.Sitting(o.max_s, len(todo))
    for c in todo:
        if not sitting.room_for(estimate_s(c)):
            print(f"steps.py: stopped by --max-s; {sitting.n - sitting.i} left", file=sys.stderr)
            return common.EXIT_MORE
        if c["mode"] == "infer":
            status = measure_inference(m, inference, c)
        else:
            got = measure_training(m, c, o.trace)
            status = got["status"]
            put_training(m, training, c, got)
        sitting.say(f"{status}  {key_of(c)}")
    return 0


def main(argv=None):
    o = options(argv)
    configs = [c for c in read_configs(o.configs) if not o.only or o.only in key_of(c)]
    if o.dry_run:
        print_plan(configs)
        return 0
    m = common.Machine(torch, common.pick_device(torch, o.device), o.gpu, o.machine)
    training = common.Table(os.path.join(o.out, "training.csv"), TRAINING + TRAINING_MORE)
    inference = common.Table(os.path.join(o.out, "inference.csv"), INFERENCE + INFERENCE_MORE)
    try:
        return run(o, configs, m, training, inference)
    finally:
        training.close()
        inference.close()


if __name__ == "__main__":
    sys.exit(main())
