"""The measurements of all runs, in a file that is rewritten after each, so that a stopped run can go on."""

import json
import os
import statistics
from dataclasses import asdict, dataclass, field

SECONDS_SLOW = 10.0  # a run that takes longer is done less often


@dataclass
class Entry:
    """What one peer did in one workload."""

    digest: str  # of its program: a changed one is measured anew
    unlimited: bool = False  # it needs an unlimited stack
    cannot: str = ""  # why there is nothing to measure
    failed: str = ""
    seconds: float = 0.0  # of its longest run
    disturbed: int = 0  # runs that had to wait for their core
    runs: list = field(default_factory=list)  # of {metric: [value, unit]}

    @property
    def is_over(self):
        return bool(self.cannot or self.failed)

    def runs_wanted(self, runs, slow_runs):
        return min(runs, slow_runs) if self.seconds > SECONDS_SLOW else runs


class Store:
    def __init__(self, path, resume):
        self.path = path
        self.entries = {}
        if resume and path.exists():
            for key, saved in json.loads(path.read_text()).items():
                self.entries[tuple(key.split("|"))] = Entry(**saved)

    def entry(self, workload, peer, digest):
        """The entry of a peer's program as it is now; an older one's measurements are forgotten."""
        found = self.entries.get((workload, peer))
        if found is None or found.digest != digest:
            found = self.entries[(workload, peer)] = Entry(digest)
        return found

    def save(self):
        text = json.dumps({"|".join(key): asdict(entry) for key, entry in self.entries.items()}, indent=1)
        fresh = self.path.with_suffix(".new")
        fresh.write_text(text + "\n")
        os.replace(fresh, self.path)

    # ---- asking ----

    def found(self, workload, peer):
        return self.entries.get((workload, peer))

    def values(self, workload, peer, metric):
        entry = self.found(workload, peer)
        return [run[metric][0] for run in entry.runs if metric in run] if entry else []

    def median(self, workload, peer, metric):
        values = self.values(workload, peer, metric)
        return statistics.median(values) if values else None

    def unit(self, workload, peer, metric):
        entry = self.found(workload, peer)
        return next((run[metric][1] for run in entry.runs if metric in run), "") if entry else ""

    def metrics(self, workload, peer):
        entry = self.found(workload, peer)
        return list(dict.fromkeys(metric for run in entry.runs for metric in run)) if entry else []

    def disturbed(self):
        """(runs that were disturbed, all runs)."""
        entries = self.entries.values()
        return sum(entry.disturbed for entry in entries), sum(len(entry.runs) for entry in entries)
