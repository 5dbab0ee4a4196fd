"""The tables: CSV of all measurements, Markdown with a table for each workload, the goals as plain text."""

import csv
import statistics
from typing import NamedTuple

from goals import HEADINGS
from measuring import shown, wrapped
from peers import GROUPS, MARKS, PEERS
from workloads import CHAPTERS


class Report(NamedTuple):
    """What all tables are made of."""

    store: object
    goals: list  # of Line
    unavailable: dict  # peer: reason
    versions: dict  # peer: text
    machine: str
    measured: str  # how many runs, and whether they were disturbed
    extras: list  # (title, workload, metric) of the programs that only rcgc has


def write_csv(path, store):
    with open(path, "w", newline="") as file:
        out = csv.writer(file, lineterminator="\n")
        out.writerow(["workload", "peer", "metric", "unit", "median", "least", "most", "runs", "stack"])
        for (workload, peer), entry in sorted(store.entries.items(), key=order):
            for metric in store.metrics(workload, peer):
                values = store.values(workload, peer, metric)
                numbers = (statistics.median(values), min(values), max(values))
                out.writerow([workload, peer, metric, store.unit(workload, peer, metric),
                              *(f"{number:.6g}" for number in numbers), len(values),
                              "unlimited" if entry.unlimited else "8 MiB"])


def order(item):
    """Workloads as the chapters have them, peers as their table has them."""
    (workload, key), _ = item
    workloads = [measure.workload for one in CHAPTERS for measure in one.measures]
    keys = [peer.key for peer in PEERS]
    return (workloads.index(workload) if workload in workloads else len(workloads), workload, keys.index(key))


def goals_text(lines):
    table = [HEADINGS, *(line.texts() for line in lines)]
    widths = [max(len(row[i]) for row in table) for i in range(len(HEADINGS))]
    out = []
    for row in table:
        cells = [text.ljust(width) if i in (0, 2, 5) else text.rjust(width)
                 for i, (text, width) in enumerate(zip(row, widths))]
        out.append("  ".join(cells).rstrip())
    return "\n".join(out)


def goals_markdown(lines):
    rows = ["| " + " | ".join(HEADINGS) + " |", "|---|---:|---|---:|---:|---|"]
    return "\n".join(rows + ["| " + " | ".join(line.texts()) + " |" for line in lines])


def summary(lines):
    judged = [line for line in lines if line.met is not None]
    missed = [f"{line.title} ({line.goal})" for line in judged if not line.met]
    text = f"{len(judged) - len(missed)} of {len(judged)} goals met."
    if missed:
        text += f" Missed: {'; '.join(missed)}."
    if len(judged) < len(lines):
        text += f" {len(lines) - len(judged)} not measured."
    return text


def median_text(store, measure, peer):
    """What a peer takes, next to nothing being said as such."""
    value = store.median(measure.workload, peer.key, measure.metric)
    unit = store.unit(measure.workload, peer.key, measure.metric)
    if value is None:
        return "–"
    return "~0" if unit == "ns" and value < 0.01 else shown(value, unit)


def cell(store, measure, peer):
    """A median and how many times that of rcgc it is."""
    value, text = store.median(measure.workload, peer.key, measure.metric), median_text(store, measure, peer)
    if text in ("–", "~0"):
        return text
    own = store.median(measure.workload, "rcgc", measure.metric)
    if peer.key == "rcgc" or not own:
        return text
    ratio = value / own
    return f"{text} ({ratio:.0f} ×)" if ratio >= 10 else f"{text} ({ratio:.2g} ×)"


def marks_of(store, one, peer):
    """Marks of a peer in a chapter, as they were found or are declared."""
    workloads = dict.fromkeys(measure.workload for measure in one.measures)
    entries = [store.found(workload, peer.key) for workload in workloads]
    found = ["‡"] if any(entry and entry.unlimited and entry.runs for entry in entries) else []
    return found + [mark for workload, mark in peer.marks if workload in workloads]


def reasons_of(report, one):
    """{reason: titles} of the peers without numbers in a chapter."""
    reasons = {}
    for peer in PEERS:
        if peer.key in report.unavailable:
            continue
        for workload in dict.fromkeys(measure.workload for measure in one.measures):
            entry = report.store.found(workload, peer.key)
            reason = entry.cannot or (entry.failed and f"failed: {entry.failed}") if entry else ""
            if reason:
                titles = reasons.setdefault(reason, [])
                titles += [] if peer.title in titles else [peer.title]
    return reasons


def chapter_markdown(report, one, chart):
    store = report.store
    out = [f"## {one.name}: {one.title}", "", wrapped(one.about), ""]
    if chart:
        out += [f"![{one.name}: {one.title}]({chart})", ""]
    out += ["| peer | " + " | ".join(measure.title for measure in one.measures) + " | runs |",
            "|---|" + "---:|" * (len(one.measures) + 1)]
    used = []
    for peer in PEERS:
        cells = [cell(store, measure, peer) for measure in one.measures]
        if all(text == "–" for text in cells):
            continue
        marks = marks_of(store, one, peer)
        used += [mark for mark in marks if mark not in used]
        counts = {len(store.found(measure.workload, peer.key).runs) for measure in one.measures
                  if store.values(measure.workload, peer.key, measure.metric)}
        runs = "–".join(str(count) for count in sorted({min(counts), max(counts)}))
        title = " ".join([f"**{peer.title}**" if peer.key == "rcgc" else peer.title, *marks])
        out.append(f"| {title} | " + " | ".join(cells) + f" | {runs} |")
    out.append("")
    out += [wrapped(f"{mark} {MARKS[mark]}.") + "\n" for mark in used]
    reasons = reasons_of(report, one)
    if reasons:
        texts = [f"{', '.join(titles)}: {reason}" for reason, titles in reasons.items()]
        out += [wrapped("Without a number: " + "; ".join(texts) + "."), ""]
    return "\n".join(out)


def peers_markdown(report):
    out = ["| peer | kind | version | what |", "|---|---|---|---|"]
    for peer in PEERS:
        if peer.key not in report.versions:
            continue
        version = report.versions.get(peer.key, "")
        if peer.key in report.unavailable:
            version = f"not measured: {report.unavailable[peer.key]}"
        out.append(f"| {peer.title} | {GROUPS[peer.group]} | {version} | {peer.about} |")
    return "\n".join(out)


def extras_markdown(report):
    out = ["| what | rcgc | runs |", "|---|---:|---:|"]
    for title, workload, metric in report.extras:
        values = report.store.values(workload, "rcgc", metric)
        if values:
            text = shown(statistics.median(values), report.store.unit(workload, "rcgc", metric))
            out.append(f"| {title} | {text} | {len(values)} |")
    return "\n".join(out) if len(out) > 2 else ""


HEAD = """# rcgc beside its peers

Written by `make bench-peers UPDATE=1`, which leaves all measurements and a chart of each table in
`build/peers/report`; one chart is here. What the workloads are and how they are kept fair is in
[benches/peers/README.md](../../benches/peers/README.md). A node is two references and 8 bytes. Lower is better
everywhere; in brackets how many times the number of rcgc.
"""


def write_markdown(path, report, charts):
    out = [HEAD, wrapped(f"{report.measured} {report.machine}."), "", "## Goals", "",
           goals_markdown(report.goals), "", wrapped(summary(report.goals)), ""]
    for one in CHAPTERS:
        workloads = {measure.workload for measure in one.measures}
        if any(workload in workloads and entry.runs for (workload, _), entry in report.store.entries.items()):
            out.append(chapter_markdown(report, one, charts.get(one.name)))
    extras = extras_markdown(report)
    if extras:
        out += ["## What only rcgc is asked", "", extras, ""]
        if "growth" in charts:
            out += [f"![How cost grows]({charts['growth']})", ""]
    out += ["## The peers", "", peers_markdown(report)]
    path.write_text("\n".join(out) + "\n")
