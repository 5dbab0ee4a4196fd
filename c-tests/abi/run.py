#!/usr/bin/env python3
"""Tests of the ABI: c-tests/abi/run.py [--full] [DIRECTORY] (build/lib). include/ has the headers of the first ABI,
which stay as they are. Ends with "N passed, N failed".

| what | how it is found out |
|---|---|
| old hosts run | the programs here, compiled against those headers, with the shared library of today |
| structs, constants, functions, types are as they were | both sets of headers through one compiler |
| old binaries run (--full) | the programs linked to the library of the commit below, run with that of today |
| the two libraries agree (--full) | abidiff, on the libraries and on all that the headers declare |

The last two need that commit in the repository's history, and abidiff: they are skipped by name where it is not.
"""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
OLD, NEW = HERE / "include", ROOT / "include"
WORK = ROOT / "build" / "tests" / "abi"
FULL = "--full" in sys.argv
FOLDERS = [argument for argument in sys.argv[1:] if not argument.startswith("-")]
LIBRARIES = Path(FOLDERS[0] if FOLDERS else ROOT / "build" / "lib").resolve()
# What the headers in include/ are of. A tag of a later version takes its place for abidiff.
FIRST = "68a626ee0ce8"
WARNINGS = ["-std=c11", "-Wall", "-Wextra", "-Wpedantic", "-Werror"]
# Names that were given to something else: what they named then, with the meaning as it was. Programs of then run, and are
# compiled anew once the name is changed.
RENAMED = {"gc_step": "gc_path_step", "GC_STEP_INIT": "GC_PATH_STEP_INIT"}
# Which version this is.
VERSION = ["RCGC_VERSION_MAJOR", "RCGC_VERSION_MINOR", "RCGC_VERSION_PATCH"]

passed = failed = 0


def report(name, error=""):
    global passed, failed
    if error:
        failed += 1
        print(f"FAILED {name}\n    " + str(error).strip().replace("\n", "\n    "))
    else:
        passed += 1
        print(f"ok     {name}")


def run(*command, env=None, cwd=None):
    """(exit status, all it wrote)."""
    result = subprocess.run([str(part) for part in command], env={**os.environ, **(env or {})}, cwd=cwd, text=True,
                            errors="replace", stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                            stderr=subprocess.STDOUT)
    return result.returncode, result.stdout


def compiled(*command):
    """Reports nothing but a failure."""
    status, output = run("cc", *command)
    if status != 0:
        report(f"cc {command[-1]}", output)
    return status == 0


# ---- the hosts ----

def hosts():
    return sorted(HERE.glob("*.c"))


def build_hosts(libraries):
    """One program for each host, with inline counts and without, linked to a shared library."""
    for source in hosts():
        for flags in [], ["-DRCGC_NO_INLINE"]:
            program = WORK / "-".join([source.stem, *("exported" for _ in flags)])
            if compiled(*WARNINGS, "-O2", "-g", *flags, "-I", OLD, source, "-L", libraries, "-lrcgc", "-pthread",
                        "-o", program):
                yield program


def run_hosts(programs, what):
    for program in programs:
        status, output = run(program, env={"LD_LIBRARY_PATH": str(LIBRARIES)})
        passing = re.search(r"^(\d+) passed, 0 failed$", output, re.M)
        report(f"{program.name}: {what}", "" if status == 0 and passing else output)


def test_hosts():
    run_hosts(list(build_hosts(LIBRARIES)), "compiled against the first headers, with the library of today")
    text = "".join(source.read_text() for source in [*hosts(), HERE / "host.h"])
    header = "".join(path.read_text() for path in headers(OLD))
    # What macros and inline functions of the headers call, and the slow halves, no host names.
    text += "".join(line for line in header.splitlines(True) if not line.startswith("RCGC_API"))
    missing = [name for name in functions(OLD) if not re.search(rf"\b{name}\(", text)]
    report("the hosts call every function of the first headers", " ".join(missing))


# ---- what headers declare ----

def headers(include):
    return [include / "rcgc.h", *sorted((include / "rcgc").glob("*.h"))]


def without_comments(path):
    return re.sub(r"/\*.*?\*/", " ", path.read_text(), flags=re.S)


def prototypes(include):
    """{name: declaration} of the exported functions."""
    found = {}
    for path in headers(include):
        for text in re.findall(r"^RCGC_API\s[^;]*;", without_comments(path), re.M):
            found[re.search(r"(\w+)\(", text)[1]] = text
    return found


def functions(include):
    return sorted(prototypes(include))


def structs(include):
    """{name: [member]} of the structs with a body."""
    found = {}
    for path in headers(include):
        for name, body in re.findall(r"typedef struct (\w+) \{(.*?)\} \1;", without_comments(path), re.S):
            members = [re.search(r"(\w+)\s*(?:\[\w+\])?$", member.strip())[1]
                       for member in body.split(";") if member.strip()]
            found[name] = members
    return found


def constants(include):
    """Macros that stand for one number."""
    found = set()
    for path in headers(include):
        found |= set(re.findall(r"^#define (\w+) (?:0x[0-9a-f]+u?|\d+|SIZE_MAX)\s*$", without_comments(path), re.M))
    return sorted(found - {"RCGC_COUNT_ATOMIC", "RCGC_NO_INLINE"} - set(VERSION))


def function_types(include):
    found = []
    for path in headers(include):
        found += re.findall(r"^typedef [^;{}]*;", without_comments(path), re.M)
    return found


def now(name):
    """What something of the first headers is called today."""
    return RENAMED.get(name, name)


def layout_of(include):
    """What a program prints that asks each set of headers for the same things: sizes apart from the rest."""
    of = structs(OLD)
    lines = []
    for name in constants(OLD):
        lines.append(f'  printf("%s is %lld\\n", "{name}", (long long)({name}));')
    for name, members in of.items():
        called = name if include == OLD else now(name)
        lines += [f'  printf("%s.%s lies at %zu, %zu bytes\\n", "{name}", "{member}", offsetof({called}, {member}), '
                  f"sizeof((({called} *)0)->{member}));" for member in members]
        lines.append(f'  printf("size %zu %s\\n", sizeof({called}), "{name}");')
    source = WORK / f"layout-{'old' if include == OLD else 'new'}.c"
    source.write_text("#include <rcgc.h>\n#include <stdio.h>\nint main(void) {\n" + "\n".join(lines)
                      + "\n  return 0;\n}\n")
    program = source.with_suffix("")
    if not compiled("-std=c11", "-w", "-I", include, source, "-o", program):
        return None
    printed = run(program)[1].splitlines()
    sizes = {line.split()[2]: int(line.split()[1]) for line in printed if line.startswith("size ")}
    return [line for line in printed if not line.startswith("size ")], sizes


def test_layout():
    """Each member where it was, as large as it was; each constant with its value; structs no smaller."""
    old, new = layout_of(OLD), layout_of(NEW)
    if not old or not new:
        return
    report("enough is compared", "" if len(old[0]) > 350 and len(old[1]) > 30 else f"{len(old[0])} {len(old[1])}")
    changed = [f"{before}, now: {now}" for before, now in zip(old[0], new[0]) if before != now]
    report("members and constants are as they were", "\n".join(changed))
    smaller = [name for name, size in old[1].items() if new[1][name] < size]
    report("no struct is smaller", " ".join(smaller))
    # Structs without struct_size, and those that other structs have as members, cannot be appended to.
    fixed = [name for name, members in structs(OLD).items() if members[0] != "struct_size"]
    report("structs without struct_size have their size",
           " ".join(name for name in fixed if new[1][name] != old[1][name]))


def test_declarations():
    """Behind the headers of today the first ones' declarations are the same again, so C takes both."""
    source = WORK / "declarations.c"
    again = [re.sub(r"\w+", lambda word: now(word[0]), text)
             for text in function_types(OLD) + list(prototypes(OLD).values())]
    source.write_text("#define RCGC_NO_INLINE 1\n#include <rcgc.h>\n#include <rcgc/inline.h>\nRCGC_BEGIN_DECLS\n"
                      + "\n".join(again) + "\nRCGC_END_DECLS\n")
    status, output = run("cc", "-std=c11", "-Werror", "-I", NEW, "-fsyntax-only", source)
    report("functions and types are declared as they were", output if status else "")
    gone = [name for name in macros(OLD) if now(name) not in macros(NEW)]
    report("every macro is there", " ".join(gone))
    # The test can fail.
    source.write_text(source.read_text().replace("size_t gc_collect(gc_heap *heap)", "int gc_collect(gc_heap *heap)"))
    status, _ = run("cc", "-std=c11", "-Werror", "-I", NEW, "-fsyntax-only", source)
    report("another declaration is found", "" if status else "it is not")


def macros(include):
    """Every macro for hosts; those that begin with RCGC_ are the library's own, and RCGC_UNLIKELY was never used."""
    found = set()
    for path in headers(include):
        found |= set(re.findall(r"^\s*#\s*define ((?:RC|GC)_\w+)", path.read_text(), re.M))
    return found


def test_symbols():
    """The old names, at the version that old binaries ask for."""
    status, output = run("readelf", "--wide", "--dyn-syms", LIBRARIES / "librcgc.so")
    there = set(re.findall(r"(\w+)@@(\S+)", output))
    missing = [name for name in functions(OLD) if (name, "RCGC_0.1") not in there]
    report("old symbols are exported, as RCGC_0.1", " ".join(missing))
    status, output = run("readelf", "--wide", "--dynamic", LIBRARIES / "librcgc.so")
    report("the name of the library is the old one", "" if "[librcgc.so.0]" in output else output)


# ---- the old library ----

def base():
    """The last tag of a version, or the commit that include/ is of; null without history."""
    status, tag = run("git", "describe", "--tags", "--abbrev=0", "--match", "v*", cwd=ROOT)
    commit = tag.strip() if status == 0 else FIRST
    status, _ = run("git", "cat-file", "-e", f"{commit}^{{commit}}", cwd=ROOT)
    return commit if status == 0 else None


def old_library(commit):
    """(its folder, its headers), built once from the history."""
    folder = ROOT / "build" / "abi" / commit
    source, libraries = folder / "source", folder / "lib"
    if not (libraries / "librcgc.so").exists():
        shutil.rmtree(folder, ignore_errors=True)
        source.mkdir(parents=True)
        status, output = run("sh", "-c", f"git archive {commit} | tar -x -C '{source}'", cwd=ROOT)
        if status == 0:
            status, output = run(source / "scripts/build-libs", "--target-dir", folder / "cargo", libraries)
        shutil.rmtree(folder / "cargo", ignore_errors=True)
        if status != 0:
            report(f"the library of {commit} builds", output)
            return None
    return libraries, source / "include"


def declared_library(include, name):
    """A shared library in C of all that headers declare, for abidiff: the one in Rust says nothing of C types."""
    source, library = WORK / f"{name}.c", WORK / f"lib{name}.so"
    bodies = [text.replace("RCGC_API ", "").replace("RCGC_MUST_USE ", "").rstrip(";") + " { __builtin_trap(); }"
              for text in prototypes(include).values()]
    text = "#define RCGC_NO_INLINE 1\n#include <rcgc.h>\n#include <rcgc/inline.h>\n" + "\n".join(bodies) + "\n"
    source.write_text(text)
    # Today's names of what was renamed, where they are not in the headers yet.
    renamed = [] if include == NEW or include.name == "wrong" else [f"-D{old}={new}" for old, new in RENAMED.items()]
    return library if compiled("-std=c11", "-w", "-g", "-fPIC", "-shared", *renamed, "-I", include, source, "-o",
                               library) else None


def abidiff(name, before, after, must_differ=False):
    status, output = run("abidiff", "--no-added-syms", "--suppressions", HERE / "appended.abignore", before, after)
    report(name, "" if (status != 0) == must_differ else output or f"exit status {status}")


def test_old_library():
    if not shutil.which("abidiff"):
        print("skipped the library of the first ABI: abidiff is not installed")
        return
    commit = base()
    if not commit:
        print(f"skipped the library of the first ABI: {FIRST} is not in the history of this clone")
        return
    built = old_library(commit)
    if not built:
        return
    libraries, include = built
    run_hosts(list(build_hosts(libraries)), f"linked to the library of {commit}, with that of today")
    abidiff(f"abidiff finds the symbols of {commit}", libraries / "librcgc.so", LIBRARIES / "librcgc.so")
    before, after = declared_library(include, "old"), declared_library(NEW, "new")
    if not before or not after:
        return
    abidiff(f"abidiff finds the declarations of {commit}", before, after)
    # The test can fail: one parameter more, one member in the middle.
    wrong = WORK / "wrong"
    shutil.rmtree(wrong, ignore_errors=True)
    shutil.copytree(NEW, wrong)
    policy = wrong / "rcgc" / "collector.h"
    text = policy.read_text()
    policy.write_text(text.replace("  double growth;", "  uint64_t between;\n  double growth;"))
    changed = declared_library(wrong, "wrong")
    if changed:
        abidiff("abidiff finds a member in the middle", before, changed, must_differ=True)


def main():
    WORK.mkdir(parents=True, exist_ok=True)
    test_hosts()
    test_layout()
    test_declarations()
    test_symbols()
    if FULL:
        test_old_library()
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
