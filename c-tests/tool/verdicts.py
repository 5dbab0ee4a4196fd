"""What the tool must not say, and what it must not do: verdicts on missing data, files that are written over, rows that
are held, messages that kill. Part of run.py."""

import json
import os
import resource
import shutil
import subprocess
import time


class Verdicts:
    def __init__(self, check, rcgc, found, dump, build, tool):
        self.check, self.rcgc, self.found, self.dump = check, rcgc, found, dump
        self.build, self.tool = build / "verdicts", tool
        shutil.rmtree(self.build, ignore_errors=True)
        self.build.mkdir()

    # ---- gates on what is missing ----

    def cut(self):
        """A dump that ends anywhere opens no gate, alone, as the base or as one of three."""
        whole = self.dump("server-2")
        budget = self.build / "kind.budget"
        budget.write_text("objects <= 1000000\n")
        growth = self.build / "growth.budget"
        growth.write_text("growth objects <= 1000000\n")
        self.check("ci: the whole dump keeps the rule", self.rcgc("ci", whole, "--budget", budget)[0] == 0)
        data, path = whole.read_bytes(), self.build / "cut.dump"
        for keep in [64, 100, len(data) // 2, len(data) - 1]:
            path.write_bytes(data[:keep])
            for name, *arguments in [
                ("ci", "ci", path, "--budget", budget),
                ("ci --salvage", "--salvage", "ci", path, "--budget", budget),
                ("ci --base", "ci", whole, "--base", path, "--budget", growth),
                ("diff", "diff", path, whole),
                ("diff", "diff", whole, path),
                ("diff of three", "diff", self.dump("server-1"), whole, path),
            ]:
                status, out, err = self.rcgc(*arguments)
                self.check(f"{name} of a dump cut to {keep} bytes", status == 3 and "cut.dump" in err and not out,
                           f"{status} {out} {err}")
            for arguments in [("--salvage", "diff", path, whole), ("suspects", path), ("cycles", path, "--garbage")]:
                status, out, err = self.rcgc(*arguments)
                self.check(f"{arguments[-2]} of a dump cut to {keep} bytes is no success", status != 0, out + err)
        self.check("summary of it is what lies before", self.rcgc("summary", path)[0] == 0)

    def absent(self):
        """What was not counted is not zero."""
        budget = self.build / "sites.budget"
        for rule, name in [("site * live_objects <= 0", "stacks-only"), ("scope_violations <= 0", "server-1")]:
            budget.write_text(rule + "\n")
            status, out, err = self.rcgc("ci", self.dump(name), "--budget", budget)
            self.check(f"ci: {rule} of what was not counted", status == 2 and name in err, f"{status} {out} {err}")
        status, out, err = self.rcgc("sites", self.dump("stacks-only"))
        self.check("sites of stacks alone: no zeros", "samples stacks alone" in out and "live objects" not in out, out)
        page = self.rcgc("report", self.dump("stacks-only"))[1]
        self.check("report of stacks alone: a profile", "has no profile" not in page and "counts no places" in page)
        status, out, err = self.rcgc("export", self.dump("stacks-only"), "--to", "folded", "--of", "sites")
        self.check("sites of stacks alone are refused to exports", status == 2 and "stacks alone" in err, err)

    # ---- garbage ----

    def lasting(self):
        dump = self.dump("lasting")
        for word, expected in [
            ("Frozen", "garbage: 5 (160 B) that no collection ends: they are frozen, and in a ring (gc_unfreeze)"),
            ("Untracked", "garbage: 20 (640 B) that no collection ends: they are not tracked, and in a ring (gc_track)"),
            ("Kept", "garbage: 10 (320 B) that no collection ends: they are kept by objects that are frozen or not tracked"),
        ]:
            sentences = self.found("why", dump, word)["sentences"]
            self.check(f"why {word}: no collection ends them", sentences == [expected], str(sentences))
        for word in ["Ring", "Leaf"]:
            text = self.found("why", dump, word)["sentences"][0]
            self.check(f"why {word}: the next collection ends it", "the next full collection ends it" in text, text)
        number = self.found("query", dump, "type=Kept", "--limit", "1")["tables"]["objects"][0]["number"]
        text = self.found("why", dump, f"#{number}")["sentences"][0]
        self.check("why one: what keeps it", "Untracked 0x" in text and "keeps it, which is not tracked" in text, text)
        facts = self.found("summary", dump)["facts"]
        self.check("summary: of the garbage, what lasts", (facts["garbage"], facts["uncollectable"]) == (37, 35), str(facts))
        found = self.found("query", dump, "uncollectable")["facts"]["objects"]
        self.check("query: uncollectable", found == 35, str(found))
        text = " ".join(self.found("suspects", dump)["sentences"])
        self.check("suspects: what becomes of it", "that no collection ends" in text and "{" not in text, text)
        rows = self.found("cycles", dump)["tables"]["cycles"]
        self.check("cycles: rings that last", sum(row["uncollectable"] for row in rows) == 15, str(rows))

    def weaken(self):
        for name in ["owners-back-first", "owners-down-first"]:
            rows = self.found("cycles", self.dump(name))["tables"]["cycles"]
            self.check(f"{name}: the reference back is to be weakened",
                       sorted(row["weaken"] for row in rows) == ["Link.one", "Node.one"], str(rows))

    # ---- names, numbers ----

    def long_names(self):
        dump = self.dump("long-names")
        names = [row["type"] for row in self.found("types", dump)["tables"]["types"]]
        self.check("JSON has whole names", len(set(names)) == 4 and all(name.endswith(">") for name in names), str(names))
        lines = self.rcgc("--format", "csv", "types", dump)[1].splitlines()[1:]
        self.check("CSV has whole names", len({line.rsplit('"', 1)[0] for line in lines}) == 4, str(lines))
        for to in ["folded", "speedscope"]:
            out = self.rcgc("-q", "export", dump, "--to", to, "--of", "retention")[1]
            self.check(f"{to} has whole names", all(name in out for name in names), out[:500])
        folded = self.rcgc("-q", "export", dump, "--to", "folded", "--of", "retention")[1].splitlines()
        self.check("folded stacks keep the types apart", len(folded) == 4, str(folded))
        import gzip
        raw = subprocess.run([self.tool, "-q", "export", dump, "--to", "pprof", "--of", "retention"], capture_output=True)
        text = gzip.decompress(raw.stdout).decode(errors="replace")
        self.check("pprof has whole names", all(name in text for name in names))
        out = self.rcgc("types", dump)[1].splitlines()[1:]
        self.check("people see both ends of a name", all("app::" in line and ">" in line and "…" in line for line in out)
                   and len({line.split("  ")[1] for line in out}) >= 3 and max(map(len, out)) < 200, str(out))

    def exact(self):
        one, ten = self.build.parent / "dumps/ten/at.1.dump", self.build.parent / "dumps/ten/at.10.dump"
        result = self.found("diff", one, ten)
        expected = {"before": 1, "after": 10, "change": 9}
        self.check("diff: facts are numbers", result["facts"]["objects"] == expected, str(result["facts"]))
        self.check("JSON has a version", result["version"] == 1)
        self.check("JSON says that nothing was left out", result["left_out"]["types"] == 0, str(result["left_out"]))
        result = self.found("types", ten, "--limit", "3")
        self.check("JSON says what was left out", (len(result["tables"]["types"]), result["left_out"]) == (3, {"types": 7}))
        facts = self.found("summary", ten)["facts"]
        self.check("summary: a process is a number, a time exact",
                   isinstance(facts["process"], int) and facts["written"].endswith("Z"), str(facts))
        rows = {row["type"]: row for row in self.found("diff", self.dump("server-1"), self.dump("server-2"))["tables"]["types"]}
        self.check("diff: what is held from outside", rows["Session"]["held"] == 0 and rows["Buffer"]["held"] == 0, str(rows))

    def external(self):
        rows = self.found("diff", self.dump("canvas-1"), self.dump("canvas-2"))["tables"]["sites"]
        self.check("diff: external bytes by place", [row["bytes"] for row in rows] == [1 << 20], str(rows))
        out = self.rcgc("-q", "export", self.dump("canvas-2"), "--to", "folded", "--of", "sites")[1]
        self.check("folded stacks of sites have external bytes", sum(int(line.split()[-1]) for line in out.splitlines())
                   == (1 << 20) + 32, out)

    def ten(self):
        folder = self.build.parent / "dumps/ten"
        paths = sorted(folder.iterdir())
        result = self.found("plot", *paths, "--what", "objects")
        values = [row["value"] for row in result["tables"]["samples"]]
        self.check("plot: dumps in any order", values == list(range(1, 11)), str(values))
        out = self.rcgc("plot", *paths, "--what", "objects,live")[1]
        line = next(line for line in out.splitlines() if line.startswith("objects"))
        self.check("plot: a count is no KiB", line.endswith("│ 10"), line)
        status, out, err = self.rcgc("-q", "export", *paths, "--to", "massif")
        times = [int(line.split("=")[1]) for line in out.splitlines() if line.startswith("time=")]
        self.check("massif: snapshots of a short run have times of their own", status == 0 and len(set(times)) >= 9, str(times))

    # ---- files ----

    def over_input(self):
        """No command writes over what it reads, by whatever name; what fails leaves what was there."""
        source = self.dump("server-1").read_bytes()
        path = self.build / "in.dump"
        path.write_bytes(source)
        (self.build / "link").symlink_to("in.dump")
        os.link(path, self.build / "hard")
        folder = self.build / "tables"
        folder.mkdir()
        (folder / "nodes.parquet").symlink_to(path)
        commands = [["export", path, "--to", to] for to in
                    ["dot", "heapsnapshot", "folded", "pprof", "speedscope", "massif", "mprof", "trace"]]
        commands += [["report", path], ["report", self.dump("server-2"), path], ["plot", path]]
        for command in commands:
            for name in ["in.dump", "link", "hard"]:
                status, out, err = self.rcgc("-q", *command, "-o", self.build / name)
                self.check(f"{command[0]} {command[-1]} -o {name}: refused", status == 2 and path.read_bytes() == source,
                           f"{status} {err}")
        status, out, err = self.rcgc("-q", "export", path, "--to", "parquet", "-o", folder)
        self.check("parquet over its input: refused", status == 2 and path.read_bytes() == source, f"{status} {err}")
        self.check("and none of its tables is there", sorted(p.name for p in folder.iterdir()) == ["nodes.parquet"],
                   str(list(folder.iterdir())))
        kept = self.build / "kept"
        kept.write_text("before")
        command = [self.tool, "-q", "export", self.dump("ring"), "--to", "heapsnapshot", "-o", kept]
        limit = lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, 1 << 20))
        result = subprocess.run(command, capture_output=True, preexec_fn=limit)
        self.check("what fails leaves what was there", result.returncode != 0 and kept.read_text() == "before", str(result))
        status, out, err = self.rcgc("-q", "export", path, "--to", "folded", "-o", kept)
        self.check("what succeeds replaces it", status == 0 and kept.read_text() != "before", err)

    def messages(self):
        """Messages that nobody can read do not change the exit status."""
        for arguments, expected in [(["summary", "nowhere"], 3), (["frobnicate"], 2), (["--help"], 0), ([], 2)]:
            with open("/dev/full", "w") as full:
                status = subprocess.run([self.tool, *arguments], stdout=subprocess.DEVNULL, stderr=full).returncode
            self.check(f"rcgc {' '.join(arguments)}, standard error full", status == expected, str(status))
            status = subprocess.run([self.tool, *arguments], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                                    preexec_fn=lambda: os.close(2)).returncode
            self.check(f"rcgc {' '.join(arguments)}, standard error closed", status == expected, str(status))
        with open("/dev/full", "w") as full:
            for arguments in [["completions", "bash"], ["--help"], ["summary", self.dump("server-1")]]:
                result = subprocess.run([self.tool, *map(str, arguments)], stdout=full, stderr=subprocess.DEVNULL)
                self.check(f"rcgc {arguments[0]} to a full disk", result.returncode == 4, str(result.returncode))

    def rows(self):
        """Rows are written as they are made: all of them take no more memory than one."""
        def peak(*arguments):
            script = ("import resource, subprocess, sys; subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL);"
                      "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)")
            return int(subprocess.run(["python3", "-c", script, self.tool, "-q", *map(str, arguments)],
                                      capture_output=True).stdout)
        for command in [["query", self.dump("list"), "type=Node"], ["top", self.dump("list"), "--all"]]:
            one = peak(*command, "--limit", "1")
            for form in ["text", "csv", "json"]:
                all_rows = peak("--format", form, *command, "--limit", "0")
                self.check(f"{command[0]} of all objects as {form}: constant memory", all_rows < 1.5 * one,
                           f"{all_rows} KiB, one row {one} KiB")
        out = self.rcgc("--format", "json", "query", self.dump("list"), "type=Node", "--limit", "5000")[1]
        self.check("streamed JSON is whole", len(json.loads(out)["tables"]["objects"]) == 5000)

    def watch_once(self):
        folder = self.build / "watched"
        folder.mkdir()
        out = (self.build / "watch.csv").open("w")
        process = subprocess.Popen([self.tool, "--format", "csv", "watch", folder, "--interval", "0.05"], stdout=out,
                                   stderr=subprocess.DEVNULL)
        rows = lambda: (self.build / "watch.csv").read_text().count("\n") - 1
        def wait(number):
            for _ in range(400):
                if rows() >= number:
                    break
                time.sleep(0.05)
        shutil.copy(self.dump("server-1"), folder / "a.dump")
        wait(1)
        os.utime(folder / "a.dump", (1, 1))
        time.sleep(0.5)
        shutil.copy(self.dump("server-2"), folder / "b.dump")
        wait(2)
        time.sleep(0.3)
        process.terminate()
        process.wait()
        self.check("watch shows each dump once", rows() == 2, (self.build / "watch.csv").read_text())


def run(**given):
    tests = Verdicts(**given)
    for name in [name for name in Verdicts.__dict__ if not name.startswith("_")]:
        getattr(tests, name)()
