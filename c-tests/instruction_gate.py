#!/usr/bin/env python3
"""Tests of benches/gate.py, the gate over instruction counts: that it fails when it must, by itself and as
`benches/instructions --check`. Ends with "N passed, N failed".
"""

import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "benches"))
import gate

HERE = gate.Compilers("x86_64", "1.95", "gcc 12")
FIGURES = {"pair": gate.Figure(0, 1000), "new": gate.Figure(9000, 1000)}
EXPECTED = gate.Expected(HERE, FIGURES)
results = []


def check(name, holds):
    results.append(bool(holds))
    print(f"{'ok    ' if holds else 'FAILED'} {name}")


def judged(compilers=HERE, **found):
    """({program: passed}, notes) of a run whose figures are the committed ones but for those given."""
    verdicts, notes = gate.judge(EXPECTED, compilers, {**FIGURES, **found})
    return {verdict.name: verdict.passed for verdict in verdicts}, notes


def comparison():
    good = {"pair": True, "new": True}
    check("the committed figures pass", judged() == (good, []))
    check("a rise of 3 % passes", judged(new=gate.Figure(9300, 1000)) == (good, []))
    check("a rise above 3 % fails", judged(new=gate.Figure(9301, 1000)) == ({**good, "new": False}, []))
    check("both parts count", judged(new=gate.Figure(9200, 1101)) == ({**good, "new": False}, []))
    check("one part may rise where the other falls", judged(new=gate.Figure(8000, 2000)) == (good, []))
    check("a fall of 3 % passes", judged(new=gate.Figure(8700, 1000)) == (good, []))
    passed, notes = judged(new=gate.Figure(8699, 1000))
    check("a fall below 3 % passes, with a note",
          passed == good and len(notes) == 1 and "new fell" in notes[0])


def programs():
    verdicts, _ = gate.judge(EXPECTED, HERE, {"pair": FIGURES["pair"]})
    check("a figure without its program fails", [v.passed for v in verdicts] == [True, False])
    passed, _ = judged(more=gate.Figure(1, 1))
    check("a program without a figure fails", passed == {"pair": True, "new": True, "more": False})


def other_compilers():
    slow = gate.Figure(9000, 9000)
    passed, notes = judged(HERE._replace(cc="gcc 13"), new=slow)
    check("with another cc the loop is not judged", passed["new"] and "gcc 13" in notes[0])
    passed, _ = judged(HERE._replace(cc="gcc 13"), new=gate.Figure(9271, 1000))
    check("but the engine is", not passed["new"])
    passed, _ = judged(HERE._replace(cc="gcc 13"), pair=gate.Figure(1, 1000))
    check("also where it had nothing to do", not passed["pair"])
    passed, notes = judged(HERE._replace(rustc="1.96"), new=gate.Figure(90000, 1000))
    check("with another rustc the engine is not judged", passed["new"] and "1.96" in notes[0])
    passed, _ = judged(HERE._replace(rustc="1.96"), new=slow)
    check("but the loop is", not passed["new"])
    passed, notes = judged(gate.Compilers("x86_64", "1.96", "clang 22"))
    check("with both others nothing is judged, and it is said", passed == {} and len(notes) == 2)
    passed, notes = judged(HERE._replace(machine="aarch64"))
    check("on another machine nothing is judged, and it is said", passed == {} and len(notes) == 1)


def file():
    text = gate.write(HERE, FIGURES)
    check("what is written is read again", gate.read(text) == EXPECTED)
    check("its head says when a figure is raised", "only in a commit whose body says why" in " ".join(
        line.lstrip("# ") for line in text.splitlines()))
    for name, bad, said in [
        ("a line that is no figure is named", text + "new2 1\n", "new2 1"),
        ("a figure twice is named", text + "new 1 1\n", "new for the second time"),
        ("a missing compiler is named", text.replace("rustc  ", "# rustc  "), "no line says rustc"),
    ]:
        try:
            gate.read(bad)
            check(name, False)
        except gate.Malformed as error:
            check(name, said in str(error))


def whole():
    """The command itself, on figures that were falsified."""
    committed = gate.read((ROOT / "benches/instructions.expected").read_text())

    def run(text):
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "figures"
            path.write_text(text)
            command = [str(ROOT / "benches/instructions"), "--check", "--expected", str(path)]
            done = subprocess.run(command, capture_output=True, text=True)
            return done.returncode, done.stdout + done.stderr

    def scaled(factor):
        return gate.write(committed.compilers, {
            name: gate.Figure(int(figure.engine * factor), int(figure.inline * factor))
            for name, figure in committed.figures.items()
        })

    status, output = run(scaled(0.5))
    if "is not judged" in output or "nothing is judged" in output:
        print("skipped the command on falsified figures: they are for other compilers")
        return
    check("the command fails on figures of half the size", status == 1 and output.count("FAILED") == len(committed.figures))
    status, output = run(scaled(2))
    check("it asks to lower figures of twice the size", status == 0 and output.count("note: ") == len(committed.figures))
    status, output = run("pair\n")
    check("it names a file it cannot read", status == 1 and "figures: line 1" in output)


def main():
    comparison()
    programs()
    other_compilers()
    file()
    whole()
    bad = results.count(False)
    print(f"{len(results) - bad} passed, {bad} failed")
    return bad != 0


if __name__ == "__main__":
    sys.exit(main())
