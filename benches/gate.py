"""The gate over instruction counts: reads and writes benches/instructions.expected, and judges counts by it.

A figure has two parts, because two compilers make what is counted: `engine`, the instructions of the
library, and `inline`, those of the measured loop with what the headers put into it, less those of the same
loop without the operation where there is one. Both together may rise by `TOLERANCE` over what is committed.
Where another compiler than the noted one made one of the parts, only the other part is judged, and it is
said so.
"""

import re
from typing import NamedTuple

TOLERANCE = 0.03
HEAD = """\
# Instructions of the fixed programs of `benches/instructions --check`, counted by callgrind.
#
# The test part `instructions` fails when one rises by more than 3 %. Written by `benches/instructions
# --accept`. A figure is raised only in a commit whose body says why; one that fell by more than 3 % is
# lowered, so that what was won stays won.
#
# rustc made `engine`, cc made `inline`: where another compiler (major version, for rustc major.minor) is at
# work, only the other part is judged.
"""


class Compilers(NamedTuple):
    machine: str
    rustc: str
    cc: str


class Figure(NamedTuple):
    engine: int
    inline: int


class Expected(NamedTuple):
    compilers: Compilers
    figures: dict


class Verdict(NamedTuple):
    name: str
    passed: bool
    text: str


class Malformed(Exception):
    """The file of figures cannot be read."""


def read(text):
    """The committed figures. Raises Malformed, with the line."""
    words, figures = {}, {}
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip() or line.startswith("#"):
            continue
        name, *rest = line.split(maxsplit=1)
        value = rest[0] if rest else ""
        if name in Compilers._fields:
            words[name] = value
        elif name in figures:
            raise Malformed(f"line {number}: {name} for the second time")
        elif re.fullmatch(r"\d+\s+\d+", value):
            figures[name] = Figure(*map(int, value.split()))
        else:
            raise Malformed(f"line {number}: not a name and two numbers: {line}")
    for field in Compilers._fields:
        if field not in words:
            raise Malformed(f"no line says {field}")
    return Expected(Compilers(**words), figures)


def write(compilers, figures):
    """The text of the file."""
    lines = [f"{field:20} {value}" for field, value in compilers._asdict().items()]
    lines += ["", f"# {'program':18} {'engine':>12} {'inline':>12}"]
    lines += [f"{name:20} {figure.engine:12} {figure.inline:12}" for name, figure in figures.items()]
    return HEAD + "\n" + "\n".join(lines) + "\n"


def judge(expected, compilers, found):
    """(verdicts, notes): one verdict for each program that was measured or is committed."""
    notes, parts = [], []
    if compilers.machine != expected.compilers.machine:
        notes.append(f"the figures are for {expected.compilers.machine}, this is {compilers.machine}: "
                     "nothing is judged")
        return [], notes
    for part, field in (("engine", "rustc"), ("inline", "cc")):
        noted, here = getattr(expected.compilers, field), getattr(compilers, field)
        if noted == here:
            parts.append(part)
        else:
            notes.append(f"the figures are for {field} {noted}, here is {here}: `{part}` is not judged")
    if not parts:
        return [], notes
    verdicts = []
    for name in dict.fromkeys([*expected.figures, *found]):
        if name not in found:
            verdicts.append(Verdict(name, False, "has a figure, but is not a program any more"))
        elif name not in expected.figures:
            verdicts.append(Verdict(name, False, "has no figure: benches/instructions --accept"))
        else:
            verdict, note = compare(name, expected.figures[name], found[name], parts)
            verdicts.append(verdict)
            notes += note
    return verdicts, notes


def compare(name, expected, found, parts):
    was = sum(getattr(expected, part) for part in parts)
    now = sum(getattr(found, part) for part in parts)
    change = f"{now:,} instructions, committed are {was:,}" + (f" ({now / was - 1:+.2%})" if was else "")
    if now > was * (1 + TOLERANCE):
        return Verdict(name, False, f"{change}: more than {TOLERANCE:.0%} above"), []
    note = []
    if now < was * (1 - TOLERANCE):
        note = [f"{name} fell: {change}; lower the figure with benches/instructions --accept"]
    return Verdict(name, True, change), note
