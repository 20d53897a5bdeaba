"""Any table, as JSON would have it: claims, arguments."""

from typing import Any

from sidecar.settings.place import Items, Node, Scalar, Table
from sidecar.settings.reading import At
from sidecar.settings.shapes import Shape, true, unfit


class Plain(Shape):
    """A table of whatever there is; what YAML takes for a date is a text."""

    words = "a table"

    def __init__(self) -> None:
        self.example = {"sub": "alice"}

    def takes(self, node: Node) -> bool:
        return isinstance(node, Table)

    def read(self, node: Node, at: At) -> dict[str, Any]:
        if not isinstance(node, Table):
            raise unfit(self, node)
        return {name: value(entry.node) for name, entry in node.entries.items()}

    def schema(self) -> dict[str, Any]:
        return {"type": "object"}


def value(node: Node) -> Any:
    if isinstance(node, Table):
        return {name: value(entry.node) for name, entry in node.entries.items()}
    if isinstance(node, Items):
        return [value(each) for each in node.nodes]
    return _scalar(node)


def _scalar(node: Scalar) -> Any:
    if node.kind == "null":
        return None
    if node.kind == "boolean":
        return true(node)
    if node.kind in ("integer", "number"):
        for read in (int, float):
            try:
                return read(node.text)
            except ValueError:
                continue
    return node.text
