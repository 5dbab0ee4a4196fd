"""The charts: what stands in them is decided here; plotting.py draws them with matplotlib.

matplotlib is used as it is found, or installed into build/peers/venv. Where it cannot be had there are no
charts, and it is said why.
"""

import json
import subprocess
import sys

import building
from building import HERE, OUT, Unavailable
from extras import COUNTS
from measuring import say
from peers import GROUPS, PEERS
from report import marks_of, median_text
from workloads import CHAPTERS

MATPLOTLIB = "matplotlib>=3.8"


def interpreter():
    """A Python that has matplotlib."""
    own = OUT / "venv" / "bin" / "python"
    for python in (sys.executable, own):
        try:
            if subprocess.run([str(python), "-c", "import matplotlib"], capture_output=True).returncode == 0:
                return python
        except OSError:
            continue
    say("installing matplotlib")
    building.run(sys.executable, "-m", "venv", OUT / "venv", what="making an environment for matplotlib")
    building.run(own, "-m", "pip", "install", "--quiet", MATPLOTLIB, what="installing matplotlib")
    return own


def panel(store, measure, peers):
    """The bars of one measure: a value and its text, or nothing, for each peer."""
    values = [store.median(measure.workload, peer.key, measure.metric) for peer in peers]
    texts = [median_text(store, measure, peer) for peer in peers]
    return {"title": measure.title, "values": values, "texts": texts}


def bars(store, one):
    """One chapter's chart, or nothing if nothing was measured."""
    measures = [measure for measure in one.measures if measure.charted]
    peers = [peer for peer in PEERS
             if any(store.values(measure.workload, peer.key, measure.metric) for measure in measures)]
    if not peers:
        return None
    return {
        "file": f"{one.name}.svg",
        "title": f"{one.name}: {one.title}",
        "peers": [" ".join([peer.title, *marks_of(store, one, peer)]) for peer in peers],
        "groups": [peer.group for peer in peers],
        "panels": [panel(store, measure, peers) for measure in measures],
    }


GROWTH_PANELS = (
    ("full collection, ms", 1e6, (("full", "full collection"),)),
    ("young collection of 2,000 objects, µs", 1e3,
     (("young", "of live ones"), ("young_dead", "of dead rings"))),
    ("a step of W7, all collections included, ns", 1, (("step", "step"),)),
)


def growth(store):
    """How cost grows with the number of live objects."""
    panels = []
    for title, scale, lines in GROWTH_PANELS:
        drawn = []
        for metric, name in lines:
            found = [(count, store.median(f"rcgc_growth {count}", "rcgc", metric)) for count in COUNTS]
            points = [(count, value / scale) for count, value in found if value is not None]
            drawn += [{"name": name, "points": points}] if points else []
        panels += [{"title": title, "lines": drawn}] if drawn else []
    return {"file": "growth.svg", "title": "rcgc: how cost grows with live objects", "panels": panels}


def draw_all(store, folder):
    """Draws every chart for which there are numbers: {chapter or "growth": file}."""
    drawn = {one.name: bars(store, one) for one in CHAPTERS}
    charts = {name: chart for name, chart in drawn.items() if chart}
    lines = growth(store)
    if lines["panels"]:
        charts["growth"] = lines
    data = OUT / "charts.json"
    bar_charts = [chart for name, chart in charts.items() if name != "growth"]
    text = json.dumps({"groups": GROUPS, "bars": bar_charts, "growth": charts.get("growth")}, indent=1)
    data.write_text(text + "\n")
    try:
        building.run(interpreter(), HERE / "plotting.py", data, folder, what="drawing the charts")
    except Unavailable as reason:
        say(f"There are no charts: {reason}")
        return {}
    return {name: chart["file"] for name, chart in charts.items()}
