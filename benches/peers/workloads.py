"""The workloads as the runner sees them: their names, what they measure, what stands in which table.

What a workload does is defined by workloads.h, collecting.h and graph.h; README.md says it in words.
"""

from typing import NamedTuple


class Measure(NamedTuple):
    workload: str  # as the programs know it
    metric: str
    title: str
    charted: bool = True

    @property
    def name(self):
        return f"{self.workload} {self.metric}"


class Chapter(NamedTuple):
    """One workload of the issue: one table, one chart."""

    name: str
    title: str
    about: str
    measures: tuple


def chapter(name, title, about, *measures):
    return Chapter(name, title, about, tuple(Measure(*measure) for measure in measures))


CHAPTERS = [
    chapter("W1", "binary trees",
            "The program of the benchmarks game, depth 18: trees made, checked and dropped. Automatic"
            " collection as delivered, though nothing in them is a ring.",
            ("W1", "time", "time"), ("W1", "peak", "peak resident")),
    chapter("W2", "a count up and down",
            "One incref and decref through a copied handle: 100 million on one object; 10 rounds over a"
            " million objects in shuffled order.",
            ("W2-hot", "pair", "hot, a pair"), ("W2-random", "pair", "1 M at random, a pair")),
    chapter("W3", "allocation and release",
            "A node made and at once released, 20 million times; a million made into an array, then"
            " released in order, or in shuffled order. Automatic collection is off.",
            ("W3-hot", "pair", "hot, a pair"), ("W3-order", "make", "1 M allocated, each"),
            ("W3-order", "release", "released in order, each"),
            ("W3-random", "release", "released at random, each")),
    chapter("W4", "dead rings",
            "A million nodes as rings of 2 or of 10 to which nothing else refers, and one explicit"
            " collection; ns a node.",
            ("W4-2", "make", "rings of 2, build"), ("W4-2", "collect", "rings of 2, collect"),
            ("W4-10", "make", "rings of 10, build"), ("W4-10", "collect", "rings of 10, collect")),
    chapter("W5", "one ring of a million",
            "Each node's second reference goes to a random member; all handles dropped, one explicit"
            " collection; ns a node.",
            ("W5", "make", "build", False), ("W5", "collect", "collect")),
    chapter("W6", "a live graph",
            "1 or 4 million nodes in a root table, made in order, both references to random nodes;"
            " collect, collect again, touch the count of one and collect, touch all and collect. Nothing"
            " is garbage; ns a node.",
            ("W6-1M", "first", "1 M, first"), ("W6-1M", "again", "1 M, again", False),
            ("W6-1M", "one_touched", "1 M, one touched"), ("W6-1M", "all_touched", "1 M, all touched", False),
            ("W6-4M", "first", "4 M, first"), ("W6-4M", "again", "4 M, again", False),
            ("W6-4M", "one_touched", "4 M, one touched"),
            ("W6-4M", "all_touched", "4 M, all touched", False)),
    chapter("W7", "churn over a million live nodes",
            "500,000 nodes that stay as a random graph, 250,000 slots with a ring of 2 that leads into"
            " it; 5 million times a random slot gets a new ring. Automatic collection as delivered. Then"
            " two explicit full collections, of which the second examines what is left.",
            ("W7", "step", "a step"), ("W7", "longest", "longest step"), ("W7", "p99", "99 % at most", False),
            ("W7", "p999", "99.9 % at most", False), ("W7", "p9999", "99.99 % at most", False),
            ("W7", "peak", "peak resident"), ("W7", "left", "nodes not yet dead", False),
            ("W7", "aged", "full collection afterwards, a live node")),
    chapter("W8", "a chain of 10 million",
            "A list made head first, then the head dropped; ns a node.",
            ("W8", "make", "make", False), ("W8", "drop", "drop")),
    chapter("W9", "memory",
            "Resident bytes a node with 4 million live nodes of W6, without the table.",
            ("W9", "node", "a node")),
    chapter("W10", "GCBench",
            "The program of Ellis, Kovac and Boehm. Automatic collection as delivered.",
            ("W10", "time", "time"), ("W10", "peak", "peak resident")),
    chapter("W11", "two threads that count",
            "20 million pairs on each of two threads, on one shared object, or each on its own; elapsed"
            " ns for the pairs of one thread.",
            ("W11-shared", "pair", "one object, a pair"), ("W11-own", "pair", "each its own, a pair")),
    chapter("W12", "dependency graphs with churn",
            "The graph of `make demo`, crates with names, versions and edges kept at both ends: 32 graphs"
            " of 1,000 crates are held; 1,500 times a random one is dropped and built anew from a plan,"
            " queried, and a tenth of its crates replaced by a new version. Automatic collection as"
            " delivered; peers that only count hold their back edges weakly.",
            ("W12", "crate", "a crate"), ("W12", "longest", "longest round"),
            ("W12", "peak", "peak resident")),
]

MEASURES = [measure for one in CHAPTERS for measure in one.measures]
WORKLOADS = list(dict.fromkeys(measure.workload for measure in MEASURES))


def titled(measure):
    """A measure's full title, as goals name it."""
    return next(f"{one.name} {one.title}, {measure.title}" for one in CHAPTERS if measure in one.measures)
