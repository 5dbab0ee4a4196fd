"""One test for each feature of tracemalloc and of memory_profiler: the package and rcgc, the same workload, the same
answer. What only Python has (the size of its objects, the lists that hold them) is left out by name or by tolerance.

Run by run.py, in the environment that has the packages: parity.py SIDE. Ends with "N passed, N failed".
"""

import ctypes
import io
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
import tracemalloc
from pathlib import Path

import memory_profiler
import psutil

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
import load as workload

SIDE = sys.argv[1]
PLACES = {mark: workload.line_of(mark) for mark in ["LOAD", "DROP", "GROW", "THROUGH"]}
KEPT, AT_ONCE, MORE = 1000, 500, 300
MIB = 1 << 20


def side(command, **keywords):
    """What side.c prints, as a list of lines' words."""
    lines = [str(PLACES[mark]) for mark in ["LOAD", "DROP", "GROW", "THROUGH"]]
    done = subprocess.run([SIDE, command, *lines], capture_output=True, text=True, **keywords)
    assert done.returncode == 0, f"side {command}: {done.returncode} {done.stderr}"
    return [line.split() for line in done.stdout.splitlines()]


def numbers(command, **keywords):
    return {words[0]: float(words[1]) for words in side(command, **keywords)}


class Tracing:
    """tracemalloc around a block, with the workload's own file only."""

    def __init__(self, frames=1):
        self.frames = frames

    def __enter__(self):
        tracemalloc.start(self.frames)
        return self

    def __exit__(self, *failure):
        tracemalloc.stop()

    @staticmethod
    def snapshot():
        only = tracemalloc.Filter(True, workload.__file__)
        return tracemalloc.take_snapshot().filter_traces([only])


# ---- tracemalloc ----

def statistics_by_line():
    kept = [None] * KEPT
    with Tracing():
        workload.load(kept, AT_ONCE)
        theirs = {s.traceback[0].lineno: s.count for s in Tracing.snapshot().statistics("lineno")}
    ours = {int(words[2]): int(words[3]) for words in side("by_line")}
    assert theirs[PLACES["LOAD"]] == ours[PLACES["LOAD"]] == KEPT
    assert PLACES["DROP"] not in theirs and PLACES["DROP"] not in ours


def statistics_by_file():
    kept = [None] * KEPT
    with Tracing():
        workload.load(kept, AT_ONCE)
        workload.grow(kept, MORE)
        whole = tracemalloc.take_snapshot()
        nodes = [s.count for s in whole.statistics("lineno")
                 if s.traceback[0].lineno in (PLACES["LOAD"], PLACES["GROW"])
                 and s.traceback[0].filename == workload.__file__]
        files = {s.traceback[0].filename: s.count for s in whole.statistics("filename")}
    [[_, name, line, count, *_]] = side("by_file")
    assert (name, line) == ("load.py", "0")
    # Python's own count has the numbers and the list of the file, too.
    assert int(count) == KEPT + MORE
    assert KEPT + MORE <= sum(nodes) <= files[workload.__file__]


def compare_to():
    kept = [None] * KEPT
    with Tracing():
        workload.load(kept, 0)
        before = Tracing.snapshot()
        workload.grow(kept, MORE)
        kept[:100] = [None] * 100
        changes = Tracing.snapshot().compare_to(before, "lineno")
        theirs = {d.traceback[0].lineno: d.count_diff for d in changes}
    ours = {int(words[1]): int(words[2]) for words in side("compared")}
    assert theirs[PLACES["LOAD"]] == ours[PLACES["LOAD"]] == -100
    # The list that grows is one block more on Python's side.
    assert ours[PLACES["GROW"]] == MORE and theirs[PLACES["GROW"]] - MORE in (0, 1)
    assert list(ours)[0] == changes[0].traceback[0].lineno == PLACES["GROW"]


def traced_memory_and_its_peak():
    kept = [None] * KEPT
    node = sys.getsizeof(workload.Node())
    with Tracing():
        workload.load(kept, AT_ONCE)
        current, peak = tracemalloc.get_traced_memory()
        tracemalloc.reset_peak()
        after = tracemalloc.get_traced_memory()[1]
        overhead = tracemalloc.get_tracemalloc_memory()
        tracemalloc.clear_traces()
        left = Tracing.snapshot().statistics("lineno")
    ours = numbers("current_and_peak")
    assert ours["current"] == KEPT and ours["peak"] == KEPT + AT_ONCE and ours["reset"] == KEPT
    assert abs((peak - current) / node - AT_ONCE) < AT_ONCE * 0.3  # with the list of what is dropped
    assert abs(after - current) < node * 100
    assert not left and "row" not in ours
    assert overhead > 0 and ours["own"] > 0


def object_traceback():
    kept = [None] * KEPT
    with Tracing():
        workload.load(kept, 0)
        workload.grow(kept, MORE)
        theirs = [tracemalloc.get_object_traceback(kept[at])[0].lineno for at in (KEPT - 1, KEPT)]
    assert theirs == [int(words[1]) for words in side("origin")] == [PLACES["LOAD"], PLACES["GROW"]]


def statistics_by_traceback():
    kept = [None] * KEPT
    with Tracing(25):
        workload.through(kept, 0)
        more = []
        workload.load(more := [None] * MORE, 0)
        snapshot = Tracing.snapshot()
        theirs = {}
        for s in snapshot.statistics("traceback"):
            lines = [frame.lineno for frame in reversed(s.traceback) if frame.filename == workload.__file__]
            if lines[0] == PLACES["LOAD"]:
                theirs[tuple(lines)] = theirs.get(tuple(lines), 0) + s.count
        cumulative = {s.traceback[0].lineno: s.count for s in snapshot.statistics("lineno", cumulative=True)}
    ours = {tuple(map(int, words[2:])): int(words[1]) for words in side("by_stack")}
    assert ours == theirs == {(PLACES["LOAD"], PLACES["THROUGH"]): KEPT, (PLACES["LOAD"],): MORE}
    # Cumulative: what a frame takes part in is the sum over the stacks that have it.
    for mark in ("LOAD", "THROUGH"):
        total = sum(count for lines, count in ours.items() if PLACES[mark] in lines)
        assert total <= cumulative[PLACES[mark]] <= total * 1.8  # and Python's numbers, from 257 on


def filters():
    other = {"__name__": "other"}
    kept = [None] * KEPT
    code = compile("node = Node()\n", "other.py", "exec")
    with Tracing():
        workload.load(kept, 0)
        exec(code, other | {"Node": workload.Node}, keep := {})
        whole = tracemalloc.take_snapshot()
        only = whole.filter_traces([tracemalloc.Filter(True, "*load.py")]).statistics("filename")
        without = whole.filter_traces([tracemalloc.Filter(False, "*load.py")]).statistics("filename")
    assert keep["node"]
    rows = side("filtered")
    at = rows.index(["excluded"])
    assert {words[1] for words in rows[:at]} == {Path(s.traceback[0].filename).name for s in only} == {"load.py"}
    assert [words[1] for words in rows[at + 1:]] == ["other.py"]
    assert "other.py" in {s.traceback[0].filename for s in without}
    assert not any(s.traceback[0].filename.endswith("load.py") for s in without)


def memory_outside():
    """Memory of another domain, told by the C function of tracemalloc and by rc_add_external_bytes."""
    with Tracing():
        ctypes.pythonapi.PyTraceMalloc_Track(7, ctypes.c_size_t(0x1000), ctypes.c_size_t(123456))
        snapshot = tracemalloc.take_snapshot().filter_traces([tracemalloc.DomainFilter(True, 7)])
        [theirs] = snapshot.statistics("filename")
        ctypes.pythonapi.PyTraceMalloc_Untrack(7, ctypes.c_size_t(0x1000))
        gone = tracemalloc.take_snapshot().filter_traces([tracemalloc.DomainFilter(True, 7)])
    [words] = side("outside")
    assert theirs.size == int(words[5]) == 123456
    assert not gone.traces


def started_and_stopped():
    seen = [tracemalloc.is_tracing()]
    tracemalloc.start()
    seen.append(tracemalloc.is_tracing())
    tracemalloc.stop()
    seen.append(tracemalloc.is_tracing())
    assert [int(words[1]) for words in side("on_and_off")] == list(map(int, seen)) == [0, 1, 0]


def started_by_the_environment():
    code = "import tracemalloc; print(tracemalloc.is_tracing(), tracemalloc.get_traceback_limit())"
    theirs = subprocess.run([sys.executable, "-c", code], env={**os.environ, "PYTHONTRACEMALLOC": "5"},
                            capture_output=True, text=True).stdout
    ours = side("on_and_off", env={**os.environ, "RCGC_PROFILE": "sites"})
    assert theirs.split() == ["True", "5"] and ours[0] == ["on", "1"]


# ---- memory_profiler ----

def blob():
    return b"\1" * (8 * MIB + 65536)


def work():
    first = blob()  # FIRST
    some = [None] * 4
    for i in range(4):
        some[i] = blob()  # LOOP
    del first  # LESS
    for i in range(4):
        some[i] = None  # DROP
    return some


def table_of(text, marks):
    """Of each marked line: (increment in MiB, occurrences)."""
    found = {}
    for line in text.splitlines():
        for mark in marks:
            if re.search(rf"(# |/\* ){mark}( \*/)?$", line):
                words = line.split()
                found[mark] = (float(words[3]), int(words[words.index("MiB", 4) + 1]))
    return found


MARKS = ["FIRST", "LOOP", "LESS", "DROP"]


def their_table(**options):
    stream = io.StringIO()
    memory_profiler.profile(work, stream=stream, precision=3, **options)()
    return stream.getvalue()


def our_table(command):
    """Ours has two columns more behind the increment."""
    found = {}
    for words in side(command, cwd=HERE.parent.parent):
        line = " ".join(words)
        for mark in MARKS:
            if line.endswith(f"/* {mark} */"):
                found[mark] = (float(words[3]), int(words[9]))
    return found


def line_by_line():
    theirs, ours = table_of(their_table(), MARKS), our_table("lines")
    assert theirs.keys() == ours.keys() == set(MARKS)
    for mark in MARKS:
        assert theirs[mark][1] == ours[mark][1], f"{mark}: {theirs} {ours}"
    for mark in ("FIRST", "LOOP"):
        assert abs(theirs[mark][0] - ours[mark][0]) < 4, f"{mark}: {theirs} {ours}"
    # What goes away, theirs cannot say: memory stays resident until malloc gives it back, and decrements of a line in
    # a loop are counted more than once.
    assert ours["LESS"][0] == -ours["FIRST"][0] and ours["DROP"][0] == -ours["LOOP"][0]
    assert theirs["DROP"][0] < 0


def only_lines_that_grew():
    log = io.StringIO()
    stream = memory_profiler.LogFile("parity", reportIncrementFlag=True)
    import logging
    handler = logging.StreamHandler(log)
    logging.getLogger("parity").addHandler(handler)
    logging.getLogger("parity").setLevel(logging.INFO)
    memory_profiler.profile(work, stream=stream, precision=3)()
    logging.getLogger("parity").removeHandler(handler)
    grown = {mark for mark, (increment, _) in table_of(log.getvalue(), MARKS).items() if increment > 1}
    assert our_table("grown_lines").keys() == grown == {"FIRST", "LOOP"}


def peak_of_a_function():
    before = memory_profiler.memory_usage(-1, max_iterations=1)[0]
    theirs = memory_profiler.memory_usage((work, (), {}), max_usage=True, interval=0.001) - before
    ours = numbers("measured")
    assert ours["net"] == 0
    assert abs(ours["peak"] / MIB - 5 * (8 + 1 / 16)) < 0.01  # exact
    assert theirs < ours["peak"] / MIB + 4  # what was seen at moments


def numbers_of_the_process():
    """The three meters of memory_profiler's backends, of one process, by psutil and by the library itself."""
    child = subprocess.Popen([SIDE, "process"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    ours = {words[0]: float(words[1]) for words in (child.stdout.readline().split() for _ in range(3))}
    full = psutil.Process(child.pid).memory_full_info()
    child.communicate("\n")
    for name in ("rss", "pss", "uss"):
        assert abs(getattr(full, name) - ours[name]) < 2 * MIB, f"{name}: {full} {ours}"
        assert ours[name] > 63 * MIB, f"{name}: {ours}"


def sampled_over_time():
    theirs = memory_profiler.memory_usage(os.getpid(), interval=0.05, timeout=0.5, timestamps=True)
    ours = numbers("over_time")
    assert 7 <= len(theirs) <= 13 and 7 <= ours["samples"] <= 13, f"{len(theirs)} {ours}"


def named_blocks():
    stamper = memory_profiler.TimeStamper("psutil")
    with stamper.timestamp("block"):
        time.sleep(0.2)
    out = io.StringIO()
    stamper.show_results(out)
    [row] = [line.split() for line in out.getvalue().splitlines() if line.startswith("FUNC")]
    theirs = float(row[5]) - float(row[3])
    ours = numbers("over_time")["block"]
    assert row[1].endswith("block") and 0.19 < theirs < 0.4 and 0.19 < ours < 0.4


def stopped_at_a_limit():
    with tempfile.TemporaryDirectory() as folder:
        script = Path(folder) / "limit.py"
        script.write_text("@profile\ndef f():\n    a = b'1' * (256 << 20)\n    return len(a)\nprint('before')\nf()\n"
                          "print('after')\n")
        command = [sys.executable, "-m", "memory_profiler", "--pdb-mmem=100", str(script)]
        theirs = subprocess.run(command, input="q\n", capture_output=True, text=True, cwd=folder)
    ours = subprocess.run([SIDE, "trapped"], capture_output=True, text=True)
    assert "before" in theirs.stdout and "after" not in theirs.stdout and "(Pdb)" in theirs.stdout
    assert "before" in ours.stdout and "after" not in ours.stdout and ours.returncode == -signal.SIGTRAP


TESTS = [
    statistics_by_line, statistics_by_file, compare_to, traced_memory_and_its_peak, object_traceback,
    statistics_by_traceback, filters, memory_outside, started_and_stopped, started_by_the_environment, line_by_line,
    only_lines_that_grew, peak_of_a_function, numbers_of_the_process, sampled_over_time, named_blocks,
    stopped_at_a_limit,
]


def main():
    passed = failed = 0
    for test in TESTS:
        try:
            test()
            passed += 1
            print(f"ok     {test.__name__}")
        except Exception as error:
            failed += 1
            where = error.__traceback__.tb_next.tb_lineno
            print(f"FAILED {test.__name__}: {type(error).__name__} {error} (line {where})")
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
