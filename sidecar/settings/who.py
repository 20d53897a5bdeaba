"""``who``: a word, or a table of conditions, which may nest."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from sidecar.identity.principal import Kind
from sidecar.policy.capability import Who
from sidecar.settings.place import Items, Node, Scalar, Table
from sidecar.settings.problem import Misfit
from sidecar.settings.reading import At
from sidecar.settings.shapes import Shape, Text, Word, unfit
from sidecar.settings.shelves import List, Named, attempt, unknown
from sidecar.settings.words import ISSUER, TEXT

MOST_DEPTH = 8
ANY = Who()
AGENT = Who(principal=False)


class OneOrMore(Shape):
    """One value, or a list of which one will do; it becomes a set, or what *make* makes of it."""

    def __init__(self, of: Text, make: Callable[[Iterable[str]], Any] = frozenset) -> None:
        self.of, self.words, self.example, self.make = of, f"{of.words}, or a list of them", of.example, make
        self._list = List(of, self.words, least=1)

    def takes(self, node: Node) -> bool:
        return isinstance(node, Items) or self.of.takes(node)

    def read(self, node: Node, at: At) -> Any:
        return self.make(self._list.read(node, at) if isinstance(node, Items) else (self.of.read(node, at),))

    def schema(self) -> dict[str, Any]:
        return {"anyOf": [self.of.schema(), self._list.schema()]}


class ClaimValue(Text):
    """A claim's value: text as it is, ``true``, ``false`` and whole numbers as JSON writes them."""

    def __init__(self) -> None:
        super().__init__("a text, true, false or a whole number", "value")

    def read(self, node: Node, at: At) -> Any:
        if isinstance(node, Scalar) and node.kind == "boolean" and node.text.lower() in ("true", "false"):
            return node.text.lower()
        if (
            isinstance(node, Scalar)
            and node.kind == "integer"
            and node.text.lstrip("-").isdecimal()
            and str(int(node.text)) == node.text
        ):
            return node.text
        return super().read(node, at)

    def schema(self) -> dict[str, Any]:
        return {"anyOf": [*super().schema()["anyOf"], {"type": "boolean"}, {"type": "integer"}]}


CLAIM = Text(
    "the name of a claim, or a path of names with / between", "repository_owner", pattern=r"[^\x00-\x1f\x7f]{1,255}"
)
CLAIMS = Named(OneOrMore(ClaimValue()), "a table of claims and the values that they may have", CLAIM, least=1)

CONDITIONS: Mapping[str, Shape] = {
    "issuer": OneOrMore(ISSUER),
    "subject": OneOrMore(TEXT),
    "kind": OneOrMore(Word(*Kind)),
    "tenant": OneOrMore(TEXT),
    "client": OneOrMore(TEXT),
    "groups": OneOrMore(TEXT),
    "roles": OneOrMore(TEXT),
    "scopes": OneOrMore(TEXT),
    "claims": CLAIMS,
}
_NESTED = {"any": "any_of", "all": "all_of", "not": "none_of"}


class WhoShape(Shape):
    """Who may: ``any`` principal, the ``agent`` itself where that has a meaning, or conditions."""

    def __init__(self, *, agent: bool) -> None:
        self._agent = agent
        self.words = "any, agent, or a table of conditions" if agent else "any, or a table of conditions"
        self.example = "any"

    def takes(self, node: Node) -> bool:
        return isinstance(node, Table | Scalar)

    def read(self, node: Node, at: At) -> Who:
        return self._read(node, at, 0, words=True)

    def plain(self, value: Any) -> Who:
        return ANY

    def _read(self, node: Node, at: At, depth: int, *, words: bool) -> Who:
        if isinstance(node, Table):
            return self._conditions(node, at, depth)
        if not words:
            raise Misfit(
                "is not a condition", "Write a condition such as  groups: [sales]; not any would let nobody in."
            )
        if isinstance(node, Scalar) and node.kind == "string" and node.text in ("any", "agent"):
            if node.text == "any":
                return ANY
            if self._agent:
                return AGENT
            raise Misfit("is agent, which calls nothing here", "Write  any, or conditions such as  groups: [sales].")
        raise unfit(self, node)

    def _conditions(self, node: Table, at: At, depth: int) -> Who:
        if not node.entries:
            raise Misfit("asks nothing", "Write  any  if everybody is meant, or a condition such as  groups: [sales].")
        if depth == MOST_DEPTH:
            raise Misfit(f"is nested deeper than {MOST_DEPTH} conditions", "Nest less.")
        unknown(node, at, [*CONDITIONS, *_NESTED])
        values: dict[str, Any] = {}
        for name, entry in node.entries.items():
            if name in CONDITIONS:
                values[name] = attempt(CONDITIONS[name], entry.node, at.key(name, entry), frozenset())
            elif name in _NESTED:
                values[_NESTED[name]] = self._nested(entry.node, at.key(name, entry), depth + 1, words=name != "not")
        if not isinstance(values.get("claims", {}), Mapping):
            del values["claims"]
        return Who(principal=False, **values)

    def _nested(self, node: Node, at: At, depth: int, *, words: bool) -> tuple[Who, ...]:
        """A list of conditions; after ``not``, one will do."""
        if isinstance(node, Table) and not words:
            return (self._read(node, at, depth, words=False),)
        found = []
        try:
            if not isinstance(node, Items) or not node.nodes:
                raise Misfit("is not a list of conditions", "Write it like  [{groups: [sales]}, {kind: service}]")
            for index, one in enumerate(node.nodes):
                found.append(self._read(one, at.item(index, one), depth, words=words))
        except Misfit as misfit:
            at.misfit(misfit)
        return tuple(found)

    def schema(self) -> dict[str, Any]:
        return {"$ref": "#/$defs/who"}
