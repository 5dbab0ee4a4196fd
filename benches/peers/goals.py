"""The goals: rows that say how rcgc stands beside its peers. A goal that is missed is printed as missed."""

from typing import Callable, NamedTuple, Optional

from measuring import shown, shown_goal
from peers import COLLECTS, COUNTS, PEERS
from workloads import MEASURES, titled

HEADINGS = ("what", "rcgc", "peer", "ratio", "goal", "result")

COLLECTING = tuple(peer.key for peer in PEERS if peer.group == COLLECTS)
COUNTING = COLLECTING + tuple(peer.key for peer in PEERS if peer.group == COUNTS)
OTHERS = tuple(peer.key for peer in PEERS if peer.key not in ("rcgc", "malloc", "mimalloc"))
ALL_OTHERS = tuple(peer.key for peer in PEERS if peer.key != "rcgc")
# Of the ten million nodes of W7 a peer that collects leaves fewer than these not yet dead.
LEFT_MAX = 5e6


class Line(NamedTuple):
    """A row of the table of goals; `met` is None where something was not measured."""

    title: str
    value: str
    peer: str
    ratio: str
    goal: str
    met: Optional[bool]

    def texts(self):
        result = "not measured" if self.met is None else "met" if self.met else "missed"
        return (self.title, self.value, self.peer, self.ratio, self.goal, result)


class Goal(NamedTuple):
    workloads: tuple
    judge: Callable  # Store -> Line


def measure_of(name):
    return next(measure for measure in MEASURES if measure.name == name)


def best(store, measure, keys):
    """(value, title) of the least of some peers, or None."""
    values = [(store.median(measure.workload, peer.key, measure.metric), peer.title)
              for peer in PEERS if peer.key in keys]
    values = [value for value in values if value[0] is not None]
    return min(values) if values else None


def really_collects(store, key):
    left = store.median("W7", key, "left")
    return left is None or left < LEFT_MAX


def against(name, keys, ratio_max=None, times_faster=None, only=lambda store, key: True):
    """rcgc takes at most so many times what the best of some peers takes, or is so many times faster."""
    measure = measure_of(name)

    def judge(store):
        value = store.median(measure.workload, "rcgc", measure.metric)
        unit = store.unit(measure.workload, "rcgc", measure.metric)
        peer = best(store, measure, [key for key in keys if only(store, key)])
        unit = unit or next(filter(None, (store.unit(measure.workload, key, measure.metric) for key in keys)), "")
        goal = f"≤ {ratio_max:g} ×" if times_faster is None else f"≥ {times_faster:g} × faster"
        ratio, met = "", None
        if value is not None and peer is not None:
            if times_faster is None:
                ratio, met = f"{value / peer[0]:.2f}", round(value / peer[0], 2) <= ratio_max
            else:
                times = peer[0] / value if value else float("inf")
                ratio, met = f"{times:.1f} × faster", round(times, 1) >= times_faster
        peer_text = f"{peer[1]} {shown(peer[0], unit)}" if peer else ""
        return Line(titled(measure), shown(value, unit), peer_text, ratio, goal, met)

    return Goal((measure.workload,), judge)


def at_most(workload, metric, value_max, unit, title=None):
    """rcgc reports at most so much."""
    measure = next((one for one in MEASURES if (one.workload, one.metric) == (workload, metric)), None)

    def judge(store):
        value = store.median(workload, "rcgc", metric)
        met = round(value, 2) <= value_max if value is not None else None
        goal = f"≤ {shown_goal(value_max, unit)}"
        return Line(title or titled(measure), shown(value, unit), "", "", goal, met)

    return Goal((workload,), judge)


def stated(workload, metric, title):
    """A number without a bound that has to be stated."""
    def judge(store):
        value = store.median(workload, "rcgc", metric)
        text = shown(value, store.unit(workload, "rcgc", metric))
        return Line(title, text, "", "", "stated", None if value is None else True)

    return Goal((workload,), judge)


def ratio_of(workload, metric, ratio_max, title):
    """A program reports a ratio itself."""
    def judge(store):
        value = store.median(workload, "rcgc", metric)
        met = round(value, 2) <= ratio_max if value is not None else None
        return Line(title, "", "", f"{value:.2f}" if value is not None else "", f"≤ {ratio_max:g} ×", met)

    return Goal((workload,), judge)


GOALS = [
    against("W1 time", ["mimalloc"], 0.9),
    against("W1 time", ALL_OTHERS, 1.0),
    against("W2-hot pair", ["intrusive_ptr"], 1.3),
    against("W2-random pair", ["intrusive_ptr"], 1.3),
    against("W3-hot pair", ["mimalloc"], 0.7),
    against("W3-order make", ["mimalloc"], 1.0),
    against("W3-order release", ["mimalloc"], 1.3),
    against("W3-random release", COUNTING, 0.5),
    against("W4-2 make", COUNTING, 0.5),
    against("W4-2 collect", COLLECTING, times_faster=5),
    against("W4-2 collect", ["gc_arena"], 1.0),
    against("W4-10 make", COUNTING, 0.5),
    against("W4-10 collect", COLLECTING, times_faster=5),
    against("W4-10 collect", ["gc_arena"], 1.0),
    against("W5 collect", COLLECTING, times_faster=6),
    against("W6-1M first", ["cpython"], times_faster=4),
    against("W6-1M first", ["gc_arena"], 1.0),
    against("W6-4M first", ["cpython"], times_faster=3.5),
    against("W6-4M first", ["gc_arena"], 1.0),
    against("W7 step", ["bdwgc"], 1.3),
    against("W7 step", COLLECTING, times_faster=5, only=really_collects),
    against("W7 peak", ["bdwgc"], 1.4),
    stated("W7", "longest", "W7 churn over a million live nodes, longest step"),
    at_most("W8", "drop", 5, "ns"),
    against("W9 node", OTHERS, 1.0),
    at_most("W9", "node", 34, "bytes"),
    against("W10 time", ["mimalloc"], 1.0),
    against("W12 crate", ["bdwgc"], 1.2),
    against("W12 peak", ["nim"], 1.3),
    at_most("W12", "longest", 10e6, "ns"),
]
