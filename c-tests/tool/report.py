#!/usr/bin/env python3
"""Tests of rcgc report: c-tests/tool/report.py. Writes reports of several dumps and opens them in Debian's
chromium; ends with "N passed, N failed".

| file | what it tries |
|---|---|
| this | sizes, numbers against the other commands, what a page of each dump says |
| report.mjs | in the browser: errors, requests, keys, search, sorting, zoom, dark, narrow, paper, axe-core |
| make_report_dumps.c, make_dumps.c | write the dumps |
"""

import html
import html.parser
import json
import re
import subprocess
import sys
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
BUILD = ROOT / "build" / "tests" / "report"
TOOL = ROOT / "build" / "rcgc"
PACKAGES = ["playwright-core@1.65.1", "axe-core@4.14.1"]
PAGE_BYTES_MAX = 1_000_000
SCRIPT_BYTES_MAX = 60_000
PANELS = """overview time pauses suspects types retention owners sites rings survival changes
            definitions""".split()
# What panels say of a dump without profile and series.
ABSENT = [("time", "has no series"), ("time", "has none"), ("pauses", "does not say"),
          ("sites", "has no profile"), ("sites", "has no call stacks"), ("survival", "does not say")]

passed = failed = 0


def check(name, holds, detail=""):
    global passed, failed
    if holds:
        passed += 1
        print(f"ok     {name}")
    else:
        failed += 1
        print(f"FAILED {name}\n    " + str(detail).strip()[:2000].replace("\n", "\n    "))


def must(*command):
    result = subprocess.run([str(part) for part in command], capture_output=True, text=True, errors="replace")
    if result.returncode != 0:
        said = result.stdout + result.stderr
        sys.exit(f"{' '.join(map(str, command))}: exit status {result.returncode}\n{said}")
    return result.stdout


def found(*arguments):
    command = [TOOL, "-q", "--format", "json", *arguments]
    result = subprocess.run([str(part) for part in command], capture_output=True)
    if result.returncode not in (0, 1):
        raise AssertionError(f"rcgc {arguments}: exit status {result.returncode}\n{result.stderr}")
    return json.loads(result.stdout)


def dump(name):
    return BUILD / "dumps" / f"{name}.dump"


def build():
    """The tool, the library, the dumps."""
    must("make", "-C", ROOT, "tool")
    must(ROOT / "scripts/build-libs", ROOT / "build/lib")
    (BUILD / "dumps").mkdir(parents=True, exist_ok=True)
    sources = {"make_dumps": ["1000000"], "make_report_dumps": ["1000000"], "make_profile_dumps": []}
    for source, arguments in sources.items():
        program = BUILD / source
        must("cc", "-std=c11", "-O2", "-Wall", "-Wextra", "-Wpedantic", "-Werror", "-I", ROOT / "include",
             HERE / f"{source}.c", ROOT / "build/lib/librcgc.a", "-pthread", "-o", program)
        must(program, BUILD / "dumps", *arguments)


class Page(html.parser.HTMLParser):
    """What a reader without a script finds: sections with their text, tables with exact values."""

    VOID = {"meta", "link", "br", "input", "img"}

    def __init__(self, text):
        super().__init__()
        self.sections, self.tables, self.tags, self.attributes, self.open = {}, {}, [], [], []
        self.section = self.table = self.row = self.cell = None
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attributes):
        attributes = dict(attributes)
        self.tags.append(tag)
        self.attributes += attributes
        if tag not in self.VOID:
            self.open.append(tag)
        if tag == "section":
            self.section = attributes["id"]
            self.sections[self.section] = ""
        if tag == "table":
            self.table = self.tables.setdefault(attributes.get("id", ""), [])
        if tag == "tr" and self.table is not None:
            self.row = []
            self.table.append(self.row)
        if tag in ("th", "td") and self.row is not None:
            self.cell = [attributes.get("data-c") or attributes.get("data-v"), ""]
            self.row.append(self.cell)

    def handle_endtag(self, tag):
        if tag in self.VOID:
            return
        if not self.open or self.open.pop() != tag:
            raise AssertionError(f"</{tag}> where it does not belong")
        if tag in ("th", "td"):
            self.cell = None
        if tag == "table":
            self.table = self.row = None
        if tag == "section":
            self.section = None

    def handle_data(self, text):
        if self.section:
            self.sections[self.section] += text
        if self.cell is not None:
            self.cell[1] += text


def written(name, *dumps, options=()):
    """A report: its path and its text."""
    path = BUILD / f"{name}.html"
    begin = time.monotonic()
    must(TOOL, "-q", "report", *dumps, "-o", path, *options)
    print(f"       {name}: {path.stat().st_size} bytes, {time.monotonic() - begin:.1f} s")
    return path, path.read_text(encoding="utf-8")


def check_page(name, text):
    """What holds for every page."""
    size = len(text.encode())
    check(f"{name}: at most {PAGE_BYTES_MAX} bytes", size <= PAGE_BYTES_MAX, size)
    scripts = re.findall(r"<script>(.*?)</script>", text, re.S)
    check(f"{name}: one script, at most {SCRIPT_BYTES_MAX} bytes",
          len(scripts) == 1 and len(scripts[0].encode()) <= SCRIPT_BYTES_MAX, len(scripts))
    page = Page(text)
    check(f"{name}: every tag is closed", not page.open, page.open)
    check(f"{name}: all panels", list(page.sections) == PANELS, list(page.sections))
    quiet = [section for section, words in page.sections.items() if len(words.strip()) < 40]
    check(f"{name}: no panel says nothing", not quiet, quiet)
    loads = re.findall(r"(?:src|href)=\"(?!#|data:,\")[^\"]*\"|url\(|@import", text)
    check(f"{name}: nothing to load", not loads, loads[:5])
    handlers = [attribute for attribute in page.attributes if attribute.startswith("on")]
    check(f"{name}: no attribute is script", not handlers, handlers)
    return page


def check_types(name, page, path, limit=300):
    """The numbers of the table are those of `rcgc types`."""
    rows = found("types", path, "--limit", str(limit))["tables"]["types"]
    if not rows:
        check(f"{name}: no types", "types-table" not in page.tables)
        return
    head, *body = page.tables["types-table"]
    columns = [cell[0] for cell in head]
    ours = [{column: cell[1] if column == "type" else float(cell[0]) for column, cell in zip(columns, row)}
            for row in body]
    # The page cuts long names in the middle, the rows for programs have them whole.
    cut = lambda text: text if len(text) <= 60 else f"{text[:30]}…{text[-30:]}"  # noqa: E731
    theirs = [{key: value if key == "type" else float(value) for key, value in row.items()} for row in rows]
    ours, theirs = ([{**row, "type": cut(row["type"])} for row in part] for part in (ours, theirs))
    wrong = [(a, b) for a, b in zip(ours, theirs) if a != b]
    check(f"{name}: the types are those of rcgc types", len(ours) == len(theirs) and not wrong, wrong[:2])


def test_pages():
    small = ["empty", "server-1", "mistakes", "hostile", "random-1", "random-2", "random-3"]
    profiled = ["shop-small", "hostile-sites", "stacks"]
    for name in [*small, *profiled, "list", "ring", "wide", "many"]:
        path, text = written(name, dump(name))
        page = check_page(name, text)
        check_types(name, page, dump(name))
        rings = found("cycles", dump(name))["facts"]["rings"]
        words = "None: no object" if rings == 0 else f"{rings:,} rings with"
        check(f"{name}: rings", words in page.sections["rings"], page.sections["rings"][:300])
        suspects = found("suspects", dump(name))["tables"]["suspects"]
        said = page.sections["suspects"]
        missing = [row["suspect"] for row in suspects[:12] if row["reason"][1:] not in said]
        check(f"{name}: {len(suspects)} suspects in their words", not missing, missing)
        check(f"{name}: without an earlier dump it says so", "no earlier dump" in page.sections["changes"])
        if name not in profiled:
            for panel, words in ABSENT:
                check(f"{name}: {panel} says that it {words}", words in page.sections[panel])
    page = Page((BUILD / "empty.html").read_text())
    check("an empty heap says so", "has no objects" in page.sections["retention"])


def test_retention():
    """The sums of the trees are those of the heap."""
    for name in ["server-2", "random-2", "list", "many", "service-2"]:
        page = Page(written(name, dump(name))[1])
        facts = found("summary", dump(name))["facts"]
        root = page.tables["flame-table"][1]
        total = facts["bytes"] + facts["external_bytes"]
        check(f"{name}: the flame graph has all bytes", int(root[1][0]) == total, f"{root}, {total}")
        check(f"{name}: and all objects", int(root[3][0]) == facts["objects"], f"{root}, {facts['objects']}")
        text = (BUILD / f"{name}.html").read_text()
        top = re.search(r'id="map".*?data-b="(\d+)"', text, re.S)
        check(f"{name}: the treemap has all bytes", int(top.group(1)) == total, f"{top.group(1)}, {total}")


def test_changes():
    path, text = written("service", dump("service-1"), dump("service-2"))
    page = check_page("service", text)
    check_types("service", page, dump("service-2"))
    rows = {row[0][1]: row for row in page.tables["waterfall"][1:]}
    theirs = found("diff", dump("service-1"), dump("service-2"), "--limit", "0")["tables"]["types"]
    wrong = [row["type"] for row in theirs if int(rows[row["type"]][1][0]) != row["bytes"]]
    check("changes: those of rcgc diff", len(theirs) + 2 == len(rows) and not wrong, f"{wrong} {list(rows)}")
    ends = [int(row[1][0]) for name, row in rows.items() if name.startswith(("earlier", "later"))]
    steps = sum(int(row[1][0]) for name, row in rows.items() if not name.startswith(("earlier", "later")))
    check("changes: the steps lead from total to total", ends[0] + steps == ends[1], f"{ends} {steps}")
    path, text = written("unlike", dump("random-1"), dump("service-1"))
    check("different heaps are told", "different heaps" in check_page("unlike", text).sections["changes"])


def test_profile():
    """What profile and series have, in the numbers of the other commands."""
    text = written("shop", dump("shop-2"), dump("shop-3"))[1]
    page = check_page("shop", text)
    check_types("shop", page, dump("shop-3"))
    rows = found("sites", dump("shop-3"), "--limit", "0", "--ages")["tables"]
    head, *body = page.tables["sites-table"]
    columns = [cell[0] for cell in head]
    ours = [{name: cell[0] or cell[1] for name, cell in zip(columns, row)} for row in body]
    text_of = lambda value: "-" if value is None else str(value)
    theirs = [{name: text_of(value) for name, value in row.items()} for row in rows["sites"]]
    check("sites: those of rcgc sites", ours == theirs and len(ours) > 3, f"{ours[:2]}\n{theirs[:2]}")
    ages = [int(row[1][0]) for row in page.tables["ages"][1:]]
    check("ages: those of rcgc sites", ages == [row["ended"] for row in rows["ages"]], ages)
    allocated = int(page.tables["allocated-table"][1][1][0])
    total = sum(row["allocated_bytes"] for row in rows["sites"])
    check("sites: the flame graph has all", allocated == total, f"{allocated} {total}")
    summary = found("summary", dump("shop-3"))
    pauses = {row[0][1]: row for row in page.tables["pauses-table"][1:]}
    runs = [int(pauses[kind][1][0]) for kind in ["young", "full"]]
    facts = summary["facts"]
    check("pauses: runs", runs == [facts["young_collections"], facts["full_collections"]], runs)
    drawn = [int(row[2][0]) for row in page.tables["pauses-histogram"][1:]]
    check("pauses: the histogram has all of the series", sum(drawn) == int(pauses["full"][7][0]), drawn)
    scopes = {row[0][1]: int(row[4][0]) for row in page.tables["scopes"][1:]}
    theirs = {row["scope"]: row["survivors"] for row in summary["tables"]["scopes"]}
    check("scopes: survivors", scopes == theirs, f"{scopes} {theirs}")
    rows = page.tables["waterfall-sites"][1:]
    steps = sum(int(row[1][0]) for row in rows[1:-1])
    check("changes by site lead from total to total", int(rows[0][1][0]) + steps == int(rows[-1][1][0]), rows)
    # With what it keeps elsewhere.
    sites = [found("sites", dump(name)) for name in ["shop-2", "shop-3"]]
    lives = [one["facts"]["live_bytes"] + sum(row["external"] for row in one["tables"]["sites"]) for one in sites]
    check("changes by site: the totals", [int(rows[at][1][0]) for at in [0, -1]] == lives, f"{rows} {lives}")
    check("time: scopes are drawn", text.count('class="scope"') > 100)
    check("time: collections are drawn", text.count('class="mark-full"') == facts["full_collections"])
    moments = page.tables["samples"][1:]
    check("time: the last sample", int(moments[-1][2][0]) == facts["bytes"], moments[-1])
    check("followed references are listed", "shop window" in page.sections["overview"])
    stacks = Page(written("stacks", dump("stacks"))[1]).tables["stacks-table"]
    options = ["--to", "folded", "--of", "stacks", "--value", "made-bytes"]
    folded = must(TOOL, "-q", "export", dump("stacks"), *options)
    total = sum(int(line.rsplit(" ", 1)[1]) for line in folded.splitlines())
    check("stacks: the flame graph has all", int(stacks[1][1][0]) == total, f"{stacks[1]} {total}")


def test_source():
    text = written("sourced", dump("shop-3"), options=["--source", HERE])[1]
    said = Page(text).sections["suspects"]
    source = (HERE / "make_profile_dumps.c").read_text()
    line = next(line for line in source.splitlines() if "RC_NEW(all->basket)" in line)
    place = r"made at \S*make_profile_dumps\.c:\d+ in fill_basket"
    check("--source: the place", re.search(place, said), said)
    check("--source: its line", line.strip() in said, said)
    text = written("unsourced", dump("shop-3"))[1]
    check("without it the place alone", "in fill_basket" in text and line.strip() not in text)
    text = written("hostile-sourced", dump("hostile-sites"), options=["--source", "/"])[1]
    check_page("hostile-sourced", text)
    command = [TOOL, "report", dump("shop-3"), "--source", BUILD / "nowhere"]
    result = subprocess.run(command, capture_output=True)
    refused = result.returncode == 2 and b"no such folder" in result.stderr
    check("--source nowhere: usage", refused, result.stderr)


def test_command():
    def status(*arguments):
        result = subprocess.run([TOOL, "report", *arguments], capture_output=True)
        return result.returncode, result.stdout.decode(), result.stderr.decode()
    code, out, err = status(dump("server-1"))
    check("to standard output", code == 0 and out.startswith("<!doctype html>"), err)
    again = status(dump("server-1"))[1]
    check("the same dump gives the same page", out == again)
    code, out, err = status(dump("server-1"), "-o", BUILD / "no" / "such" / "file")
    check("where no folder is: exit status 4", code == 4 and "no/such/file" in err, err)
    check("a full disk: exit status 4", status(dump("many"), "-o", "/dev/full")[0] == 4)
    code, out, err = status(dump("server-1"), BUILD / "nowhere.dump")
    check("no such dump: exit status 3", code == 3 and "nowhere.dump" in err, err)
    check("a share of nothing: usage", status(dump("server-1"), "--share", "0")[0] == 2)
    cut = BUILD / "cut.dump"
    cut.write_bytes(dump("service-2").read_bytes()[:-30])
    code, out, err = status(cut)
    check("of a cut dump the page says so", code == 0 and "not whole" in out and "warning" in err, err)
    page = Page(status(dump("many"), "--types", "20")[1])
    check("--types", len(page.tables["types-table"]) == 21)
    check("--types: how many are left out", "380 more are left out" in page.sections["types"])


def npm():
    """node_modules with what drives the browser, or None with the reason said."""
    needs = subprocess.run([ROOT / "scripts/need", "chromium", "node", "npm"], capture_output=True, text=True)
    if needs.returncode != 0:
        print(f"skipped what the browser shows: {needs.stderr.strip()}")
        return None
    folder = BUILD / "npm"
    stamp = folder / "installed"
    if not stamp.exists() or stamp.read_text() != " ".join(PACKAGES):
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "package.json").write_text('{"private": true}\n')
        command = ["npm", "install", "--ignore-scripts", "--no-audit", "--no-fund", *PACKAGES]
        result = subprocess.run(command, cwd=folder, capture_output=True, text=True)
        if result.returncode != 0:
            print(f"skipped what the browser shows: npm has no {PACKAGES}\n{result.stderr[-500:]}")
            return None
        stamp.write_text(" ".join(PACKAGES))
    return folder


def test_browser():
    global passed, failed
    folder = npm()
    if folder is None:
        return
    pages = ["service", "empty", "hostile", "hostile-sites", "shop", "many"]
    written("service", dump("service-1"), dump("service-2"))
    written("shop", dump("shop-2"), dump("shop-3"), options=["--source", HERE])
    for name in pages:
        if name not in ("service", "shop"):
            written(name, dump(name))
    command = ["node", str(HERE / "report.mjs"), str(folder), str(BUILD), *pages]
    result = subprocess.run(command, capture_output=True, text=True, errors="replace", timeout=300)
    print(result.stdout, end="")
    passed += len(re.findall(r"^ok ", result.stdout, re.M))
    failed += len(re.findall(r"^FAILED ", result.stdout, re.M))
    check("the browser came to its end", result.returncode == 0, result.stderr[-3000:])


def main():
    build()
    wanted = sys.argv[1:]
    for name, test in list(globals().items()):
        if name.startswith("test_") and (not wanted or any(word in name for word in wanted)):
            begin = time.monotonic()
            try:
                test()
            except Exception as error:  # a fault of this driver must not pass for success
                check(name, False, repr(error))
            print(f"       {name}: {time.monotonic() - begin:.1f} s")
    print(f"{passed} passed, {failed} failed")
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    sys.exit(main())
