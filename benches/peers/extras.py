"""What only rcgc is asked: programs of this folder named rcgc_<what>.c, their goals and rows.

A workload is such a program with its arguments, as in "rcgc_floating W7". What its metrics mean is said at
the head of the program.
"""

import sys

from building import ROOT, STATIC_LIBRARY, compiled, need
from goals import at_most, ratio_of

COUNTS = [10**4, 10**5, 10**6, 10**7, 10**8]
GROWTH = [f"rcgc_growth {count}" for count in COUNTS]
WORKLOADS = [
    "rcgc_aged", "rcgc_god", "rcgc_fork", "rcgc_big", "rcgc_floating W1", "rcgc_floating W7",
    "rcgc_floating W10", *GROWTH, "instructions",
]

# callgrind counts what one incref and one decref take; the counts are of the program of `make bench`.
INSTRUCTIONS = ROOT / "benches" / "instructions"
COUNT_PAIR = """
import json, subprocess, sys
command = [*sys.argv[1:], "--json", "--contender", "inline", "pair"]
out = subprocess.run(command, stdout=subprocess.PIPE, check=True)
print("pair", json.loads(out.stdout)[0]["instructions"], "instructions")
"""

GOD = "god object of 1 M live nodes touched at each step"
FORK = "fork over 4 M live, full collection in the child"
BIG = "100 M live nodes, full collection"
FLOATING = "floating garbage beside its bound"

GOALS = [
    at_most("instructions", "pair", 11, "instructions", "W2 a count up and down, both fast paths"),
    ratio_of("rcgc_aged", "ratio", 1.6, "heap left by W7, full collection, beside the same graph in order"),
    ratio_of("rcgc_god", "ratio", 1.2, f"{GOD}, 200,000 steps, beside the same without it"),
    ratio_of("rcgc_god", "ratio_long", 1.2, f"{GOD}, 20 million steps, beside the same without it"),
    at_most("rcgc_fork", "copied", 1, "%", f"{FORK}: object pages copied"),
    at_most("rcgc_fork", "growth", 20, "%", f"{FORK}: private growth"),
    at_most("rcgc_big", "collect", 100, "ns", f"{BIG}, a node"),
    at_most("rcgc_big", "adds", 20, "%", f"{BIG}: memory added"),
    *(ratio_of(f"rcgc_floating {name}", "floating", 1, f"{FLOATING}, {name}")
      for name in ("W1", "W7", "W10")),
    ratio_of("rcgc_god", "floating", 1, f"{FLOATING}, god object"),
]


def build(workload):
    """(command, files) of a workload's program."""
    if workload == "instructions":
        need("valgrind")
        command = [sys.executable, "-c", COUNT_PAIR, sys.executable, str(INSTRUCTIONS)]
        return command, [INSTRUCTIONS, STATIC_LIBRARY]
    program, *arguments = workload.split()
    headers = [*(ROOT / "include").rglob("*.h"), STATIC_LIBRARY]
    made = compiled(program, f"{program}.c", STATIC_LIBRARY, inputs=headers)
    return [str(made), *arguments], [made]


def rows():
    """(title, workload, metric) of the table without goals."""
    found = [
        ("full collection of the heap left by W7, a node", "rcgc_aged", "aged"),
        ("the same graph built in order, a node", "rcgc_aged", "in_order"),
        ("step that touches a god object, 200,000", "rcgc_god", "step"),
        ("the same without it", "rcgc_god", "step_alone"),
        ("step that touches a god object, 20 million", "rcgc_god", "long"),
        ("the same without it", "rcgc_god", "long_alone"),
        ("200,000 such steps straight after it was built, a step", "rcgc_god", "fresh"),
        ("longest of 20 million such steps", "rcgc_god", "longest"),
        ("full collection of 4 M live before the fork, a node", "rcgc_fork", "before"),
        ("the same in the child", "rcgc_fork", "collect"),
        ("private memory of the child afterwards, of the heap", "rcgc_fork", "private"),
        ("object pages copied with 1 % of the nodes garbage", "rcgc_fork", "garbage"),
        ("100 M live nodes, second full collection, a node", "rcgc_big", "again"),
        ("100 M live nodes, resident bytes a node", "rcgc_big", "node"),
    ]
    for count, workload in zip(COUNTS, GROWTH):
        found += [
            (f"{count:,} live: full collection, a node", workload, "full_each"),
            (f"{count:,} live: young collection of 2,000 live nodes", workload, "young"),
            (f"{count:,} live: step of churn", workload, "step"),
            (f"{count:,} live: longest collection among the steps", workload, "longest"),
        ]
    return found
