"""Changes C sources by name: whole functions are replaced or removed by the name of the function, single places
by short anchors inside a named function or struct. What is not found is an error that names it.

A source is searched through a *mask*, a copy of the same length in which comments, strings and character
constants are blanks, so that braces in them do not count.
"""

import re

MASKED = re.compile(r"""/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])+'""", re.S)


class Missing(Exception):
    """A function, struct or anchor that the source does not have, or has more often than was said."""


def mask_of(text):
    return MASKED.sub(lambda found: re.sub(r"[^\n]", " ", found.group()), text)


def closing(mask, start, pair="{}"):
    """The index behind the bracket that closes the one at `start`."""
    depth = 0
    for found in re.compile("[" + re.escape(pair) + "]").finditer(mask, start):
        depth += 1 if found.group() == pair[0] else -1
        if depth == 0:
            return found.end()
    raise Missing(f"no closing {pair[1]}")


def functions_in(text):
    """(name, text of the whole definition) of each function of a file, in order."""
    mask, found = mask_of(text), []
    for head in re.finditer(r"^[A-Za-z_][\w \t*]*?(\w+)\(", mask, re.M):
        end = closing(mask, head.end() - 1, "()")
        body = re.compile(r"\s*\{").match(mask, end)
        if body:
            found.append((head.group(1), text[head.start():closing(mask, body.end() - 1)]))
    if len(found) != len(re.findall(r"^\}$", mask, re.M)):
        raise Missing(f"a function is not understood: there are only {', '.join(name for name, _ in found)}")
    return found


class Source:
    """One C file that is being changed."""

    def __init__(self, name, text):
        self.name, self.text, self.changes = name, text, 0

    def function(self, name):
        """(start, end) of a function's definition."""
        mask = mask_of(self.text)
        for head in re.finditer(rf"^[A-Za-z_][\w \t*]*?\b{re.escape(name)}\(", mask, re.M):
            end = closing(mask, head.end() - 1, "()")
            body = re.compile(r"\s*\{").match(mask, end)
            if body:
                return head.start(), closing(mask, body.end() - 1)
        raise Missing(f"{self.name} has no function {name}")

    def scope(self, name):
        """(start, end) of what a place is given by: "" is the file, "struct X" a struct, else a function."""
        if not name:
            return 0, len(self.text)
        if not name.startswith("struct "):
            return self.function(name)
        mask = mask_of(self.text)
        head = re.search(rf"^(typedef )?{name} \{{", mask, re.M)
        if not head:
            raise Missing(f"{self.name} has no {name}")
        return head.start(), closing(mask, head.end() - 1)

    def put(self, start, end, text):
        self.text = self.text[:start] + text + self.text[end:]
        self.changes += 1

    def replace(self, name, text):
        self.put(*self.function(name), text)

    def remove(self, name):
        start, end = self.function(name)
        self.put(start, end, "")

    def anchor(self, scope, line, text, times=1):
        """Puts `text` where `line` is, which must be there exactly `times` times."""
        start, end = self.scope(scope)
        part = self.text[start:end]
        if part.count(line) != times:
            where = scope or self.name
            raise Missing(f"{where}: {line!r} is there {part.count(line)} times, not {times}")
        self.put(start, end, part.replace(line, text))

    def pattern(self, scope, pattern, text, at_least=1):
        """As `anchor`, for a regular expression that may hold any number of times."""
        start, end = self.scope(scope)
        part, count = re.subn(pattern, text, self.text[start:end])
        if count < at_least:
            raise Missing(f"{scope or self.name}: {pattern!r} is there {count} times, not {at_least}")
        self.put(start, end, part)
