"""Draws the charts of charts.py: plotting.py DATA.json FOLDER. Needs matplotlib, no other file of here."""

import json
import sys
from pathlib import Path

import matplotlib

matplotlib.use("svg")
import matplotlib.pyplot as plt
from matplotlib.patches import Patch

# One colour for each group, in all charts; told apart by those who see red and green alike.
COLOURS = {
    "rcgc": "#d1495b", "floor": "#8d99ae", "counts": "#5fa8d3", "collects": "#1d4e89", "traces": "#e0a030",
}
BAR_INCHES, HEAD_INCHES = 0.27, 1.5
# Beyond this factor between the longest and the shortest bar the scale is logarithmic.
LINEAR_MAX = 25
LEAST = 0.01  # ns: what is shown as the shortest bar

plt.rcParams.update({
    "svg.hashsalt": "rcgc", "svg.fonttype": "none", "font.family": "sans-serif",
    "font.sans-serif": ["Helvetica", "Arial", "DejaVu Sans", "sans-serif"], "font.size": 9,
    "axes.spines.top": False, "axes.spines.right": False, "axes.titlesize": 10,
})


def save(figure, path):
    figure.savefig(path, format="svg", metadata={"Date": None}, facecolor="white")
    plt.close(figure)
    path.write_text("\n".join(line.rstrip() for line in path.read_text().splitlines()) + "\n")


def draw_panel(axes, panel, colours):
    values = [None if value is None else max(value, LEAST) for value in panel["values"]]
    known = [value for value in values if value is not None]
    logarithmic = bool(known) and max(known) / min(known) > LINEAR_MAX
    start = min(known) / 3 if logarithmic else 0
    rows = range(len(values))
    lengths = [value if value is not None else start for value in values]
    axes.barh(rows, [length - start for length in lengths], left=start, color=colours, height=0.72)
    if logarithmic:
        axes.set_xscale("log")
        axes.set_xlim(start, max(known) * (max(known) / start) ** 0.42)
    else:
        axes.set_xlim(0, (max(known) if known else 1) * 1.4)
    for row, (length, text) in enumerate(zip(lengths, panel["texts"])):
        axes.annotate(text, (length, row), xytext=(3, 0), textcoords="offset points", va="center", fontsize=8)
    axes.set_title(panel["title"] + (" (log scale)" if logarithmic else ""), loc="left")
    axes.tick_params(axis="x", labelbottom=False, bottom=False, which="both")
    axes.spines["bottom"].set_visible(False)
    axes.tick_params(axis="y", length=0)


def draw_bars(chart, groups, path):
    panels, count = chart["panels"], len(chart["peers"])
    height = HEAD_INCHES + BAR_INCHES * count
    figure, all_axes = plt.subplots(1, len(panels), sharey=True, squeeze=False,
                                    figsize=(2.2 + 2.5 * max(len(panels), 2), height))
    colours = [COLOURS[group] for group in chart["groups"]]
    for axes, panel in zip(all_axes[0], panels):
        draw_panel(axes, panel, colours)
    first = all_axes[0][0]
    first.set_yticks(range(count), chart["peers"])
    first.set_ylim(count - 0.4, -0.6)
    for label, group in zip(first.get_yticklabels(), chart["groups"]):
        label.set_fontweight("bold" if group == "rcgc" else "normal")
    used = [group for group in groups if group in chart["groups"]]
    figure.suptitle(chart["title"], x=0.01, y=1 - 0.12 / height, ha="left", va="top", fontsize=12,
                    fontweight="bold")
    figure.legend(handles=[Patch(color=COLOURS[group], label=groups[group]) for group in used],
                  loc="lower left", bbox_to_anchor=(0.005, 0.0), ncols=len(used), frameon=False, fontsize=8)
    figure.tight_layout(rect=(0, 0.32 / height, 1, 1 - 0.28 / height))
    save(figure, path)


def draw_growth(chart, path):
    panels = chart["panels"]
    figure, all_axes = plt.subplots(1, len(panels), squeeze=False, figsize=(3.6 * len(panels), 3.6))
    shades = (COLOURS["rcgc"], COLOURS["collects"])
    for axes, panel in zip(all_axes[0], panels):
        for line, colour in zip(panel["lines"], shades):
            axes.plot(*zip(*line["points"]), marker="o", color=colour, label=line["name"])
        largest = max(value for line in panel["lines"] for _, value in line["points"])
        smallest = min(value for line in panel["lines"] for _, value in line["points"])
        axes.set_xscale("log")
        if largest / smallest > LINEAR_MAX:
            axes.set_yscale("log")
        else:
            axes.set_ylim(0, largest * 1.25)
        axes.set_title(panel["title"], loc="left")
        axes.set_xlabel("live objects")
        axes.grid(True, color="#dddddd", linewidth=0.6)
        if len(panel["lines"]) > 1:
            axes.legend(frameon=False, fontsize=8)
    figure.suptitle(chart["title"], x=0.01, ha="left", fontsize=12, fontweight="bold")
    figure.tight_layout()
    save(figure, path)


def main():
    data, folder = json.loads(Path(sys.argv[1]).read_text()), Path(sys.argv[2])
    for chart in data["bars"]:
        draw_bars(chart, data["groups"], folder / chart["file"])
    if data["growth"]:
        draw_growth(data["growth"], folder / data["growth"]["file"])


if __name__ == "__main__":
    main()
