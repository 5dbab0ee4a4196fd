#!/usr/bin/env python3
"""Tests of what the rcgc tool exports of profiles and series: c-tests/tool/exports.py. Each format is opened
by a program that it is for, and the totals that this one finds must be ours. Ends with "N passed, N failed".

Readers: go tool pprof, ms_print, mprof, speedscope's schema, the trace engine of Chrome's Performance panel.
"""

import gzip
import json
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

import run as base
from run import check, found, rcgc

BUILD = base.ROOT / "build" / "tests" / "tool-exports"
NPM_PACKAGES = ["speedscope@1.25.0", "ajv@8.20.0", "@paulirish/trace_engine@0.0.65"]
PIP_PACKAGES = ["memory_profiler==0.61.0", "matplotlib==3.11.2", "setuptools==80.9.0", "duckdb==2.0.1"]
PROFILED = ["shop-1", "shop-2", "shop-3", "shop-small", "hostile-sites", "stacks"]
SERIES = ["shop-1", "shop-2", "shop-3", "shop-small", "hostile-sites"]


def skip(what):
    print(f"skipped {what}")


def installed(folder, packages, command):
    """Runs an installation once. False when it cannot be."""
    stamp = folder / "installed"
    if stamp.exists() and stamp.read_text() == " ".join(packages):
        return True
    folder.mkdir(parents=True, exist_ok=True)
    status, out, err = base.run(*command, *packages, cwd=folder)
    if status == 0:
        stamp.write_text(" ".join(packages))
    else:
        print(out + err)
    return status == 0


def npm():
    """The folder with node_modules, or None."""
    if not shutil.which("npm") or not shutil.which("node"):
        return None
    folder = BUILD / "npm"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "package.json").write_text('{"private": true}\n')
    command = ["npm", "install", "--ignore-scripts", "--no-audit", "--no-fund"]
    return folder if installed(folder, NPM_PACKAGES, command) else None


def venv():
    """The programs of a Python environment, or None."""
    folder = BUILD / "venv"
    if not (folder / "bin" / "pip").exists() and base.run(sys.executable, "-m", "venv", folder)[0] != 0:
        return None
    return (
        folder / "bin" if installed(folder, PIP_PACKAGES, [folder / "bin" / "pip", "install", "-q"]) else None
    )


def dump(name):
    return base.dump(name)


def export(to, *names, options=()):
    """The file of an export, and the facts that the tool says of it."""
    path = BUILD / f"{'-'.join(names)}{''.join(map(str, options))}.{to}"
    dumps = [dump(name) for name in names]
    status, out, err = rcgc("--format", "json", "export", *dumps, "--to", to, "-o", path, *options)
    # Of series with very many scopes the shortest have no bracket, which is said.
    wrong = "".join(line for line in err.splitlines(True) if "are left out: mprof draws a bracket" not in line)
    if status != 0 or wrong:
        raise AssertionError(f"export {names} to {to}: {status} {err}")
    return path, json.loads(out)["facts"]


def build():
    base.must("make", "-C", base.ROOT, "tool")
    base.must(base.ROOT / "scripts/build-libs", base.ROOT / "build/lib")
    base.DUMPS.mkdir(parents=True, exist_ok=True)
    BUILD.mkdir(parents=True, exist_ok=True)
    base.make_dumps("make_dumps", 100_000)
    base.make_dumps("make_profile_dumps")


# ---- pprof ----


def pprof(*arguments):
    status, out, err = base.run("go", "tool", "pprof", *arguments, env={"PPROF_BINARY_PATH": "/nonexistent"})
    return status, out, err


def raw_totals(path):
    """Sums over all samples, by value, as pprof reads them."""
    status, out, err = pprof("-raw", path)
    if status != 0:
        raise AssertionError(err)
    names = re.search(r"^Samples:\n(.*)$", out, re.M)[1].split()
    names = [name.partition("/")[0] for name in names]
    rows = re.findall(r"^ +([\d ]+): [\d ]+$", out, re.M)
    sums = [sum(int(row.split()[at]) for row in rows) for at in range(len(names))]
    return dict(zip(names, sums)), err


def test_pprof():
    if not shutil.which("go"):
        return skip("pprof: go is not installed")
    for name in PROFILED:
        path, facts = export("pprof", name)
        totals, err = raw_totals(path)
        ours = {key: facts[key] for key in ["alloc_objects", "alloc_space", "inuse_objects", "inuse_space"]}
        check(f"{name}: pprof has our totals", totals == ours, f"{totals}, ours {ours}")
        check(
            f"{name}: pprof has no warning", "warning" not in err.lower() and "unable" not in err.lower(), err
        )
    for name in ["shop-3", "server-2", "random-2", "list", "empty"]:
        path, facts = export("pprof", name, options=["--of", "retention"])
        summary = found("summary", dump(name))["facts"]
        ours = {"objects": summary["objects"], "space": summary["bytes"] + summary["external_bytes"]}
        totals, err = raw_totals(path)
        check(
            f"{name}: the retention profile is the heap",
            totals == ours or name == "empty",
            f"{totals}, {ours}",
        )
    path, _ = export("pprof", "shop-3")
    sites = {
        row["function"]: row for row in found("sites", dump("shop-3"), "--limit", "0")["tables"]["sites"]
    }
    status, out, err = pprof("-top", "-unit=bytes", "-nodefraction=0", "-sample_index=alloc_space", path)
    top = {name: int(flat) for flat, name in re.findall(r"^ +(\d+)B? .*%  (\S.*)$", out, re.M)}
    ours = {name: row["allocated_bytes"] for name, row in sites.items()}
    check("pprof -top: our sites", top == ours, f"{top}, ours {ours}")
    status, out, err = pprof("-top", "-unit=bytes", "-nodefraction=0", "-tagfocus=type=Basket", path)
    check("pprof -tagfocus: by type", "fill_basket" in out and "pick_items" not in out, out)
    status, out, err = pprof("-peek=fill_basket", "-lines", path)
    check("pprof knows files and lines", "make_profile_dumps.c:" in out, out + err)
    first, _ = export("pprof", "shop-1")
    status, out, err = pprof("-top", "-unit=bytes", "-nodefraction=0", f"-base={first}", path)
    before = {
        row["function"]: row for row in found("sites", dump("shop-1"), "--limit", "0")["tables"]["sites"]
    }
    grown = sites["pick_items"]["live_bytes"] - before["pick_items"]["live_bytes"]
    check(
        "pprof -base: what grew",
        re.search(rf"^ +{grown}B? .* pick_items$", out, re.M),
        f"{grown}\n{out}{err}",
    )


def test_stacks_have_names():
    path, _ = export("folded", "stacks")
    lines = path.read_text().splitlines()
    whole = [
        line
        for line in lines
        if re.search(r"main .*;stacks .*;serve .*;take_order .*;fill_basket .*;pick_items", line)
    ]
    check("sampled stacks have the functions of the program", whole, "\n".join(lines[:5]))
    check(
        "and their lines",
        whole and re.search(r"pick_items \([^;]*make_profile_dumps\.c:\d+\);Item \d+$", whole[0]),
        str(whole),
    )
    # Of what lives, sites count what it keeps elsewhere, too; samples know nothing of that.
    sampled = export("pprof", "stacks")[1]["alloc_space"]
    exact = export("pprof", "stacks", options=["--of", "sites"])[1]["alloc_space"]
    check(
        "the estimate is near the exact number", abs(sampled - exact) < exact / 5, f"{sampled}, exact {exact}"
    )


# ---- folded, speedscope ----


def test_folded():
    for name in PROFILED:
        path, facts = export("folded", name)
        lines = path.read_text().splitlines()
        rows = [re.fullmatch(r"[^;]+(;[^;]+)* (\d+)", line) for line in lines]
        check(f"{name}: folded lines are stacks with a number", all(rows) and lines, str(lines[:5]))
        check(f"{name}: their sum is ours", sum(int(row[2]) for row in rows) == facts["total"])
    path, facts = export("folded", "list", options=["--of", "retention"])
    check("a long list is one stack", len(path.read_text().splitlines()) <= 2, path.read_text()[:500])


def node(folder, command, path):
    status, out, err = base.run("node", base.HERE / "read_exports.mjs", folder, command, path)
    if status != 0:
        raise AssertionError(err[-2000:])
    return json.loads(out)


def test_speedscope():
    folder = npm()
    if folder is None:
        return skip("speedscope: npm is not installed, or has no packages")
    for name in PROFILED + ["server-1", "empty"]:
        path, facts = export("speedscope", name)
        read = node(folder, "speedscope", path)
        check(f"{name}: the schema is kept", read["valid"], str(read["errors"])[:500])
        content = json.loads(path.read_text())
        sums = {of["name"]: sum(of["weights"]) for of in content["profiles"]}
        ends = {of["name"]: of["endValue"] for of in content["profiles"]}
        ours = {key: facts[key] for key in sums}
        check(f"{name}: weights are our totals", sums == ends == ours, f"{sums} {ends} {ours}")


# ---- over time ----


def test_trace():
    folder = npm()
    if folder is None:
        return skip("trace: npm is not installed, or has no packages")
    for names in [[name] for name in SERIES] + [["shop-1", "shop-2", "shop-3"]]:
        path, facts = export("trace", *names)
        read = node(folder, "trace", path)
        slices = [of for of in read["slices"]]
        collections = [of for of in slices if of[0].endswith(" collection")]
        title = " ".join(names)
        check(
            f"{title}: the engine reads every slice",
            len(slices) == facts["scopes"] + facts["collections"],
            f"{len(slices)} {facts}",
        )
        check(f"{title}: and every collection", len(collections) == facts["collections"])
        check(f"{title}: it has no warning", not read["warnings"], str(read["warnings"][:3]))
        events = json.loads(path.read_text())["traceEvents"]
        stack = []
        nests = True
        for event in (of for of in events if of["ph"] == "X"):
            start, end = event["ts"], event["ts"] + event["dur"]
            while stack and stack[-1] <= start + 1e-6:
                stack.pop()
            nests &= not stack or end <= stack[-1] + 1e-6
            stack.append(end)
        check(f"{title}: slices nest", nests)
        live = [of["args"]["live"] for of in events if of["ph"] == "C" and of["name"] == "bytes"]
        books = found("summary", dump(names[-1]))["facts"]
        check(
            f"{title}: the last counter is the heap",
            live[-1] == books["bytes"],
            f"{live[-1]} {books['bytes']}",
        )
    runs = {name: found("summary", dump(name))["facts"]["full_collections"] for name in ["shop-1", "shop-3"]}
    check(
        "the trace has every collection",
        export("trace", "shop-3")[1]["collections"] == runs["shop-3"],
        str(runs),
    )


def test_massif():
    if not shutil.which("ms_print"):
        return skip("massif: ms_print is not installed")
    for names in [[name] for name in SERIES + ["server-2", "empty"]] + [
        ["shop-1", "shop-2", "shop-3"],
        ["server-1", "server-2", "server-3"],
    ]:
        path, facts = export("massif", *names)
        status, out, err = base.run("ms_print", "--threshold=0", path)
        title = " ".join(names)
        check(f"{title}: ms_print opens it", status == 0 and not err, err[-500:] + out[-300:])
        rows = [
            [int(number.replace(",", "")) for number in row.split()]
            for row in re.findall(r"^ *([\d,]+ +[\d,]+ +[\d,]+ +[\d,]+ +[\d,]+ +[\d,]+)$", out, re.M)
        ]
        check(
            f"{title}: ms_print has every snapshot",
            [row[0] for row in rows] == list(range(facts["snapshots"])),
            str(len(rows)),
        )
        books = found("summary", dump(names[-1]))["facts"]
        total = books["bytes"] + books["external_bytes"]
        check(
            f"{title}: the last one is the heap",
            rows[-1][3] == total == facts["last"],
            f"{rows[-1:]} {total}",
        )
        detailed = re.search(r"Detailed snapshots: \[(.*)\]", out)[1].split(",")
        check(
            f"{title}: a tree for each dump",
            len(detailed) == len(names) and "peak" in "".join(detailed),
            str(detailed),
        )
    out = base.run("ms_print", "--threshold=0", export("massif", "shop-3")[0])[1]
    check("its tree has our sites", "fill_basket (make_profile_dumps.c:" in out, out[-800:])


def test_mprof():
    programs = venv()
    if programs is None:
        return skip("mprof: pip has no packages")
    for names in [[name] for name in SERIES] + [["shop-1", "shop-2", "shop-3"]]:
        path, facts = export("mprof", *names)
        title = " ".join(names)
        image = path.with_suffix(".png")
        image.unlink(missing_ok=True)
        status, out, err = base.run(programs / "mprof", "plot", "-o", image, path, env={"MPLBACKEND": "Agg"})
        check(
            f"{title}: mprof plot draws it",
            status == 0 and image.exists() and image.stat().st_size > 5000,
            out + err[-1500:],
        )
        status, out, err = base.run(programs / "mprof", "peak", path)
        peak = float(re.search(r"([\d.]+) MiB", out)[1])
        check(f"{title}: its peak is ours", abs(peak - facts["peak"] / 2**20) < 0.001, f"{out} {facts}")
    image = BUILD / "flame.png"
    status, out, err = base.run(
        programs / "mprof",
        "plot",
        "--flame",
        "-s",
        "-o",
        image,
        export("mprof", "shop-small")[0],
        env={"MPLBACKEND": "Agg"},
    )
    check("mprof plot --flame, with the slope", status == 0 and image.exists(), out + err[-1500:])
    path, facts = export("mprof", "shop-3", options=["--meter", "resident"])
    check("mprof: resident bytes are another column's", facts["peak"] > 1 << 20, str(facts))
    status, out, err = rcgc("export", dump("shop-3"), "--to", "mprof", "--meter", "private")
    check("mprof: what was not sampled is said", status == 0 and "no samples" in err, err)


# ---- Parquet ----

SESSION = """
import json, os, sys
import duckdb
connection = duckdb.connect()
rows = []
for text in json.load(sys.stdin):
    cursor = connection.execute(text)
    names = [of[0] for of in cursor.description or []]
    rows.append([names, [[str(cell) for cell in row] for row in cursor.fetchall()]])
print(json.dumps(rows))
"""


def duckdb(programs, texts, folder):
    """Names of columns and rows of each text."""
    status, out, err = base.run(
        programs / "python", "-c", SESSION, stdin=json.dumps(texts).encode(), cwd=folder
    )
    if status != 0:
        raise AssertionError(err[-2000:])
    return json.loads(out)


def tables(name, *options):
    folder = BUILD / f"{name}{''.join(map(str, options))}"
    shutil.rmtree(folder, ignore_errors=True)
    status, out, err = rcgc(
        "--format", "json", "export", dump(name), "--to", "parquet", "-o", folder, *options
    )
    if status != 0 or err:
        raise AssertionError(f"{name}: {status} {err}")
    return folder, json.loads(out)["facts"]


def test_parquet():
    programs = venv()
    if programs is None:
        return skip("Parquet: pip has no packages")
    for name in ["shop-3", "stacks", "hostile-sites", "server-2", "random-2", "empty"]:
        folder, facts = tables(name)
        (_, types), (_, [totals]), (_, [edges]), (_, [sites]), (_, [tops]) = duckdb(
            programs,
            [
                "SELECT type, count(*), sum(bytes), sum(external) FROM 'nodes.parquet' GROUP BY type",
                "SELECT count(*), coalesce(sum(bytes), 0), coalesce(sum(external), 0),"
                " count(*) FILTER (garbage), coalesce(sum(outside) FILTER (outside > 0), 0)"
                " FROM 'nodes.parquet'",
                "SELECT count(*) FILTER (counted), count(*) FROM 'edges.parquet'",
                "SELECT coalesce(sum(live_bytes), 0), coalesce(sum(allocated_objects), 0)"
                " FROM 'sites.parquet'",
                "SELECT coalesce(sum(retained), 0) FROM 'nodes.parquet' WHERE owner IS NULL",
            ],
            folder,
        )
        ours = found("summary", dump(name))["facts"]
        keys = ["objects", "bytes", "external_bytes", "garbage", "references_from_outside"]
        check(
            f"{name}: DuckDB has our totals",
            [int(of) for of in totals] == [ours[key] for key in keys],
            str(totals),
        )
        check(
            f"{name}: and our references",
            int(edges[0]) == ours["references"],
            f"{edges} {ours['references']}",
        )
        check(
            f"{name}: and as many rows", int(edges[1]) == facts["edges"] and ours["objects"] == facts["nodes"]
        )
        rows = found("types", dump(name), "--limit", "0")["tables"]["types"]
        by_type = {
            row["type"]: [row["objects"], row["bytes"], row["external"]] for row in rows if row["objects"]
        }
        read = {row[0]: [int(of) for of in row[1:]] for row in types}
        check(f"{name}: and our types", read == by_type, f"{read}\n{by_type}")
        # Owners form a forest over all objects.
        check(
            f"{name}: what nothing owns retains all",
            int(tops[0]) == ours["bytes"] + ours["external_bytes"],
            str(tops),
        )
        if name in PROFILED:
            known = found("sites", dump(name), "--limit", "0")["tables"]["sites"]
            expected = [sum(row[key] for row in known) for key in ["live_bytes", "allocated_objects"]]
            check(f"{name}: and our sites", [int(of) for of in sites] == expected, f"{sites} {expected}")
    folder, facts = tables("server-2", "--only", "Session")
    check("a part of a heap: only its objects", facts["nodes"] == 47 and facts["edges"] < 20, str(facts))
    status, out, err = rcgc("export", dump("server-2"), "--to", "parquet")
    check("parquet without a folder: usage", status == 2 and "-o" in err, err)
    status, out, err = rcgc("export", dump("server-2"), "--to", "parquet", "-o", dump("server-2"))
    check("parquet into a file: exit status 4", status == 4 and "server-2" in err, f"{status} {err}")


GUIDE = base.ROOT / "docs" / "duckdb.md"


def guide(programs):
    """docs/duckdb.md with what its session gives now."""
    base.make_dumps("make_large_dump", 200_000)
    text = GUIDE.read_text()
    commands = re.findall(r"```console\n\$ rcgc (.*)\n```", text)
    for command in commands:
        status, out, err = rcgc("-q", *command.split(), cwd=base.DUMPS)
        if status != 0:
            raise AssertionError(err)
    blocks = re.findall(r"```sql\n(.*?)```\n\n```text\n.*?```", text, re.S)
    results = iter(duckdb(programs, blocks, base.DUMPS))

    def shown(match):
        names, rows = next(results)
        lines = [names, *rows]
        widths = [max(len(line[at]) for line in lines) for at in range(len(names))]
        number = [all(re.fullmatch(r"-?[\d.]+", row[at]) for row in rows) for at in range(len(names))]
        cells = [
            "  ".join(
                cell.rjust(width) if right else cell.ljust(width)
                for cell, width, right in zip(line, widths, number)
            ).rstrip()
            for line in lines
        ]
        return f"```sql\n{match[1]}```\n\n```text\n" + "\n".join(cells) + "\n```"

    return re.sub(r"```sql\n(.*?)```\n\n```text\n.*?```", shown, text, flags=re.S), len(blocks)


def test_guide():
    programs = venv()
    if programs is None:
        return skip("the DuckDB session: pip has no packages")
    now, blocks = guide(programs)
    check("docs/duckdb.md shows what its session gives", now == GUIDE.read_text() and blocks > 5, now[-3000:])


# ---- refusals ----


def test_refusals():
    for arguments, words in [
        ([dump("server-1"), "--to", "pprof", "--of", "sites"], "not profiled"),
        ([dump("shop-1"), "--to", "folded", "--of", "stacks"], "no stacks"),
        ([dump("shop-1"), "--to", "folded", "--only", "Item"], "--of retention"),
        ([dump("shop-1"), dump("shop-2"), "--to", "pprof"], "several dumps"),
        ([dump("shop-1"), dump("server-1"), "--to", "trace"], "different heaps"),
    ]:
        path = BUILD / "refused"
        path.unlink(missing_ok=True)
        status, out, err = rcgc("export", *arguments, "-o", path)
        check(
            f"export refuses: {words}", status == 2 and words in err and not path.exists(), f"{status} {err}"
        )
    packed = subprocess.run(
        [base.TOOL, "-q", "export", dump("shop-1"), "--to", "pprof", "--gzip"], capture_output=True
    )
    check("pprof is packed once", not gzip.decompress(packed.stdout).startswith(b"\x1f\x8b"))
    for to in ["pprof", "folded", "speedscope", "massif", "mprof", "trace"]:
        status, out, err = rcgc("export", dump("shop-3"), "--to", to, "-o", "/dev/full")
        check(f"export {to} to a full disk: exit status 4", status == 4, f"{status} {err}")


def main():
    build()
    if sys.argv[1:] == ["--write-manual"]:
        GUIDE.write_text(guide(venv())[0])
        return 0
    wanted = sys.argv[1:]
    for name, test in list(globals().items()):
        if name.startswith("test_") and (not wanted or any(word in name for word in wanted)):
            begin = time.monotonic()
            try:
                test()
            except Exception as error:  # a fault of this driver must not pass for success
                base.report(name, repr(error))
            print(f"{name}: {time.monotonic() - begin:.1f} s")
    print(f"{base.passed} passed, {base.failed} failed")
    return 1 if base.failed or not base.passed else 0


if __name__ == "__main__":
    sys.exit(main())
