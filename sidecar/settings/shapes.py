"""What a single value may look like, and what becomes of it: texts, words, switches, numbers.

A shape reads a node into a value of ours, or raises ``Misfit``. The JSON Schema and the reference are made of them.
"""

import re
from collections.abc import Callable
from typing import Any

from sidecar.settings.place import Node, Scalar, Table, article
from sidecar.settings.problem import Absent, Misfit, nearest, quoted
from sidecar.settings.reading import At, elsewhere, fetched

ELSEWHERE = {"$ref": "#/$defs/elsewhere"}


class Shape:
    """What every shape can say."""

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
    """A string, or where it is."""

    def __init__(
        self,
        words: str,
        example: str,
        parse: Callable[[str], Any] = str,
        *,
        pattern: str | None = None,
        form: str | None = None,
        finish: Callable[[Any, At], Any] | None = None,
        secret: bool = False,
    ) -> None:
        self.words, self.example, self.secret = words, example, secret
        self.parse, self.finish = parse, finish
        """*parse* raises ``Misfit``; *finish* as well, for what depends on the rest of the file or on the machine."""
        self.pattern, self.form = pattern, form
        """Regular expressions of the whole text: one that is enforced here, one for editors where *parse* says more."""

    def takes(self, node: Node) -> bool:
        return isinstance(node, Scalar) or elsewhere(node)

    def read(self, node: Node, at: At) -> Any:
        if isinstance(node, Table) and elsewhere(node):
            return self._whole(fetched(node, at), at._replace(shown=False), strange=True)
        if not isinstance(node, Scalar) or node.kind != "string":
            raise unfit(self, node, shown=at.shown and not self.secret)
        if self.secret:
            at.reading.note(f"{at.path} stands in the file itself; {{env: NAME}} or {{file: PATH}} would keep it out")
        return self._whole(node.text, at._replace(shown=at.shown and not self.secret))

    def _whole(self, text: str, at: At, *, strange: bool = False) -> Any:
        """Raise ``Misfit``, with the text only where it may be shown. Of a *strange* one, from elsewhere, not even the
        remedy tells anything: it may be a secret by mistake."""
        try:
            value = self.named(text)
            return value if self.finish is None else self.finish(value, at)
        except Absent:
            raise
        except Misfit as wrong:
            if self.secret or not text:
                raise
            if not at.shown:
                tells = strange or text.casefold() in wrong.mend.casefold()
                raise Misfit(wrong.what, f"It has to be {self.words}." if tells else wrong.mend) from None
            raise Misfit(f"{quoted(text)} {wrong.what}", wrong.mend) from None

    def named(self, text: str) -> Any:
        """The value of *text*, which may also be a table's key. Raise ``Misfit``."""
        if not text:
            raise Misfit("is empty", f"It has to be {self.words}.")
        if re.search("[\0\ud800-\udfff]", text):
            raise Misfit("holds a NUL or bytes that are not UTF-8", "Write it as plain UTF-8.")
        if self.pattern is not None and not re.fullmatch(self.pattern, text):
            raise Misfit(f"is not {self.words}", f"Write it like  {self.example}")
        return self.parse(text)

    def plain(self, value: Any) -> Any:
        return self.parse(value) if isinstance(value, str) else value

    def schema(self) -> dict[str, Any]:
        text: dict[str, Any] = {"type": "string", "minLength": 1}
        if self.pattern or self.form:
            text["pattern"] = f"^(?:{self.pattern or self.form})$"
        return {"anyOf": [text, ELSEWHERE]}


class Word(Text):
    """One of a few words."""

    def __init__(self, *choices: str) -> None:
        super().__init__(f"one of {', '.join(choices)}" if choices[1:] else choices[0], str(choices[0]), self._chosen)
        self.choices = choices

    def _chosen(self, text: str) -> str:
        for choice in self.choices:
            if text == choice:
                return choice
        close = nearest(text, self.choices)
        raise Misfit(f"is not {self.words}", f'Did you mean "{close}"?' if close else f"Use {self.words}.")

    def schema(self) -> dict[str, Any]:
        return {"anyOf": [{"enum": [str(choice) for choice in self.choices]}, ELSEWHERE]}


class Flag(Shape):
    words = "true or false"
    example = True

    def takes(self, node: Node) -> bool:
        return isinstance(node, Scalar) and node.kind == "boolean"

    def read(self, node: Node, at: At) -> bool:
        if not isinstance(node, Scalar) or node.kind != "boolean":
            raise unfit(self, node, shown=at.shown)
        return true(node)

    def schema(self) -> dict[str, Any]:
        return {"type": "boolean"}


class Count(Shape):
    """A whole number, in plain decimals: to YAML 1.1, 010 is eight and 1:30 is ninety."""

    def __init__(self, least: int, most: int) -> None:
        self.least, self.most = least, most
        self.words = f"a whole number from {least} to {most}"
        self.example = least

    def takes(self, node: Node) -> bool:
        return isinstance(node, Scalar) and node.kind == "integer"

    def read(self, node: Node, at: At) -> int:
        if not isinstance(node, Scalar) or node.kind != "integer":
            raise unfit(self, node, shown=at.shown)
        if not re.fullmatch("0|[1-9][0-9]{0,17}", node.text) or not self.least <= int(node.text) <= self.most:
            raise unlike(self, node, shown=at.shown)
        return int(node.text)

    def schema(self) -> dict[str, Any]:
        return {"type": "integer", "minimum": self.least, "maximum": self.most}


class Fraction(Shape):
    words = "a number from 0 to 1"
    example = 0.1

    def takes(self, node: Node) -> bool:
        return isinstance(node, Scalar) and node.kind in ("integer", "number")

    def read(self, node: Node, at: At) -> float:
        if not isinstance(node, Scalar) or not self.takes(node):
            raise unfit(self, node, shown=at.shown)
        if not re.fullmatch(r"[01]|1\.0*|0?\.[0-9]{1,12}", node.text):
            raise unlike(self, node, shown=at.shown)
        return float(node.text)

    def schema(self) -> dict[str, Any]:
        return {"type": "number", "minimum": 0, "maximum": 1}


class Off(Shape):
    """``off``, which YAML 1.1 reads as false."""

    words = "off"
    example = "off"

    def __init__(self, value: Any = None) -> None:
        self.value = value
        """What it becomes."""

    def takes(self, node: Node) -> bool:
        return isinstance(node, Scalar) and (node.text == "off" or (node.kind == "boolean" and not true(node)))

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
        raise unfit(self, node, shown=at.shown)

    def plain(self, value: Any) -> Any:
        return self.shapes[0].plain(value)

    def schema(self) -> dict[str, Any]:
        return {"anyOf": [shape.schema() for shape in self.shapes]}


def true(node: Scalar) -> bool:
    """Which of the two YAML 1.1 takes a boolean for."""
    return node.text.lower() in ("true", "yes", "on")


def unfit(shape: Shape, node: Node, *, shown: bool = True) -> Misfit:
    """What is wrong with a node of another sort."""
    if not isinstance(node, Scalar):
        sort = "a table" if isinstance(node, Table) else "a list"
        return Misfit(f"is {sort}, not {shape.words}", _like(shape))
    if node.kind == "null":
        return Misfit("is empty", f"Give it a value ({shape.words}), or remove the key.")
    text = quoted(node.text) if shown else "what is given"
    if node.kind in ("string", "merge"):
        return unlike(shape, node, shown=shown)
    mend = _as_text(shape, node)
    mend = mend if shown or node.text not in mend else _like(shape)
    return Misfit(f"{text} is to YAML {article(node.kind)}, not {shape.words}", mend)


def unlike(shape: Shape, node: Scalar, *, shown: bool) -> Misfit:
    """What is wrong with a scalar's value."""
    return Misfit(f"{quoted(node.text)} is not {shape.words}" if shown else f"is not {shape.words}", _like(shape))


def _as_text(shape: Shape, node: Scalar) -> str:
    """How to mend what YAML takes for something else than a text."""
    if not isinstance(shape, Text):
        return _like(shape)
    try:
        shape.named(node.text)
    except Misfit as wrong:
        return wrong.mend
    return "Put it in quotes."


def _like(shape: Shape) -> str:
    return f"Write it like  {written(shape.example)}"


def written(example: Any) -> str:
    """A plain value in YAML's flow form."""
    if isinstance(example, dict):
        return "{" + ", ".join(f"{name}: {written(value)}" for name, value in example.items()) + "}"
    if isinstance(example, list):
        return "[" + ", ".join(map(written, example)) + "]"
    return str(example).lower() if isinstance(example, bool) else str(example)
