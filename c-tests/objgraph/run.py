#!/usr/bin/env python3
"""Tests that rcgc answers what objgraph answers: c-tests/objgraph/run.py. Ends with "N passed, N failed".

| file | subject |
|---|---|
| this | installs objgraph under build/, builds library and tool, compares docs/objgraph.md with what there is |
| parity.py | one test for each function of objgraph, on the same graph in both worlds |
| twins.py | that graph |
| binding.py | the library, by ctypes |
"""

import re
import subprocess
import sys
import venv
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
BUILD = ROOT / "build" / "tests" / "objgraph"
VENV = BUILD / "venv"
PYTHON = VENV / "bin" / "python"
VERSION = "3.7.0"
DOCUMENT = ROOT / "docs" / "objgraph.md"
CLOSING = re.compile(r"^(\d+) passed, (\d+) failed\s*$", re.M)


def must(*command):
    result = subprocess.run([str(part) for part in command], cwd=ROOT, stdout=subprocess.PIPE,
                            stderr=subprocess.STDOUT, text=True)
    if result.returncode != 0:
        sys.exit(f"{' '.join(map(str, command))}: exit status {result.returncode}\n{result.stdout}")
    return result.stdout


def install():
    wanted = f"objgraph=={VERSION}"
    if not PYTHON.exists():
        venv.create(VENV, with_pip=True)
    if wanted not in subprocess.run([PYTHON, "-m", "pip", "freeze"], capture_output=True, text=True).stdout:
        must(PYTHON, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", wanted)


def documented():
    """Functions and tests that docs/objgraph.md names, by rows of its first table."""
    functions, tests = set(), set()
    for line in DOCUMENT.read_text().splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if line.startswith("| `") and len(cells) >= 3:
            functions |= set(re.findall(r"`(\w+)\(", cells[0]))
            tests |= set(re.findall(r"`(\w+)`", cells[2]))
    return functions, tests


def compare_document():
    listing = must(PYTHON, "-c", "import inspect, objgraph; print(*[name for name, value in vars(objgraph).items() "
                   "if inspect.isfunction(value) and not name.startswith('_') "
                   "and value.__module__ == 'objgraph'])")
    existing = must(PYTHON, "-c", f"import sys; sys.path.insert(0, {str(HERE)!r}); import parity; "
                    "print(*[test.__name__ for test in parity.TESTS])")
    functions, tests = documented()
    results = [
        ("docs/objgraph.md names every function of objgraph", set(listing.split()) - functions),
        ("and no other", functions - set(listing.split())),
        ("its tests exist", tests - set(existing.split())),
        ("and it names them all", set(existing.split()) - tests),
    ]
    for name, wrong in results:
        print(f"ok     {name}" if not wrong else f"FAILED {name}: {' '.join(sorted(wrong))}")
    return sum(1 for _, wrong in results if not wrong), sum(1 for _, wrong in results if wrong)


def main():
    BUILD.mkdir(parents=True, exist_ok=True)
    install()
    must(ROOT / "scripts/build-libs", ROOT / "build/lib")
    must("make", "tool")
    passed, failed = compare_document()
    result = subprocess.run([PYTHON, HERE / "parity.py"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    print(CLOSING.sub("", result.stdout).rstrip())
    closing = CLOSING.findall(result.stdout)[-1:] or [("0", "1")]
    passed, failed = passed + int(closing[0][0]), failed + int(closing[0][1])
    if result.returncode != 0 and not failed:
        failed = 1
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
