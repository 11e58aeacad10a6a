#!/usr/bin/env python3
"""kernels/torch on a CPU build of PyTorch: shapes and FLOPs against published figures,
decoding against the whole sentence, going on after a kill, and rows whose columns are
those of the published tables. Run: python3 tests/torch/test_torch.py (skips without torch)."""

import csv
import json
import os
import subprocess
import sys
import tempfile
import unittest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
TORCH = os.path.join(ROOT, "kernels", "torch")
sys.path.insert(0, TORCH)
try:
    import torch
except ImportError:
    print("test_torch: no PyTorch here, skipped")
    sys.exit(0)
import bench  # noqa: E402
import common  # noqa: E402
import models  # noqa: E402
import steps  # noqa: E402

GRID = os.path.join(ROOT, "kernels", "grids", "h200_steps.json")


def rows_of(path):
    with open(path, encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


class Models(unittest.TestCase):
    # Parameters as the sources of models.SHAPES print them (tied logits counted once).
    PUBLISHED = {"gpt2-small": 0.124e9, "gpt2-medium": 0.355e9, "gpt2-large": 0.774e9,
                 "gpt2-xl": 1.558e9, "gpt-2.7b": 2.65e9, "gpt-6.7b": 6.66e9,
                 "llama-1b": 1.236e9, "llama-3b": 3.213e9, "llama-8b": 8.030e9}

    def test_parameters_are_as_published(self):
        for name, want in self.PUBLISHED.items():
            self.assertAlmostEqual(models.Shape(name).n_params(1024) / want, 1, delta=0.01, msg=name)

    def test_the_formula_counts_what_the_model_has(self):
        for name in ("gpt-tiny", "llama-tiny", "gpt2-small"):
            with torch.device("meta"):
                model = models.Model(models.Shape(name), 128)
            self.assertEqual(sum(p.numel() for p in model.parameters()),
                             models.Shape(name).n_params(128), name)

    def test_flop_of_a_step_by_counting_products(self):
        from torch.utils.flop_counter import FlopCounterMode
        for name in ("gpt-tiny", "llama-tiny"):
            s, t = models.Shape(name), 32
            model = models.Model(s, t)
            ids = torch.zeros(2, t, dtype=torch.long)
            from torch.nn.attention import SDPBackend, sdpa_kernel
            with FlopCounterMode(display=False) as counter, sdpa_kernel(SDPBackend.MATH):
                model.loss(ids, ids).backward()
            self.assertAlmostEqual(counter.get_total_flops() / s.step_flop(t, 2 * t), 1, delta=1e-6)

    def test_decoding_with_a_cache_gives_what_the_whole_sentence_gives(self):
        for name in ("gpt-tiny", "llama-tiny"):
            torch.manual_seed(3)
            s = models.Shape(name)
            model = models.Model(s, 32).eval()
            ids = torch.randint(0, s.vocab, (2, 12))
            with torch.no_grad():
                whole = model(ids)
                size = (2, s.kv_heads, 32, s.head_dim)
                caches = [(torch.zeros(size), torch.zeros(size)) for _ in range(s.layers)]
                parts = [model(ids[:, :8], caches)]
                parts += [model(ids[:, i:i + 1], caches, i) for i in range(8, 12)]
            torch.testing.assert_close(torch.cat(parts, 1), whole, rtol=1e-4, atol=1e-5)

    def test_recompute_changes_no_gradient(self):
        grads = []
        for recompute in ("none", "full"):
            torch.manual_seed(4)
            model = models.Model(models.Shape("llama-tiny"), 16, recompute).train()
            ids = torch.arange(32).view(2, 16)
            model.loss(ids, ids).backward()
            grads.append(torch.cat([p.grad.flatten() for p in model.parameters()]))
        torch.testing.assert_close(grads[0], grads[1])

    def test_fp8_products_are_near_the_exact_ones(self):
        torch.manual_seed(5)
        x, w = torch.randn(64, 32).bfloat16(), torch.randn(48, 32).bfloat16()
        x.requires_grad_()
        w.requires_grad_()
        y = models.Fp8Linear.apply(x, w)
        y.sum().backward()
        xd, wd = x.detach().double(), w.detach().double()
        ones = torch.ones(64, 48).double()
        for got, want in ((y, xd @ wd.t()), (x.grad, ones @ wd), (w.grad, ones.t() @ xd)):
            self.assertLess(bench.relative_error(got.detach(), want), 0.06)


class Configurations(unittest.TestCase):
    def test_the_campaign_covers_what_was_asked(self):
        configs = steps.read_configs(GRID)
        train = [c for c in configs if c["mode"] == "train"]
        self.assertGreaterEqual(len(train), 60)
        self.assertEqual(len({steps.key_of(c) for c in configs}), len(configs))
        names = {c["model"] for c in train}
        self.assertLessEqual(set(Models.PUBLISHED), names)
        for key, values in {"precision": {"fp32", "tf32", "bf16", "fp16", "fp8"},
                            "compile": {True, False}, "recompute": {"none", "full"},
                            "params": {"fp32", "bf16"}}.items():
            self.assertLessEqual(values, {c[key] for c in train}, key)
        self.assertTrue(any(c["grad_accum"] > 1 for c in train))
        self.assertGreaterEqual(len({c["model"] for c in configs if c["mode"] == "infer"}), 2)
        families = {models.Shape(c["model"]).family for c in train if c["trace"]}
        self.assertEqual(families, {"gpt", "llama"})
        # One sitting lasts ten minutes: no single case may need nearly as much.
        self.assertLess(max(map(steps.estimate_s, configs)), 120)

    def test_mistakes_are_named(self):
        with tempfile.TemporaryDirectory() as d:
            for wrong, word in (({"model": "gpt-9"}, "gpt-9"), ({"model": "gpt-tiny", "mbs": 1}, "mbs"),
                                ({"model": "gpt-tiny", "precision": "fp64"}, "fp64")):
                path = os.path.join(d, "c.json")
                with open(path, "w", encoding="utf-8") as file:
                    json.dump({"configs": [wrong]}, file)
                with self.assertRaisesRegex(SystemExit, word):
                    steps.read_configs(path)

    def test_columns_are_those_of_the_published_tables(self):
        truth = os.path.join(ROOT, "tests", "data", "truth")
        for name, ours in (("training.csv", steps.TRAINING), ("inference.csv", steps.INFERENCE)):
            path = os.path.join(truth, name)
            if os.path.exists(path):
                with open(path, encoding="utf-8") as file:
                    self.assertEqual(file.readline().rstrip("\n").split(","), ours)


class Tables(unittest.TestCase):
    def test_a_file_cut_off_anywhere_goes_on_without_loss(self):
        with tempfile.TemporaryDirectory() as d:
            path, columns = os.path.join(d, "t.csv"), ["note", "x", "key"]

            def fill():
                t = common.Table(path, columns)
                for i in range(3):
                    if f"k/{i}" not in t.keys:
                        t.put(note='odd, "one"', x=1.5, key=f"k/{i}")
                t.close()

            fill()
            with open(path, "rb") as file:
                whole = file.read()
            for cut in range(len(whole)):
                with open(path, "wb") as file:
                    file.write(whole[:cut])
                fill()
                with open(path, "rb") as file:
                    self.assertEqual(file.read(), whole)

    def test_other_columns_are_refused(self):
        with tempfile.TemporaryDirectory() as d:
            path = os.path.join(d, "t.csv")
            common.Table(path, ["a", "key"]).close()
            with self.assertRaisesRegex(SystemExit, "other columns"):
                common.Table(path, ["b", "key"])

    def test_quantiles_by_nearest_rank(self):
        self.assertEqual(common.quantiles([5, 1, 3]), (1, 3, 5))
        self.assertEqual(common.quantiles(range(1, 21)), (1, 10.5, 19))


class Programs(unittest.TestCase):
    def run_program(self, *args, code=0):
        done = subprocess.run([sys.executable, *args], capture_output=True, text=True, timeout=300)
        self.assertEqual(done.returncode, code, done.stderr[-2000:])
        return done

    def test_steps_writes_rows_and_goes_on(self):
        configs = [{"model": "gpt-tiny", "seq_len": 32, "micro_batch": 2, "trace": True},
                   {"model": "llama-tiny", "seq_len": 32, "grad_accum": 2, "recompute": "full"},
                   {"model": "llama-tiny", "seq_len": 32, "precision": "fp8"},
                   {"mode": "infer", "model": "llama-tiny", "prompt": 16, "batch": 2}]
        with tempfile.TemporaryDirectory() as d:
            grid = os.path.join(d, "c.json")
            with open(grid, "w", encoding="utf-8") as file:
                json.dump({"configs": configs}, file)
            args = [os.path.join(TORCH, "steps.py"), "--configs", grid, "--out", d, "--device", "cpu",
                    "--trace", os.path.join(d, "traces"), "--machine", "test"]
            self.run_program(*args)
            rows = rows_of(os.path.join(d, "training.csv"))
            self.assertEqual([r["status"] for r in rows], ["ok"] * 3)
            for r in rows:
                self.assertGreaterEqual(int(r["n_steps"]), 10)
                tokens = int(r["micro_batch"]) * int(r["grad_accum"]) * int(r["seq_len"])
                self.assertAlmostEqual(float(r["tokens_per_s_per_gpu"]) * float(r["step_time_s"]) / tokens,
                                       1, delta=1e-4)
                self.assertLessEqual(float(r["step_min_s"]), float(r["step_time_s"]))
            served = rows_of(os.path.join(d, "inference.csv"))
            self.assertEqual([r["metric"] for r in served], ["prefill_ms", "decode_ms_per_token"])
            self.assertEqual(len(os.listdir(os.path.join(d, "traces"))), 1)
            # A second run has nothing left; without the last row it has one.
            path = os.path.join(d, "training.csv")
            with open(path, "rb") as file:
                whole = file.read()
            self.run_program(*args)
            with open(path, "rb") as file:
                self.assertEqual(file.read(), whole)
            with open(path, "wb") as file:
                file.write(whole[:-20])
            self.run_program(*args)
            self.assertEqual([r["key"] for r in rows_of(path)], [r["key"] for r in rows])
            # No time: nothing is started, and the exit code says that more is left.
            os.remove(path)
            self.run_program(*args, "--max-s", "0.001", code=common.EXIT_MORE)

    def test_bench_writes_rows_and_goes_on(self):
        with tempfile.TemporaryDirectory() as d:
            args = [os.path.join(TORCH, "bench.py"), "--device", "cpu", "--tiny", "--out", d]
            self.run_program(*args)
            counts = {}
            for name in bench.FILES:
                if os.path.exists(os.path.join(d, name)):
                    rows = rows_of(os.path.join(d, name))
                    counts[name] = len(rows)
                    for r in rows:
                        self.assertLessEqual(float(r["min_us"]), float(r["median_us"]))
                        self.assertLess(float(r["rel_err"]), 1e-4)
            self.assertEqual(counts, {"attention_train.csv": 2, "attention_decode.csv": 1,
                                      "memory_bound.csv": 8, "gemm_mlp.csv": 4})
            self.assertEqual(rows_of(os.path.join(d, "skipped.csv")), [])
            again = self.run_program(*args)
            self.assertEqual(again.stderr, "")

    @unittest.skipIf(torch.cuda.is_available(), "a GPU is here")
    def test_without_a_gpu_it_says_so(self):
        for program in (["bench.py"], ["steps.py", "--configs", GRID]):
            done = self.run_program(os.path.join(TORCH, program[0]), *program[1:],
                                    "--out", os.devnull + "x", code=common.EXIT_NO_GPU)
            self.assertIn("no GPU", done.stderr)


class Memory(unittest.TestCase):
    def test_out_of_memory_is_a_row_and_not_the_end(self):
        config = {**steps.DEFAULTS, "model": "gpt-tiny", "seq_len": 16}
        m = common.Machine(torch, "cpu", machine="test")
        real = steps.make_optimizer

        def too_much(model, kind):
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 GiB")

        with tempfile.TemporaryDirectory() as d:
            table = common.Table(os.path.join(d, "t.csv"), steps.TRAINING + steps.TRAINING_MORE)
            steps.make_optimizer = too_much
            try:
                steps.put_training(m, table, config, steps.measure_training(m, config, None))
            finally:
                steps.make_optimizer = real
            steps.put_training(m, table, {**config, "seq_len": 24},
                               steps.measure_training(m, {**config, "seq_len": 24}, None))
            table.close()
            oom, fine = rows_of(os.path.join(d, "t.csv"))
        self.assertEqual((oom["status"], oom["step_time_s"]), ("oom", ""))
        self.assertIn("out of memory", oom["notes"])
        self.assertEqual(fine["status"], "ok")


if __name__ == "__main__":
    unittest.main()
