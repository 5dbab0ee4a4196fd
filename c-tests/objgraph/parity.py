"""objgraph and rcgc asked the same about the same graph: c-tests/objgraph/run.py runs this where objgraph is installed.

Each function here is a row of docs/objgraph.md. What objgraph finds among the interpreter's own objects is left out: the
graph's classes have names of their own.
"""

import gc
import io
import json
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import objgraph

import binding
from twins import SHAPES, Twins, random_twins

ROOT = Path(__file__).resolve().parent.parent.parent
TOOL = ROOT / "build" / "rcgc"
SEEDS = range(5)

TESTS = []


def test(function):
    TESTS.append(function)
    return function


def ours(rows):
    """Rows about the graph's types only."""
    return [row for row in rows if row[0] in SHAPES]


def grown(twins, name, count, held=True):
    made = [twins.add(name) for _ in range(count)]
    if not held:
        for twin in made:
            twins.let_go(twin)
    return made


def dumped(twins, *command):
    """What the tool says of the heap, as JSON."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "heap.dump"
        twins.heap.dump(path)
        return tool(*[str(path) if part == "DUMP" else part for part in command])


def tool(*command):
    result = subprocess.run([str(TOOL), "-q", "--format", "json", *command], capture_output=True, text=True)
    assert result.returncode in (0, 1), result.stderr
    return json.loads(result.stdout)


def dot(twins, *options):
    """Nodes and edges of the tool's drawing, as twins."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "heap.dump"
        twins.heap.dump(path)
        result = subprocess.run([str(TOOL), "-q", "export", str(path), "--to", "dot", *options],
                                capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    nodes = {name: twins.of_address(int(address, 16)) for name, address in
             re.findall(r'^\s*(o\d+) \[label="[^"]*?(0x[0-9a-f]+)', result.stdout, re.M)}
    edges = [(nodes[a], nodes[b], label) for a, b, label in
             re.findall(r'^\s*(o\d+) -> (o\d+) \[label="([^"]*)"', result.stdout, re.M)]
    return set(nodes.values()), sorted(edges)


def objgraph_dot(twins, function, *arguments, **keywords):
    """Nodes and edges of objgraph's drawing, as twins."""
    text = io.StringIO()
    function(*arguments, output=text, filter=twins.is_twin, **keywords)
    name = {f"o{address}": twin for twin, address in enumerate(twins.ids)}
    lines = text.getvalue()
    nodes = {name[found] for found in re.findall(r'^\s*(o\d+)\[label="Twin', lines, re.M)}
    edges = [(name[a], name[b]) for a, b in re.findall(r"^\s*(o\d+) -> (o\d+)", lines, re.M)]
    return nodes, sorted(edges)


# ---- numbers ----

@test
def count():
    for seed in SEEDS:
        twins = random_twins(seed)
        for name, kind in twins.kinds.items():
            assert twins.heap.type_facts(kind).live == objgraph.count(name)
        assert twins.end() == 0


@test
def typestats():
    for seed in SEEDS:
        twins = random_twins(seed)
        theirs = {name: number for name, number in objgraph.typestats().items() if name in SHAPES}
        assert dict(twins.heap.most_common_types()) == theirs
        assert twins.end() == 0


@test
def most_common_types():
    for seed in SEEDS:
        twins = random_twins(seed)
        theirs = ours(objgraph.most_common_types(limit=10 ** 6))
        mine = twins.heap.most_common_types()
        assert [number for _, number in mine] == [number for _, number in theirs]
        assert sorted(mine) == sorted(theirs)  # equal numbers come in any order
        assert twins.heap.most_common_types(room=1) == mine[:1]
        assert twins.end() == 0


@test
def show_most_common_types():
    twins = random_twins(1)
    text = io.StringIO()
    objgraph.show_most_common_types(limit=10 ** 6, file=text)
    theirs = sorted((name, int(number)) for name, number in
                    (line.split() for line in text.getvalue().splitlines()) if name in SHAPES)
    table = dumped(twins, "types", "DUMP", "--sort", "objects")["tables"]
    rows = table["types"]
    assert sorted((row["type"], row["objects"]) for row in rows) == theirs
    assert twins.end() == 0


@test
def show_most_common_types_of_nothing():
    """objgraph 3.7.0 raises on an empty result; here it is an empty table."""
    twins = Twins()
    assert twins.heap.most_common_types() == []
    try:
        objgraph.show_most_common_types(objects=[], file=io.StringIO())
        assert False, "objgraph was mended: docs/objgraph.md says otherwise"
    except ValueError:
        pass
    assert twins.end() == 0


@test
def growth():
    twins, peaks = Twins(), {}
    grown(twins, "TwinNode", 20)
    objgraph.growth(limit=10 ** 6, peak_stats=peaks)
    mark = twins.heap.mark()
    for name, more, less in [("TwinNode", 5, 0), ("TwinLeaf", 3, 0), ("TwinNode", 0, 15), ("TwinNode", 12, 0),
                             ("TwinNode", 9, 0), ("TwinCache", 1, 0)]:
        grown(twins, name, more)
        for twin in [twin for twin in twins.held if twins.names[twin] == name][:less]:
            twins.let_go(twin)
        theirs = ours(objgraph.growth(limit=10 ** 6, peak_stats=peaks))
        assert twins.heap.growth(mark, binding.SINCE_PEAK) == theirs, (name, more, less)
    twins.heap.free_mark(mark)
    assert twins.end() == 0


@test
def growth_that_shrank_before():
    """objgraph compares with the peak alone; here the mark is there, too."""
    twins, peaks = Twins(), {}
    made = grown(twins, "TwinNode", 20)
    objgraph.growth(limit=10 ** 6, peak_stats=peaks)
    peak = twins.heap.mark()
    for twin in made[:15]:
        twins.let_go(twin)
    low = twins.heap.mark()
    grown(twins, "TwinNode", 10)
    assert ours(objgraph.growth(limit=10 ** 6, peak_stats=peaks)) == []
    assert twins.heap.growth(peak, binding.SINCE_PEAK) == []
    assert twins.heap.growth(low, binding.SINCE_MARK) == [("TwinNode", 15, 10)]
    twins.heap.free_mark(peak), twins.heap.free_mark(low)
    assert twins.end() == 0


@test
def show_growth():
    twins, peaks = Twins(), {}
    grown(twins, "TwinNode", 4), grown(twins, "TwinLeaf", 2)
    objgraph.growth(limit=10 ** 6, peak_stats=peaks)
    with tempfile.TemporaryDirectory() as folder:
        before, after = Path(folder) / "before.dump", Path(folder) / "after.dump"
        twins.heap.dump(before)
        grown(twins, "TwinNode", 6), grown(twins, "TwinCache", 1)
        twins.heap.dump(after)
        table = tool("diff", str(before), str(after))["tables"]
    text = io.StringIO()
    objgraph.show_growth(limit=10 ** 6, peak_stats=peaks, file=text)
    theirs = sorted((name, int(more)) for name, _, more in
                    (line.split() for line in text.getvalue().splitlines()) if name in SHAPES)
    rows = table["types"]
    assert sorted((row["type"], row["objects"]) for row in rows if row["objects"]) == theirs
    assert twins.end() == 0


@test
def get_new_ids():
    twins = random_twins(3)
    objgraph.get_new_ids(limit=0, file=io.StringIO())
    mark = twins.heap.mark(binding.MARK_OBJECTS)
    grown(twins, "TwinNode", 7), grown(twins, "TwinLeaf", 3), grown(twins, "TwinNode", 4, held=False)
    theirs = objgraph.get_new_ids(limit=0, file=io.StringIO())
    for name, kind in twins.kinds.items():
        mine = {twins.of_address(address) for address in twins.heap.walk(kind, mark)}
        assert mine == {twins.by_id[number] for number in theirs.get(name, set())}, name
    twins.heap.free_mark(mark)
    assert twins.end() == 0


@test
def get_leaking_objects():
    for seed in SEEDS:
        twins = random_twins(seed)
        twins.collect()  # objgraph does, and tells nothing of what was dead
        objects = [twins.object(twin) for twin in twins.alive]
        theirs = sorted(twins.of_object(obj) for obj in objgraph.get_leaking_objects(objects))
        del objects
        with twins.heap.query() as query:
            mine = sorted(twins.of_address(address) for address in query.objects(binding.OBJECTS_UNREFERENCED))
            # And how many references from outside there are, which objgraph does not say.
            held = {twins.of_address(address) for address in query.objects(binding.OBJECTS_HELD)}
            assert held == set(twins.held)
            assert all(query.outside(twins.addresses[twin]) == (twin in held) for twin in twins.alive)
        assert mine == theirs
        assert twins.end() == 0


# ---- objects ----

@test
def by_type():
    for seed in SEEDS:
        twins = random_twins(seed)
        for name, kind in twins.kinds.items():
            theirs = sorted(twins.of_object(obj) for obj in objgraph.by_type(name))
            assert sorted(twins.of_address(address) for address in twins.heap.walk(kind)) == theirs
        assert twins.end() == 0


@test
def at():
    twins = random_twins(2)
    for twin in twins.alive:
        assert objgraph.at(twins.ids[twin]) is twins.object(twin)
        facts = twins.heap.facts(twins.addresses[twin])
        assert facts.place == binding.ADDRESS_LIVE and facts.object == twins.addresses[twin]
        # An address inside is as good here.
        assert twins.heap.facts(twins.addresses[twin] + 5).object == twins.addresses[twin]
        assert objgraph.at(twins.ids[twin] + 5) is None
    assert objgraph.at(id(twins) + 1) is None
    assert not twins.heap.facts(id(twins)).object
    assert twins.end() == 0


@test
def at_addrs():
    twins = random_twins(2)
    some = twins.alive[::3]
    theirs = sorted(twins.of_object(obj) for obj in objgraph.at_addrs({twins.ids[twin] for twin in some}))
    mine = [twin for twin in some if twins.heap.facts(twins.addresses[twin]).object]
    assert mine == theirs
    assert twins.end() == 0


# ---- paths ----

def check_path(twins, steps):
    for (source, name), (target, _) in zip(steps, steps[1:]):
        obj = twins.object(twins.of_address(source))
        assert getattr(obj, name) is twins.object(twins.of_address(target))
    assert steps[-1][1] is None


@test
def find_ref_chain():
    for seed in SEEDS:
        twins = random_twins(seed)
        twins.collect()  # objgraph does
        with twins.heap.query() as query:
            for start in twins.alive[:6]:
                for goal in twins.alive[::5]:
                    theirs = objgraph.find_ref_chain(twins.object(start), lambda obj: id(obj) == twins.ids[goal])
                    theirs = [twins.of_object(obj) for obj in theirs]
                    mine = query.find_path(twins.addresses[start], lambda obj: obj == twins.addresses[goal])
                    if theirs == [start] and start != goal:
                        assert mine == []  # objgraph gives the start when there is no chain
                        continue
                    assert len(mine) == len(theirs)
                    assert twins.of_address(mine[0][0]) == start and twins.of_address(mine[-1][0]) == goal
                    check_path(twins, mine)
        assert twins.end() == 0


@test
def find_backref_chain():
    for seed in SEEDS:
        twins = random_twins(seed)
        twins.collect()  # objgraph does
        held = set(twins.held)
        held_ids = {twins.ids[twin] for twin in held}
        held_addresses = {twins.addresses[twin] for twin in held}
        with twins.heap.query() as query:
            for goal in twins.alive:
                theirs = objgraph.find_backref_chain(twins.object(goal), lambda obj: id(obj) in held_ids)
                theirs = [twins.of_object(obj) for obj in theirs if twins.is_twin(obj)]
                mine = query.find_path(twins.addresses[goal], lambda obj: obj in held_addresses, binding.BACKWARD)
                assert len(mine) == len(theirs), (mine, theirs)
                assert twins.of_address(mine[0][0]) in held and twins.of_address(mine[-1][0]) == goal
                check_path(twins, mine)
                text = query.why_text(twins.addresses[goal])  # the same in one call, as a sentence
                if goal not in held:
                    assert "is kept alive by 1 reference from outside, path Twin" in text
                    assert text.count(" -> ") == len(mine) - 2
                else:
                    assert "is held by 1 reference from outside" in text
        assert twins.end() == 0


@test
def show_chain():
    twins = random_twins(4)
    twins.collect()  # objgraph does
    held_ids = {twins.ids[twin] for twin in twins.held}
    shown = 0
    for goal in twins.alive:
        if twins.ids[goal] in held_ids:
            continue
        chain = objgraph.find_backref_chain(twins.object(goal), lambda obj: id(obj) in held_ids)
        output = io.StringIO()
        objgraph.show_chain(chain, backrefs=False, output=output)
        theirs = [twins.names[twins.of_object(obj)] for obj in chain]
        del chain
        drawn = set(re.findall(r"^\s*o(\d+) -> o(\d+)", output.getvalue(), re.M))
        with twins.heap.query() as query:
            path = query.why_text(twins.addresses[goal]).partition(", path ")[2].split(" -> ")
            steps = query.find_path(twins.addresses[goal], lambda obj: twins.of_address(obj) in twins.held,
                                    binding.BACKWARD)
        mine = [twins.ids[twins.of_address(obj)] for obj, _ in steps]
        assert len(path) + 1 == len(steps) == len(theirs)
        assert path == [f"{twins.names[twins.of_address(obj)]}.{name}" for obj, name in steps[:-1]]
        # Where both found the same path, its edges are drawn.
        if all(f'o{number}[' in output.getvalue() for number in mine):
            assert {(str(a), str(b)) for a, b in zip(mine, mine[1:])} <= drawn
            shown += 1
    assert shown > 3
    assert twins.end() == 0


# ---- drawings ----

@test
def show_refs():
    for seed in SEEDS:
        twins = random_twins(seed, count=25)
        root = next(twin for twin in twins.alive if twins.names[twin] != "TwinLeaf")
        nodes, edges = objgraph_dot(twins, objgraph.show_refs, [twins.object(root)], max_depth=100, too_many=100)
        mine, named = dot(twins, "--root", hex(twins.addresses[root]))
        assert mine == nodes
        assert sorted((source, target) for source, target, _ in named) == edges
        for source, target, name in named:  # objgraph has no name for a slot
            assert getattr(twins.object(source), name) is twins.object(target)
        assert twins.end() == 0


@test
def show_backrefs():
    for seed in SEEDS:
        twins = random_twins(seed, count=25)
        goal = twins.alive[-1]
        nodes, edges = objgraph_dot(twins, objgraph.show_backrefs, [twins.object(goal)], max_depth=100, too_many=100)
        # Backwards from referrer to referrer, as a debugger would.
        mine, found, todo = {goal}, [], [goal]
        with twins.heap.query() as query:
            while todo:
                twin = todo.pop()
                for address, name in query.referrers(twins.addresses[twin]):
                    source = twins.of_address(address)
                    found.append((source, twin))
                    assert getattr(twins.object(source), name) is twins.object(twin)
                    if source not in mine:
                        mine.add(source)
                        todo.append(source)
        assert mine == nodes
        assert sorted(set(found)) == sorted(set(edges))
        assert twins.end() == 0


@test
def refcounts():
    """`refcounts=True` shows sys.getrefcount less 4; here it is the count."""
    twins = random_twins(5, count=25)
    root = next(twin for twin in twins.alive if twins.names[twin] != "TwinLeaf")
    mine, _ = dot(twins, "--root", hex(twins.addresses[root]))
    with twins.heap.query() as query:
        for twin in mine:
            inner = len(query.referrers(twins.addresses[twin]))
            count = twins.heap.facts(twins.addresses[twin]).count
            held = twins.held.count(twin)
            assert count == inner + held
            obj = twins.object(twin)
            assert sys.getrefcount(obj) - 2 == count  # the name here, and the argument
            del obj
    assert twins.end() == 0


@test
def is_proper_module():
    """objgraph takes modules for roots; here a root is what references from outside lead to, and how many is known."""
    twins = random_twins(6)
    assert objgraph.is_proper_module(sys)
    assert not any(objgraph.is_proper_module(twins.object(twin)) for twin in twins.held)
    with twins.heap.query() as query:
        roots = sorted(twins.of_address(address) for address in query.objects(binding.OBJECTS_HELD))
    assert roots == sorted(twins.held)
    assert twins.end() == 0


def main():
    gc.disable()  # so that both worlds have the same garbage
    failed = 0
    for function in TESTS:
        gc.collect()
        try:
            function()
            print(f"ok     {function.__name__}")
        except Exception as error:
            import traceback
            failed += 1
            print(f"FAILED {function.__name__}: {error!r}\n{traceback.format_exc()}")
            gc.collect()
    print(f"{len(TESTS) - failed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
