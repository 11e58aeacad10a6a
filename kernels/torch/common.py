"""What bench.py and steps.py share: CSV that can be gone on with, the GPU's name,
clocks, and the clock on the wall.

A finished case is one line, flushed at once, whose last column is the case's
key. On the next start the keys are read back and those cases are skipped. A
line that a kill tore is cut off first. Nothing else is kept.
"""

import csv
import datetime
import io
import os
import platform
import statistics
import subprocess
import sys
import time

EXIT_NO_GPU, EXIT_MORE = 3, 5

# (part of the driver's name, name in the catalogue); the first that fits.
GPU_NAMES = [
    ("GB300", "GB300-NVL72"), ("GB200", "GB200-NVL72"), ("B300", "B300-SXM-288GB"),
    ("B200", "B200-SXM-180GB"), ("H200 NVL", "H200-NVL-141GB"), ("H200", "H200-SXM-141GB"),
    ("H100 PCIe", "H100-PCIe-80GB"), ("H100", "H100-SXM5-80GB"),
    ("A100-SXM4-40GB", "A100-SXM4-40GB"), ("A100-SXM4-80GB", "A100-SXM4-80GB"),
    ("A100 80GB PCIe", "A100-PCIe-80GB"), ("A100-PCIE-40GB", "A100-PCIe-40GB"),
    ("V100-SXM2-16GB", "V100-SXM2-16GB"), ("V100-SXM2-32GB", "V100-SXM2-32GB"),
    ("L40S", "L40S-48GB"),
]


def truth_gpu_name(driver_name):
    for part, name in GPU_NAMES:
        if part in driver_name:
            return name
    return driver_name.replace(" ", "-").replace(",", "-")


def fields(line):
    return next(csv.reader([line]), [])


class Table:
    """A CSV file open for appending, and the keys that are in it."""

    def __init__(self, path, columns):
        self.columns = columns
        self.keys = set()
        os.makedirs(os.path.dirname(os.path.abspath(path)), exist_ok=True)
        self.file = open(path, "a+b")
        self.file.seek(0)
        text = self.file.read()
        whole = text.rfind(b"\n") + 1
        lines = text[:whole].decode("utf-8", "replace").splitlines()
        if lines and fields(lines[0]) != columns:
            self.file.close()
            raise SystemExit(f"{path}: has other columns; move it away")
        if whole < len(text):
            self.file.truncate(whole)
        self.n_damaged = 0
        for line in lines[1:]:
            row = fields(line)
            if len(row) == len(columns):
                self.keys.add(row[-1])
            else:
                self.n_damaged += 1
        self.file.seek(0, os.SEEK_END)
        if not lines:
            self._write(columns)

    def _write(self, row):
        text = io.StringIO()
        csv.writer(text, lineterminator="\n").writerow(row)
        self.file.write(text.getvalue().encode())
        self.file.flush()

    def put(self, **cells):
        """A row; columns that are not named stay empty."""
        unknown = set(cells) - set(self.columns)
        if unknown:
            raise KeyError(f"no such columns: {sorted(unknown)}")
        self._write([number(cells.get(c, "")) for c in self.columns])
        self.keys.add(str(cells.get(self.columns[-1], "")))

    def close(self):
        self.file.close()


def number(x):
    if isinstance(x, bool):
        return "yes" if x else "no"
    if isinstance(x, float):
        return f"{x:.6g}"
    return x


def quantiles(samples):
    """Least, median, 95th percentile by nearest rank."""
    s = sorted(samples)
    return s[0], statistics.median(s), s[max(0, -(-95 * len(s) // 100) - 1)]


def nvml_reader(bus_id):
    """A function that returns SM clock, memory clock, power, temperature and driver of
    the GPU, empty where unknown. NVML by its Python package, else by nvidia-smi."""
    try:
        import pynvml
        pynvml.nvmlInit()
        h = pynvml.nvmlDeviceGetHandleByPciBusId(bus_id.encode())
        driver = pynvml.nvmlSystemGetDriverVersion()
        driver = driver.decode() if isinstance(driver, bytes) else driver

        def read():
            return [pynvml.nvmlDeviceGetClockInfo(h, pynvml.NVML_CLOCK_SM),
                    pynvml.nvmlDeviceGetClockInfo(h, pynvml.NVML_CLOCK_MEM),
                    pynvml.nvmlDeviceGetPowerUsage(h) / 1000.0,
                    pynvml.nvmlDeviceGetTemperature(h, pynvml.NVML_TEMPERATURE_GPU), driver]

        read()
        return read
    except Exception:  # no package, no library, or a card that does not tell
        return lambda: smi(bus_id)


def smi(bus_id):
    query = "clocks.sm,clocks.mem,power.draw,temperature.gpu,driver_version"
    try:
        out = subprocess.run(
            ["nvidia-smi", f"--query-gpu={query}", "--format=csv,noheader,nounits", "-i", bus_id],
            capture_output=True, text=True, timeout=5, check=True).stdout
        cells = [c.strip() for c in out.strip().splitlines()[0].split(",")]
        return cells if len(cells) == 5 else [""] * 5
    except (OSError, subprocess.SubprocessError, IndexError):
        return [""] * 5


def pci_bus_id(properties):
    """The bus address as NVML and nvidia-smi write it."""
    try:
        return (f"{properties.pci_domain_id:08X}:{properties.pci_bus_id:02X}:"
                f"{properties.pci_device_id:02X}.0")
    except AttributeError:  # older torch does not say; one GPU then
        return "0"


def today():
    return datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%d")


class Machine:
    """The device that a run is on."""

    def __init__(self, torch, device, gpu=None, machine=None):
        self.torch = torch
        self.cuda = device == "cuda"
        self.device = torch.device("cuda", torch.cuda.current_device()) if self.cuda else torch.device("cpu")
        self.driver_name = torch.cuda.get_device_name() if self.cuda else "CPU"
        self.gpu = gpu or (truth_gpu_name(self.driver_name) if self.cuda else "CPU")
        self.name = machine or platform.node()
        self.read_state = None
        if self.cuda:
            self.read_state = nvml_reader(pci_bus_id(torch.cuda.get_device_properties(self.device)))

    def sync(self):
        if self.cuda:
            self.torch.cuda.synchronize()

    def state(self):
        return self.read_state() if self.read_state else [""] * 5


def pick_device(torch, wanted):
    """'cuda', or 'cpu' where asked for; without a GPU the program ends."""
    if wanted == "cpu":
        return "cpu"
    if not torch.cuda.is_available():
        print(f"{os.path.basename(sys.argv[0])}: no GPU (torch {torch.__version__} sees none); "
              "--device cpu runs small cases without one", file=sys.stderr)
        raise SystemExit(EXIT_NO_GPU)
    return "cuda"


class Sitting:
    """Progress, and when to stop so that a time limit is kept."""

    def __init__(self, max_s, n):
        self.start = time.monotonic()
        self.max_s, self.n, self.i = max_s, n, 0

    def room_for(self, estimate_s):
        return not self.max_s or time.monotonic() - self.start + estimate_s <= self.max_s

    def say(self, text):
        self.i += 1
        line = f"[{self.i}/{self.n}] {time.monotonic() - self.start:6.1f} s  {text}"
        if sys.stderr.isatty():
            print(f"\r\033[K{line[:110]}", end="", file=sys.stderr, flush=True)
        else:
            print(line, file=sys.stderr, flush=True)
