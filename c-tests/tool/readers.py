"""What the tool exports, in the programs that it is for: DevTools' own code, memlab, Graphviz. Part of run.py."""

import json
import re
import shutil
import subprocess
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
PACKAGES = ["heap-snapshot-toolkit@1.1.3", "@memlab/heap-analysis@2.0.5"]
# Nodes before the first object: the root and its groups.
FIRST_NODE = 7
DOT_SECONDS_MAX = 20


def npm_folder(build):
    """node_modules with the readers, or None when npm is not to be had."""
    folder = build / "npm"
    stamp = folder / "installed"
    if stamp.exists() and stamp.read_text() == " ".join(PACKAGES):
        return folder
    if not shutil.which("npm") or not shutil.which("node"):
        return None
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "package.json").write_text('{"private": true}\n')
    command = ["npm", "install", "--ignore-scripts", "--no-audit", "--no-fund", *PACKAGES]
    result = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    if result.returncode != 0:
        print(result.stdout + result.stderr)
        return None
    stamp.write_text(" ".join(PACKAGES))
    return folder


class Readers:
    def __init__(self, check, rcgc, found, must, dump, build, full):
        self.check, self.rcgc, self.found, self.must = check, rcgc, found, must
        self.dump, self.build, self.full = dump, build, full

    # ---- .heapsnapshot ----

    def export(self, name, *options):
        path = self.build / f"{name}.heapsnapshot"
        self.must("export", self.dump(name), "--to", "heapsnapshot", "-o", path, *options)
        return path

    def read(self, folder, *files, step=1):
        output = self.build / "read.json"
        command = ["node", "--max-old-space-size=8000", HERE / "read_snapshot.mjs", folder, output, step, *files]
        result = subprocess.run([str(part) for part in command], capture_output=True, text=True)
        if result.returncode != 0:
            raise AssertionError(f"read_snapshot.mjs: {result.stderr[-2000:]}")
        return json.loads(output.read_text())

    def snapshots(self):
        folder = npm_folder(self.build)
        if folder is None:
            print("skipped .heapsnapshot in DevTools and memlab: npm is not installed, or has no packages")
            return
        names = ["server-1", "server-2", "hostile", "random-1", "random-2", "random-3", "empty"]
        for name in [*names, *(["list", "wide", "ring"] if self.full else [])]:
            self.snapshot(folder, name)
        self.comparison(folder)
        self.parts(folder)

    def snapshot(self, folder, name):
        """Totals and retained sizes are ours, in both readers; nobody warns."""
        facts = self.found("summary", self.dump(name))["facts"]
        step = max(1, facts["objects"] // (20 if facts["objects"] < 5_000_000 else 4))
        read = self.read(folder, self.export(name), step=step)
        total = facts["bytes"] + facts["external_bytes"]
        self.check(f"{name}: DevTools has no warning", not read["warnings"], str(read["warnings"][:3]))
        for reader in ["devtools", "memlab"]:
            of = read[reader]
            self.check(f"{name}: {reader} has all objects", of["count"] >= FIRST_NODE + facts["objects"], str(of["count"]))
            self.check(f"{name}: {reader} has our total", of["total"] == total, f"{of['total']}, ours {total}")
            wrong = []
            for at, node in enumerate(of["nodes"]):
                number = at * step - FIRST_NODE
                if 0 <= number < facts["objects"]:
                    ours = self.found("why", self.dump(name), f"#{number}")["facts"]["retained"]
                    if node[3] != ours:
                        wrong.append(f"#{number}: {node}, ours {ours}")
            self.check(f"{name}: {reader} has our retained sizes", not wrong, "\n".join(wrong[:5]))
        far = read["devtools"]["far"]
        self.check(f"{name}: DevTools reaches everything", far == 0, f"{far} nodes are not reached")
        native = read["devtools"]["statistics"]["native"]["total"]
        self.check(f"{name}: external bytes are native memory", native == facts["external_bytes"], str(native))

    def comparison(self, folder):
        """DevTools' comparison of two dumps is ours."""
        files = [self.export("server-1"), self.export("server-2")]
        theirs = self.read(folder, *files)["diff"]
        rows = self.found("diff", self.dump("server-1"), self.dump("server-2"))["tables"]["types"]
        for row in rows:
            of = theirs.get(row["type"], [0, 0, 0, 0])
            self.check(f"DevTools' diff of {row['type']}", of[:2] == [row["new"], row["gone"]], f"{of}, ours {row}")
        self.check("DevTools finds no other change", set(theirs) <= {row["type"] for row in rows}, str(theirs))

    def parts(self, folder):
        for options in [["--only", "Session"], ["--root", "Cache"], ["--min-retained", "300"]]:
            read = self.read(folder, self.export("server-2", *options))
            nodes = read["devtools"]["nodes"]
            whole = nodes[0][3] == read["devtools"]["total"] > 0
            self.check(f"a part, {' '.join(options)}: DevTools reads it", not read["warnings"] and whole, str(nodes[:8]))

    # ---- DOT ----

    def drawings(self):
        """Graphviz draws it in a short time, without a warning, and with as many nodes as were written."""
        if not shutil.which("dot"):
            print("skipped DOT: dot is not installed")
            return
        cases = [(name, []) for name in ["server-2", "hostile", "random-1", "random-2", "random-3", "empty", "list", "ring"]]
        cases += [("wide", []), ("server-2", ["--root", "Cache"]), ("random-3", ["--max-nodes", "300"]),
                  ("random-2", ["--only", "Two"]), ("server-1", ["--max-nodes", "1"])]
        for name, options in cases:
            status, text, err = self.rcgc("-q", "export", self.dump(name), "--to", "dot", *options)
            begin = time.monotonic()
            result = subprocess.run(["dot", "-Tsvg"], input=text.encode(), capture_output=True, timeout=120)
            took = time.monotonic() - begin
            label = f"dot draws {name} {' '.join(options)}".strip()
            self.check(label, status == 0 and result.returncode == 0 and not result.stderr,
                       err + result.stderr.decode(errors="replace"))
            drawn = len(re.findall(rb'<g id="node\d+"', result.stdout))
            written = len(re.findall(r"^ *[of]\d+ \[", text, re.M))
            limit = int(options[1]) if "--max-nodes" in options else 150
            self.check(f"{label}: all {written} nodes", drawn == written <= limit, f"{drawn} drawn")
            self.check(f"{label}: in {DOT_SECONDS_MAX} s", took < DOT_SECONDS_MAX, f"{took:.1f} s")
            self.check(f"{label}: strings are short", all(len(part) < 16384 for part in text.split('"')))
        status, text, err = self.rcgc("export", self.dump("wide"), "--to", "dot")
        self.check("many children are one node", "999,999 Node" in text and "items[*]" in text, text[:500])
        status, text, err = self.rcgc("export", self.dump("random-3"), "--to", "dot")
        self.check("what is not drawn is said", "objects are drawn" in err and "--max-nodes" in err, err)


def run(**tools):
    readers = Readers(**tools)
    readers.snapshots()
    readers.drawings()
