#!/usr/bin/env python3
"""What examples/cargo_graph says to good and bad input: exit status, place, words. At the end, as the other
tests do: "N passed, N failed".

    demo_inputs.py PROGRAM

The program is run as given (a list of words in quotes is allowed: "valgrind -q ./cargo_graph").
"""

import json
import os
import shlex
import subprocess
import sys
import tempfile

PROGRAM = []
RESULTS = {True: 0, False: 0}


def run(text=None, *args):
    data = text if isinstance(text, bytes) else (text or "").encode()
    done = subprocess.run([*PROGRAM, *args], input=data, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    return done.returncode, done.stdout.decode(errors="replace"), done.stderr.decode(errors="replace")


def check(name, status, output, expected_status, *words):
    missing = [word for word in words if word not in output]
    good = status == expected_status and not missing
    RESULTS[good] += 1
    if not good:
        print(f"{name}: exit status {status}, expected {expected_status}; missing {missing} in:\n{output}")


def bad(name, text, *words, args=()):
    """Bad input: status 2, one line on standard error that has the words, nothing on standard output."""
    status, out, err = run(text, *args)
    check(name, status, err, 2, "cargo_graph: ", *words)
    one_line = out == "" and err.count("\n") == 1
    check(f"{name}: one line", 0 if one_line else 1, out + err, 0)


def metadata(edges, names=None):
    """What cargo metadata prints, as far as it is read: edges is a list of (crate, crate) by number."""
    count = max((max(edge) for edge in edges), default=0) + 1
    names = names or [f"crate{i}" for i in range(count)]
    packages = [{"id": f"id {i}", "name": names[i], "version": f"{i}.0.0", "extra": [None, True, 1.5e3]}
                for i in range(count)]
    nodes = [{"id": f"id {i}", "dependencies": [f"id {b}" for a, b in edges if a == i]} for i in range(count)]
    return {"packages": packages, "resolve": {"nodes": nodes, "root": None}, "version": 1}


def syntax():
    place = "<stdin>:{}:{}: "
    cases = [
        ("empty", "", 1, 1, "the end"),
        ("only space", " \n\n  ", 3, 3, "the end"),
        ("brace in a list", '{"packages": [\n  }', 2, 3, "value"),
        ("no comma", '{"a": 1\n "b": 2}', 2, 2, "','"),
        ("comma at the end of a list", "[1,\n2,\n]", 3, 1, "value"),
        ("comma at the end of a record", '{"a": 1,}', 1, 9, "name"),
        ("name without quotes", "{a: 1}", 1, 2, "name"),
        ("no colon", '{"a" 1}', 1, 6, "':'"),
        ("list not closed", "[1, 2", 1, 6, "']'"),
        ("record not closed", '{"a": 1', 1, 8, "'}'"),
        ("text not closed", '["abc', 1, 6, "does not end"),
        ("text that ends in a backslash", '["abc\\', 1, 7, ""),
        ("newline in a text", '["ab\nc"]', 1, 5, "control"),
        ("unknown escape", '["\\x"]', 1, 4, "escape"),
        ("short hexadecimal", '["\\u12g4"]', 1, 7, "hexadecimal"),
        ("lone high half", '["\\ud800"]', 1, 9, "surrogate"),
        ("lone low half", '["\\udc00"]', 1, 9, "surrogate"),
        ("high half and a letter", '["\\ud800\\u0041"]', 1, 15, "surrogate"),
        ("leading zero", "[01]", 1, 3, "','"),
        ("minus alone", "[-]", 1, 3, "digit"),
        ("point without digits", "[1.]", 1, 4, "digit"),
        ("exponent without digits", "[1e+]", 1, 5, "digit"),
        ("plus", "[+1]", 1, 2, "value"),
        ("not a number", "[NaN]", 1, 2, "value"),
        ("word cut short", "[tru", 1, 2, "value"),
        ("something behind", "{} x", 1, 4, "nothing may follow"),
        ("two values", "{}\n{}", 2, 1, "nothing may follow"),
        ("zero byte", b"[\0]", 1, 2, "value"),
        ("zero byte in a text", b'["a\0b"]', 1, 4, "control"),
        ("byte order mark", b"\xef\xbb\xbf{}", 1, 1, "value"),
        ("too deep", "[" * 501, 1, 502, "deep"),
        ("much too deep", "[" * 3000000, 1, 502, "deep"),
        ("much too deep in records", '{"a":' * 1000000, 1, 2502, "deep"),
    ]
    for name, text, line, column, word in cases:
        bad(name, text, place.format(line, column), word)
    bad("as deep as allowed, but not metadata", "[" * 500 + "]" * 500, "<stdin>: ", "record")


def other_json():
    good = metadata([(0, 1)])
    bad("a number", "42", "<stdin>: ", "not a record")
    bad("a list", "[]", "<stdin>: ", "not a record")
    bad("an empty record", "{}", "packages", "missing")
    bad("no resolve", json.dumps({"packages": []}), "resolve", "missing")
    without = json.dumps({**good, "resolve": None})
    bad("resolve is null, as with --no-deps", without, "resolve", "not a record")
    bad("packages is a text", json.dumps({**good, "packages": "x"}), "packages", "not a list")
    strange = json.dumps({**good, "packages": [1]})
    bad("a package that is none", strange, "number 1", "packages", "not a record")
    for key in ("id", "name", "version"):
        broken = metadata([(0, 1)])
        del broken["packages"][1][key]
        bad(f"a package without {key}", json.dumps(broken), f'"{key}"', "missing")
    broken = metadata([(0, 1)])
    broken["packages"][0]["name"] = 7
    bad("a name that is a number", json.dumps(broken), '"name"', "not a text")
    broken = metadata([(0, 1)])
    broken["resolve"]["nodes"][0]["dependencies"] = ["id 9"]
    bad("an unknown dependency", json.dumps(broken), "id 9")
    broken = metadata([(0, 1)])
    broken["resolve"]["nodes"][0]["dependencies"] = [3]
    bad("a dependency that is a number", json.dumps(broken), "number 1", "not a text")


def files():
    bad("a missing file", "", "no-such-file.json", "No such file", args=["no-such-file.json"])
    with tempfile.TemporaryDirectory() as folder:
        bad("a folder", "", folder, "directory", args=[folder])
        path = os.path.join(folder, "broken.json")
        with open(path, "w", encoding="utf-8") as file:
            file.write('{\n"packages": nope}')
        bad("a file with a mistake", "", f"{path}:2:13: ", args=[path])
        path = os.path.join(folder, "good.json")
        with open(path, "w", encoding="utf-8") as file:
            json.dump(metadata([(0, 1), (1, 2)]), file)
        status, out, err = run("", path)
        check("a good file", status, out + err, 0, "3 crates", "has 3 crates", "0 objects, 0 bytes")
        status, out, err = run(json.dumps(metadata([(0, 1)])), "-")
        check("standard input as -", status, out + err, 0, "2 crates", "0 objects, 0 bytes")
    status, _, err = run("", "a", "b")
    check("two arguments", status, err, 2, "usage")


def good():
    empty = {"packages": [], "resolve": {"nodes": []}}
    status, out, err = run(json.dumps(empty))
    check("nothing at all", status, out + err, 0, "0 crates", "0 objects, 0 bytes")
    status, out, err = run(json.dumps(metadata([(0, 1), (1, 2), (2, 0)])))
    check("a ring of dependencies", status, out + err, 0, "has 3 crates", "0 objects, 0 bytes")
    status, out, err = run(json.dumps(metadata([(0, 0), (0, 1)])))
    check("a crate that needs itself", status, out + err, 0, "has 2 crates", "0 objects, 0 bytes")
    star = [(i, 0) for i in range(1, 50)]
    status, out, err = run(json.dumps(metadata(star)))
    check("a star", status, out + err, 0, "49 crates need crate0", "has 2 crates", "0 objects, 0 bytes")
    chain = [(i, i + 1) for i in range(20000)]
    status, out, err = run(json.dumps(metadata(chain)))
    check("a chain of 20,000", status, out + err, 0, "has 20001 crates", "0 objects, 0 bytes")
    pairs = [(i, j) for i in range(10) for j in range(10)]
    layers = [(10 * layer + i, 10 * (layer + 1) + j) for layer in range(9) for i, j in pairs]
    status, out, err = run(json.dumps(metadata(layers)))
    check("layers, with 10^9 paths", status, out + err, 0, "has 10 crates", "0 objects, 0 bytes")
    names = ["\u00fc\u4e16\U0001f980", 'quote"back\\slash']
    status, out, err = run(json.dumps(metadata([(0, 1)], names)))
    check("escaped names", status, out + err, 0, *names)
    status, out, err = run(json.dumps(metadata([(0, 1)], names), ensure_ascii=False))
    check("the same names unescaped", status, out + err, 0, *names)


def main():
    if len(sys.argv) != 2:
        print(__doc__)
        return 2
    PROGRAM.extend(shlex.split(sys.argv[1]))
    for part in (syntax, other_json, files, good):
        part()
    print(f"{RESULTS[True]} passed, {RESULTS[False]} failed")
    return 1 if RESULTS[False] else 0


if __name__ == "__main__":
    sys.exit(main())
