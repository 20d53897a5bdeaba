"""Shapes that hold others: lists, tables of named things, and sections with keys of their own."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

from sidecar.settings.place import Items, Node, Table
from sidecar.settings.problem import Misfit, nearest
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
    """The default as the reference says it, where it is made at run time."""


class List(Shape):
    """A list; it becomes a tuple."""

    def __init__(self, of: Shape, words: str, *, least: int = 0) -> None:
        self.of, self.words, self.least = of, words, least
        self.example = [of.example]

    def takes(self, node: Node) -> bool:
        return isinstance(node, Items)

    def read(self, node: Node, at: At) -> tuple[Any, ...]:
        if not isinstance(node, Items):
            raise unfit(self, node)
        if len(node.nodes) < self.least:
            raise Misfit("is an empty list", "Name at least one, or remove the key.")
        values = []
        for index, one in enumerate(node.nodes):
            value = attempt(self.of, one, at.item(index, one), SKIP)
            if value is not SKIP:
                values.append(value)
        return tuple(values)

    def plain(self, value: Any) -> Any:
        return tuple(map(self.of.plain, value))

    def schema(self) -> dict[str, Any]:
        return {"type": "array", "items": self.of.schema(), "minItems": self.least}


class Named(Shape):
    """A table whose keys are names; it becomes a mapping, in the file's order."""

    def __init__(self, of: Shape, words: str, name: Text, *, least: int = 0) -> None:
        self.of, self.words, self.name, self.least = of, words, name, least
        self.example: Any = {name.example: of.example}

    def takes(self, node: Node) -> bool:
        return isinstance(node, Table)

    def read(self, node: Node, at: At) -> Mapping[str, Any]:
        if not isinstance(node, Table):
            raise unfit(self, node)
        if len(node.entries) < self.least:
            raise Misfit("is an empty table", "Name at least one, or remove the key.")
        values = {}
        for name, entry in node.entries.items():
            below = at.key(name, entry)
            try:
                key = self.name.named(name)
            except Misfit as misfit:
                below.misfit(misfit)
                continue
            value = attempt(self.of, entry.node, below, SKIP)
            if value is not SKIP:
                values[key] = value
        return MappingProxyType(values)

    def plain(self, value: Any) -> Any:
        return MappingProxyType(value)

    def schema(self) -> dict[str, Any]:
        return {"type": "object", "additionalProperties": self.of.schema(), "minProperties": self.least}


class Section(Shape):
    """A table with known keys, of which *make* makes one value; *make* raises ``Misfit`` for what doesn't go together."""

    def __init__(self, make: Callable[..., Any], keys: Mapping[str, Key], *, named: bool = False) -> None:
        self.make, self.keys, self.named = make, keys, named
        self.words = f"a table with {', '.join(keys)}"
        self.example = {name: key.shape.example for name, key in keys.items() if key.default is REQUIRED}

    def takes(self, node: Node) -> bool:
        return isinstance(node, Table)

    def read(self, node: Node, at: At) -> Any:
        if not isinstance(node, Table):
            raise unfit(self, node)
        unknown(node, at, list(self.keys))
        values = {name: self._value(name, key, node, at) for name, key in self.keys.items()}
        if self.named:
            values["name"] = at.name
        return self.make(**values)

    def _value(self, name: str, key: Key, node: Table, at: At) -> Any:
        entry = node.entries.get(name)
        if entry is not None:
            below = at.key(name, entry)
            if not key.now:
                at.reading.note(f"{below.path} has no effect yet")
            try:
                return key.shape.read(entry.node, below)
            except Misfit as misfit:
                below.misfit(misfit)
        elif key.default is REQUIRED:
            self.missing(name, key, at)
        elif isinstance(key.shape, Section) and key.default is not None:
            return key.shape.read(Table(at.line, {}), at.below(name))  # names what is required in it
        return self.instead(key)

    def missing(self, name: str, key: Key, at: At) -> None:
        at.problem(name, "is missing", f"Set  {name}: {written(key.shape.example)}")

    def instead(self, key: Key) -> Any:
        """What stands for a value that isn't given or doesn't fit, so that reading can go on."""
        value = key.shape.example if key.default is REQUIRED else key.default
        return None if value is None else key.shape.plain(value)

    def plain(self, value: Any) -> Any:
        """The section as it is with nothing given."""
        return self.make(**{name: self.instead(key) for name, key in self.keys.items()})

    def schema(self) -> dict[str, Any]:
        properties = {name: key.shape.schema() | {"description": key.says} for name, key in self.keys.items()}
        required = [name for name, key in self.keys.items() if key.default is REQUIRED]
        return {"type": "object", "properties": properties, "required": required, "additionalProperties": False}


def attempt(shape: Shape, node: Node, at: At, instead: Any) -> Any:
    """The value, or *instead* after its misfit is reported."""
    try:
        return shape.read(node, at)
    except Misfit as misfit:
        at.misfit(misfit)
        return instead


def unknown(node: Table, at: At, known: list[str]) -> None:
    """Report the keys that aren't *known*, with the one that was probably meant."""
    for name, entry in node.entries.items():
        if name not in known:
            close = nearest(name, known)
            mend = f'Did you mean "{close}"?' if close else f"Known here: {', '.join(known)}."
            at.key(name, entry).misfit(Misfit("is not a key", mend))


class Typed(Shape):
    """A table whose ``type`` says which keys it has."""

    def __init__(self, types: Mapping[str, Section], words: str) -> None:
        self.types, self.words = types, words
        self.example: Any = None
        self._type = Word(*types)

    def takes(self, node: Node) -> bool:
        return isinstance(node, Table)

    def read(self, node: Node, at: At) -> Any:
        if not isinstance(node, Table):
            raise unfit(self, node)
        entry = node.entries.get("type")
        if entry is None:
            raise Misfit("is missing", f"Say which it is: {', '.join(self.types)}.", "type")
        return self.types[self._type.read(entry.node, at.key("type", entry))].read(node, at)

    def schema(self) -> dict[str, Any]:
        return {"oneOf": [section.schema() for section in self.types.values()]}
