"""Shapes that hold others: lists, tables of named things, and sections with keys of their own."""

from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

from sidecar.settings.place import Items, Node, Table
from sidecar.settings.problem import Misfit, Misfits, nearest
from sidecar.settings.reading import At
from sidecar.settings.shapes import Shape, Text, Word, unfit, written

REQUIRED: Any = object()
"""The default of a key that must be given."""
SKIP: Any = object()
"""Stands for what isn't kept: it didn't fit, or nothing is made of it yet."""


class Key(NamedTuple):
    """One key of a section."""

    shape: Shape
    default: Any
    """In YAML's plain types; ``None`` where leaving it out means none, or off."""
    says: str
    """What it means, in one sentence."""
    now: bool = True
    """Whether it has an effect in this release."""
    shown: str | None = None
    """The default as the reference says it, where it isn't plain."""


def later(keys: Mapping[str, Key]) -> dict[str, Key]:
    """Keys whose room isn't built yet."""
    return {name: key._replace(now=False) for name, key in keys.items()}


class List(Shape):
    """A list; it becomes a tuple."""

    def __init__(self, of: Shape, words: str, *, least: int = 0) -> None:
        self.of, self.words, self.least = of, words, least
        self.example = [of.example]

    def takes(self, node: Node) -> bool:
        return isinstance(node, Items)

    def read(self, node: Node, at: At) -> tuple[Any, ...]:
        if not isinstance(node, Items):
            raise unfit(self, node, shown=at.shown)
        if len(node.nodes) < self.least:
            raise Misfit("is an empty list", "Name at least one, or remove the key.")
        values = (attempt(self.of, one, at.item(index, one)) for index, one in enumerate(node.nodes))
        return tuple(value for value in values if value is not SKIP)

    def plain(self, value: Any) -> Any:
        return tuple(map(self.of.plain, value))

    def schema(self) -> dict[str, Any]:
        return {"type": "array", "items": self.of.schema(), "minItems": self.least}


class OneOrMore(Shape):
    """One value, or a list of which one will do; it becomes a set, or what *make* makes of it."""

    def __init__(self, of: Shape, make: Callable[[Iterable[Any]], Any] = frozenset) -> None:
        self.of, self.words, self.example, self.make = of, f"{of.words}, or a list", of.example, make
        self._list = List(of, self.words, least=1)

    def takes(self, node: Node) -> bool:
        return isinstance(node, Items) or self.of.takes(node)

    def read(self, node: Node, at: At) -> Any:
        return self.make(self._list.read(node, at) if isinstance(node, Items) else (self.of.read(node, at),))

    def plain(self, value: Any) -> Any:
        return self.make(map(self.of.plain, value))

    def schema(self) -> dict[str, Any]:
        return {"anyOf": [self.of.schema(), self._list.schema()]}


class Named(Shape):
    """A table whose keys are names; it becomes a mapping, in the file's order."""

    def __init__(self, of: Shape, words: str, name: Text, *, least: int = 0) -> None:
        self.of, self.words, self.name, self.least = of, words, name, least
        self.example: Any = {name.example: of.example}

    def takes(self, node: Node) -> bool:
        return isinstance(node, Table)

    def read(self, node: Node, at: At) -> Mapping[str, Any]:
        if not isinstance(node, Table):
            raise unfit(self, node, shown=at.shown)
        if len(node.entries) < self.least:
            raise Misfit("is an empty table", "Name at least one, or remove the key.")
        values: dict[str, Any] = {}
        for written_name, entry in node.entries.items():
            below = at.named(written_name, entry)
            try:
                name = self.name.named(written_name)
            except Misfit as misfit:
                below.misfit(misfit)
                continue
            if name in values:
                below.misfit(Misfit(f"stands here again, as {name}", "Keep one of the two."))
            value = attempt(self.of, entry.node, below)
            if value is not SKIP:
                values[name] = value
        return MappingProxyType(values)

    def plain(self, value: Any) -> Any:
        return MappingProxyType(value)

    def schema(self) -> dict[str, Any]:
        return {"type": "object", "additionalProperties": self.of.schema(), "minProperties": self.least}


class Section(Shape):
    """A table with known keys, of which *make* makes a value, or raises ``Misfits`` for what doesn't go together."""

    def __init__(self, make: Callable[..., Any], keys: Mapping[str, Key], *, named: bool = False) -> None:
        self.make, self.keys, self.named = make, keys, named
        self.words = f"a table with {', '.join(keys)}"
        self.example = {name: key.shape.example for name, key in keys.items() if key.default is REQUIRED}

    def takes(self, node: Node) -> bool:
        return isinstance(node, Table)

    def read(self, node: Node, at: At) -> Any:
        if not isinstance(node, Table):
            raise unfit(self, node, shown=at.shown)
        unknown(node, at, self.keys)
        values = {name: self._value(name, key, node, at) for name, key in self.keys.items()}
        if self.named:
            values["name"] = at.name
        try:
            return self.make(**values)
        except Misfits as misfits:
            at.misfits(misfits)
            return SKIP

    def _value(self, name: str, key: Key, node: Table, at: At) -> Any:
        entry = node.entries.get(name)
        value = SKIP
        if entry is not None:
            below = at.key(name, entry)
            if not key.now:
                at.reading.note(f"{below.path} has no effect yet")
            value = attempt(key.shape, entry.node, below)
        elif key.default is REQUIRED:
            self.missing(name, key, at)
        elif isinstance(key.shape, Section) and key.default is not None:
            value = key.shape.read(Table(at.line, {}), at.below(name))  # which says what is required in it
        return self.instead(key) if value is SKIP else value

    def missing(self, name: str, key: Key, at: At) -> None:
        at.misfit(Misfit("is missing", f"Set  {name}: {written(key.shape.example)}", name))

    def instead(self, key: Key) -> Any:
        """What stands for a value that isn't given or doesn't fit, so that reading can go on."""
        value = key.shape.example if key.default is REQUIRED else key.default
        return None if value is None else key.shape.plain(value)

    def plain(self, value: Any) -> Any:
        """The section as it is with nothing given."""
        return self.make(**{name: self.instead(key) for name, key in self.keys.items()})

    def schema(self) -> dict[str, Any]:
        return {
            "type": "object",
            "properties": {name: {"description": key.says, **key.shape.schema()} for name, key in self.keys.items()},
            "required": [name for name, key in self.keys.items() if _needed(key)],
            "additionalProperties": False,
        }


def _needed(key: Key) -> bool:
    """Whether the key must be given, for itself or for what is required in it."""
    inside = key.shape.keys.values() if isinstance(key.shape, Section) and key.default is not None else ()
    return key.default is REQUIRED or any(map(_needed, inside))


class Typed(Shape):
    """A table whose ``type`` says which keys it has."""

    def __init__(self, types: Mapping[str, Section], words: str) -> None:
        self.types, self.words = types, words
        self.example: Any = {"type": next(iter(types))}
        self._type = Word(*types)

    def takes(self, node: Node) -> bool:
        return isinstance(node, Table)

    def read(self, node: Node, at: At) -> Any:
        if not isinstance(node, Table):
            raise unfit(self, node, shown=at.shown)
        entry = node.entries.get("type")
        if entry is None:
            raise Misfit("is missing", f"Say which it is: {', '.join(self.types)}.", "type")
        kind = attempt(self._type, entry.node, at.key("type", entry))
        return SKIP if kind is SKIP else self.types[kind].read(node, at)

    def schema(self) -> dict[str, Any]:
        return {
            "type": "object",
            "properties": {"type": {"description": "Which it is.", "enum": list(self.types)}},
            "required": ["type"],
            "allOf": [
                {"if": {"properties": {"type": {"const": name}}}, "then": section.schema()}
                for name, section in self.types.items()
            ],
        }


def attempt(shape: Shape, node: Node, at: At) -> Any:
    """The value, or ``SKIP`` after its misfit is reported."""
    try:
        return shape.read(node, at)
    except Misfit as misfit:
        at.misfit(misfit)
        return SKIP


def unknown(node: Table, at: At, known: Iterable[str]) -> None:
    """Report the keys that aren't *known*, with the one that was probably meant."""
    for name, entry in node.entries.items():
        if name not in known:
            close = nearest(name, known)
            mend = f'Did you mean "{close}"?' if close else f"Known here: {', '.join(known)}."
            at.key(name, entry).misfit(Misfit("is not a key here", mend))
