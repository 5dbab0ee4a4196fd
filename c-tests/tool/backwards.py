"""Who refers to objects and to whom they refer: referrers, referents, and drawings both ways. Part of run.py."""

import random
import re
import shutil


class Backwards:
    def __init__(self, check, rcgc, found, dump, build):
        self.check, self.rcgc, self.found, self.dump, self.build = check, rcgc, found, dump, build

    def fields(self):
        result = self.found("referrers", self.dump("server-2"), "Session")
        rows = [(row["field"], row["references"], row["objects"]) for row in result["tables"]["fields"]]
        self.check("referrers of a type: by field", rows == [("Cache.entries[*]", 40, 1), ("Session.next", 7, 7),
                                                             ("rc_weakmap.entry[*]", 1, 1)], str(rows))
        facts = result["facts"]
        self.check("referrers: numbers", facts == {"objects": 47, "references_from_outside": 0, "references": 48}, str(facts))
        facts = self.found("referrers", self.dump("server-2"), "Cache")["facts"]
        self.check("referrers: from outside", (facts["references"], facts["references_from_outside"]) == (0, 1), str(facts))
        self.check("referrers: none is a finding", self.rcgc("referrers", self.dump("server-2"), "Cache")[0] == 1)
        rows = self.found("referrers", self.dump("server-2"), "Buffer", "--depth", "9")["tables"]["fields"]
        self.check("referrers over steps", [(row["depth"], row["field"]) for row in rows] == [
            (1, "Session.buffer"), (2, "Cache.entries[*]"), (2, "Session.next"), (2, "rc_weakmap.entry[*]")], str(rows))
        rows = self.found("referents", self.dump("server-2"), "Cache", "--fields")["tables"]["fields"]
        self.check("referents by field", [(row["field"], row["to"], row["references"]) for row in rows]
                   == [("Cache.entries[*]", "Session", 40)], str(rows))

    def same_both_ways(self):
        """Whoever an object refers to is referred to by it, by the same field."""
        for name in ["random-1", "random-3", "server-1"]:
            dump = self.dump(name)
            objects = self.found("summary", dump)["facts"]["objects"]
            pick, wrong, all_edges = random.Random(7), [], 0
            for number in pick.sample(range(objects), min(12, objects)):
                edges = self.found("referents", dump, f"#{number}", "--limit", "0")["tables"]["references"]
                all_edges += len(edges)
                for edge in edges[:4]:
                    target = edge["to"].split()[-1]
                    back = self.found("referrers", dump, target, "--limit", "0")["tables"]["references"]
                    if not any((row["from"], row["edge"]) == (edge["from"], edge["edge"]) for row in back):
                        wrong.append(f"{edge}: {back}")
            self.check(f"{name}: references are the same both ways", all_edges and not wrong, "\n".join(wrong[:3]))
            total = self.found("summary", dump)["facts"]["references"]
            kinds = self.found("types", dump, "--limit", "0")["tables"]["types"]
            met = sum(self.found("referents", dump, row["type"], "--fields")["facts"]["references"]
                      for row in kinds if row["objects"])
            self.check(f"{name}: all references are met", met == total, f"{met}, {total}")

    def steps(self):
        rows = self.found("referrers", self.dump("list"), "#0", "--depth", "5")["tables"]["references"]
        self.check("one object: a row for each reference", [row["depth"] for row in rows] == [1, 2, 3, 4, 5]
                   and all(before["from"] == row["to"] for before, row in zip(rows, rows[1:])), str(rows))
        result = self.found("referrers", self.dump("wide"), "Node", "--each")
        self.check("a hub: rows are cut, and that is said", len(result["tables"]["references"]) == 20
                   and result["left_out"]["references"] == result["facts"]["references"] - 20, str(result["left_out"]))
        facts = self.found("referrers", self.dump("ring"), "#0", "--depth", "3")["facts"]
        self.check("a ring", facts["references"] == 3, str(facts))
        for arguments in [["--depth", "0"], ["--each", "--fields"]]:
            self.check(f"referrers {arguments}: usage", self.rcgc("referrers", self.dump("list"), "#0", *arguments)[0] == 2)

    def leaks(self):
        """Five leaks, of which all but one look alike to counts: each is named by one command, with no other's name."""
        def lies(name, word):
            result = self.found("why", self.dump(name), word)
            return [(row["type"], row["references"], row["lies"]) for row in result["tables"].get("lies", [])]
        nowhere = "nowhere: a release was forgotten, or it is kept in a form that is no address"
        self.check("a forgotten release", lies("leaks-five", "Session") == [("Session", 200, nowhere)],
                   str(lies("leaks-five", "Session")))
        rows = lies("leaks-five", "Listener")
        self.check("a reference that traverse forgets", rows[0] == ("Element", 200, "in Listener+0, which no edge reports"), str(rows))
        rows = lies("leaks-five", "Observer")
        self.check("a table of the program's", ("Observer", 200, "in the variable observers of make_leaks") in rows, str(rows))
        rows = lies("leaks-five", "Task")
        self.check("a table of malloc's", any(row[:2] == ("Task", 200) and row[2].startswith("in other memory") for row in rows), str(rows))
        result = self.found("why", self.dump("leaks-five"), "Page")
        paths = [(row["objects"], row["path"]) for row in result["tables"]["paths"]]
        self.check("a cache that grows", paths == [(200, "Cache.pages[*]")], str(paths))
        self.check("and who holds it", ("Cache", 1, "in the variable cache of make_leaks") in lies("leaks-five", "Page"))
        text = " ".join(self.found("suspects", self.dump("leaks-five"), "--share", "1")["sentences"])
        for words in ["200 in Listener+0, which no edge reports", "200 nowhere", "200 in the variable observers", "Cache 0x"]:
            self.check(f"suspects: {words}", words in text, text)
        page = self.rcgc("report", self.dump("leaks-five"), "--share", "1")[1]
        self.check("the report has it", "200 in Listener+0, which no edge reports" in page)
        # The same program without its leaks: nothing is accused.
        for word in ["Element", "Observer", "Cache", "Task"]:
            rows = lies("leaks-right", word)
            self.check(f"without leaks: {word}", rows and not any("no edge" in row[2] or "nowhere" in row[2] for row in rows), str(rows))
        self.check("without a look: no table", "lies" not in self.found("why", self.dump("server-2"), "Cache")["tables"])

    def drawings(self):
        def drawn(*options):
            status, out, err = self.rcgc("-q", "export", self.dump("server-2"), "--to", "dot", *options)
            self.check(f"dot {' '.join(options)}", status == 0, err)
            nodes = dict(re.findall(r'(?m)^ *([of]\d+) \[label="([^"]*)"', out))
            edges = re.findall(r'(?m)^ *([of]\d+) -> ([of]\d+) \[label="([^"]*)"', out)
            return nodes, edges, out
        number = self.found("query", self.dump("server-2"), "type=Buffer", "--limit", "1")["tables"]["objects"][0]["number"]
        root = f"#{number}"
        nodes, edges, out = drawn("--root", root, "--back")
        kinds = sorted({label.split("\\n")[0] for label in nodes.values()})
        self.check("who refers to it, and to those", {"Buffer", "Session", "Cache"} <= set(kinds), str(kinds))
        self.check("references keep their direction", any(to == f"o{number}" and name == "buffer" for _, to, name in edges)
                   and not any(source == f"o{number}" for source, _, _ in edges), str(edges))
        nodes, edges, out = drawn("--root", root, "--back", "--depth", "1")
        self.check("one step", len(nodes) == 2 and len(edges) == 1, out)
        nodes, edges, out = drawn("--root", "Cache", "--depth", "1", "--max-nodes", "99")
        self.check("one step on", len(nodes) <= 4 and all(source.startswith("o") for source, _, _ in edges), out)
        nodes, edges, out = drawn("--root", root, "--highlight", root, "--facts", "number,count")
        self.check("facts and what is set off", f"#{number}" in nodes[f"o{number}"] and "count 1" in nodes[f"o{number}"]
                   and "penwidth=3" in out, out)
        nodes, edges, out = drawn("--root", "Session", "--back", "--only", "Cache")
        self.check("filtered", {label.split("\\n")[0] for label in nodes.values()} == {"Cache"}, str(nodes))
        self.check("--back without --root: usage", self.rcgc("export", self.dump("server-2"), "--to", "dot", "--back")[0] == 2)
        picture = self.build / "back.svg"
        picture.unlink(missing_ok=True)
        status, out, err = self.rcgc("export", self.dump("server-2"), "--to", "svg", "--root", root, "--back", "-o", picture)
        if shutil.which("dot"):
            self.check("Graphviz draws it", status == 0 and "<svg" in picture.read_text(), err)
        else:
            self.check("without Graphviz: said, and no file", status == 4 and "Graphviz" in err and not picture.exists(), err)


def run(**given):
    tests = Backwards(**given)
    for name in [name for name in Backwards.__dict__ if not name.startswith("_")]:
        getattr(tests, name)()
