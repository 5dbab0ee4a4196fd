"""What both benchmark runners stand on: running a program and seeing how long it waited for its core, the
measurements of all runs, numbers with their units, and what machine this is.

A program prints lines `name value unit`; one that finds its own work undone ends with a status that is not 0
and says why on its last line.
"""

import os
import platform
import re
import signal
import statistics
import subprocess
import sys
import tempfile
import textwrap
import threading
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
STATIC_LIBRARY = ROOT / "build" / "lib" / "librcgc.a"
SHARED_LIBRARY = ROOT / "build" / "lib" / "librcgc.so.0"

# Without these the address at which a loop happens to lie decides over a part of its time.
ALIGNED = ["-falign-functions=64", "-falign-loops=64"]
SECONDS_MAX = 600
# A run that had to wait for its core for a larger part of its time is repeated, so often.
WAITED_MAX = 0.02
ATTEMPTS_MAX = 3
KIB, MIB = 1024.0, 1024.0 * 1024.0


def say(text):
    print(text, file=sys.stderr, flush=True)


def stop(text):
    sys.exit(f"{os.path.relpath(sys.argv[0], ROOT)}: {text}")


class Failed(Exception):
    """A program did not do its work. `status` is how it ended, as subprocess has it."""

    def __init__(self, text, status=None):
        super().__init__(text)
        self.status = status


def run_once(command, environment=None):
    """Runs a program: what it printed, and for which part of its time it had to wait for a core."""
    with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as err:
        start = time.monotonic()
        process = subprocess.Popen(command, stdout=out, stderr=err, env=environment)
        too_long = threading.Timer(SECONDS_MAX, process.kill)
        too_long.start()
        # It has ended but is not yet forgotten: the kernel's books of it can still be read.
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
        elapsed, waited = time.monotonic() - start, seconds_waited(process.pid)
        too_long.cancel()
        status = process.wait()
        out.seek(0)
        err.seek(0)
        if status == -signal.SIGKILL and elapsed >= SECONDS_MAX:
            raise Failed(f"took more than {SECONDS_MAX} s", status)
        if status != 0:
            said = err.read().strip().splitlines()
            raise Failed(said[-1] if said else f"exit {status}", status)
        return out.read(), waited / elapsed


def run_calm(command, environment=None, repeat_seconds_max=SECONDS_MAX):
    """Runs a program that prints metrics: {metric: (value, unit)}, and whether it was disturbed.

    A run that had to wait for its core is repeated if it does not take long; of several such, the least
    disturbed counts.
    """
    waited, text = 2.0, ""
    for _ in range(ATTEMPTS_MAX):
        start = time.monotonic()
        this_text, this_waited = run_once(command, environment)
        if this_waited < waited:
            waited, text = this_waited, this_text
        if waited <= WAITED_MAX or time.monotonic() - start > repeat_seconds_max:
            break
    found = {}
    for line in text.splitlines():
        metric, value, unit = line.split()
        found[metric] = (float(value), unit)
    return found, waited > WAITED_MAX


def seconds_waited(pid):
    """How long a process was ready to run and did not; 0 where the kernel keeps no such books."""
    try:
        return int(Path(f"/proc/{pid}/schedstat").read_text().split()[1]) / 1e9
    except (OSError, IndexError):
        return 0.0


def take_priority():
    """Other work on the machine is to disturb as little as may be."""
    try:
        os.setpriority(os.PRIO_PROCESS, 0, -15)
    except OSError:
        pass


class Results:
    """All measurements: {cell: [value of each run]}, and the unit of each."""

    def __init__(self):
        self.values, self.units, self.failures = {}, {}, {}
        self.measured = self.disturbed = 0

    def add(self, where, value, unit):
        self.values.setdefault(where, []).append(value)
        self.units[where] = unit

    def median(self, where):
        return statistics.median(self.values[where]) if where in self.values else None


# ---- numbers with their units ----


def scaled(value, steps, unit):
    """`value` in the first unit for which it is large enough: (least value, size of the unit, its name)."""
    for least, size, name in steps:
        if abs(value) >= least:
            value, unit = value / size, name
            break
    digits = 0 if abs(value) >= 100 else 1 if abs(value) >= 10 else 2
    return f"{value:.{digits}f} {unit}"


def shown(value, unit):
    if value is None:
        return "-"
    if unit == "ns":
        return scaled(value, ((1e9, 1e9, "s"), (1e6, 1e6, "ms"), (1e4, 1e3, "µs")), "ns")
    if unit == "bytes":
        return scaled(value, ((MIB, MIB, "MiB"), (KIB, KIB, "KiB")), "B")
    if unit == "instructions":
        return f"{value:.2f}".rstrip("0").rstrip(".") + " instr."
    if unit == "nodes":
        return f"{value / 1e6:.2f} M"
    if unit in ("runs", "%"):
        return f"{value:.1f} %" if unit == "%" else f"{value:.0f}"
    return f"{value:g} {unit}"


def shown_goal(value, unit):
    text = shown(value, unit)
    number, _, name = text.partition(" ")
    return f"{number.rstrip('0').rstrip('.') if '.' in number else number} {name}"


def wrapped(text):
    return textwrap.fill(text, 106, break_on_hyphens=False, break_long_words=False)


# ---- where and with what it was measured ----


def first_match(path, pattern, default):
    try:
        found = re.search(pattern, Path(path).read_text(), re.M)
    except OSError:
        found = None
    return found.group(1).strip() if found else default


def version_of(command, pattern, default):
    try:
        text = subprocess.run(command, capture_output=True, text=True).stdout
    except OSError:
        return default
    found = re.search(pattern, text, re.M)
    return found.group(1).strip() if found else default


def machine():
    processor = first_match("/proc/cpuinfo", r"^model name\s*:\s*(.*)$", platform.machine())
    memory_kib = int(first_match("/proc/meminfo", r"^MemTotal:\s*(\d+)", "0"))
    huge = first_match("/sys/kernel/mm/transparent_hugepage/enabled", r"\[(\w+)\]", "unknown")
    compiler = version_of([os.environ.get("CC", "cc"), "--version"], r"^(.*)$", "cc")
    mimalloc = version_of(["dpkg-query", "-W", "-f=${Version}", "libmimalloc-dev"], r"^(.+)$", "")
    libc = " ".join(platform.libc_ver())
    return (
        f"{processor}, {os.cpu_count()} cores, {memory_kib / 1024 / 1024:.0f} GiB, "
        f"Linux {platform.release()}, huge pages {huge}; {compiler}; {libc}; mimalloc {mimalloc or 'unknown'}"
    )


def fill_block(path, text, name="bench"):
    """Replaces what lies between the two markers of a Markdown file."""
    begin, end = f"<!-- {name}:begin -->", f"<!-- {name}:end -->"
    if not path.exists():
        stop(f"{path.name} does not exist")
    before, found, rest = path.read_text().partition(begin)
    _, closed, after = rest.partition(end)
    if not (found and closed):
        stop(f"{path.name} has no block between {begin} and {end}")
    path.write_text(f"{before}{begin}\n{text}\n{end}{after}")
