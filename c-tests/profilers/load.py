"""What both sides run. side.c makes its objects at the same lines of this file, by descriptors of its own."""


class Node:
    __slots__ = ("left", "right", "value")


def load(kept, at_once):
    for i in range(len(kept)):
        kept[i] = Node()  # LOAD
    dropped = [None] * at_once
    for i in range(at_once):
        dropped[i] = Node()  # DROP
    for i in range(at_once):
        dropped[i] = None


def grow(kept, more):
    for i in range(more):
        kept.append(Node())  # GROW


def through(kept, at_once):
    load(kept, at_once)  # THROUGH


def line_of(mark):
    with open(__file__) as source:
        return next(n for n, line in enumerate(source, 1) if line.rstrip().endswith("# " + mark))
