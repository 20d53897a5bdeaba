"""One pass over one file: what was given, what is wrong with it, and what isn't known on this machine."""

import re
from typing import NamedTuple

from sidecar.settings.place import Entry, Node, Scalar, Table
from sidecar.settings.problem import Absent, Misfit, Misfits, Problem, nearest, printable, quoted
from sidecar.settings.source import Source

NOUNS = {"issuers": "an issuer", "providers": "a provider", "egress.routes": "a route", "tools": "a set of tools"}
"""What can be referred to by name: the path of the table that holds it, and what one of it is called."""
SILENT = frozenset({"issuers", "providers"})
"""Below these no value is shown: it may be a secret that slipped into another key's place."""


class Reading:
    """Collects. Whoever reads goes on after a problem, with something that fits in place of what doesn't.

    A path whose value is wrong or absent is *doubtful*: nothing further is said about it, nor about what rests on it.
    """

    def __init__(self, source: Source, *, strict: bool) -> None:
        self.source = source
        self.strict = strict
        """Whether what this machine lacks is a problem. If it isn't, it is a note."""
        self.development = False
        self.given: dict[str, int] = {}
        """The path of every key that stands in the file, and its line."""
        self.names: dict[str, list[str]] = {}
        """By the path of a table whose keys are names: those in it. A name may hold a dot, as a path does."""
        self.problems: list[Problem] = []
        self.notes: list[str] = []
        self.lacking: set[str] = set()
        """The paths whose variable or file isn't there."""
        self._doubtful: set[str] = set()
        self._references: list[tuple[At, tuple[str, ...], str]] = []

    def problem(self, path: str, line: int, what: str, mend: str) -> None:
        self.problems.append(Problem(printable(path), self.source.name, line, printable(what), printable(mend)))
        self._doubtful.add(path)

    def note(self, text: str) -> None:
        if (shown := printable(text)) not in self.notes:
            self.notes.append(shown)

    def absent(self, path: str, line: int, absent: Absent) -> None:
        if self.strict:
            self.problem(path, line, absent.what, absent.mend)
        else:
            self._doubtful.add(path)
            self.lacking.add(path)
            self.note(f"{path} {absent.what}")

    def found(self, path: str, what: str, mend: str, about: tuple[str, ...] = ()) -> None:
        """A problem that shows when values are compared: those at *path* and at *about*."""
        if not any(map(self._doubt, (path, *about))):
            given = next((one for one in (path, *about) if one in self.given), path)
            self.problem(path, self._line(given), what, mend)

    def noted(self, path: str, what: str, mend: str, about: tuple[str, ...] = ()) -> None:
        """The same, where it may be meant."""
        if not any(map(self._doubt, (path, *about))):
            self.note(f"line {self._line(path)}: {path} {what}. {mend}")

    def refer(self, at: "At", kind: str, name: str, *others: str) -> None:
        """The value at *at* has to be the *name* of one of *kind* (``providers``), or of one of the *others*; it may
        stand further down."""
        self._references.append((at, (kind, *others), name))

    def resolve(self) -> None:
        """Report the names that name nothing, now that the whole file is known."""
        for at, kinds, name in self._references:
            if not any(name in self.names.get(kind, ()) for kind in kinds):
                self._unknown(at, kinds, name)

    def _unknown(self, at: "At", kinds: tuple[str, ...], name: str) -> None:
        known = [one for kind in kinds for one in self.names.get(kind, ())]
        close = nearest(name, known) if at.shown else None
        mend = f"Known: {', '.join(known)}." if known else f"There is none under {' or '.join(kinds)}: add it there."
        what = f"is not {' or '.join(NOUNS[kind] for kind in kinds)}"
        self.found(
            at.path, f"{quoted(name)} {what}" if at.shown else what, f'Did you mean "{close}"?' if close else mend
        )

    def _line(self, path: str) -> int:
        """The line of *path*, or of the nearest key above it that stands in the file."""
        while path not in self.given and path:
            path = _above(path)
        return self.given.get(path, 1)

    def _doubt(self, path: str) -> bool:
        """Whether *path*, what it is part of, or a part of it is doubtful."""
        above = path
        while above:
            if above in self._doubtful:
                return True
            above = _above(above)
        return any(one.startswith((f"{path}.", f"{path}[")) for one in self._doubtful)


def _above(path: str) -> str:
    return path[: max(path.rfind("."), path.rfind("["), 0)]


class At(NamedTuple):
    """Where in the file a value is being read."""

    reading: Reading
    path: str
    line: int
    shown: bool = True
    """Whether the value may be shown: not if it came from a variable or another file, or is where secrets are given."""
    name: str = ""
    """The last key of the path, as it is written there."""

    def key(self, name: str, entry: Entry) -> "At":
        path = f"{self.path}.{name}" if self.path else name
        self.reading.given[path] = entry.line
        return At(self.reading, path, entry.line, path.partition(".")[0] not in SILENT, name)

    def named(self, name: str, entry: Entry) -> "At":
        """The same, where keys are names that others may refer to."""
        self.reading.names.setdefault(self.path, []).append(name)
        return self.key(name, entry)

    def item(self, index: int, node: Node) -> "At":
        path = f"{self.path}[{index}]"
        self.reading.given[path] = node.line
        return At(self.reading, path, node.line, self.shown)

    def below(self, key: str) -> "At":
        """Where *key* is, or would be."""
        path = f"{self.path}.{key}" if self.path else key
        return At(self.reading, path, self.reading.given.get(path, self.line), self.shown)

    def misfit(self, misfit: Misfit) -> None:
        at = self.below(misfit.key) if misfit.key else self
        if isinstance(misfit, Absent):
            at.reading.absent(at.path, at.line, misfit)
        else:
            at.reading.problem(at.path, at.line, misfit.what, misfit.mend)

    def misfits(self, misfits: Misfits) -> None:
        for one in misfits.parts:
            about = tuple(self.below(key).path for key in one.about)
            self.reading.found(self.below(one.key).path if one.key else self.path, one.what, one.mend, about)


def elsewhere(node: Node) -> bool:
    """Whether *node* says where a text is: ``{env: NAME}`` or ``{file: PATH}``."""
    return isinstance(node, Table) and len(node.entries) == 1 and not node.entries.keys().isdisjoint(("env", "file"))


def fetched(node: Table, at: At) -> str:
    """The text that ``{env: NAME}`` or ``{file: PATH}`` stands for. Raise ``Misfit``."""
    ((where, entry),) = node.entries.items()
    name = entry.node
    if not isinstance(name, Scalar) or name.kind != "string" or not name.text:
        raise Misfit(f"has no name behind {where}:", "Write  {env: NAME}  or  {file: PATH}")
    if where == "env" and not re.fullmatch("[A-Za-z_][A-Za-z0-9_]*", name.text):
        # It isn't shown: it may be the secret itself.
        raise Misfit(
            "has behind env: what is not the name of a variable", "Write  {env: NAME}  and set NAME to the value."
        )
    return at.reading.source.variable(name.text) if where == "env" else at.reading.source.file(name.text)
