#!/usr/bin/env python3
"""Tests of the headers: that each stands alone, in every language they are for; that every function says the
five things a caller must know; that the generated ones fit their sources. Ends with "N passed, N failed".
"""

import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
INCLUDE = ROOT / "include"
LABELS = ["Ownership", "Threads", "May collect", "Runs host code", "Fails"]
WARNINGS = ["-Wall", "-Wextra", "-Wpedantic", "-Werror"]
STANDARDS = {"c": ["c11", "c17", "c2x"], "c++": ["c++17", "c++20", "c++2b"]}
COMPILERS = [("gcc", "gcc", "g++"), ("clang", "clang-22", "clang++-22"), ("clang", "clang", "clang++")]

passed = failed = 0


def report(name, error=""):
    global passed, failed
    if error:
        failed += 1
        print(f"FAILED {name}\n    " + error.strip().replace("\n", "\n    "))
    else:
        passed += 1
        print(f"ok     {name}")


def run(*command, cwd=None):
    """An empty string, or what the command said when it failed."""
    result = subprocess.run([str(part) for part in command], capture_output=True, text=True, cwd=cwd)
    if result.returncode == 0:
        return ""
    return f"{' '.join(map(str, command))}: exit status {result.returncode}\n{result.stdout}{result.stderr}"


def compilers():
    """(name, language, command) of every compiler here."""
    for name, c, cxx in COMPILERS:
        if shutil.which(c) and shutil.which(cxx):
            yield name, "c", c
            yield name, "c++", cxx
            if name == "clang":
                return


def stands_alone(header, suffix, command, folder):
    """Twice in one translation unit, in two translation units of one program."""
    line = f"#include <{header}>\n"
    one, two = folder / f"one{suffix}", folder / f"two{suffix}"
    one.write_text(line + line + "int main(void) { return 0; }\n")
    two.write_text(line + "int second(void);\nint second(void) { return 0; }\n")
    return run(*command, "-I", INCLUDE, one, two, "-o", folder / "program")


def test_alone(folder):
    headers = sorted(str(path.relative_to(INCLUDE)) for path in INCLUDE.rglob("*.h"))
    for name, language, compiler in compilers():
        suffix = ".c" if language == "c" else ".cc"
        for standard in STANDARDS[language]:
            for define in ["", "-DRCGC_NO_INLINE"]:
                command = [compiler, f"-std={standard}", *WARNINGS, *filter(None, [define])]
                for header in headers:
                    error = stands_alone(header, suffix, command, folder)
                    report(f"{header} alone: {name} {standard} {define}".rstrip(), error)
    if shutil.which("tcc"):
        for header in headers:
            report(f"{header} alone: tcc", stands_alone(header, ".c", ["tcc", "-Wall", "-Werror"], folder))


def test_refusals(folder):
    """What is not supported does not compile, and is named."""
    source = folder / "refused.c"
    source.write_text("#include <rcgc.h>\n")
    for name, flags, words in [
        ("another system", ["-U__linux__"], "this operating system is not supported"),
        ("another processor", ["-U__x86_64__", "-U__aarch64__"], "this processor is not supported"),
        ("C++14", ["-x", "c++", "-std=c++14"], "C++17 or later is needed"),
    ]:
        error = run("gcc", "-fsyntax-only", *flags, "-I", INCLUDE, source)
        said = "" if words in error else f"does not say {words!r}: {error or 'it compiled'}"
        report(f"refused: {name}", said)


def test_initialisers_and_layout(folder):
    layout = ROOT / "c-tests" / "layout.c"
    for name, language, compiler in compilers():
        for standard in STANDARDS[language]:
            command = [compiler, "-x", language, f"-std={standard}", *WARNINGS]
            command += ["-Wmissing-field-initializers", "-I", INCLUDE, "-fsyntax-only", layout]
            error = run(*command)
            report(f"layout and initialisers: {name} {standard}", error)


DECLARATION = re.compile(r"(/\*(?:(?!\*/).)*\*/)?\s*^RCGC_API\s[^;]*?\b(\w+)\(", re.S | re.M)


def labels_missing(text):
    """What the comments of the functions in a header lack: (function, reason)."""
    for comment, function in DECLARATION.findall(text):
        found = re.findall(r"^ \* ([A-Z][a-z ]*):", comment, re.M)
        if [label for label in found if label in LABELS] != LABELS:
            yield function, f"{function}: has the labels {found}, should have {LABELS}"


def test_labels():
    for header in sorted((INCLUDE / "rcgc").glob("*.h")):
        text = header.read_text()
        if "Generated from" not in text:
            continue
        wrong = dict(labels_missing(text))
        functions = [function for _, function in DECLARATION.findall(text)]
        if not functions:
            report(f"labels: {header.name}", "no function is found")
        for function in functions:
            report(f"labels: {function}", wrong.get(function, ""))
    # The test can fail: it finds each label that is taken out of a good comment.
    heap = (INCLUDE / "rcgc" / "heap.h").read_text()
    for label in LABELS:
        cut = heap.replace(f" * {label}:", " * -", 1)
        report(f"labels: a missing {label} is found", "" if list(labels_missing(cut)) else "it is not")


def main():
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        test_alone(folder)
        test_refusals(folder)
        test_initialisers_and_layout(folder)
    test_labels()
    error = run("cargo", "run", "--quiet", "-p", "librcgc-headers", "--", "--check", cwd=ROOT)
    report("generated headers fit their sources", error)
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
