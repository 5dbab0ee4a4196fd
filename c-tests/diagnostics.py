#!/usr/bin/env python3
"""Tests of what a host's own compilation meets in the headers: no warning in any macro, whatever the host asks to be
warned of; no word of theirs that is a macro elsewhere; declarations that are the library's also where the host hides
its own; inline code that the interface of a C++ module may hand on, and that functions with attributes of their own
may use. The hosts are in c-tests/hosts. Ends with "N passed, N failed"; what no compiler here can do is skipped.

    c-tests/diagnostics.py [DIRECTORY OF THE LIBRARIES]
"""

import itertools
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
from headers import INCLUDE, ROOT, STANDARDS, compilers

HOSTS = ROOT / "c-tests" / "hosts"
LIBRARIES = Path(sys.argv[1] if len(sys.argv) > 1 else ROOT / "build" / "lib").resolve()

# What nobody can mean of all code: sizes and layouts as such, other standards than the one that was chosen, every
# use of a feature of the language, advice, and what is turned on with a number.
UNFIT = {
    "gcc": r"abi(-tag)?|aggregate-return|c\d\w+-\w+-compat|declaration-after-statement|error|extra|fatal-errors|"
           r"frame-larger-than|inline|larger-than-?|long-long|lto-type-mismatch|multiple-inheritance|namespaces|"
           r"padded|redundant-tags|stack-usage|suggest.*|system-headers|templates|traditional.*|"
           r"unsuffixed-float-constants|virtual-inheritance|\w+-larger-than",
    "clang": ["c++98-compat", "c++98-compat-pedantic", "declaration-after-statement", "padded", "pre-c11-compat",
              "pre-c23-compat", "unsafe-buffer-usage"],
}

passed = failed = 0


def report(name, error=""):
    global passed, failed
    if error:
        failed += 1
        lines = error.strip().splitlines()
        print(f"FAILED {name}\n    " + "\n    ".join(lines[:12]))
    else:
        passed += 1
        print(f"ok     {name}")


def skip(reason):
    print(f"skipped {reason}")


def run(*command, **keywords):
    """An empty string, or what the command said when it failed."""
    command = [str(part) for part in command]
    result = subprocess.run(command, capture_output=True, text=True, check=False, **keywords)
    if result.returncode == 0:
        return ""
    return f"{' '.join(command)}: exit status {result.returncode}\n{result.stdout}{result.stderr}"


def all_warnings(name, language, command):
    """The options that make a compiler say all that a host can want to know."""
    if name == "clang":
        return ["-Weverything", "-Wno-unknown-warning-option", *(f"-Wno-{word}" for word in UNFIT["clang"])]
    options = set()
    for group in [language, "common"]:
        result = subprocess.run([command, f"--help=warnings,{group}"], capture_output=True, text=True, check=False)
        options |= set(re.findall(r"^ +-W([a-z][a-z0-9+-]*)(?=\s)", result.stdout, re.M))
    fit = sorted(option for option in options if not re.fullmatch(UNFIT["gcc"], option))
    return ["-Wall", "-Wextra", "-Wpedantic", *(f"-W{option}" for option in fit)]


def initialisers(folder):
    """A host that uses every initialiser of the headers."""
    text = "".join(header.read_text() for header in sorted((INCLUDE / "rcgc").glob("*.h")))
    macros = re.findall(r"^#define (\w+_INIT) ", text, re.M)
    source = folder / "initialisers.c"
    lines = [f"  {{ {macro[:-5].lower()} x = {macro}; (void)x; }}" for macro in macros]
    source.write_text("#include <rcgc.h>\nint main(void) {\n" + "\n".join(lines) + "\n  return 0;\n}\n")
    report("there are initialisers", "" if len(macros) > 20 else f"{len(macros)} are found")
    return source


def test_warnings(folder):
    sources = [HOSTS / "macros.c", initialisers(folder)]
    for name, language, command in compilers():
        every = all_warnings(name, language, command)
        for standard, define, source in itertools.product(STANDARDS[language], ([], ["-DRCGC_NO_INLINE"]), sources):
            common = ["-x", language, f"-std={standard}", *define, "-I", INCLUDE, "-c", source, "-o", "/dev/null"]
            title = " ".join([source.name, name, language, standard, *define])
            report(f"no warning by default: {title}", run(command, "-Werror", *common))
            for level in ["-O0", "-O2"]:
                report(f"no warning at all: {title} {level}", run(command, *every, "-Werror", level, *common))
        # The test can fail.
        wrong = folder / "wrong.c"
        wrong.write_text("#include <rcgc.h>\nint f(long value);\nint f(long value) { int less = value; return less; }\n")
        found = run(command, "-x", language, *every, "-Werror", "-I", INCLUDE, "-c", wrong, "-o", "/dev/null")
        report(f"a wrong host is found: {name} {language}", "" if found else "it is not")


def test_foreign_names(folder):
    ours = folder / "ours.c"
    ours.write_text("#include <stdbool.h>\n#include <stddef.h>\n#include <stdint.h>\n#include <string.h>\n"
                    f'#include "{HOSTS}/foreign.h"\n#include <rcgc.h>\nint main(void) {{ return 0; }}\n')
    names = set(re.findall(r"^#define (\w+)", (HOSTS / "foreign.h").read_text(), re.M))
    for name, language, command in compilers():
        for define in ([], ["-DRCGC_NO_INLINE"], ["-DRCGC_SITES"]):
            error = run(command, "-x", language, *define, "-I", INCLUDE, "-fsyntax-only", ours)
            report(" ".join([f"{len(names)} macros of other headers: {name} {language}", *define]), error)
    # As they are on a machine that has them.
    for header in ["curses.h", "term.h", "X11/Xlib.h", "complex.h", "tgmath.h", "windows.h"]:
        source = folder / "theirs.c"
        source.write_text(f"#include <{header}>\n#include <rcgc.h>\nint main(void) {{ return 0; }}\n")
        if not run("gcc", "-E", source, "-I", INCLUDE, "-o", "/dev/null"):
            report(f"after {header}", run("gcc", "-std=gnu17", "-I", INCLUDE, "-fsyntax-only", source))


def test_hidden(folder):
    for name, language, command in compilers():
        for define, link in itertools.product(([], ["-DRCGC_NO_INLINE"]), ("static", "shared")):
            program = folder / "hidden"
            library = [LIBRARIES / "librcgc.a"] if link == "static" else [
                "-L", LIBRARIES, "-lrcgc", f"-Wl,-rpath,{LIBRARIES}"]
            error = run(command, "-fvisibility=hidden", *define, "-I", INCLUDE, "-x", language, HOSTS / "hidden.c",
                        "-x", "none", *library, "-pthread", "-o", program) or run(program)
            report(" ".join([f"included where declarations are hidden: {name} {language} {link}", *define]), error)


def test_module(folder):
    clang = [command for name, language, command in compilers() if (name, language) == ("clang", "c++")]
    if not clang:
        skip("modules: clang is not installed")
        return
    flags = ["-std=c++20", "-Wall", "-Wextra", "-Werror", "-I", INCLUDE]
    interface, program = folder / "host.pcm", folder / "module"
    for define in ([], ["-DRCGC_NO_INLINE"]):
        error = run(clang[0], *flags, *define, "--precompile", HOSTS / "module.cppm", "-o", interface)
        error = error or run(clang[0], *flags, *define, f"-fmodule-file=host={interface}", HOSTS / "module_user.cc",
                             interface, LIBRARIES / "librcgc.a", "-o", program) or run(program)
        report(" ".join(["the interface of a module", *define]), error)


def test_attributes():
    """Also that the address of an inline function is never that of the exported one."""
    variants = ["-O0", "-O2", "-Os", "-O2 -mavx2", "-O2 -fno-inline", "-O1 -pg", "-O2 -finstrument-functions",
                "-O2 -fsanitize=address", "-O1 -fsanitize=undefined", "-O2 -fsanitize=thread"]
    machine = subprocess.run(["uname", "-m"], capture_output=True, text=True, check=False).stdout.strip()
    for name, language, command in compilers():
        for variant in variants:
            if "-mavx2" in variant and machine != "x86_64":
                continue
            command_line = [command, "-x", language, *variant.split(), "-Wall", "-Wextra", "-Werror",
                            "-I", INCLUDE, "-c", HOSTS / "attributes.c", "-o", "/dev/null"]
            report(f"functions with attributes: {name} {language} {variant}", run(*command_line))
            report(f"functions with fewer instructions: {name} {language} {variant}",
                   run(*command_line, "-DLESS", "-DRCGC_ALWAYS_INLINE="))


def test_many_counts(folder):
    """A runtime counts in a thousand places of one file: compilers stop to inline there what they are not made to."""
    source, binary = folder / "many.c", folder / "many.o"
    uses = "".join(f"rc_incref(from[{i}]); rc_decref(from[{i + 1}]); rc_scope_keep(heap, from[{i}]);" for i in range(8))
    source.write_text("#include <rcgc.h>\n" + "".join(
        f"void f{i}(gc_heap *heap, void **from); void f{i}(gc_heap *heap, void **from) {{ {uses} }}\n" for i in range(150)))
    for name, language, command in compilers():
        for variant in ["-O1", "-O2", "-O3"]:
            error = run(command, "-x", language, variant, "-I", INCLUDE, "-c", source, "-o", binary)
            symbols = "" if error else subprocess.run(["nm", binary], capture_output=True, text=True, check=True).stdout
            own = [line for line in symbols.splitlines() if re.search(r" [tTwWvV] .*(rc_incref|rc_decref|rcgc_)", line)]
            report(f"counts in many places are inline: {name} {language} {variant}", error or "\n".join(own))


def main():
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        test_warnings(folder)
        test_foreign_names(folder)
        test_hidden(folder)
        test_module(folder)
        test_many_counts(folder)
    test_attributes()
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
