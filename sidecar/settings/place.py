"""YAML text as plain values that know their line.

PyYAML's events are read, not its nodes or objects: its composer recurses in C (a deep text kills the process), makes
objects of whatever a tag names, and lets a later key silently win. Here depth and size are bounded before anything is
built, aliases count as often as they are used (so a billion laughs is one problem), and nothing but tables, lists and
scalars exists.
"""

import re
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import yaml
from yaml.events import AliasEvent, CollectionEndEvent, MappingStartEvent, ScalarEvent
from yaml.nodes import ScalarNode
from yaml.resolver import Resolver

MOST_DEPTH = 32
MOST_VALUES = 20_000

_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_TAG = "tag:yaml.org,2002:"
_KINDS = {
    _TAG + "str": "string",
    _TAG + "value": "string",
    _TAG + "bool": "boolean",
    _TAG + "int": "integer",
    _TAG + "float": "number",
    _TAG + "null": "null",
    _TAG + "timestamp": "date",
    _TAG + "merge": "merge",
}
_RESOLVER = Resolver()


class Scalar(NamedTuple):
    line: int
    text: str
    kind: str
    """What YAML 1.1 takes it for: string, boolean, integer, number, null, date or merge (a bare ``<<``)."""


class Items(NamedTuple):
    line: int
    nodes: tuple["Node", ...]


class Entry(NamedTuple):
    line: int
    """Where the key stands."""
    node: "Node"


class Table(NamedTuple):
    line: int
    entries: dict[str, Entry]


Node = Scalar | Items | Table

Report = Callable[[str, int, str, str], None]
"""Takes a path, a line, what is wrong there, and its remedy."""


class Unreadable(Exception):
    """The text is no YAML of ours, and nothing further can be said about it."""

    def __init__(self, line: int, what: str, mend: str) -> None:
        super().__init__(what)
        self.line = line
        self.what = what
        self.mend = mend


def tree(text: str, report: Report, loader: Any = _LOADER) -> Node:
    """Read one YAML document; an empty one is an empty table.

    What leaves the rest readable (a key that stands twice) goes to *report*; for the rest ``Unreadable`` is raised.
    """
    events: Iterator[Any] = yaml.parse(text, Loader=loader)
    try:
        return _Builder(events, report).document()
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = mark.line + 1 if mark else 1
        # PyYAML without libyaml cites the handle of a tag, which may be a secret that begins with ! and wants quotes.
        said = re.sub(r"\s*'![^']*'", "", error.problem or error.context or "")
        raise Unreadable(line, f"is not YAML: {said}", _mend(said)) from None
    except yaml.YAMLError:
        mend = "Write it as plain UTF-8, without control characters."
        raise Unreadable(_unprintable(text), "holds a character that YAML doesn't allow", mend) from None


def _mend(said: str) -> str:
    if "cannot start any token" in said:
        return "Indent with spaces, not tabs; text that begins with one of  @ ` %  goes in quotes."
    return "Mind the indentation and the brackets; text that holds one of  : # { } [ ] , & * ! | >  goes in quotes."


def _unprintable(text: str) -> int:
    """The line of the first character that is not YAML's (YAML 1.1, section 4.1.1)."""
    found = re.search("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]", text)
    return text.count("\n", 0, found.start()) + 1 if found else 1


class _Builder:
    """Builds the tree by descent, never deeper than ``MOST_DEPTH``, never more than ``MOST_VALUES``."""

    def __init__(self, events: Iterator[Any], report: Report) -> None:
        self._events = events
        self._report = report
        self._anchors: dict[str, tuple[Node, int]] = {}
        """The named nodes, and how many values each holds. A node is here once it is whole, so none can hold itself."""
        self._values = 0

    def document(self) -> Node:
        next(self._events)  # the stream's start
        if isinstance(next(self._events), yaml.StreamEndEvent):
            return Table(1, {})
        node = self._node(next(self._events), "", 0)
        if node == Scalar(node.line, "", "null"):
            node = Table(1, {})
        next(self._events)  # the document's end
        after = next(self._events)
        if not isinstance(after, yaml.StreamEndEvent):
            mend = "Keep one document in the file: remove the line  ---  and what follows it."
            raise Unreadable(_line(after), "holds a second YAML document", mend)
        return node

    def _node(self, event: Any, path: str, depth: int) -> Node:
        """The node that begins with *event*, inside *depth* others."""
        if isinstance(event, AliasEvent):
            return self._alias(event)
        before = self._values
        self._count(1, event)
        if isinstance(event, ScalarEvent):
            node: Node = Scalar(_line(event), event.value, _kind(event))
        else:
            _check(event, depth)
            node = (
                self._table(event, path, depth)
                if isinstance(event, MappingStartEvent)
                else self._items(event, path, depth)
            )
        if event.anchor is not None:
            self._anchors[event.anchor] = node, self._values - before
        return node

    def _alias(self, event: AliasEvent) -> Node:
        if event.anchor not in self._anchors:
            # The name is not cited: it may be a secret that begins with a star and wants quotes.
            raise Unreadable(
                _line(event), "refers with * to an anchor that isn't there", "Put text that begins with * in quotes."
            )
        node, values = self._anchors[event.anchor]
        self._count(values, event)
        return node

    def _items(self, start: Any, path: str, depth: int) -> Items:
        nodes: list[Node] = []
        while not isinstance(event := next(self._events), CollectionEndEvent):
            nodes.append(self._node(event, f"{path}[{len(nodes)}]", depth + 1))
        return Items(_line(start), tuple(nodes))

    def _table(self, start: Any, path: str, depth: int) -> Table:
        entries: dict[str, Entry] = {}
        merged: dict[str, Entry] = {}
        while not isinstance(event := next(self._events), CollectionEndEvent):
            key = _key(self._node(event, path, depth + 1))
            name = key.text
            below = f"{path}.{name}" if path else name
            node = self._node(next(self._events), below, depth + 1)
            if key.kind == "merge":
                merged.update(_merged(node))
                continue
            if key.kind != "string":
                # YAML 1.1: no and on are booleans, 1 is a number.
                self._report(
                    below, key.line, f"is a key that YAML reads as {article(key.kind)}", "Put the key in quotes."
                )
            if name in entries:
                self._report(
                    below,
                    key.line,
                    f"stands here again; it is given in line {entries[name].line} already",
                    "Keep one of the two.",
                )
            else:
                entries[name] = Entry(key.line, node)
        return Table(_line(start), merged | entries)

    def _count(self, values: int, event: Any) -> None:
        self._values += values
        if self._values > MOST_VALUES:
            raise Unreadable(
                _line(event),
                f"holds more than {MOST_VALUES} values, aliased ones counted each time",
                "Write less, or alias less.",
            )


def article(kind: str) -> str:
    return f"an {kind}" if kind == "integer" else f"a {kind}"


def _line(event: Any) -> int:
    return int(event.start_mark.line) + 1


def _kind(event: ScalarEvent) -> str:
    tag = event.tag or _RESOLVER.resolve(ScalarNode, event.value, event.implicit)  # type: ignore[no-untyped-call]  # as its stubs have it
    if tag not in _KINDS:
        raise Unreadable(
            _line(event), "has a tag that isn't read here", "Remove the tag; text that begins with ! goes in quotes."
        )
    return _KINDS[tag]


def _check(event: Any, depth: int) -> None:
    """Raise ``Unreadable`` for a table or a list that has a tag, or is too deep."""
    if event.tag not in (None, _TAG + "map", _TAG + "seq"):
        raise Unreadable(
            _line(event), "has a tag that isn't read here", "Remove the tag; text that begins with ! goes in quotes."
        )
    if depth >= MOST_DEPTH:
        raise Unreadable(_line(event), f"is nested deeper than {MOST_DEPTH} levels", "Nest less.")


def _key(node: Node) -> Scalar:
    if not isinstance(node, Scalar):
        raise Unreadable(
            node.line, "has a key that is a list or a table itself", "Put text that holds { } [ ] in quotes."
        )
    return node


def _merged(node: Node) -> dict[str, Entry]:
    """What ``<<`` brings in: a table's entries, or those of a list's tables, of which the first wins."""
    tables = node.nodes if isinstance(node, Items) else (node,)
    entries: dict[str, Entry] = {}
    for table in reversed(tables):
        if not isinstance(table, Table):
            raise Unreadable(
                table.line,
                "merges with << what isn't a table",
                "Write  <<: *anchor  with an anchor that names a table.",
            )
        entries.update(table.entries)
    return entries
