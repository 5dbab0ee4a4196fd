#!/usr/bin/env python3
"""Tests of the rcgc tool: c-tests/tool/run.py. Builds it and the dumps it is tried on; ends with "N passed, N failed".

| file | what it tries |
|---|---|
| this | unit tests, commands, exit statuses, bad input |
| verdicts.py | what the tool must not say or do |
| backwards.py | who refers to what, and drawings of it |
| profiles.py | commands over profiles, and those that choose, judge and draw |
| readers.py, read_snapshot.mjs | exports, in other programs |
| exports.py, read_exports.mjs | exports of profiles and series, in other programs: a part of its own |
| make_dumps.c, make_profile_dumps.c, make_verdict_dumps.c, make_leaks.c, examples/leak_hunt.c | write the dumps |
"""

import itertools
import json
import os
import re
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path

import backwards
import profiles
import readers
import verdicts

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
BUILD = ROOT / "build" / "tests" / "tool"
DUMPS = BUILD / "dumps"
TOOL = ROOT / "build" / "rcgc"
# Documents whose console examples show what their commands give.
MANUALS = [ROOT / "docs" / name for name in ["tool.md", "tutorial-leaks.md"]]
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


def compiled(name, sources, folder):
    program = folder / name
    # Sites name files as the compiler was given them.
    must("cc", "-std=c11", "-O2", "-g", "-fno-omit-frame-pointer", "-Wall", "-Wextra", "-Wpedantic", "-Werror",
         "-I", ROOT / "include", f"{name}.c", ROOT / "build/lib/librcgc.a", "-pthread", "-o", program,
         cwd=sources)
    return program


def make_dumps(name, *arguments):
    must(compiled(name, HERE, BUILD), DUMPS, *arguments)


def build():
    """The tool, the library and the dumps."""
    must("make", "-C", ROOT, "tool")
    must(ROOT / "scripts/build-libs", ROOT / "build/lib")
    DUMPS.mkdir(parents=True, exist_ok=True)
    make_dumps("make_dumps", 10_000_000 if FULL else 1_000_000)
    make_dumps("make_profile_dumps")
    (DUMPS / "ten").mkdir(exist_ok=True)
    make_dumps("make_verdict_dumps")
    # Compiled once: variables are named of a program that is as it was when the dump was written.
    leaks = compiled("make_leaks", HERE, BUILD)
    must(leaks, DUMPS)
    must(leaks, DUMPS, "right")
    # The tutorial runs this program, and shows lines of it.
    shutil.copy(ROOT / "examples/leak_hunt.c", DUMPS)
    compiled("leak_hunt", DUMPS, DUMPS)
    # The budgets of the examples stand in the documents.
    for path in MANUALS:
        for rules, name in re.findall(r"(?m)^((?:    # (\w+\.budget)\n)(?:    .*\n)+)", path.read_text()):
            (DUMPS / name).write_text(textwrap.dedent(rules))


def dump(name):
    return DUMPS / f"{name}.dump"


# ---- the tests ----

def test_clippy():
    status, out, err = run("cargo", "clippy", "-p", "librcgc-tool", "--", "-D", "warnings", cwd=ROOT)
    check("clippy finds nothing in the tool", status == 0, err[-2000:])


def test_units():
    """The unit tests, with the small ones of the dumps among what is damaged."""
    small = BUILD / "small"
    small.mkdir(exist_ok=True)
    for path in DUMPS.glob("*.dump"):
        if path.stat().st_size < 4096:
            (small / path.name).write_bytes(path.read_bytes())
    status, out, err = run("cargo", "test", "-p", "librcgc-tool", cwd=ROOT,
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


def test_types():
    rows = {row["type"]: row for row in found("types", dump("server-2"))["tables"]["types"]}
    check("types: objects", (rows["Session"]["objects"], rows["Cache"]["objects"]) == (47, 1), str(rows))
    check("types: retained bytes", rows["Cache"]["retained"] > rows["Session"]["retained"] > 50000, str(rows))
    check("types: external bytes", rows["Session"]["external"] == 50000)
    for order in ["bytes", "objects", "retained", "external", "allocated"]:
        keys = [row[order] + (row["external"] if order == "bytes" else 0)
                for row in found("types", dump("server-2"), "--sort", order)["tables"]["types"]]
        check(f"types --sort {order}", keys == sorted(keys, reverse=True), str(keys))
    names = [row["type"] for row in found("types", dump("server-2"), "--sort", "name")["tables"]["types"]]
    check("types --sort name", names == sorted(names), str(names))
    names = [row["type"] for row in found("types", dump("server-2"), "Session", "User")["tables"]["types"]]
    check("types of these names", sorted(names) == ["Session", "User"], str(names))
    status, out, err = rcgc("types", dump("server-2"), "Sesion")
    check("a misspelt type: usage, and what is near", status == 2 and "Session" in err, err)


def sentence(*arguments):
    return found(*arguments)["sentences"][0]


def test_why():
    text = sentence("why", dump("server-2"), "Cache")
    check("why: held", text.endswith("held by 1 reference from outside"), text)
    text = sentence("why", dump("server-2"), "User")
    check("why: held twice", text.endswith("held by 2 references from outside"), text)
    rows = found("path", dump("server-1"), "Cache", "Session")["tables"]["steps"]
    address = rows[-1]["object"].split()[1]
    text = sentence("why", dump("server-1"), address)
    check("why: the sentence of the manual",
          re.fullmatch(r"Session 0x\w+: kept alive by 1 reference from outside, path Cache\.entries\[\d\]", text), text)
    inside = hex(int(address, 16) + 17)
    check("an address inside an object names it", sentence("why", dump("server-1"), inside) == text)
    result = found("why", dump("server-2"), "Session")
    rows = result["tables"]["paths"]
    check("why of a type: shapes of ways",
          [row["path"] for row in rows] == ["Cache.entries[*]", "Cache.entries[*] → Session.next ×n"], str(rows))
    check("why of a type: all its objects", sum(row["objects"] for row in rows) == 47, str(rows))
    status, out, err = rcgc("why", dump("server-2"), "Parent")
    check("why: garbage is a finding", status == 1 and "garbage" in out, out)
    for what in ["0x10", "0xzz", "#99999", "Nothing"]:
        status, out, err = rcgc("why", dump("server-2"), what)
        check(f"why {what}: usage", status == 2 and err.startswith("rcgc: "), err)
    last = found("summary", dump("list"))["facts"]["objects"] - 1
    text = sentence("why", dump("list"), "#0")
    check("why at the end of a long list", f"path Node.a ×{last:,}" in text, text)
    check("why in a large ring", "path Node.a" in sentence("why", dump("ring"), "#500000"))
    check("why under a wide object", "path Wide.items[" in sentence("why", dump("wide"), "#500000"))
    rows = found("why", dump("random-3"), "#7", "--paths", "3")["tables"].get("paths", [])
    lengths = [row["steps"] for row in rows]
    check("several ways, shortest first", lengths == sorted(lengths) and len(rows) <= 3, str(rows))


def test_path():
    text = sentence("path", dump("server-1"), "rc_weakmap", "Buffer")
    check("path: over an entry", "rc_weakmap.entry[0] → Session.buffer" in text, text)
    status, out, err = rcgc("path", dump("server-1"), "Buffer", "Cache")
    check("path: none is a finding", status == 1 and "no references lead" in out, out)
    text = sentence("path", dump("server-1"), "Cache", "Cache")
    check("path: to itself", text.endswith("is both"), text)
    count = found("summary", dump("list"))["facts"]["objects"]
    head = found("why", dump("list"), "#0")["tables"]["steps"][0]["object"].split()[1]
    steps = found("path", dump("list"), head, "#0")["facts"]["steps"]
    check("path along a long list", steps == count - 1, str(steps))


def test_suspects():
    result = found("suspects", dump("server-2"))
    rows = result["tables"]["suspects"]
    check("suspects: the cache", len(rows) == 1 and rows[0]["suspect"].startswith("Cache") and rows[0]["share"] > 0.9, str(rows))
    check("suspects: the reason", "39 Session" in result["sentences"][0], str(result["sentences"]))
    check("suspects: a finding", rcgc("suspects", dump("server-2"))[0] == 1)
    check("suspects: none in an empty heap", rcgc("suspects", dump("empty"))[0] == 0)
    check("suspects --share 0: usage", rcgc("suspects", dump("empty"), "--share", "0")[0] == 2)
    rows = found("suspects", dump("random-3"))["tables"]["suspects"]
    check("suspects: a type", any(row["kind"] == "type" for row in rows), str(rows))
    rows = found("suspects", dump("server-1"), "--share", "0.0001")["tables"]["suspects"]
    garbage = [row["reason"] for row in rows if row["kind"] == "garbage"]
    check("suspects: garbage, with its share", len(garbage) == 1 and re.search(r"nothing keeps take .* \(\d+\.\d %\)", garbage[0]), str(rows))


def test_cycles():
    result = found("cycles", dump("server-1"))
    rows = result["tables"]["cycles"]
    check("cycles: shape, number, garbage",
          [(row["shape"], row["rings"], row["garbage"]) for row in rows] == [("Parent.child → Parent.friends", 5, 4)],
          str(rows))
    check("cycles: what breaks them", rows[0]["leaves_in_rings"] == 0 and rows[0]["weaken"].startswith("Parent."), str(rows))
    check("cycles --garbage: a finding", rcgc("cycles", dump("server-1"), "--garbage")[0] == 1)
    check("cycles --garbage: none", rcgc("cycles", dump("random-3"), "--garbage")[0] == 0)
    facts = found("cycles", dump("ring"))["facts"]
    check("one large ring", facts["rings"] == 1 and facts["objects"] >= 1_000_000, str(facts))
    check("no ring in a list", found("cycles", dump("list"))["facts"]["rings"] == 0)


def test_diff():
    rows = {row["type"]: row for row in found("diff", dump("server-1"), dump("server-2"))["tables"]["types"]}
    row = rows["Session"]
    check("diff: new, gone, kept", (row["objects"], row["new"], row["gone"], row["kept"]) == (32, 32, 0, 15), str(row))
    status, out, err = rcgc("--format", "json", "diff", *[dump(f"server-{n}") for n in (1, 2, 3)])
    rows = json.loads(out)["tables"]["still_there"]
    check("diff of three: what stays", status == 1 and [(row["type"], row["objects"]) for row in rows] ==
          [("Buffer", 16), ("Session", 16)], str(rows))
    check("diff of three: what keeps it", rows[1]["path"] == "Cache.entries[*]", str(rows))
    rows = found("diff", dump("server-2"), dump("server-2"))["tables"]["types"]
    check("diff with itself: nothing", rows == [], str(rows))
    for name in ["list", "ring", "wide"]:
        check(f"diff of {name}", found("diff", dump(name), dump(name))["tables"]["types"] == [])
    status, out, err = rcgc("diff", dump("server-1"), dump("random-1"), dump("random-2"))
    check("three dumps of different heaps: usage", status == 2 and "one heap" in err, err)


def test_export():
    status, out, err = rcgc("-q", "export", dump("server-1"), "--to", "heapsnapshot")
    check("export to standard output", status == 0 and out.startswith('{"snapshot":'), err)
    import gzip
    result = subprocess.run([TOOL, "-q", "export", dump("server-1"), "--to", "heapsnapshot", "--gzip"], capture_output=True)
    check("export --gzip", gzip.decompress(result.stdout).decode() == out)
    status, out, err = rcgc("export", dump("server-1"), "--to", "dot", "-o", BUILD / "no" / "such" / "file")
    check("export where no folder is: exit status 4", status == 4 and "no/such/file" in err, err)
    for options in [["--only", "Nothing"], ["--root", "#99999"], ["--min-retained", "x"]]:
        status, out, err = rcgc("export", dump("server-1"), "--to", "dot", *options)
        check(f"export {' '.join(options)}: usage", status == 2, err)
    status, out, err = rcgc("export", dump("list"), "--to", "heapsnapshot", "-o", "/dev/full")
    check("export to a full disk: exit status 4", status == 4, err)


def test_library():
    """The tool finds what the library finds of the same heap."""
    for name in ["server-1", "server-2", "server-3", "random-1", "random-2", "random-3"]:
        lines = [line.split() for line in (DUMPS / f"{name}.expected").read_text().splitlines()]
        total = found("summary", dump(name))["facts"]["objects"]
        check(f"{name}: as many objects", len(lines) == total, f"{len(lines)}, the tool {total}")
        wrong = []
        for address, outside, retained in lines[::max(1, len(lines) // 40)]:
            result = found("why", dump(name), address)
            facts = result["facts"]
            is_garbage = "garbage" in result["sentences"][0]
            same = is_garbage == (retained == "0") and (is_garbage or facts["retained"] == int(retained))
            if not same or facts["from_outside"] != int(outside):
                wrong.append(f"{address}: {outside} {retained}, the tool: {facts}")
        check(f"{name}: references from outside and retained sizes", not wrong, "\n".join(wrong[:5]))


def test_small_stack():
    """Every command on large shapes with a stack of 128 KiB: the tool does not recurse."""
    for name, command in itertools.product(["list", "ring", "wide"], [
            "summary", "types", "why '#0'", "why Node", "path '#0' '#9'", "suspects", "cycles", "check", "diff",
            "export --to heapsnapshot", "export --to dot"]):
        words = command.split()
        more = dump(name) if words[0] == "diff" else ""
        line = f"ulimit -s 128; {TOOL} -q {words[0]} {dump(name)} {more} {' '.join(words[1:])} > /dev/null"
        status, out, err = run("bash", "-c", line)
        check(f"{command} of {name} on a small stack", status in (0, 1), f"{status} {err}")


def test_readers():
    def exported(*arguments):
        status, out, err = rcgc("-q", *arguments)
        if status != 0:
            raise AssertionError(err)
    readers.run(check=check, rcgc=rcgc, found=found, must=exported, dump=dump, build=BUILD, full=FULL)


def test_profiles():
    profiles.run(check=check, rcgc=rcgc, found=found, dump=dump, build=BUILD, tool=TOOL)


def test_backwards():
    backwards.run(check=check, rcgc=rcgc, found=found, dump=dump, build=BUILD)


def test_verdicts():
    verdicts.run(check=check, rcgc=rcgc, found=found, dump=dump, build=BUILD, tool=TOOL)


def test_watch_of_a_process():
    """What a process shows of itself is read without stopping it; one that shows nothing is told from that."""
    program = compiled("shown_process", HERE, BUILD)
    for value in ["on", "off"]:
        process = subprocess.Popen([program], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                   env={**os.environ, "RCGC_WATCH": value})
        process.stdout.readline()
        number = str(process.pid)
        status, out, err = rcgc("--format", "json", "watch", number, "--count", "2", "--interval", "0.05")
        if value == "off":
            check("watch of a process that shows nothing", status == 2 and "RCGC_WATCH=on" in err, err)
        else:
            lines = [json.loads(line) for line in out.splitlines()]
            check("watch of a process: a line each time", status == 0 and len(lines) == 2, out + err)
            heap, second = lines[0]["heaps"]
            check("watch of a process: its heaps", (heap["heap"], second["heap"]) == ("shop", "second"), out)
            check("watch of a process: numbers", (heap["objects"], heap["full"]) == (1000, 40), out)
            pauses = heap["pauses"]
            check("watch of a process: the last pauses", len(pauses) == 32 and second["pauses"] == [], out)
            told = {(pause["collection"], pause["reason"], pause["objects"]) for pause in pauses}
            check("watch of a process: what and why", told == {("full", "asked for", 1005)}, str(told))
            ends = [pause["end_ns"] for pause in pauses]
            check("watch of a process: the latest first", ends == sorted(ends, reverse=True), str(ends))
            status, out, err = rcgc("watch", number, "--count", "1")
            check("watch of a process, as text", status == 0 and "last pauses of shop" in out, out + err)
            status, out, err = rcgc("--format", "csv", "watch", number, "--count", "1")
            check("watch of a process, as CSV", status == 0 and len(out.splitlines()) == 3, out + err)
        process.stdin.close()
        check(f"the process goes on and ends (RCGC_WATCH={value})", process.wait(timeout=60) == 0)
    status, out, err = rcgc("watch", number)
    check("watch of a process that is gone", status == 2, err)


def settled(text):
    """The same text in every run: addresses in the order in which they come, one process, one time."""
    addresses = dict.fromkeys(re.findall(r"0x7[0-9a-f]{11}\b", text))
    for number, address in enumerate(addresses, 1):
        text = text.replace(address, f"0x7f3a5c00{number * 48:04x}")
    text = re.sub(r"(?m)^(process +)\d+$", r"\g<1>4242", text)
    text = re.sub(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC", "2026-01-31 12:00:00 UTC", text)
    text = re.sub(r"(?m)^(time between +|profiled for +|time +)\d.*$", r"\g<1>1.2 ms", text)
    # Of watch: the time without a zone, and a pause in a column of fixed width.
    text = re.sub(r"(?m)^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(?=  )", "2026-01-31 12:00:00", text)
    text = re.sub(r" *[1-9][\d.]* µs(?=  )", lambda match: "12.3 µs".rjust(len(match[0])), text)
    # Of plot: how the time goes by, and slopes.
    text = re.sub(r"│[^│\n]*│", "│▁▁▂▂▃▃▄▄▅▅▆▆▇▇██│", text)
    text = re.sub(r"(?m)^( +0 +)[\d.]+ (ms|s)$", "          0          1.2 ms", text)
    return re.sub(r"(?m)^(  (?:live|external) .*?)  +[+-][\d.]+ \w*B$", r"\g<1>        +1.0 MiB", text)


def shown(command):
    """What a console example of a document gives; the examples stand in the folder of the dumps."""
    path = f"{TOOL.parent}:{os.environ['PATH']}"
    status, out, err = run("bash", "-c", command.removeprefix("$ "), cwd=DUMPS, env={"PATH": path})
    return settled(out + err).rstrip("\n")


def manual(path):
    """A document with what its examples give now."""
    def example(match):
        return f"```console\n{match[1]}\n{shown(match[1])}\n```"
    return re.sub(r"```console\n(\$ [^\n]*)\n.*?```", example, path.read_text(), flags=re.S)


def test_manual():
    import difflib
    for path in MANUALS:
        name, text, now = f"docs/{path.name}", path.read_text(), manual(path)
        lines = difflib.unified_diff(text.splitlines(), now.splitlines(), name, "now", lineterm="")
        check(f"{name} shows what its examples give; `make tool-manual` rewrites it", text == now,
              "\n".join(lines)[:3000])
    text = MANUALS[0].read_text()
    commands = re.findall(r"^  (\w+) ", rcgc("--help")[1].partition("Commands:")[2].partition("Options:")[0], re.M)
    missing = [name for name in commands if name != "help" and f"rcgc {name}" not in text]
    check("docs/tool.md has every command", commands and not missing, str(missing))
    for command in commands:
        if command == "help":
            continue
        status, out, err = rcgc(command, "--help")
        check(f"rcgc {command} --help", status == 0 and "Usage:" in out, err)


def main():
    if sys.argv[1:] == ["--write-manual"]:
        build()
        for path in MANUALS:
            path.write_text(manual(path))
        return 0
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
