#!/usr/bin/env python3
"""Tests of the library where it is not at home: c-tests/platforms.py minimum-rust|musl|aarch64 [--full].

minimum-rust: the library, its tool and all they depend on compile with the Rust that Cargo.toml names.
musl: the library as it ships, and one built for musl, with musl-gcc. Static; --full: all C tests.
aarch64: built for it, linked with Debian's cross compiler, all C tests under qemu-user.

What rustup or the system cannot give is skipped by name. Ends with "N passed, N failed".
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BUILD = ROOT / "build"
CARGO = BUILD / "cargo"
FULL = "--full" in sys.argv
SECONDS_MAX = 900
WARNINGS = ["-std=c11", "-O1", "-g", "-Wall", "-Wextra", "-Wpedantic", "-Werror"]
CLOSING = re.compile(r"^(\d+) passed, (\d+) failed\s*$", re.M)

# Tests that cannot run there, and why.
NOT_WITH_MUSL = {"test_scope_stacks": "musl has no swapcontext"}
# Those of which only some cases run there, the cases, and why.
PARTLY_UNDER_QEMU = {
    "test_fork": (["handlers_of", "samples_of", "descriptors_are", "nothing_of", "a_child_may"],
                  "threads that fork: qemu-user's own assertions fail in the child (qemu_plugin_vcpu_init_hook)"),
}
# qemu-user keeps a note of every page, also of those that are only reserved: a range of the usual size takes minutes.
QEMU = {"RCGC_RANGE_BYTES": "4G"}
UNDER_QEMU = ["prlimit", "--as=12000000000", "qemu-aarch64", "-L", "/usr/aarch64-linux-gnu"]

passed = failed = 0


def report(name, error=""):
    global passed, failed
    if error:
        failed += 1
        print(f"FAILED {name}\n    " + "\n    ".join(error.strip().splitlines()[-15:]), flush=True)
    else:
        passed += 1
        print(f"ok     {name}", flush=True)


def skip(reason):
    print(f"skipped {reason}", flush=True)


def run(*command, env=None):
    """(whether it ended with 0, what it said)."""
    command = [str(part) for part in command]
    try:
        result = subprocess.run(command, cwd=ROOT, env={**os.environ, **(env or {})}, stdin=subprocess.DEVNULL,
                                stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace",
                                timeout=SECONDS_MAX, check=False)
    except subprocess.TimeoutExpired:
        return False, f"{' '.join(command)}: stopped after {SECONDS_MAX} s"
    except OSError as error:
        return False, str(error)
    return result.returncode == 0, f"{' '.join(command)}: exit status {result.returncode}\n{result.stdout}"


def checked(name, *command, env=None):
    good, said = run(*command, env=env)
    report(name, "" if good else said)
    return good


def has_target(triple):
    """Whether Rust's compiler can build for a target; rustup is asked for it."""
    if shutil.which("rustup"):
        run("rustup", "target", "add", triple)
    good, said = run("rustc", "--print", "target-libdir", "--target", triple)
    folder = Path(said.splitlines()[-1]) if good else Path("/nonexistent")
    if not any(folder.glob("libcore-*.rlib")):
        skip(f"{triple}: rustup gives no such target here")
        return False
    return True


def c_tests(title, compiler, library, flags, without, before=(), env=None, static=(), partly=None):
    """Builds and runs the C tests. What stands between the library and libc needs a libc that is shared."""
    def go(source):
        name = source.stem
        first = source.read_text().split("\n", 1)[0]
        own = re.match(r"/\* ldflags: (.*) \*/", first)
        own = own.group(1).split() if own else []
        program = folder / name
        link = [] if any("--wrap" in flag for flag in own) else static
        good, said = run(compiler, *WARNINGS, *flags, *link, "-I", ROOT / "include", source, library, *own,
                         "-pthread", "-o", program)
        if not good:
            return name, said
        cases = (partly or {}).get(name, ([], ""))[0]
        good, said = run(*before, program, *cases, env={"RCGC_TEST_SMALL": "1", **(env or {})})
        closing = CLOSING.findall(said)
        return name, "" if good and closing and closing[-1][1] == "0" else said

    with tempfile.TemporaryDirectory() as temporary, ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        folder = Path(temporary)
        sources = sorted((ROOT / "c-tests").glob("test_*.c"))
        for source in sources:
            if source.stem in without:
                skip(f"{title}: {source.stem}: {without[source.stem]}")
            if source.stem in (partly or {}):
                skip(f"{title}: {source.stem}: {partly[source.stem][1]}")
        for name, error in pool.map(go, [source for source in sources if source.stem not in without]):
            report(f"{title}: {name}", error)


def minimum_rust():
    version = re.search(r'^rust-version = "(.*)"', (ROOT / "Cargo.toml").read_text(), re.M).group(1)
    if not shutil.which("rustup"):
        skip(f"Rust {version}: rustup is not installed")
        return
    toolchain = installed(version)
    if not toolchain:
        run("rustup", "toolchain", "install", version, "--profile", "minimal")
        toolchain = installed(version)
    if not toolchain:
        skip(f"Rust {version}: rustup gives no such toolchain here")
        return
    target = BUILD / "cargo-minimum"
    for name, *options in [
        ("the library", "--package", "librcgc", "--lib", "--no-default-features"),
        ("the library at the checking level", "--package", "librcgc", "--lib", "--features", "check"),
        ("the tool and the generator of headers", "--workspace"),
    ]:
        checked(f"Rust {version} compiles {name}", "cargo", f"+{toolchain}", "check", "--quiet", "--locked", *options,
                "--target-dir", target)
    if FULL:
        folder = BUILD / "lib-minimum"
        if checked(f"Rust {version} builds what ships", ROOT / "scripts/build-libs", "--target-dir", target, folder,
                   env={"RUSTUP_TOOLCHAIN": toolchain}):
            c_tests(f"Rust {version}", "cc", folder / "librcgc.a", [], {})


def installed(version):
    _, said = run("rustup", "toolchain", "list")
    found = re.search(rf"^{re.escape(version)}[-.]\S*", said, re.M)
    return found.group(0) if found else None


def musl():
    if not shutil.which("musl-gcc"):
        run(ROOT / "scripts/need", "musl-gcc")
    if not shutil.which("musl-gcc"):
        skip("musl: musl-gcc is not installed")
        return
    folder = BUILD / "lib"
    if not checked("the library", ROOT / "scripts/build-libs", folder):
        return
    # Without unwinding, stacks are as whole as frame pointers make them.
    flags = ["-fno-omit-frame-pointer", "-fno-optimize-sibling-calls"]
    with tempfile.TemporaryDirectory() as name:
        program = Path(name) / "program"
        for source, link in [("examples/quickstart.c", "-static"), ("examples/leak_hunt.c", "-static"),
                             ("examples/quickstart.c", "-no-pie")]:
            good = checked(f"musl-gcc {link} {source}", "musl-gcc", *WARNINGS, link, "-I", ROOT / "include", ROOT / source,
                           folder / "librcgc.a", "-o", program)
            if good:
                checked(f"{source} runs with musl, {link}", program)
    if not FULL:
        return
    c_tests("musl", "musl-gcc", folder / "librcgc.a", flags, NOT_WITH_MUSL, static=["-static"])
    triple = f"{os.uname().machine}-unknown-linux-musl"
    if has_target(triple):
        folder = BUILD / "lib-musl"
        if checked(f"{triple} is built", ROOT / "scripts/build-libs", "--target", triple, "--target-dir", CARGO, folder,
                   env={"CC": "musl-gcc"}):
            c_tests(triple, "musl-gcc", folder / "librcgc.a", flags, NOT_WITH_MUSL, static=["-static"])


def aarch64():
    triple, compiler = "aarch64-unknown-linux-gnu", "aarch64-linux-gnu-gcc"
    if os.uname().machine == "aarch64":
        skip(f"{triple}: it is this machine, where all other parts have run")
        return
    needed = [compiler, "qemu-aarch64"]
    if not all(shutil.which(program) for program in needed):
        run(ROOT / "scripts/need", *needed)
    missing = [program for program in needed if not shutil.which(program)]
    if missing:
        skip(f"{triple}: {' and '.join(missing)} not installed")
        return
    if not has_target(triple):
        return
    folder = BUILD / "lib-aarch64"
    if not checked(f"{triple} is built", ROOT / "scripts/build-libs", "--target", triple, "--keep-debug",
                   "--target-dir", CARGO, folder):
        return
    for name, flags in [("inline", []), ("exported", ["-DRCGC_NO_INLINE"])][: 2 if FULL else 1]:
        c_tests(f"{triple}, {name}", compiler, folder / "librcgc.a", flags, {}, before=UNDER_QEMU, env=QEMU,
                partly=PARTLY_UNDER_QEMU)


def main():
    parts = {"minimum-rust": minimum_rust, "musl": musl, "aarch64": aarch64}
    wanted = [part for part in sys.argv[1:] if part in parts]
    if not wanted:
        sys.exit(__doc__)
    for part in wanted:
        parts[part]()
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
