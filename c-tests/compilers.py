#!/usr/bin/env python3
"""Tests that no compiler of a host meets a warning: every C test, every example, the benchmarks and the C++
tests, under each compiler that is here and each standard that the headers are for, with and without inline
counts, warnings being errors; and the tests and examples in C under tcc, which has no inline counts.
Nothing is run. Ends with "N passed, N failed".
"""

import shutil
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
from headers import INCLUDE, ROOT, STANDARDS, WARNINGS, compilers

SOURCES = {
    "c": sorted(ROOT.glob("c-tests/test_*.c")) + sorted(ROOT.glob("examples/*.c")),
    "c++": sorted(ROOT.glob("c-tests/cxx/test_*.cpp")) + sorted(ROOT.glob("examples/*.cpp")),
}
# Their own compilers are gcc and clang: they keep the optimiser at bay by inline assembly.
BENCHES = sorted(ROOT.glob("benches/micro/*.c")) + sorted(ROOT.glob("benches/peers/rcgc*.c"))


def commands(output):
    """(name, command) of every compilation."""
    for compiler, language, command in compilers():
        for standard in STANDARDS[language]:
            for define in ([], ["-DRCGC_NO_INLINE"]):
                for source in SOURCES[language] + (BENCHES if language == "c" else []):
                    name = " ".join([compiler, standard, *define, source.name])
                    options = [f"-std={standard}", *WARNINGS, *define, "-fsyntax-only"]
                    yield name, [command, *options, "-I", INCLUDE, "-I", ROOT / "c-tests", source]
    if shutil.which("tcc"):
        for source in SOURCES["c"]:
            options = ["-Wall", "-Werror", "-c", "-o", output / f"{source.stem}.o"]
            yield f"tcc {source.name}", ["tcc", *options, "-I", INCLUDE, "-I", ROOT / "c-tests", source]


def compile_one(job):
    name, command = job
    result = subprocess.run([str(part) for part in command], capture_output=True, text=True, check=False)
    return name, result.returncode, result.stdout + result.stderr


def main():
    passed = failed = 0
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(2) as pool:
        for name, status, output in pool.map(compile_one, list(commands(Path(folder)))):
            if status == 0:
                passed += 1
            else:
                failed += 1
                print(f"FAILED {name}\n    " + output.strip().replace("\n", "\n    "))
    print(f"{passed} passed, {failed} failed")
    return failed != 0


if __name__ == "__main__":
    sys.exit(main())
