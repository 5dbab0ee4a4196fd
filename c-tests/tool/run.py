#!/usr/bin/env python3
"""Tests of the rcgc tool: c-tests/tool/run.py. Builds it and the dumps it is tried on; ends with "N passed, N failed".

| file | what it tries |
|---|---|
| this | unit tests, commands, exit statuses, bad input |
| make_dumps.c | writes the dumps |
"""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
BUILD = ROOT / "build" / "tests" / "tool"
DUMPS = BUILD / "dumps"
TOOL = ROOT / "build" / "rcgc"
FULL = os.environ.get("RCGC_TEST_FULL", "0") not in ("", "0")

passed = failed = 0


def report(name, error=""):
    global passed, failed
    if error:
        failed += 1
        print(f"FAILED {name}\n    " + error.strip().replace("\n", "\n    "))
    else:
        passed += 1
        print(f"ok     {name}")


def check(name, holds, detail=""):
    report(name, "" if holds else detail or "it does not hold")


def run(*command, stdin=None, env=None, cwd=None):
    """(exit status, standard output, standard error)."""
    result = subprocess.run([str(part) for part in command], capture_output=True, input=stdin,
                            env={**os.environ, **(env or {})}, cwd=cwd)
    return result.returncode, result.stdout.decode(errors="replace"), result.stderr.decode(errors="replace")


def must(*command, **keywords):
    status, out, err = run(*command, **keywords)
    if status != 0:
        sys.exit(f"{' '.join(map(str, command))}: exit status {status}\n{out}{err}")
    return out


def rcgc(*arguments, **keywords):
    return run(TOOL, *arguments, **keywords)


def found(*arguments, **keywords):
    """The JSON of a command that must end with 0 or 1."""
    status, out, err = rcgc("--format", "json", *arguments, **keywords)
    if status not in (0, 1):
        raise AssertionError(f"rcgc {' '.join(map(str, arguments))}: exit status {status}\n{err}")
    return json.loads(out)


def build():
    """The tool, the library and the dumps."""
    must("make", "-C", ROOT, "tool")
    must(ROOT / "scripts/build-libs", ROOT / "build/lib")
    DUMPS.mkdir(parents=True, exist_ok=True)
    program = BUILD / "make_dumps"
    must("cc", "-std=c11", "-O2", "-Wall", "-Wextra", "-Wpedantic", "-Werror", "-I", ROOT / "include",
         HERE / "make_dumps.c", ROOT / "build/lib/librcgc.a", "-pthread", "-o", program)
    must(program, DUMPS, 10_000_000 if FULL else 1_000_000)


def dump(name):
    return DUMPS / f"{name}.dump"


# ---- the tests ----

def test_clippy():
    status, out, err = run("cargo", "clippy", "--features", "tool", "--bin", "rcgc", "--", "-D", "warnings",
                           cwd=ROOT)
    check("clippy finds nothing in the tool", status == 0, err[-2000:])


def test_units():
    """The unit tests, with the small ones of the dumps among what is damaged."""
    small = BUILD / "small"
    small.mkdir(exist_ok=True)
    for path in DUMPS.glob("*.dump"):
        if path.stat().st_size < 4096:
            (small / path.name).write_bytes(path.read_bytes())
    status, out, err = run("cargo", "test", "--features", "tool", "--bin", "rcgc", cwd=ROOT,
                           env={"RCGC_TEST_DUMPS": str(small)})
    closing = re.findall(r"^test result: \w+\. (\d+) passed; (\d+) failed", out, re.M)
    check("unit tests of the tool", status == 0 and closing and int(closing[0][0]) > 10, out[-3000:] + err[-1000:])


def test_summary():
    facts = found("summary", dump("server-1"))["facts"]
    check("summary tells the heap and the label", (facts["heap"], facts["label"]) == ("server", "at the start"))
    check("summary counts what there is", (facts["objects"], facts["garbage"]) == (43, 8), str(facts))
    check("external bytes are told", facts["external_bytes"] == 50000, str(facts))
    for name in ["list", "ring", "wide"]:
        facts = found("summary", dump(name))["facts"]
        check(f"summary of {name}", facts["garbage"] == 0 and facts["objects"] >= 1_000_000, str(facts))
    facts = found("summary", dump("empty"))["facts"]
    check("summary of an empty heap", facts["objects"] == 0 and facts["whole"] is True, str(facts))


def test_check():
    for name in ["server-1", "hostile", "random-1", "random-3", "empty", "ring"]:
        status, out, err = rcgc("check", dump(name))
        check(f"check finds nothing in {name}", status == 0, out + err)
    status, out, err = rcgc("check", dump("mistakes"))
    rows = found("check", dump("mistakes"))["tables"]["findings"]
    check("check finds the mistakes of a host", status == 1 and len(rows) == 3, out + err)
    check("it names the slots", "Node" in rows[0]["detail"] and ".a" in rows[0]["detail"], str(rows))


def test_bad_input():
    bytes_ = dump("server-1").read_bytes()
    cut = BUILD / "cut.dump"
    cut.write_bytes(bytes_[:-30])
    status, out, err = rcgc("summary", cut)
    check("a cut dump is read with a warning", status == 0 and "byte" in err and "warning" in err, err)
    check("--quiet: without one", rcgc("-q", "summary", cut)[2] == "")
    check("check finds the cut", rcgc("check", cut)[0] == 1)
    damaged = BUILD / "damaged.dump"
    damaged.write_bytes(bytes_[:500] + bytes([bytes_[500] ^ 1]) + bytes_[501:])
    status, out, err = rcgc("summary", damaged)
    check("a damaged dump is an error with an offset", status == 3 and re.search(r"byte \d+:", err), err)
    check("--salvage reads what lies before", rcgc("--salvage", "summary", damaged)[0] == 0)
    for name, content in [("empty file", b""), ("text", b"hello\n"), ("half a preamble", bytes_[:40]), ("gzip", b"\x1f\x8b\0")]:
        path = BUILD / "bad.dump"
        path.write_bytes(content)
        status, out, err = rcgc("summary", path)
        check(f"bad input: {name}", status == 3 and "byte" in err and out == "", f"{status} {err}")
    status, out, err = rcgc("summary", BUILD / "nowhere.dump")
    check("no such file", status == 3 and "nowhere.dump" in err, err)
    check("a folder is no dump", rcgc("summary", BUILD)[0] == 3)
    check("standard input is read", rcgc("summary", "-", stdin=bytes_)[0] == 0)
    import gzip
    check("gzip is looked through", rcgc("summary", "-", stdin=gzip.compress(bytes_))[0] == 0)
    check("no arguments: usage", rcgc()[0] == 2)
    check("an unknown command: usage", rcgc("frobnicate")[0] == 2)


def test_output():
    status, out, err = rcgc("--format", "csv", "summary", dump("hostile"))
    import csv
    import io
    rows = list(csv.reader(io.StringIO(out)))
    check("CSV has one line of names and equal rows", len({len(row) for row in rows}) == 1 and len(rows) == 11, out)
    status, out, err = rcgc("summary", dump("hostile"))
    check("hostile names do nothing to a terminal", "\x1b" not in out and "\\u{1b}" in out, out)
    status, out, err = rcgc("--color", "always", "summary", dump("server-1"))
    check("colour when asked for", "\x1b[" in out)
    full = Path("/dev/full")
    with full.open("w") as sink:
        result = subprocess.run([TOOL, "summary", dump("server-1")], stdout=sink, stderr=subprocess.PIPE)
    check("a full disk: exit status 4", result.returncode == 4 and b"standard output" in result.stderr)
    for shell in ["bash", "zsh", "fish"]:
        status, out, err = rcgc("completions", shell)
        check(f"completions for {shell}", status == 0 and "summary" in out)


def main():
    build()
    tests = [value for name, value in globals().items() if name.startswith("test_")]
    wanted = sys.argv[1:]
    for test in tests:
        if wanted and not any(word in test.__name__ for word in wanted):
            continue
        try:
            test()
        except Exception as error:  # a fault of this driver must not pass for success
            report(test.__name__, repr(error))
    print(f"{passed} passed, {failed} failed")
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    sys.exit(main())
