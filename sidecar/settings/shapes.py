"""What a single value may look like, and what becomes of it: texts, numbers, switches, words.

A shape reads a node into a value of ours, or raises ``Misfit``. Shapes are also what the JSON Schema and the reference page are made of.
"""

import re
from collections.abc import Callable
from typing import Any

from sidecar.settings.place import Node, Scalar, Table
from sidecar.settings.problem import Absent, Misfit, nearest, quoted
from sidecar.settings.reading import At, elsewhere, fetched

ELSEWHERE = {"$ref": "#/$defs/elsewhere"}


class Shape:
    """What every shape can say; each one below fills it in."""

    words: str
    """What a value is, after "is not": ``a duration, such as 30s``."""
    example: Any
    """A value that fits, in YAML's plain types."""

    def takes(self, node: Node) -> bool:
        """Whether *node* is of the sort (text, switch, list, table …) that this shape reads."""
        raise NotImplementedError

    def read(self, node: Node, at: At) -> Any:
        """Raise ``Misfit``."""
        raise NotImplementedError

    def plain(self, value: Any) -> Any:
        """What *value*, a default or an example in YAML's plain types, is to the program."""
        return value

    def schema(self) -> dict[str, Any]:
        raise NotImplementedError


class Text(Shape):
    """A string, or where it is. *parse* raises ``Misfit``, and *finish* what depends on the file as a whole."""

    def __init__(
        self,
        words: str,
        example: str,
        parse: Callable[[str], Any] = str,
        *,
        pattern: str | None = None,
        finish: Callable[[Any, At], Any] | None = None,
        secret: bool = False,
    ) -> None:
        self.words, self.example, self.parse, self.pattern = words, example, parse, pattern
        self.finish, self.secret = finish, secret

    def takes(self, node: Node) -> bool:
        return isinstance(node, Scalar) or elsewhere(node)

    def read(self, node: Node, at: At) -> Any:
        if isinstance(node, Table) and elsewhere(node):
            return self._parsed(fetched(node, at), at, shown=False)
        if not isinstance(node, Scalar) or node.kind != "string":
            raise unfit(self, node, shown=not self.secret)
        if self.secret:
            at.reading.note(
                f"{at.path} stands in the file itself; {{env: NAME}} or {{file: PATH}} keeps secrets out of it"
            )
        return self._parsed(node.text, at, shown=not self.secret)

    def _parsed(self, text: str, at: At, *, shown: bool) -> Any:
        try:
            if not text:
                raise Misfit("is empty", f"It is {self.words}.")
            if self.pattern is not None and not re.fullmatch(self.pattern, text):
                raise Misfit(f"is not {self.words}", f"Write it like  {self.example}")
            value = self.parse(text)
            return value if self.finish is None else self.finish(value, at._replace(shown=shown))
        except Absent:
            raise
        except Misfit as wrong:
            if not text:
                raise
            # A text that came from elsewhere may be a secret that was taken for something else.
            raise Misfit(
                f"{quoted(text) if shown else 'holds what'} {wrong.what}",
                wrong.mend if shown else f"It is {self.words}.",
            ) from None

    def named(self, name: str) -> Any:
        """The same of a table's key. Raise ``Misfit``."""
        if not name or (self.pattern is not None and not re.fullmatch(self.pattern, name)):
            raise Misfit(f"is not {self.words}", f"Write it like  {self.example}")
        return self.parse(name)

    def plain(self, value: Any) -> Any:
        return self.parse(value) if isinstance(value, str) else value

    def schema(self) -> dict[str, Any]:
        text: dict[str, Any] = {"type": "string", "minLength": 1}
        if self.pattern is not None:
            text["pattern"] = f"^(?:{self.pattern})$"
        return {"anyOf": [text, ELSEWHERE]}


class Flag(Shape):
    words = "true or false"
    example = True

    def takes(self, node: Node) -> bool:
        return isinstance(node, Scalar) and node.kind == "boolean"

    def read(self, node: Node, at: At) -> bool:
        if not isinstance(node, Scalar) or node.kind != "boolean":
            raise unfit(self, node)
        return node.text.lower() in ("true", "yes", "on")

    def schema(self) -> dict[str, Any]:
        return {"type": "boolean"}


class Count(Shape):
    """A whole number, in plain decimals: to YAML 1.1, 010 is eight and 1:30 ninety."""

    def __init__(self, least: int, most: int) -> None:
        self.least, self.most = least, most
        self.words = f"a whole number from {least} to {most}"
        self.example = least

    def takes(self, node: Node) -> bool:
        return isinstance(node, Scalar) and node.kind == "integer"

    def read(self, node: Node, at: At) -> int:
        if not isinstance(node, Scalar) or node.kind != "integer" or not re.fullmatch("0|[1-9][0-9]{0,17}", node.text):
            raise unfit(self, node)
        if not self.least <= (count := int(node.text)) <= self.most:
            raise unfit(self, node)
        return count

    def schema(self) -> dict[str, Any]:
        return {"type": "integer", "minimum": self.least, "maximum": self.most}


class Fraction(Shape):
    words = "a number from 0 to 1"
    example = 0.1

    def takes(self, node: Node) -> bool:
        return isinstance(node, Scalar) and node.kind in ("integer", "number")

    def read(self, node: Node, at: At) -> float:
        if (
            not isinstance(node, Scalar)
            or not re.fullmatch(r"0|1|1\.0+|0?\.[0-9]{1,12}", node.text)
            or node.kind == "string"
        ):
            raise unfit(self, node)
        return float(node.text)

    def schema(self) -> dict[str, Any]:
        return {"type": "number", "minimum": 0, "maximum": 1}


class Word(Text):
    """One of a few words."""

    def __init__(self, *choices: str) -> None:
        self.choices = choices
        super().__init__(f"one of {', '.join(choices)}", str(choices[0]), self._chosen)

    def _chosen(self, text: str) -> str:
        for choice in self.choices:
            if text == choice:
                return choice
        close = nearest(text, list(self.choices))
        raise Misfit(f"is not {self.words}", f'Did you mean "{close}"?' if close else f"Use {self.words}.")

    def schema(self) -> dict[str, Any]:
        return {"anyOf": [{"enum": [str(choice) for choice in self.choices]}, ELSEWHERE]}


class Off(Shape):
    """``off``, which YAML reads as false. It becomes ``None``."""

    words = "off"
    example = "off"

    def __init__(self, value: Any = None) -> None:
        self.value = value

    def takes(self, node: Node) -> bool:
        return isinstance(node, Scalar) and (
            node.text == "off" or (node.kind == "boolean" and node.text.lower() in ("off", "false", "no"))
        )

    def read(self, node: Node, at: At) -> Any:
        return self.value

    def schema(self) -> dict[str, Any]:
        return {"enum": ["off", False]}


class Either(Shape):
    """One of several shapes, chosen by the sort of node that stands there, never by trial."""

    def __init__(self, *shapes: Shape) -> None:
        self.shapes = shapes
        self.words = ", or ".join(shape.words for shape in shapes)
        self.example = shapes[0].example

    def takes(self, node: Node) -> bool:
        return any(shape.takes(node) for shape in self.shapes)

    def read(self, node: Node, at: At) -> Any:
        for shape in self.shapes:
            if shape.takes(node):
                return shape.read(node, at)
        raise unfit(self, node)

    def plain(self, value: Any) -> Any:
        return self.shapes[0].plain(value)

    def schema(self) -> dict[str, Any]:
        return {"anyOf": [shape.schema() for shape in self.shapes]}


def unfit(shape: Shape, node: Node, *, shown: bool = True) -> Misfit:
    """What is wrong with a node of another sort."""
    if not isinstance(node, Scalar):
        sort = "a table" if isinstance(node, Table) else "a list"
        return Misfit(f"is {sort}, not {shape.words}", _like(shape))
    if node.kind == "null":
        return Misfit("is empty", f"Give it a value ({shape.words}), or remove the key.")
    if node.kind == "string":
        return Misfit(f"{quoted(node.text) if shown else 'is a text, which'} is not {shape.words}", _like(shape))
    article = "an" if node.kind == "integer" else "a"
    what = (
        f"{quoted(node.text)[1:-1] if shown else 'it'} is read by YAML as {article} {node.kind}, not as {shape.words}"
    )
    return Misfit(
        what,
        f'If it is meant as text, put it in quotes: "{node.text}"'
        if shown and isinstance(shape, Text)
        else _like(shape),
    )


def _like(shape: Shape) -> str:
    return f"Write it like  {written(shape.example)}"


def written(example: Any) -> str:
    """A plain value in YAML's flow form."""
    if isinstance(example, dict):
        return "{" + ", ".join(f"{name}: {written(value)}" for name, value in example.items()) + "}"
    if isinstance(example, list):
        return "[" + ", ".join(map(written, example)) + "]"
    return str(example).lower() if isinstance(example, bool) else str(example)
