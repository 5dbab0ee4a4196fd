#!/usr/bin/env python3
"""Tests of installing: by a user who has no cargo, as `sudo make install` does; from and into folders with unusual
names, with CMake and pkg-config. Nothing is compiled anew by cargo. Ends with "N passed, N failed".

    c-tests/installing.py DIRECTORY_OF_THE_LIBRARIES
"""

import os
import shlex
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LIBRARIES = Path(sys.argv[1] if len(sys.argv) > 1 else ROOT / "build" / "lib").resolve()
CARGO = ROOT / "build" / "cargo"
NAMES = ["with space", "a,comma", "it's", "a$HOME", "umläut", "100%", "semi;colon", "par(en)", 'quo"te', "ampers&nd",
         "#hash", "a=b", "back`tick"]
# To CMake a semicolon ends a path, and a quotation mark a text: refused by name.
CMAKE_NAMES = [name for name in NAMES if ";" not in name and '"' not in name]
SAFE = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

passed = failed = 0


def report(name, error=""):
    global passed, failed
    if error:
        failed += 1
        print(f"FAILED {name}\n    " + "\n    ".join(error.strip().splitlines()[-12:]), flush=True)
    else:
        passed += 1
        print(f"ok     {name}", flush=True)


def skip(reason):
    print(f"skipped {reason}", flush=True)


def run(*command, env=None, cwd=ROOT):
    """(whether it ended with 0, what it said)."""
    command = [str(part) for part in command]
    result = subprocess.run(command, cwd=cwd, env=env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                            stderr=subprocess.STDOUT, text=True, errors="replace", check=False)
    return result.returncode == 0, f"{' '.join(command)}: exit status {result.returncode}\n{result.stdout}"


def without_cargo(home, **more):
    return {"PATH": SAFE, "HOME": str(home), "LC_ALL": "C.UTF-8", **more}


def sources(folder):
    """The sources of this project in another folder, with what was built as it is after `make lib tool`."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True).stdout
    for name in filter(None, listed.decode().split("\0")):
        if (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, folder / name)
    shutil.copytree(LIBRARIES, folder / "build" / "lib", symlinks=True)
    (folder / "build" / "rcgc").write_text("#!/bin/sh\necho a tool\n")
    (folder / "build" / "rcgc").chmod(0o755)
    (folder / "build" / "lib" / ".built").touch()
    return folder


def installed(folder):
    missing = [name for name in ("include/rcgc.h", "lib/librcgc.a", "lib/librcgc.so", "bin/rcgc", "lib/pkgconfig/rcgc.pc")
               if not (folder / name).exists() and not list(folder.glob(name.replace("lib/", "lib/*/", 1)))]
    return f"{' '.join(missing)} not in {folder}" if missing else ""


def consumed(prefix, folder):
    """A program is built with the CMake package of a prefix, and runs."""
    here = ROOT / "c-tests" / "consumer"
    good, said = run("cmake", "-S", here, "-B", folder, f"-DCMAKE_PREFIX_PATH={prefix}", "-DCMAKE_BUILD_TYPE=Release")
    if good:
        targets = ["consumer_c_static"] if "," in str(prefix) else ["all"]
        good, said = run("cmake", "--build", folder, "--target", *targets)
    # CMake hands -Wl,-rpath to the linker, which a comma ends.
    for kind in ("static",) if "," in str(prefix) else ("static", "shared"):
        if good:
            good, said = run(folder / f"consumer_c_{kind}")
    return "" if good else said


def by_pkg_config(prefix, folder):
    """The same with pkg-config, whose words the shell reads again."""
    where = next(prefix.glob("lib/**/pkgconfig"), prefix / "lib" / "pkgconfig")
    env = {**os.environ, "PKG_CONFIG_PATH": str(where)}
    folder.mkdir()
    flags = subprocess.run(["pkg-config", "--cflags", "--libs", "rcgc"], env=env, capture_output=True, check=True).stdout
    # Byte by byte, as a shell does: each byte of a letter may be escaped.
    words = [os.fsdecode(word.encode("latin-1")) for word in shlex.split(flags.decode("latin-1"))]
    good, said = run("cc", "-std=c11", ROOT / "c-tests/consumer/consumer.c", "-o", folder / "consumer", *words)
    if good:
        env["LD_LIBRARY_PATH"] = str(where.parent)
        good, said = run(folder / "consumer", env=env)
    return "" if good else said


def test_without_cargo(folder):
    if shutil.which("cargo", path=SAFE):
        skip("installing without cargo: cargo is in the system's own folders")
        return
    tree = sources(folder / "tree")
    stage = folder / "stage"
    env = without_cargo(folder)
    before = {path: path.stat().st_mtime_ns for path in tree.rglob("*")}
    good, said = run("make", "install", f"DESTDIR={stage}", "PREFIX=/usr", env=env, cwd=tree)
    report("make install without cargo", installed(stage / "usr") if good else said)
    after = {path: path.stat().st_mtime_ns for path in tree.rglob("*")}
    report("it leaves nothing in the sources", "" if before.keys() == after.keys() else
           f"{set(after) ^ set(before)}")
    os.utime(tree / "src" / "lib.rs", (2**31, 2**31))
    good, said = run("make", "install", f"DESTDIR={stage}", env=env, cwd=tree)
    report("older than the sources is refused by name", said if good or "src/lib.rs is newer" not in said else "")
    (tree / "build" / "rcgc").unlink()
    good, said = run("make", "install", f"DESTDIR={stage}", env=env, cwd=tree)
    report("what was not built is named", said if good or "build/rcgc is not there" not in said else "")


def test_names(folder):
    if not shutil.which("cargo"):
        skip("folders with unusual names: cargo is not installed")
        return
    for name in NAMES:
        good, said = run(ROOT / "scripts/build-libs", "--target-dir", CARGO, folder / name / "lib")
        report(f"libraries into {name}", "" if good else said)
    for name in CMAKE_NAMES:
        base = folder / f"x {name}"
        tree = sources(base / "tree")
        good, said = run("make", "install", env=without_cargo(folder, DESTDIR=str(base / "stage"), PREFIX=f"/p {name}"),
                         cwd=tree)
        report(f"from, through and to {name}", installed(base / "stage" / f"p {name}") if good else said)


def test_use(folder):
    for name in ["with space", "a,comma", "it's", "umläut", "100%", "par(en)"]:
        prefix = folder / name / "prefix"
        tree = folder / "plain"
        if not tree.exists():
            sources(tree)
        good, said = run("make", "install", env=without_cargo(folder, PREFIX=str(prefix)), cwd=tree)
        report(f"installed to {name}", "" if good else said)
        report(f"used by CMake from {name}", consumed(prefix, folder / name / "cmake"))
        if "(" in name or "'" in name:
            continue  # pkg-config hands parentheses on as they are, and takes an apostrophe for a quotation mark
        report(f"used by pkg-config from {name}", by_pkg_config(prefix, folder / name / "make"))


def main():
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name).resolve()
        for test in (test_without_cargo, test_names, test_use):
            (folder / test.__name__).mkdir()
            test(folder / test.__name__)
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
