"""The commands over profiles, and those that choose, judge and draw: sites, top, query, plot, watch, ci.
Part of run.py."""

import csv
import io
import json
import os
import pty
import shutil
import subprocess
import threading
import time
import xml.etree.ElementTree as ElementTree
from pathlib import Path


class Profiles:
    def __init__(self, check, rcgc, found, dump, build, tool):
        self.check, self.rcgc, self.found, self.dump = check, rcgc, found, dump
        self.build, self.tool = build, tool

    def usage(self, name, words, *arguments):
        status, out, err = self.rcgc(*arguments)
        self.check(f"{name}: usage", status == 2 and words in err and not out, f"{status} {err}")

    # ---- sites ----

    def sites(self):
        result = self.found("sites", self.dump("shop-3"), "--limit", "0")
        rows, facts = result["tables"]["sites"], result["facts"]
        by = {row["function"]: row for row in rows}
        # Baskets hold 1 to 5 items in turn; every fourth of 200, 400 and 600 orders is kept.
        self.check(
            "sites: what is made",
            (
                by["take_order"]["allocated_objects"],
                by["fill_basket"]["allocated_objects"],
                by["pick_items"]["allocated_objects"],
            )
            == (1200, 1200, 3600),
            str(by),
        )
        self.check(
            "sites: what lives",
            (by["fill_basket"]["live_objects"], by["fill_basket"]["external"]) == (300, 300_000),
        )
        self.check(
            "sites: what the collector found",
            all(by["take_order"][key] == 1200 for key in ["freed_objects", "reclaimed"]),
        )
        self.check("sites: plain rc_new", by["Order (plain rc_new)"]["allocated_objects"] == 1200)
        live = found_types(self.found, self.dump("shop-3"))
        self.check(
            "sites: the sum is the heap",
            sum(row["live_bytes"] for row in rows) == live == facts["live_bytes"],
        )
        self.check(
            "sites: made and ended",
            facts["made_objects"] + 1 - facts["ended_objects"] == facts["live_objects"],
            str(facts),
        )
        for order, key in [
            ("live-bytes", "live_bytes"),
            ("made-objects", "allocated_objects"),
            ("reclaimed", "reclaimed"),
            ("peak-bytes", "peak_bytes"),
        ]:
            values = [
                row[key]
                for row in self.found("sites", self.dump("shop-3"), "--sort", order)["tables"]["sites"]
            ]
            self.check(f"sites --sort {order}", values == sorted(values, reverse=True), str(values))
        ages = self.found("sites", self.dump("shop-3"), "--ages")["tables"]["ages"]
        self.check(
            "sites --ages: all that ended",
            sum(row["ended"] for row in ages) == facts["ended_objects"],
            str(ages),
        )
        for by_what, number in [("site", 5), ("function", 5), ("file", 3), ("type", 3)]:
            rows = self.found("sites", self.dump("shop-3"), "--by", by_what, "--limit", "0")["tables"][
                "sites"
            ]
            made = sum(row["allocated_objects"] for row in rows)
            self.check(f"sites --by {by_what}", (len(rows), made) == (number, 7201), str(rows))
        for option, number in [
            (["--function", "*_basket"], 1),
            (["--file", "*profile_dumps.c"], 3),
            (["--type", "Ite?"], 2),
        ]:
            rows = self.found("sites", self.dump("shop-3"), *option)["tables"]["sites"]
            self.check(f"sites {' '.join(option)}", len(rows) == number, str(rows))
        status, out, err = self.rcgc("sites", self.dump("hostile-sites"))
        self.check(
            "sites: hostile names stay on their line",
            status == 0 and "\x1b" not in out and "n\\nm" in out,
            out,
        )
        self.usage("sites without a profile", "not profiled", "sites", self.dump("server-1"))

    def summary(self):
        tables = self.found("summary", self.dump("shop-small"))["tables"]
        self.check(
            "summary: followed references",
            [row["tag"] for row in tables["followed"]] == ["window"],
            str(tables),
        )
        scopes = {row["scope"]: row for row in tables["scopes"]}
        self.check(
            "summary: scopes",
            (scopes["order"]["entered"], scopes["serve"]["survivors"]) == (4, 22),
            str(scopes),
        )

    # ---- top ----

    def top(self):
        for by, key in [
            ("retained", "retained"),
            ("count", "count"),
            ("references", "references"),
            ("outside", "outside"),
        ]:
            rows = self.found("top", self.dump("random-2"), "--by", by, "--limit", "30")["tables"]["objects"]
            values = [row[key] for row in rows]
            self.check(
                f"top --by {by}", values == sorted(values, reverse=True) and len(rows) == 30, str(values)
            )
        rows = self.found("top", self.dump("list"), "--retained")["tables"]["objects"]
        self.check("top: a list is its head", len(rows) == 1 and rows[0]["share"] == 1, str(rows[:2]))
        rows = self.found("top", self.dump("list"), "--retained", "--all", "--limit", "5")["tables"][
            "objects"
        ]
        self.check("top --all: each of a list", len(rows) == 5, str(rows))
        rows = self.found("top", self.dump("server-2"), "--drops", "--limit", "1")["tables"]["objects"]
        self.check(
            "top --drops: a session with its buffer", rows[0]["object"].startswith("Session"), str(rows)
        )
        rows = self.found("top", self.dump("shop-3"), "--by", "age")["tables"]["objects"]
        values = [row["age"] for row in rows]
        self.check("top --by age", values == sorted(values, reverse=True) and values[0] > 0, str(values))
        self.usage("top --by age without a profile", "no ages", "top", self.dump("server-1"), "--by", "age")

    # ---- query ----

    def query(self):
        def number(expression, name="server-2"):
            return self.found("query", self.dump(name), expression)["facts"]["objects"]

        types = {row["type"]: row for row in self.found("types", self.dump("server-2"))["tables"]["types"]}
        summary = self.found("summary", self.dump("server-2"))["facts"]
        for expression, expected in [
            ("type=Session", types["Session"]["objects"]),
            ("type~S*n or type=Cache", types["Session"]["objects"] + 1),
            ("not type=Session", summary["objects"] - types["Session"]["objects"]),
            ("garbage", summary["garbage"]),
            ("held", summary["held_objects"]),
            ("held and not garbage and type!=Parent", 3),
            ("external>0", 1),
            ("external>=50000 and external<=50000", 1),
            ("outside>1", 1),
            ("owner=Cache", 39),
            ("type=Buffer and length=400", 32),
            ("handles>0 and type=User", 1),
            ("refs=0 and garbage", 0),
            ("edges>30", 1),
            ("young", summary["young"]),
            ("tracked", summary["objects"] - summary["untracked"]),
            ("size<0", 0),
            ("number<5 or number=6", 6),
        ]:
            got = number(expression)
            self.check(f"query {expression}", got == expected, f"{got}, expected {expected}")
        for expression, expected in [
            ("site~*make_profile_dumps.c:*", 1200),
            ("function=fill_basket and age>0s", 300),
            ("file~*profile* and type=Item", 900),
            ("serial>0", 1200),
            ("not serial>0", 1),
            ("age>1h", 0),
        ]:
            got = number(expression, "shop-3")
            self.check(f"query {expression}", got == expected, f"{got}, expected {expected}")
        rows = self.found("query", self.dump("server-2"), "retained>=0", "--types")["tables"]["types"]
        self.check(
            "query --types: the heap",
            {row["type"]: row["objects"] for row in rows}
            == {name: row["objects"] for name, row in types.items()},
            str(rows),
        )
        self.usage(
            "query: a mistake has its place", "column 6: a number", "query", self.dump("server-2"), "size>x"
        )
        self.usage("query: an unknown name", "`colour`", "query", self.dump("server-2"), "colour=red")
        status, out, err = self.rcgc("query", self.dump("server-2"), "age>1s")
        self.check("query without a profile: a warning", status == 0 and "not profiled" in err, err)
        self.by_site()

    def by_site(self):
        """What query, why and diff sum up by site is what sites has."""
        shops = [self.dump(name) for name in ["shop-1", "shop-3"]]
        alive = [
            sorted(
                (row["site"], row["function"], row["live_objects"], row["live_bytes"] + row["external"])
                for row in self.found("sites", shop, "--limit", "0")["tables"]["sites"]
                if row["live_objects"] and not row["site"].startswith("(made before")
            )
            for shop in shops
        ]
        rows = self.found("query", shops[1], "retained>=0", "--sites")["tables"]["sites"]
        named = sorted(
            (row["site"], row["function"], row["objects"], row["bytes"]) for row in rows if row["site"]
        )
        self.check("query --sites: what sites has", named == alive[1] != [], f"{named} {alive[1]}")
        status, out, err = self.rcgc("query", self.dump("server-1"), "held", "--sites")
        self.check("query --sites without a profile", status == 0 and "not profiled" in err, err)
        self.usage("query --sites --types", "cannot be used with", "query", shops[1], "held", "--sites", "--types")
        rows = self.found("diff", *shops)["tables"]["sites"]
        changes = sum(row["objects"] for row in rows)
        expected = sum(row[2] for row in alive[1]) - sum(row[2] for row in alive[0])
        self.check("diff: by site", rows and changes == expected, f"{changes} {expected}")
        self.check("diff without a profile", "sites" not in self.found(
            "diff", self.dump("server-1"), self.dump("server-2"))["tables"])

    # ---- plot ----

    def plot(self):
        shops = [self.dump(f"shop-{number}") for number in (1, 2, 3)]
        result = self.found("plot", *shops, "--what", "live,external,objects,pages,resident")
        last = {row["what"]: row["last"] for row in result["tables"]["lines"]}
        books = self.found("summary", shops[-1])["facts"]
        self.check(
            "plot: ends with the heap",
            (last["live"], last["external"], last["objects"], last["pages"])
            == (books["bytes"], books["external_bytes"], books["objects"], books["pages"]),
            f"{last} {books}",
        )
        self.check("plot: every collection", result["facts"]["collections"] == 12, str(result["facts"]))
        slopes = {row["what"]: row["slope_per_second"] for row in result["tables"]["lines"]}
        self.check("plot: the leak has a slope", slopes["external"] > 0, str(slopes))
        samples = [row for row in result["tables"]["samples"] if row["what"] == "live"]
        times = [row["time"] for row in samples]
        self.check(
            "plot: samples in order", times == sorted(times) and len(times) == result["facts"]["samples"]
        )
        status, out, err = self.rcgc("--format", "csv", "plot", shops[0])
        rows = list(csv.DictReader(io.StringIO(out)))
        self.check(
            "plot: CSV has the samples",
            len(rows) > 20 and set(rows[0]) == {"what", "time", "value"},
            out[:300],
        )
        self.pictures(shops)
        status, out, err = self.rcgc("plot", shops[-1], "--width", "40")
        self.check(
            "plot: text",
            status == 0 and all(len(line.split("│")[1]) == 40 for line in out.splitlines() if "│" in line),
            out,
        )
        result = self.found("plot", *shops, "--types")
        values = [row["value"] for row in result["tables"]["samples"] if row["what"] == "Basket"]
        self.check(
            "plot --types: a type in each dump", len(values) == 3 and values == sorted(values), str(values)
        )
        self.usage("plot --types of one dump", "several dumps", "plot", shops[0], "--types")
        self.usage("plot of different heaps", "different heaps", "plot", shops[0], self.dump("server-1"))
        status, out, err = self.rcgc("plot", shops[0], "-o", "/dev/full")
        self.check("plot to a full disk: exit status 4", status == 4, f"{status} {err}")

    def pictures(self, shops):
        for name, options in [
            ("live", shops),
            ("types", [*shops, "--types"]),
            ("hostile", [self.dump("hostile-sites")]),
        ]:
            path = self.build / f"{name}.svg"
            status, out, err = self.rcgc("plot", *options, "-o", path)
            text = path.read_text()
            try:
                root = ElementTree.fromstring(text)
                lines = root.findall("{http://www.w3.org/2000/svg}polyline")
            except ElementTree.ParseError as error:
                lines, err = [], str(error)
            self.check(f"plot -o {name}.svg is a picture", status == 0 and len(lines) >= 2, err)

    # ---- ci ----

    def ci(self):
        budget = self.build / "heap.budget"

        def verdict(text, *arguments):
            budget.write_text(text)
            status, out, err = self.rcgc("--format", "json", "ci", *arguments, "--budget", budget)
            return status, [row["kept"] for row in json.loads(out)["tables"]["rules"]] if out else err

        new, old = self.dump("shop-3"), self.dump("shop-1")
        books = self.found("summary", new)["facts"]
        rules = f"bytes <= {books['bytes']}\nobjects < {books['objects'] + 1}\ntype Basket objects = 300\n"
        self.check("ci: kept at the border", verdict(rules, new) == (0, [True] * 3), str(verdict(rules, new)))
        rules = f"bytes < {books['bytes']}\nobjects <= {books['objects'] - 1}\ntype Basket objects <= 299\n"
        self.check(
            "ci: broken one behind it", verdict(rules, new) == (1, [False] * 3), str(verdict(rules, new))
        )
        rules = (
            "growth type Basket objects <= 250\ngrowth type Basket objects <= 249\n"
            "growth type Basket objects <= 500%\n"
            "growth type Basket objects <= 499.9 %\ngrowth objects >= 0\n"
        )
        expected = (1, [True, False, True, False, True])
        self.check(
            "ci: growth",
            verdict(rules, new, "--base", old) == expected,
            str(verdict(rules, new, "--base", old)),
        )
        rules = (
            'site "fill_*" live_objects = 300  # the place of the leak\n'
            'site fill_basket made_objects <= 1199\n'
            'query "type=Item and held" objects <= 1\nquery "type=Item" bytes <= 1\nlongest_pause <= 1 h\n'
            'garbage = 0\nfollowed <= 1\nexternal <= 300000\n'
            'type None objects <= 0\ntype Basket retained > 300K\n'
        )
        expected = [True, False, True, False, True, True, True, True, True, True]
        self.check(
            "ci: sites, queries, times", verdict(rules, new) == (1, expected), str(verdict(rules, new))
        )
        for text, words in [
            ("bytes", ":1: an operator"),
            ("# nothing\n", "no rules"),
            ("a <= 1\n", ":1: `a`"),
            ("bytes <= 1\n\nbytes <= 5%\n", ":3: only growth"),
            ("growth bytes <= 1\n", ":1: growth needs --base"),
        ]:
            status, err = verdict(text, new)
            self.check(
                f"ci: {text.strip()!r}: usage, with its line",
                status == 2 and f"heap.budget{words}" in err or status == 2 and words in err,
                str(err),
            )
        self.check(
            "ci: sites without a profile", verdict("site x live_bytes <= 1", self.dump("server-1"))[0] == 2
        )
        self.usage("ci without that file", "nowhere", "ci", new, "--budget", self.build / "nowhere")
        budget.write_text("bytes <= 1G\n")
        self.check("ci: a dump that cannot be read", self.rcgc("ci", budget, "--budget", budget)[0] == 3)

    # ---- watch ----

    def watch(self):
        folder = self.build / "watched"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        (folder / "note.txt").write_text("no dump")
        command = [self.tool, "--format", "json", "watch", folder, "--interval", "0.05", "--count", "4"]
        process = subprocess.Popen([str(word) for word in command], stdout=subprocess.PIPE, text=True)
        whole = self.dump("shop-2").read_bytes()
        rows = []
        shutil.copy(self.dump("shop-1"), folder / "a.dump")
        rows.append(json.loads(process.stdout.readline()))
        growing = folder / "b.dump"
        growing.write_bytes(whole[:2000])
        time.sleep(0.3)
        growing.write_bytes(whole)
        rows.append(json.loads(process.stdout.readline()))
        for name in ["shop-3", "shop-1"]:
            growing.write_bytes(self.dump(name).read_bytes())
            rows.append(json.loads(process.stdout.readline()))
        process.wait(10)
        objects = [
            self.found("summary", self.dump(f"shop-{number}"))["facts"]["objects"] for number in (1, 2, 3, 1)
        ]
        self.check(
            "watch: a row for each dump, when it is whole",
            [row["objects"] for row in rows] == objects,
            str(rows),
        )
        self.check(
            "watch: changes",
            rows[0]["change"] is None and sum(row["change"] for row in rows[1:]) == 0,
            str(rows),
        )
        self.check("watch --count ends", process.returncode == 0)
        status, out, err = self.rcgc("watch", self.dump("shop-1"), "--count", "1")
        self.check("watch: text has a line of names", status == 0 and len(out.splitlines()) == 2, out + err)
        status, out, err = self.rcgc("--format", "csv", "watch", folder, "--count", "2")
        rows = list(csv.DictReader(io.StringIO(out)))
        self.check(
            "watch: CSV",
            status == 0 and len(rows) == 2 and {row["file"] for row in rows} == {"a.dump", "b.dump"},
            out,
        )
        self.on_a_terminal()
        self.process(folder)
        self.signals(folder)
        for name, words, arguments in [
            ("nothing there", "no such folder", [self.build / "nowhere"]),
            ("no such process", "no process", ["4194304"]),
            ("an interval", "--interval", [folder, "--interval", "0"]),
            ("a signal to a folder", "--signal", [folder, "--signal", "USR1"]),
        ]:
            self.usage(f"watch: {name}", words, "watch", *arguments)

    def on_a_terminal(self):
        ours, theirs = pty.openpty()
        command = [self.tool, "watch", self.dump("shop-3"), "--count", "1"]
        process = subprocess.Popen([str(word) for word in command], stdout=theirs, stderr=subprocess.DEVNULL)
        process.wait(10)
        os.close(theirs)
        text = b""
        try:
            while piece := os.read(ours, 65536):
                text += piece
        except OSError:  # the terminal is closed
            pass
        os.close(ours)
        self.check(
            "watch: a terminal is redrawn, with types",
            b"\x1b[2J" in text and b"Basket" in text,
            str(text[:500]),
        )

    def process(self, folder):
        """A process whose plan names the folder: dumps there that others wrote are not its own."""
        environment = {**os.environ, "RCGC_PROFILE": f"sites,dump={folder}/%p.dump"}
        sleeper = subprocess.Popen(["sleep", "30"], env=environment)
        # The kernel shows the variables a moment after the program has begun.
        variables = Path(f"/proc/{sleeper.pid}/environ")
        while b"RCGC_PROFILE" not in variables.read_bytes():
            time.sleep(0.01)
        command = [self.tool, "--format", "json", "watch", str(sleeper.pid), "--interval", "0.05"]
        process = subprocess.Popen(
            [str(word) for word in command], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        timer = threading.Timer(0.5, sleeper.kill)
        timer.start()
        sleeper.wait()
        out, err = process.communicate(timeout=10)
        self.check(
            "watch: ends with the process; dumps of others are not its",
            process.returncode == 0 and not out and "ended" in err,
            out + err,
        )

    def signals(self, folder):
        """A process that writes dumps at a signal, found by its RCGC_PROFILE, asked again and again."""
        environment = {**os.environ, "RCGC_PROFILE": f"sites,dump={folder}/%p-end.dump"}
        command = [str(self.build / "make_profile_dumps"), str(folder), "wait"]
        host = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)
        ready = host.stdout.readline()
        options = ["--signal", "USR1", "--interval", "0.2", "--count", "3"]
        status, out, err = self.rcgc("--format", "json", "watch", host.pid, *options)
        host.kill()
        host.wait()
        rows = [json.loads(line) for line in out.splitlines()]
        names = [row["file"] for row in rows]
        self.check(
            "watch --signal: the process writes dumps",
            status == 0 and ready and len(set(names)) == 3,
            f"{out}{err}",
        )
        own = all(name.startswith(f"{host.pid}-") for name in names)
        grows = sorted(row["objects"] for row in rows) == [row["objects"] for row in rows]
        self.check("watch --signal: they are its own, in order", own and grows, str(rows))
        status, out, err = self.rcgc("watch", os.getpid(), "--folder", folder, "--signal", "NOSUCH")
        self.check("watch --signal: an unknown one: usage", status == 2 and "NOSUCH" in err, err)


def found_types(found, path):
    """Bytes of all objects, without external ones."""
    return sum(row["bytes"] for row in found("types", path, "--limit", "0")["tables"]["types"])


def run(**context):
    profiles = Profiles(**context)
    for test in [
        profiles.sites,
        profiles.summary,
        profiles.top,
        profiles.query,
        profiles.plot,
        profiles.ci,
        profiles.watch,
    ]:
        test()
