#!/usr/bin/env python3
"""Tests of the headers: that each stands alone, in every language they are for; that every function says
what a caller must know, and every handle what it is; that the two tiers are all headers; that the generated
ones fit their sources. Ends with "N passed, N failed".
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
# What goes without saying, so that a label is read where it says something.
DEFAULTS = {"Ownership": "nothing.", "Threads": "the heap's.", "May collect": "no.", "Runs host code": "no."}
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


def wrong_labels(text):
    """What is wrong with the labels of the functions in a header: (function, reason)."""
    for comment, function in DECLARATION.findall(text):
        labels = re.findall(r"^ \* ([A-Z][a-z ]*): ?(.*(?:\n \*   .*)*)", comment, re.M)
        labels = [(label, says) for label, says in labels if label in LABELS]
        names = [label for label, _ in labels]
        if names != [label for label in LABELS if label in names]:
            yield function, f"{function}: the labels {names} are not in the order {LABELS}"
        if "Fails" not in names:
            yield function, f"{function}: it does not say how it fails"
        for label, says in labels:
            if says == DEFAULTS.get(label):
                yield function, f"{function}: {label}: {says} goes without saying"


def test_labels():
    for header in sorted((INCLUDE / "rcgc").glob("*.h")):
        text = header.read_text()
        if "Generated from" not in text:
            continue
        wrong = dict(wrong_labels(text))
        functions = [function for _, function in DECLARATION.findall(text)]
        if not functions:
            report(f"labels: {header.name}", "no function is found")
        for function in functions:
            report(f"labels: {function}", wrong.get(function, ""))
    # What goes without saying is said on the first page, and where each tier begins.
    for name in ["rcgc.h", "rcgc/core.h", "rcgc/tools.h"]:
        words = " ".join((INCLUDE / name).read_text().replace(" * ", " ").split())
        missing = [f"{label}: {says}" for label, says in DEFAULTS.items()
                   if f'"{label}: {says.rstrip(".")}"' not in words]
        report(f"labels: {name} says the defaults", "; ".join(missing))
    # The test can fail.
    heap = (INCLUDE / "rcgc" / "heap.h").read_text()
    for what, cut in [
        ("a missing label", heap.replace(" * Fails:", " * -", 1)),
        ("another order", heap.replace(" * Ownership:", " * Fails: x\n * Ownership:", 1)),
        ("a default", heap.replace(" * Threads: any.\n", " * Threads: the heap's.\n", 1)),
    ]:
        report(f"labels: {what} is found", "" if list(wrong_labels(cut)) else "it is not")


def test_tiers():
    """Every header belongs to one of the two tiers, and rcgc.h is both of them."""
    includes = {name: re.findall(r"^#include <(.*)>", (INCLUDE / name).read_text(), re.M)
                for name in ["rcgc.h", "rcgc/core.h", "rcgc/tools.h"]}
    core, tools = includes["rcgc/core.h"], includes["rcgc/tools.h"]
    report("rcgc.h is core.h and tools.h",
           "" if includes["rcgc.h"] == ["rcgc/core.h", "rcgc/tools.h"] else str(includes["rcgc.h"]))
    report("tools.h stands on core.h", "" if tools[0] == "rcgc/core.h" else str(tools))
    there = sorted(f"rcgc/{path.name}" for path in (INCLUDE / "rcgc").glob("*.h"))
    listed = sorted([*core, *tools, "rcgc/tools.h"])
    report("each header belongs to one tier", "" if listed == there else f"{listed}, there are {there}")
    # A header of the core needs none of the tools'.
    needs = [name for name in core
             for other in re.findall(r"^#include <(.*)>", (INCLUDE / name).read_text(), re.M) if other in tools[1:]]
    report("the core needs no tool", " ".join(needs))
    # Both say by name what is in them.
    for name in ["rcgc/core.h", "rcgc/tools.h"]:
        said = re.findall(r"rcgc/\w+\.h(?= {2,})", (INCLUDE / name).read_text())
        wanted = [other for other in includes[name] if other != "rcgc/core.h"]
        report(f"{name} names what is in it", "" if sorted(said) == sorted(wanted) else str(sorted(said)))


def test_handles():
    """Each type that only pointers are made of says what it is, who ends it, and which threads may use it."""
    for header in sorted((INCLUDE / "rcgc").glob("*.h")):
        for comment, name in re.findall(r"(/\*(?:(?!\*/).)*\*/\n)?^typedef struct (\w+) \2;", header.read_text(),
                                        re.S | re.M):
            says = re.search(r"\bends?\b|released", comment) and re.search(r"thread|may be", comment)
            report(f"handle: {name}", "" if says else f"its comment is {comment!r}")


def main():
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        test_alone(folder)
        test_refusals(folder)
        test_initialisers_and_layout(folder)
    test_labels()
    test_tiers()
    test_handles()
    error = run("cargo", "run", "--quiet", "-p", "librcgc-headers", "--", "--check", cwd=ROOT)
    report("generated headers fit their sources", error)
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
