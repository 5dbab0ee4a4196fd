#!/usr/bin/env python3
"""Tests of sampled stacks in programs that were put together from parts: some with frame pointers and some without,
libraries that come and go, more libraries than a table would have room for. What the rcgc tool makes of the dumps is
looked at: who called, in which part of the bytes. Ends with "N passed, N failed".

    c-tests/stacks.py [DIRECTORY OF THE LIBRARIES [TOOL]]
"""

import itertools
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
HERE = ROOT / "c-tests" / "stacks"
LIBRARIES = Path(sys.argv[1] if len(sys.argv) > 1 else ROOT / "build" / "lib").resolve()
TOOL = Path(sys.argv[2] if len(sys.argv) > 2 else ROOT / "build" / "rcgc").resolve()
AUTO, POINTERS, UNWIND = "0", "1", "2"
MANY = 300
WITH, WITHOUT = ["-fno-omit-frame-pointer"], ["-fomit-frame-pointer"]
COMMON = ["-std=gnu11", "-O2", "-g", "-fno-optimize-sibling-calls", "-Wall", "-Wextra", "-Werror"]

passed = failed = 0


def report(name, error=""):
    global passed, failed
    if error:
        failed += 1
        print(f"FAILED {name}\n    " + error.strip().replace("\n", "\n    "))
    else:
        passed += 1
        print(f"ok     {name}")


def must(*command):
    result = subprocess.run([str(part) for part in command], capture_output=True, text=True, check=False)
    if result.returncode != 0:
        raise RuntimeError(f"{' '.join(map(str, command))}: {result.returncode}\n{result.stdout}{result.stderr}")
    return result.stdout


def library(folder, name, function, pointers):
    path = folder / name
    must("cc", *COMMON, *pointers, "-fPIC", "-shared", f"-DFUNCTION={function}", HERE / "library.c", "-o", path)
    return path


def test_said(folder):
    """What has no name is said: of a dump that is read where a file is no more."""
    dump = folder / "dump"
    must(folder / "plugins", dump, AUTO, "kept", folder / "plugin.so")
    command = [TOOL, "export", dump, "--to", "folded", "--of", "stacks"]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stderr
    report("nothing is said where all has a name", "" if "no name" not in said else said)
    (folder / "plugin.so").unlink()
    said = subprocess.run(command, capture_output=True, text=True, check=True).stderr
    report("a file that is no more is said", "" if re.search(r"1 of \d+ frames have no name", said) else said or "it is not")


def stacks_of(dump):
    """(functions, the outermost first; bytes) of each stack in a dump."""
    for line in must(TOOL, "-q", "export", dump, "--to", "folded", "--of", "stacks").splitlines():
        frames, _, size = line.rpartition(" ")
        yield [re.sub(r" \(.*", "", frame) for frame in frames.split(";")], int(size)


def test_mixed(folder):
    """About 3 of 5 parts of the bytes are red's, one blue's, one the program's own, and all below main."""
    for host, red, blue, mode in itertools.product((WITH, WITHOUT), (WITH, WITHOUT), (WITH, WITHOUT), (AUTO, UNWIND)):
        for name, pointers in (("red", red), ("blue", blue)):
            library(folder, f"lib{name}.so", name, pointers)
        program, dump = folder / "host", folder / "dump"
        must("cc", *COMMON, *host, "-I", ROOT / "include", HERE / "host.c", LIBRARIES / "librcgc.a", "-o", program,
             "-L", folder, "-lred", "-lblue", f"-Wl,-rpath,{folder}", "-pthread")
        must(program, dump, mode)
        stacks = list(stacks_of(dump))
        total = sum(size for _, size in stacks)
        error = ""
        for function, low, high in (("red", 55, 65), ("blue", 16, 24), ("own", 16, 24), ("main", 100, 100)):
            part = sum(size for frames, size in stacks if function in frames)
            if not low * total <= part * 100 <= high * total:
                error += f"{function} is in {part} of {total} bytes\n"
        words = ["with" if of is WITH else "without" for of in (host, red, blue)]
        title = "program {}, red {}, blue {} frame pointers".format(*words)
        report(f"{title}, {'auto' if mode == AUTO else 'unwind'}", error and error + f"{stacks[:6]}")


def test_plugins(folder):
    """Libraries that were loaded after the profile began are named, however many there are, also when they are gone."""
    program = folder / "plugins"
    must("cc", *COMMON, *WITH, "-I", ROOT / "include", HERE / "plugins.c", LIBRARIES / "librcgc.a", "-o", program,
         "-ldl", "-pthread")
    one = library(folder, "plugin.so", "call_back", WITH)
    many = [folder / f"plugin-{number}.so" for number in range(MANY)]
    for path in many:
        shutil.copy(one, path)
    for mode, kind, plugins in itertools.product((AUTO, POINTERS, UNWIND), ("kept", "unloaded"), ([one], many)):
        dump = folder / "dump"
        must(program, dump, mode, kind, *plugins)
        stacks = list(stacks_of(dump))
        named = sum(frames[-3:] == ["call_back", "make", "Node"] for frames, _ in stacks)
        count = f"{len(plugins)} plugin{'s' if len(plugins) > 1 else ''}"
        report(f"{count} {kind}, mode {mode}", "" if stacks and named == len(stacks) else
               f"{named} of {len(stacks)} stacks are named: {stacks[-2:]}")


def main():
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name).resolve()
        try:
            test_mixed(folder)
            test_plugins(folder)
            test_said(folder)
        except RuntimeError as error:
            report("the programs run", str(error))
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
