#!/usr/bin/env python3
"""Tests of include/rcgc.hpp beside its programs, which `scripts/test cxx` runs: each file alone; what it refuses, by the words
that it says; all warnings that there are, under each compiler and standard; without exceptions and type information;
sanitizers, valgrind and the checking level; in a module; std::format. Ends with "N passed, N failed"; what no compiler
here can do is skipped.

    c-tests/cxx/wrapper.py DIRECTORY_OF_THE_LIBRARIES DIRECTORY_WITH_DEBUG [DIRECTORY_AT_THE_CHECKING_LEVEL]
"""

import itertools
import os
import re
import shutil
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))
from diagnostics import all_warnings
from headers import INCLUDE, STANDARDS, WARNINGS, compilers, run

# What -Weverything says of any such code: of the standard's older versions, of layouts, of pointers as arrays; that types
# of tests are in no header; that a switch or an operator is not hidden; what is about the standard library's own templates.
CLANG_UNFIT = ["ctad-maybe-unsupported", "exit-time-destructors", "global-constructors", "weak-vtables",
               "weak-template-vtables", "unused-member-function", "unused-template", "missing-prototypes",
               "pre-c++20-compat-pedantic", "pre-c++17-compat", "pre-c++17-compat-pedantic", "pre-c++14-compat",
               "pre-c++14-compat-pedantic", "c++20-compat", "unneeded-member-function", "unsafe-buffer-usage-in-libc-call",
               "unsafe-buffer-usage-in-container", "float-equal", "header-hygiene", "shadow-uncaptured-local",
               "self-assign-overloaded", "self-move", "comma", "missing-noreturn", "exit-time-destructors",
               "nrvo", "missing-field-initializers"]
# Likewise of GCC; `useless-cast` and the like are right in a template for some arguments only.
GCC_UNFIT = ["effc++", "comma-subscript", "noexcept", "strict-null-sentinel", "useless-cast", "virtual-inheritance",
             "ctad-maybe-unsupported", "zero-as-null-pointer-constant", "self-move", "missing-field-initializers",
             "conditionally-supported", "unused-macros", "nrvo", "extra-semi", "pessimizing-move", "redundant-move"]
PROGRAMS = sorted(HERE.glob("test_*.cpp"))
passed = failed = 0


def report(name, error=""):
    global passed, failed
    if error:
        failed += 1
        print(f"FAILED {name}\n    " + "\n    ".join(error.strip().splitlines()[:16]), flush=True)
    else:
        passed += 1
        print(f"ok     {name}", flush=True)


def skip(reason):
    print(f"skipped {reason}", flush=True)


def cxx_compilers():
    return [(name, command) for name, language, command in compilers() if language == "c++"]


def together(jobs):
    """Reports (name, function) in their order, two at a time."""
    jobs = list(jobs)
    with ThreadPoolExecutor(2) as pool:
        for (name, _), error in zip(jobs, pool.map(lambda job: job[1](), jobs)):
            report(name, error)


def test_alone(folder):
    def job(header, command, standard):
        def go():
            source = folder / f"{header.stem}-{standard}-{command}.cpp"
            name = header.relative_to(INCLUDE)
            source.write_text(f"#include <{name}>\n#include <{name}>\nint main() {{}}\n")
            return run(command, f"-std={standard}", *WARNINGS, "-I", INCLUDE, "-fsyntax-only", source)
        return f"{header.name} alone: {command} {standard}", go

    headers = [INCLUDE / "rcgc.hpp", *sorted((INCLUDE / "rcgc/cpp").glob("*.hpp"))]
    together(job(header, command, standard) for _, command in cxx_compilers() for header in headers
             for standard in ("c++17", "c++20"))
    # In two translation units of one program.
    one, two = folder / "one.cpp", folder / "two.cpp"
    struct = ("#include <rcgc.hpp>\nstruct Node { rcgc::ref<Node> next; };\nRCGC_FIELDS(Node, next)\n"
              "rcgc::ref<Node> other(rcgc::heap &heap);\n")
    one.write_text(struct + "int main() { rcgc::heap heap; auto a = heap.make<Node>(), b = other(heap);\n"
                   "return heap.type<Node>().live() == 2 && rc_type_of(a.get()) == rc_type_of(b.get()) ? 0 : 1; }\n")
    two.write_text(struct + "rcgc::ref<Node> other(rcgc::heap &heap) { return heap.make<Node>(); }\n")
    program = folder / "two-units"
    report("one type in two translation units",
           run("c++", "-std=c++17", "-I", INCLUDE, one, two, LIBRARIES / "librcgc.a", "-pthread", "-o", program) or run(program))


def test_refusals():
    source = HERE / "refused.cpp"
    cases = re.findall(r"CASE == (\d+) // (.*)", source.read_text())

    def job(number, words, command, standard):
        def go():
            said = run(command, f"-std={standard}", f"-DCASE={number}", "-I", INCLUDE, "-fsyntax-only", source)
            return "" if said and re.search(words, said) else said or "it compiled"
        return f"refused, case {number}: {words}: {command} {standard}", go

    for _, command in cxx_compilers():
        report(f"refused.cpp without a case: {command}", run(command, "-std=c++17", "-DCASE=0", *WARNINGS, "-I", INCLUDE,
                                                             "-fsyntax-only", source))
    together(job(number, words, command, standard) for number, words in cases for _, command in cxx_compilers()
             for standard in ("c++17", "c++20"))


def test_warnings():
    def job(name, command, standard, level, source):
        def go():
            unfit = CLANG_UNFIT if name == "clang" else GCC_UNFIT
            options = [*all_warnings(name, "c++", command), *(f"-Wno-{word}" for word in unfit), "-Werror"]
            return run(command, f"-std={standard}", *options, level, "-I", INCLUDE, "-c", source, "-o", "/dev/null")
        return f"no warning at all: {source.name} {command} {standard} {level}", go

    together(job(name, command, standard, level, source) for name, command in cxx_compilers()
             for standard, level in (("c++17", "-O2"), ("c++20", "-O0"), ("c++2b", "-O2")) for source in PROGRAMS)


def test_ways(folder):
    """The programs built and run in other ways than the usual one."""
    checking = [("the checking level", ["-O1", "-g"], CHECKING, [], {"RCGC_TEST_SMALL": "1"})] if CHECKING else []
    ways = [
        ("without exceptions", ["-O2", "-fno-exceptions", "-fno-rtti",], LIBRARIES, [], {}),
        ("sanitizers", ["-O1", "-g", "-fsanitize=address,undefined", "-fno-sanitize-recover=undefined"], DEBUG, [],
         {"ASAN_OPTIONS": "detect_leaks=0"}),
        *checking,
        ("valgrind", ["-O1", "-g"], DEBUG,
         ["valgrind", "--quiet", "--error-exitcode=99", "--leak-check=full", "--show-leak-kinds=definite",
          "--errors-for-leak-kinds=definite"], {"RCGC_TEST_SMALL": "1"}),
    ]

    def job(way, source, standard):
        name, flags, library, before, env = way

        def go():
            program = folder / f"{source.stem}-{name}-{standard}".replace(" ", "-")
            error = run("c++", f"-std={standard}", *flags, "-I", INCLUDE, source, library / "librcgc.a", "-pthread", "-o", program)
            return error or run("env", *(f"{key}={value}" for key, value in env.items()), *before, program)
        return f"{source.name}: {name} {standard}", go

    together(job(way, source, standard) for way, source, standard in itertools.product(ways, PROGRAMS, ("c++17", "c++20"))
             if not (way[0] == "valgrind" and standard == "c++17")
             and not (way[0] == "without exceptions" and source.stem == "test_cxx"))


def test_module(folder):
    clang = [command for name, command in cxx_compilers() if name == "clang"]
    if not clang:
        skip("modules: clang is not installed")
        return
    flags = ["-std=c++20", *WARNINGS, "-I", INCLUDE]
    interface, program = folder / "people.pcm", folder / "module"
    error = run(clang[0], *flags, "-pthread", "--precompile", HERE / "module.cppm", "-o", interface)
    error = error or run(clang[0], *flags, f"-fmodule-file=people={interface}", HERE / "module_user.cpp", interface,
                         LIBRARIES / "librcgc.a", "-pthread", "-o", program) or run(program)
    report("in the interface of a module", error)


def test_format(folder):
    tried = [("g++", []), *((command, ["-stdlib=libc++"]) for name, command in cxx_compilers() if name == "clang")]
    tried += [(command, []) for command in ("g++-13", "g++-14", "g++-15") if shutil.which(command)]
    found = False
    for command, flags in tried:
        program = folder / "format"
        error = run(command, "-std=c++20", *flags, "-I", INCLUDE, HERE / "format.cpp", LIBRARIES / "librcgc.a", "-pthread",
                    "-o", program)
        if error and ("stdlib" in error or "unable to find" in error or "file not found" in error):
            continue  # this standard library is not installed
        said = error or run("sh", "-c", f'"{program}" >"{folder}/said"')
        if not said and "no format" in (folder / "said").read_text():
            continue
        found = True
        report(f"std::format: {command} {' '.join(flags)}", said)
    if not found:
        skip("std::format: no standard library here has it")


def main():
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for test in (test_alone, test_ways, test_module, test_format):
            test(folder)
        test_refusals()
        test_warnings()
    print(f"{passed} passed, {failed} failed")
    return failed != 0


if __name__ == "__main__":
    LIBRARIES, DEBUG = (Path(path).resolve() for path in sys.argv[1:3])
    CHECKING = Path(sys.argv[3]).resolve() if len(sys.argv) > 3 else None
    os.environ.setdefault("LC_ALL", "C.UTF-8")
    sys.exit(main())
