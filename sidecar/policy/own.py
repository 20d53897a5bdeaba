"""Policies that a team writes itself, in Cedar: read, checked against the schema, and ready to be asked.

Cedar's own messages name no line, so each statement is read by itself: what is wrong with it is wrong where it begins.
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import PurePath
from typing import TYPE_CHECKING, Any, NamedTuple

from sidecar.policy.decision import Act
from sidecar.policy.schema import SCHEMA

if TYPE_CHECKING:
    from cedarpy import PolicySet

_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|//[^\n]*|;', re.DOTALL)
_ANNOTATIONS = ("id", "capability")
_PLACES = frozenset({"Route", "Toolset", "Provider", "Tool"})
_CONTEXT = frozenset({"method", "path", "arguments", "now", "hours"})


class Fault(NamedTuple):
    line: int
    what: str


class Unreadable(ValueError):
    """Everything that is wrong with a file."""

    def __init__(self, faults: tuple[Fault, ...]) -> None:
        super().__init__("; ".join(f"line {fault.line}: {fault.what}" for fault in faults))
        self.faults = faults


@dataclass(frozen=True, slots=True)
class Policy:
    name: str
    """What decisions call it: its ``@id`` or ``@capability``; without one its file and its number there."""
    line: int
    text: str
    document: Mapping[str, Any]
    """As Cedar's JSON."""

    @property
    def acts(self) -> frozenset[Act]:
        """What it speaks of."""
        scope = self.document["action"]
        named = scope.get("entities", [scope["entity"]] if "entity" in scope else None)
        return frozenset(Act) if named is None else frozenset(Act(each["id"]) for each in named)

    @property
    def mentions(self) -> frozenset[str]:
        """The members of the context that it looks at."""
        return frozenset(_context(self.document["conditions"]))

    @property
    def claims(self) -> frozenset[str]:
        """The claims that it looks at: those that a literal names."""
        return frozenset(_claims(self.document["conditions"]))

    @property
    def places(self) -> frozenset[tuple[str, str]]:
        """What it names that there must be for it to have any effect: of ``Route``, ``Toolset``, ``Provider`` and
        ``Tool``, and its name."""
        return frozenset((kind, name) for kind, name in _entities(self.document) if kind in _PLACES)


class Own:
    """Several of them, of which each has its own id."""

    def __init__(self, policies: Iterable[Policy] = ()) -> None:
        self.policies = {f"own{number}": policy for number, policy in enumerate(policies)}

    def of(self, act: Act) -> "Own | None":
        """Those that speak of *act*."""
        found = Own(policy for policy in self.policies.values() if act in policy.acts)
        return found if found.policies else None

    @property
    def claims(self) -> frozenset[str]:
        return frozenset().union(*(policy.claims for policy in self.policies.values()))

    @property
    def mentions(self) -> frozenset[str]:
        return frozenset().union(*(policy.mentions for policy in self.policies.values()))

    @cached_property
    def handle(self) -> "PolicySet":
        from cedarpy import PolicySet

        documents = {each: policy.document for each, policy in self.policies.items()}
        return PolicySet.from_json_str(
            json.dumps({"staticPolicies": documents, "templates": {}, "templateLinks": []}), release_gil=False
        )


def read(file: str, text: str) -> tuple[Policy, ...]:
    """The policies in the *text* of *file*. Raise ``Unreadable``."""
    found, faults = [], []
    for number, (line, statement) in enumerate(_statements(text), 1):
        try:
            found.append(_policy(f"{PurePath(file).name}:{number}", line, statement))
        except ValueError as error:
            faults.append(Fault(line, str(error)))
    if faults:
        raise Unreadable(tuple(faults))
    return tuple(found)


def _policy(name: str, line: int, statement: str) -> Policy:
    """Raise ``ValueError``, with what is wrong."""
    import cedarpy

    document = json.loads(cedarpy.policies_to_json_str(statement))
    if document["templates"]:
        raise ValueError("has a slot (?principal or ?resource), which nothing fills")
    (policy,) = document["staticPolicies"].values()
    result = cedarpy.validate_policies(statement, SCHEMA)
    if not result.validation_passed:
        raise ValueError("; ".join(sorted({_said(each.error) for each in result.errors})))
    given = policy.get("annotations", {})
    called = next((given[each] for each in _ANNOTATIONS if given.get(each)), name)
    return Policy(called, line, statement, policy)


def _said(error: str) -> str:
    """Cedar's message without the number that the policy has in its statement."""
    return re.sub("^for policy `policy0`, ", "", error)


def _statements(text: str) -> Iterator[tuple[int, str]]:
    """Each with the line that it begins on. A semicolon ends one, but in strings and comments."""
    begin = 0
    for found in _TOKEN.finditer(text):
        if found[0] == ";":
            yield _placed(text, begin, found.end())
            begin = found.end()
    rest = _TOKEN.sub(lambda found: "" if found[0].startswith("//") else found[0], text[begin:])
    if rest.strip():
        yield _placed(text, begin, len(text))


def _placed(text: str, begin: int, end: int) -> tuple[int, str]:
    blank = re.compile(r"(?:\s+|//[^\n]*)*").match(text, begin)
    start = min(blank.end() if blank else begin, end)
    return text.count("\n", 0, start) + 1, text[start:end]


def _context(node: Any) -> Iterator[str]:
    """Where the context itself is handed on, all of it is looked at."""
    if isinstance(node, list):
        for each in node:
            yield from _context(each)
    if not isinstance(node, dict):
        return
    if node == {"Var": "context"}:
        yield from _CONTEXT
    for kind, inner in node.items():
        if kind in (".", "has") and inner.get("left") == {"Var": "context"}:
            yield inner["attr"]
        else:
            yield from _context(inner)


def _claims(node: Any) -> Iterator[str]:
    if isinstance(node, list):
        for each in node:
            yield from _claims(each)
    if not isinstance(node, dict):
        return
    for kind, inner in node.items():
        if kind in ("getTag", "hasTag") and inner.get("left") == {"Var": "principal"}:
            named = inner["right"].get("Value")
            if isinstance(named, str):
                yield named
        yield from _claims(inner)


def _entities(node: Any) -> Iterator[tuple[str, str]]:
    """Every entity that is named, with its type."""
    if isinstance(node, list):
        for each in node:
            yield from _entities(each)
    elif isinstance(node, dict):
        if node.keys() == {"type", "id"}:
            yield node["type"], node["id"]
        for inner in node.values():
            yield from _entities(inner)
