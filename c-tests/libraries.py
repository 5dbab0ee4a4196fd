#!/usr/bin/env python3
"""Tests of the built libraries: c-tests/libraries.py [DIRECTORY] (build/lib). That they show exactly the
symbols of cmake/rcgc.symbols, which are the functions of the headers; that the shared one has its name, its
version, and needs only libc; that the static one can stand beside another Rust library. Ends with
"N passed, N failed".
"""

import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LIBRARIES = Path(sys.argv[1] if len(sys.argv) > 1 else ROOT / "build" / "lib").resolve()
STATIC, SHARED = LIBRARIES / "librcgc.a", LIBRARIES / "librcgc.so"
VERSION = re.search(r'^version = "(.*)"', (ROOT / "Cargo.toml").read_text(), re.M).group(1)
NODE = "RCGC_" + VERSION.rpartition(".")[0]
# Only the engine: what a standard library or a missing link-time optimisation adds is more.
SHARED_BYTES_MAX = 752 * 1024

passed = failed = 0


def report(name, error=""):
    global passed, failed
    if error:
        failed += 1
        print(f"FAILED {name}\n    " + str(error).strip().replace("\n", "\n    "))
    else:
        passed += 1
        print(f"ok     {name}")


def output(*command):
    result = subprocess.run([str(part) for part in command], capture_output=True, text=True)
    if result.returncode != 0:
        raise RuntimeError(f"{' '.join(map(str, command))}\n{result.stdout}{result.stderr}")
    return result.stdout


def differences(got, expected):
    got, expected = set(got), set(expected)
    lines = [f"unexpected: {name}" for name in sorted(got - expected)]
    lines += [f"missing: {name}" for name in sorted(expected - got)]
    return "\n".join(lines)


def symbols(table, path):
    """(name, version) of what an ELF file defines for others."""
    for line in output("readelf", "--wide", table, path).splitlines():
        part = line.split()
        if len(part) == 8 and part[4] in ("GLOBAL", "WEAK") and part[6] != "UND":
            name, _, version = part[7].partition("@")
            yield name, version.lstrip("@")


def declared():
    """The functions of the headers, those for RCGC_NO_INLINE and the slow halves included."""
    for header in (ROOT / "include" / "rcgc").glob("*.h"):
        yield from re.findall(r"^RCGC_API\s[^;]*?\b(\w+)\(", header.read_text(), re.M)


def inline_twins():
    text = (ROOT / "include" / "rcgc" / "inline.h").read_text()
    return re.findall(r"^RCGC_INLINE [^;{]*?\b(rc_\w+)\(", text, re.M)


def test_symbols(listed):
    report("the list is sorted, each name once", "" if listed == sorted(set(listed)) else "it is not")
    report("the headers declare what is listed", differences(declared(), listed))
    report("inline functions have exported twins", differences(set(inline_twins()) - set(listed), []))
    report("the static library shows what is listed", differences(dict(symbols("--syms", STATIC)), listed))
    dynamic = dict(symbols("--dyn-syms", SHARED))
    versions = {dynamic.pop(NODE, ""), *dynamic.values()} - {""}
    report("the shared library shows what is listed", differences(dynamic, listed))
    report(f"all in version {NODE}", "" if versions == {NODE} else f"versions: {versions}")


def test_shared():
    dynamic = output("readelf", "--wide", "--dynamic", SHARED)
    soname = f"librcgc.so.{VERSION.split('.')[0]}"
    report("SONAME", "" if f"Library soname: [{soname}]" in dynamic else dynamic)
    needed = re.findall(r"\(NEEDED\).*\[(.*)\]", dynamic)
    report("needs only libc", differences(needed, ["libc.so.6"]))
    report("bound at load, relocations read-only after", "" if "NOW" in dynamic and "GNU_RELRO" in output(
        "readelf", "--wide", "--segments", SHARED) else dynamic)
    report("no relocations in code", "TEXTREL" if "TEXTREL" in dynamic else "")
    links = [LIBRARIES / "librcgc.so", LIBRARIES / soname]
    good = all(link.is_symlink() and link.resolve().name == f"librcgc.so.{VERSION}" for link in links)
    report("links lead to the versioned file", "" if good else "they do not")
    size = SHARED.resolve().stat().st_size
    report("size", "" if size <= SHARED_BYTES_MAX else f"{size} bytes, at most {SHARED_BYTES_MAX} expected")


def test_beside_rust(folder):
    """Two Rust static libraries in one C program."""
    if not shutil.which("rustc"):
        return
    (folder / "other.rs").write_text(
        '#[no_mangle] pub extern "C" fn other(n: u32) -> usize { vec![1u8; n as usize].len() }\n')
    (folder / "main.c").write_text(
        "#include <rcgc.h>\nsize_t other(uint32_t);\n"
        "int main(void) { return other(3) == 3 && gc_abi_tag() == RCGC_ABI_TAG ? 0 : 1; }\n")
    try:
        output("rustc", "--crate-type", "staticlib", "-o", folder / "libother.a", folder / "other.rs")
        output("cc", "-std=c11", "-I", ROOT / "include", folder / "main.c", STATIC, folder / "libother.a",
               "-lpthread", "-ldl", "-lm", "-lgcc_s", "-o", folder / "main")
        output(folder / "main")
        report("beside another Rust library")
    except RuntimeError as error:
        report("beside another Rust library", error)


def main():
    listed = (ROOT / "cmake" / "rcgc.symbols").read_text().split()
    test_symbols(listed)
    test_shared()
    with tempfile.TemporaryDirectory() as name:
        test_beside_rust(Path(name))
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
