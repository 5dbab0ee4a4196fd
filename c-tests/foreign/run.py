#!/usr/bin/env python3
"""Tests of foreign objects with the real thing: GObject, jansson, CPython; those whose headers are installed. Ends with
"N passed, N failed"; what is not installed is skipped.

    c-tests/foreign/run.py DIRECTORY_OF_THE_LIBRARIES [MORE LINKED FILES]
"""

import re
import shlex
import subprocess
import sys
import sysconfig
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
LIBRARY = Path(sys.argv[1]).resolve() / "librcgc.a"
MORE = sys.argv[2:]
FLAGS = ["-std=c11", "-D_GNU_SOURCE", "-Wall", "-Wextra", "-Werror", "-Wno-missing-field-initializers", "-O1", "-g", "-I", str(ROOT / "include")]
passed = failed = 0


def run(*command):
    result = subprocess.run([str(part) for part in command], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                            errors="replace", check=False)
    return result.returncode, result.stdout


def count(name, status, output):
    global passed, failed
    closing = re.findall(r"^(\d+) passed, (\d+) failed\s*$", output, re.M)[-1:]
    good, bad = map(int, closing[0]) if closing else (0, 0)
    if status != 0 and bad == 0 or good + bad == 0:
        bad = 1
    passed, failed = passed + good, failed + bad
    print(f"{name}: {good} passed, {bad} failed")
    if bad:
        print(output)


def with_package(folder, name, package):
    status, flags = run("pkg-config", "--cflags", "--libs", package)
    if status != 0:
        print(f"skipped {name}: {package} is not installed")
        return
    program = folder / name
    status, output = run("cc", *FLAGS, HERE / f"{name}.c", *MORE, LIBRARY, *shlex.split(flags), "-pthread", "-o", program)
    if status == 0:
        status, output = run(program)
    count(name, status, output)


def with_python(folder):
    include = Path(sysconfig.get_path("include"))
    if not (include / "Python.h").exists():
        print("skipped cpython: python3-dev is not installed")
        return
    module = folder / ("cells" + sysconfig.get_config_var("EXT_SUFFIX"))
    status, output = run("cc", *FLAGS, "-Wno-cast-function-type", "-fPIC", "-shared", "-I", include, HERE / "cpython.c", *MORE,
                         LIBRARY, "-pthread", "-o", module)
    if status == 0:
        status, output = run(sys.executable, HERE / "cpython.py", folder)
    count("cpython", status, output)


def main():
    with tempfile.TemporaryDirectory() as name:
        with_package(Path(name), "gobject", "gobject-2.0")
        with_package(Path(name), "jansson", "jansson")
        with_python(Path(name))
    print(f"{passed} passed, {failed} failed")
    return failed != 0


if __name__ == "__main__":
    sys.exit(main())
