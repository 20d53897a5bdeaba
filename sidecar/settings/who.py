"""``who``: a word, or a table of conditions, which may nest. Claims and their values, too."""

from collections.abc import Mapping
from typing import Any

from sidecar.identity.principal import Kind
from sidecar.policy.capability import Who
from sidecar.settings.place import Node, Scalar, Table
from sidecar.settings.problem import Misfit
from sidecar.settings.reading import At
from sidecar.settings.sections import SKIP, List, Named, OneOrMore, attempt, unknown
from sidecar.settings.shapes import Shape, Text, Word, unfit
from sidecar.settings.words import ISSUER, TEXT

MOST_DEPTH = 8
ANY = Who()
AGENT = Who(principal=False)


class ClaimValue(Text):
    """A claim's value: text as it is; ``true``, ``false`` and whole numbers as JSON writes them."""

    def __init__(self) -> None:
        super().__init__("a text, true, false or a whole number", "value", pattern=TEXT.pattern)

    def read(self, node: Node, at: At) -> Any:
        if isinstance(node, Scalar) and node.kind == "boolean" and node.text in ("true", "false"):
            return node.text
        if isinstance(node, Scalar) and node.kind == "integer" and node.text == _decimal(node.text):
            return node.text
        return super().read(node, at)

    def schema(self) -> dict[str, Any]:
        return {"anyOf": [*super().schema()["anyOf"], {"type": ["boolean", "integer"]}]}


def _decimal(text: str) -> str | None:
    """*text* as JSON would write it, if it is a whole number of at most 18 digits."""
    digits = text.removeprefix("-")
    return str(int(text)) if digits.isascii() and digits.isdecimal() and len(digits) <= 18 else None


CLAIM = Text("the name of a claim, or names with / between", "repository_owner", pattern=TEXT.pattern)
CLAIMS = Named(OneOrMore(ClaimValue()), "a table of claims and the values that will do", CLAIM, least=1)

CONDITIONS: Mapping[str, tuple[Shape, str]] = {
    "issuer": (OneOrMore(ISSUER), "Configured issuers, by name."),
    "subject": (OneOrMore(TEXT), "Users' keys within their issuer."),
    "kind": (OneOrMore(Word(*Kind)), "Kinds of principals."),
    "tenant": (OneOrMore(TEXT), "Tenants."),
    "client": (OneOrMore(TEXT), "Clients that the token was issued to."),
    "groups": (
        OneOrMore(TEXT),
        "Groups. Where an issuer says that there are some but not which, this is never met, nor is its `not`.",
    ),
    "roles": (OneOrMore(TEXT), "Roles."),
    "scopes": (OneOrMore(TEXT), "Scopes of the caller's token."),
    "claims": (CLAIMS, "Claims, by name or path, and the values that will do."),
}
NESTED = {
    "any": ("any_of", "Conditions of which one must hold."),
    "all": ("all_of", "Conditions that must all hold."),
    "not": ("none_of", "A condition, or several, of which none may hold."),
}
"""Each with its field of ``Who``, and what it means."""


class WhoShape(Shape):
    """Who may: ``any`` principal, the ``agent`` itself where that has a meaning, or conditions."""

    def __init__(self, *, agent: bool, negated: bool = False, depth: int = 0) -> None:
        self._agent, self._negated, self._depth = agent, negated, depth
        self.words = "any, agent, or a table of conditions" if agent else "any, or a table of conditions"
        self.example = "any"

    def takes(self, node: Node) -> bool:
        return isinstance(node, Table | Scalar)

    def read(self, node: Node, at: At) -> Who:
        if isinstance(node, Table):
            return self._conditions(node, at)
        if not isinstance(node, Scalar) or node.text not in ("any", "agent"):
            raise unfit(self, node, shown=at.shown)
        if self._negated:
            raise Misfit(f"{node.text} is not a condition", "Write a condition, such as  not: {groups: [guests]}")
        if node.text == "agent" and not self._agent:
            raise Misfit("agent is not a caller", "Write  any, or conditions such as  groups: [sales]")
        return ANY if node.text == "any" else AGENT

    def plain(self, value: Any) -> Who:
        return ANY

    def _conditions(self, node: Table, at: At) -> Who:
        if not node.entries:
            raise Misfit("asks nothing", "Write  any  if everybody is meant, or a condition such as  groups: [sales]")
        if self._depth == MOST_DEPTH:
            raise Misfit(f"is nested deeper than {MOST_DEPTH} conditions", "Nest less.")
        unknown(node, at, (*CONDITIONS, *NESTED))
        values: dict[str, Any] = {}
        for name, entry in node.entries.items():
            if name in CONDITIONS:
                values[name] = attempt(CONDITIONS[name][0], entry.node, at.key(name, entry))
            elif name in NESTED:
                values[NESTED[name][0]] = attempt(self._nested(name), entry.node, at.key(name, entry))
        return Who(principal=False, **{name: value for name, value in values.items() if value is not SKIP})

    def _nested(self, name: str) -> Shape:
        inner = WhoShape(agent=self._agent, negated=name == "not", depth=self._depth + 1)
        return OneOrMore(inner, tuple) if name == "not" else List(inner, "a list of conditions", least=1)

    def schema(self) -> dict[str, Any]:
        return {"anyOf": [{"enum": ["any", "agent"] if self._agent else ["any"]}, {"$ref": "#/$defs/conditions"}]}


def definition() -> dict[str, Any]:
    """The JSON Schema of a table of conditions."""
    inner = {"anyOf": [{"enum": ["any", "agent"]}, {"$ref": "#/$defs/conditions"}]}
    several = {"type": "array", "items": inner, "minItems": 1}
    shapes = {name: shape.schema() | {"description": says} for name, (shape, says) in CONDITIONS.items()}
    shapes |= {name: several | {"description": says} for name, (_, says) in NESTED.items()}
    one = {"$ref": "#/$defs/conditions"}
    shapes["not"] = {"description": NESTED["not"][1], "anyOf": [one, {"type": "array", "items": one, "minItems": 1}]}
    return {"type": "object", "properties": shapes, "additionalProperties": False, "minProperties": 1}
