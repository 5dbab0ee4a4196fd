#!/usr/bin/env python3
"""Tests that rcgc tells what tracemalloc and memory_profiler tell: c-tests/profilers/run.py. Ends with
"N passed, N failed".

| file | subject |
|---|---|
| this | installs memory_profiler under build/, builds side.c, compares the documents with what there is |
| parity.py | one test for each feature, on the same workload in both worlds |
| load.py | that workload |
| side.c | rcgc's side of it |
"""

import re
import subprocess
import sys
import venv
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
BUILD = ROOT / "build" / "tests" / "profilers"
VENV = BUILD / "venv"
PYTHON = VENV / "bin" / "python"
PACKAGES = ["memory-profiler==0.61.0", "psutil==7.2.2"]
LIBRARY = ROOT / "build" / "lib"
DOCUMENTS = [ROOT / "docs" / "tracemalloc.md", ROOT / "docs" / "memory_profiler.md"]
CLOSING = re.compile(r"^(\d+) passed, (\d+) failed\s*$", re.M)


def must(*command):
    result = subprocess.run([str(part) for part in command], cwd=ROOT, stdout=subprocess.PIPE,
                            stderr=subprocess.STDOUT, text=True)
    if result.returncode != 0:
        sys.exit(f"{' '.join(map(str, command))}: exit status {result.returncode}\n{result.stdout}")
    return result.stdout


def install():
    if not PYTHON.exists():
        venv.create(VENV, with_pip=True)
    there = subprocess.run([PYTHON, "-m", "pip", "freeze"], capture_output=True, text=True).stdout
    there = there.lower().replace("_", "-")
    if not all(package in there for package in PACKAGES):
        must(PYTHON, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *PACKAGES)


def documented():
    """The tests that the documents name, in the third column of their tables."""
    tests = set()
    for document in DOCUMENTS:
        for line in document.read_text().splitlines():
            cells = [cell.strip() for cell in line.strip("|").split("|")]
            if line.startswith("| ") and len(cells) >= 3:
                tests |= set(re.findall(r"`(\w+)`", cells[2]))
    return tests


def compare_documents():
    """Every test that a document names exists, here or among the C tests; every one here is named."""
    listed = (HERE / "parity.py").read_text().partition("TESTS = [")[2].partition("]")[0]
    here = set(re.findall(r"\w+", listed))
    in_c = set()
    for source in (ROOT / "c-tests").glob("test_*.c"):
        in_c |= set(re.findall(r"CHECK_TEST\((\w+)\)", source.read_text()))
    named = documented()
    results = [
        ("the tests that the documents name exist", named - here - in_c),
        ("the documents name every test of the comparison", here - named),
    ]
    for name, wrong in results:
        print(f"ok     {name}" if not wrong else f"FAILED {name}: {' '.join(sorted(wrong))}")
    return sum(1 for _, wrong in results if not wrong), sum(1 for _, wrong in results if wrong)


def main():
    BUILD.mkdir(parents=True, exist_ok=True)
    install()
    must(ROOT / "scripts/build-libs", LIBRARY)
    must("cc", "-std=c11", "-Wall", "-Wextra", "-Wpedantic", "-Werror", "-O2", "-I", ROOT / "include",
         HERE / "side.c", LIBRARY / "librcgc.a", "-o", BUILD / "side", "-pthread")
    done = subprocess.run([PYTHON, HERE / "parity.py", BUILD / "side"], cwd=ROOT, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True)
    print(done.stdout)
    closing = CLOSING.findall(done.stdout)
    good, bad = (int(number) for number in closing[-1]) if closing else (0, 1)
    more_good, more_bad = compare_documents()
    print(f"{good + more_good} passed, {bad + more_bad} failed")
    return 1 if bad + more_bad else 0


if __name__ == "__main__":
    sys.exit(main())
