#!/usr/bin/env python3
"""Nothing takes time by the square of what a host chooses: the workloads of benches/micro/doubling.c are run at a size
and at four times the size, and the instructions of each are counted by callgrind, so that no clock decides. Four times
as much may take up to `MOST` times as long; by the square it would take sixteen.

    c-tests/doubling.py [--library build/lib/librcgc.a] [WORKLOAD...]

Ends with "N passed, N failed".
"""

import argparse
import concurrent.futures
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SOURCE = ROOT / "benches/micro/doubling.c"
MOST = 5.5

# The smaller size of each workload: what grows with the square must weigh by then.
SIZES = {
    "growth": 1000, "fields": 1000, "types": 500, "leak_check": 1000, "verify": 500, "sampled": 500,
    "finalized": 1000, "heaps": 200, "interleaved": 32, "spans": 100, "refused": 4000, "cache": 64000, "idle": 32,
    "names": 1000, "nested": 1000, "survivors": 1000, "marks": 1000, "listeners": 1000, "watches": 500,
    "expected": 1000, "entries": 1000, "constants": 1000,
}


def instructions(program, name, size):
    """What the measured part takes; None if the workload fails."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "out"
        command = ["valgrind", "-q", "--tool=callgrind", "--collect-atstart=no", "--toggle-collect=measured",
                   f"--callgrind-out-file={out}", str(program), name, str(size)]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode != 0:
            print(f"{name} {size}: {done.stderr.strip() or done.stdout.strip()}")
            return None
        return int(re.search(r"^(?:summary|totals): (\d+)", out.read_text(), re.M).group(1))


def main():
    parser = argparse.ArgumentParser(prog="c-tests/doubling.py", description=__doc__.splitlines()[0])
    parser.add_argument("--library", default=str(ROOT / "build/lib/librcgc.a"))
    parser.add_argument("workload", nargs="*")
    options = parser.parse_args()
    listed = set(re.findall(r'^    \{"(\w+)", \w+, \w+\},$', SOURCE.read_text(), re.M))
    failed = 0
    if listed != set(SIZES):
        print(f"FAILED sizes and workloads differ: {sorted(listed ^ set(SIZES))}")
        failed += 1
    with tempfile.TemporaryDirectory() as folder:
        program = Path(folder) / "doubling"
        subprocess.run([os.environ.get("CC", "cc"), "-std=c11", "-O2", "-g", "-Wall", "-Wextra", "-Werror",
                        f"-I{ROOT / 'include'}", str(SOURCE), options.library, "-pthread", "-o", str(program)],
                       check=True)
        wanted = [name for name in SIZES if not options.workload or name in options.workload]
        with concurrent.futures.ThreadPoolExecutor(os.cpu_count() or 1) as pool:
            runs = {(name, factor): pool.submit(instructions, program, name, SIZES[name] * factor)
                    for name in wanted for factor in (1, 4)}
        passed = 0
        for name in wanted:
            few, many = runs[name, 1].result(), runs[name, 4].result()
            good = few is not None and many is not None and many <= MOST * few
            ratio = f"{few:,} and {many:,}, {many / few:.2f} times" if few and many else "it fails"
            print(f"{'ok    ' if good else 'FAILED'} {name}, {SIZES[name]} and {4 * SIZES[name]}: {ratio}")
            passed, failed = passed + good, failed + (not good)
    print(f"{passed} passed, {failed} failed")
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    sys.exit(main())
