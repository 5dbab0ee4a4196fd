"""Rings of Python objects and objects of a heap: what Python's collector finds and what it cannot, from either side.

Run with the folder of the module `cells` (cpython.c) as argument. Ends with "N passed, N failed".
"""

import gc
import sys
import weakref

sys.path.insert(0, sys.argv[1])
import cells

gc.disable()
results = []


class Node(cells.Cell):
    """A cell with attributes."""


def check(name, holds):
    results.append(bool(holds))
    print(f"{'ok    ' if holds else 'FAILED'} {name}")


def ring():
    one, two = Node(), Node()
    one.other, two.other = two, one
    return weakref.ref(one)


def through_the_heap():
    one, two = Node(), Node()
    one.other = two
    two.bind(one)  # two -> an object of the heap -> one
    return weakref.ref(two)


seen = ring()
check("a ring of Python's is found by the heap", cells.collect() == 2 and seen() is None and cells.tracked() == 0)
seen = ring()
check("and by Python", gc.collect() >= 2 and seen() is None and cells.tracked() == 0)

seen = through_the_heap()
gc.collect()
check("a ring through the heap is not seen by Python", seen() is not None and cells.links() == 1)
check("it is found by the heap", cells.collect() == 3 and seen() is None and cells.tracked() == 0 and cells.links() == 0)

one = Node()
one.bind(one)
check("what a variable holds lives", cells.collect() == 0 and cells.tracked() == 1)
seen = []
weak = weakref.ref(one, lambda _: seen.append("gone"))
del one
check("weak references are told", cells.collect() == 2 and seen == ["gone"] and weak() is None)

for _ in range(1000):
    through_the_heap()
gc.collect()
check("a thousand of them", cells.tracked() == 2000 and cells.collect() == 3000 and cells.tracked() == 0)
gc.collect()
print(f"{results.count(True)} passed, {results.count(False)} failed")
sys.exit(not all(results))
