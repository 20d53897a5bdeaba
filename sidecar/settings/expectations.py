"""A team's expectations of its capabilities: a YAML file, read against the configuration that it is about.

    principals:
      alice: {issuer: okta, claims: {uid: 00u1, groups: [sales]}}
    cases:
      - {principal: alice, route: calendar, expect: allow, capability: read-calendar}
      - {principal: agent, provider: google, expect: deny, failed: who.groups}

A list alone is one of cases.
"""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sidecar.identity.principal import Principal
from sidecar.policy.decision import Access
from sidecar.policy.declared import ENTER
from sidecar.policy.expectations import ALLOW, DENY, Expectation
from sidecar.settings import asked
from sidecar.settings.place import Entry, Items, Node, Scalar, Table, Unreadable, tree
from sidecar.settings.plain import Plain
from sidecar.settings.problem import Misfit, Misfits, Problem, Problems
from sidecar.settings.reading import At, Reading
from sidecar.settings.sections import REQUIRED, SKIP, Key, List, Named, Section
from sidecar.settings.settings import Settings
from sidecar.settings.shapes import Flag, Shape, Text, Word, unfit
from sidecar.settings.source import Source
from sidecar.settings.words import IDENTIFIER, METHOD, NAME, TEXT

AGENT = "agent"
_ACTIONS = ("enter", "route", "provider", "tool")
_ONLY_WITH = {"method": "route", "path": "route", "scopes": "provider", "arguments": "tool"}
_PATH = Text("a path", "/v1/events", pattern="/[!-~]{0,1023}")


def read(path: Path, settings: Settings) -> tuple[Expectation, ...]:
    """Raise ``Problems``."""
    reading = Reading(Source(path, {}), strict=True)
    found: tuple[Expectation, ...] = ()
    try:
        node = tree(reading.source.configuration(), reading.problem)
        if isinstance(node, Items):
            node = Table(node.line, {"cases": Entry(node.line, node)})
        found = _file(settings).read(node, At(reading, "", node.line))
    except Misfit as misfit:
        reading.problem("", 0, misfit.what, misfit.mend)
    except Unreadable as unreadable:
        reading.problem("", unreadable.line, unreadable.what, unreadable.mend)
    if reading.problems:
        raise Problems(tuple(sorted(reading.problems, key=_line)))
    return found


def _line(problem: Problem) -> int:
    return problem.line


def _file(settings: Settings) -> Section:
    principals = _Principals(settings)
    cases = List(_Case(settings, _Whom(settings, principals)), "a list of cases", least=1)
    return Section(
        _cases,
        {
            # In this order: cases name principals, wherever those stand.
            "principals": Key(principals, {}, "Whom cases are about, by names of their own."),
            "cases": Key(cases, REQUIRED, "What is expected."),
        },
    )


def _cases(principals: object, cases: tuple[Expectation, ...]) -> tuple[Expectation, ...]:  # noqa: ARG001 - the file's keys
    return cases


def _described(settings: Settings) -> Section:
    def principal(issuer: str | None, claims: Mapping[str, Any]) -> Principal:
        try:
            return asked.principal(settings, claims, issuer)
        except Misfit as misfit:
            raise Misfits([Misfit(misfit.what, misfit.mend, "claims", ("issuer",))]) from None

    return Section(
        principal,
        {
            "issuer": Key(_Known("an issuer", settings.issuers), None, "By whose mapping the claims are read."),
            "claims": Key(Plain(), REQUIRED, "What a token of theirs would say."),
        },
    )


class _Known(Text):
    """A name that there is."""

    def __init__(self, noun: str, names: Mapping[str, object]) -> None:
        super().__init__(noun, next(iter(names), "name"), self._one)
        self._noun, self._names = noun, names

    def _one(self, text: str) -> str:
        if text not in self._names:
            misfit = asked.unknown(text, self._noun, self._names)
            raise Misfit(f"is not {self._noun}", misfit.mend)
        return text


class _Principals(Named):
    def __init__(self, settings: Settings) -> None:
        super().__init__(_described(settings), "a table of principals", NAME)
        self.read_already: Mapping[str, Principal] = {}
        self.given: frozenset[str] = frozenset()

    def read(self, node: Node, at: At) -> Mapping[str, Any]:
        self.given = frozenset(node.entries) if isinstance(node, Table) else frozenset()
        self.read_already = super().read(node, at)
        return self.read_already


class _Whom(Shape):
    """``agent``, the name of a principal, or one's claims."""

    words = "agent, a name of principals, or an issuer and claims"
    example = AGENT

    def __init__(self, settings: Settings, principals: _Principals) -> None:
        self._described, self._principals = _described(settings), principals

    def takes(self, node: Node) -> bool:
        return isinstance(node, Table | Scalar)

    def read(self, node: Node, at: At) -> Any:
        if isinstance(node, Table):
            return self._described.read(node, at)
        if not isinstance(node, Scalar) or node.kind != "string":
            raise unfit(self, node)
        if node.text == AGENT:
            return None
        if node.text not in self._principals.given:
            raise asked.unknown(node.text, "agent, nor one of principals", (*sorted(self._principals.given), AGENT))
        return self._principals.read_already.get(node.text, SKIP)

    def plain(self, value: Any) -> Any:
        return None


class _When(Text):
    """Epoch seconds. YAML takes most for a date, which is as good as a text."""

    def __init__(self) -> None:
        super().__init__("a time such as 2026-11-24T22:00:00+01:00", "2026-11-24T22:00:00+01:00", self._seconds)

    def read(self, node: Node, at: At) -> Any:
        return super().read(node._replace(kind="string") if isinstance(node, Scalar) else node, at)

    def _seconds(self, text: str) -> float:
        try:
            when = datetime.fromisoformat(text)
        except ValueError:
            raise Misfit("is not a time", f"Write it like  {self.example}") from None
        return (when if when.tzinfo is not None else when.replace(tzinfo=UTC)).timestamp()


class _Case(Section):
    def __init__(self, settings: Settings, whom: _Whom) -> None:
        self._settings = settings
        capabilities = {**settings.capabilities, ENTER: None}
        super().__init__(
            self._expectation,
            {
                "name": Key(TEXT, None, "What it is called where it doesn't hold."),
                "principal": Key(whom, REQUIRED, "Who."),
                "enter": Key(Flag(), False, "Calls the agent."),
                "route": Key(TEXT, None, "Calls by that route."),
                "method": Key(METHOD, None, "By that method.", shown="`GET`"),
                "path": Key(_PATH, None, "That path, below the route's url.", shown="`/`"),
                "provider": Key(TEXT, None, "Has that provider's token or key handed out."),
                "scopes": Key(List(IDENTIFIER, "a list of scopes"), None, "With those scopes."),
                "tool": Key(TEXT, None, "Calls that tool; without arguments: sees it."),
                "arguments": Key(Plain(), None, "With those arguments."),
                "at": Key(_When(), None, "At that time.", shown="now"),
                "expect": Key(Word(ALLOW, DENY), REQUIRED, "What becomes of it."),
                "capability": Key(
                    _Known("a capability", capabilities), None, "Which allows it, or comes nearest.", shown="any"
                ),
                "failed": Key(TEXT, None, "A condition that fails.", shown="any"),
            },
        )

    def read(self, node: Node, at: At) -> Any:
        found = super().read(node, at)
        return replace(found, line=at.line) if isinstance(found, Expectation) else found

    def plain(self, value: Any) -> Any:
        return None

    def _expectation(self, principal: Principal | None, **given: Any) -> Expectation:
        action = self._action(given)
        if given["failed"] is not None and given["expect"] == ALLOW:
            raise Misfits([Misfit("fails nothing that is allowed", "Remove it, or expect  deny", "failed")])
        try:
            access = self._access(action, principal, given)
        except Misfit as misfit:
            raise Misfits([Misfit(misfit.what, misfit.mend, action)]) from None
        of = {name: given[name] for name in ("expect", "capability", "failed", "at")}
        return Expectation(given["name"] or _called(access), 0, access, **of)

    def _action(self, given: Mapping[str, Any]) -> str:
        actions = [name for name in _ACTIONS if given[name]]
        if len(actions) != 1:
            said = f"does {' and '.join(actions)} at once" if actions else "does nothing"
            raise Misfits([Misfit(said, f"Give one of {', '.join(_ACTIONS)}.")])
        for name, needed in _ONLY_WITH.items():
            if given[name] is not None and needed != actions[0]:
                raise Misfits([Misfit(f"means nothing without {needed}", f"Remove it, or give  {needed}", name)])
        return actions[0]

    def _access(self, action: str, principal: Principal | None, given: Mapping[str, Any]) -> Access:
        if action == "enter":
            return asked.entering(principal)
        if action == "route":
            method, path = given["method"] or asked.METHOD, given["path"] or asked.PATH
            return asked.call(self._settings, principal, given["route"], method, path)
        if action == "provider":
            return asked.credential(self._settings, principal, given["provider"], given["scopes"] or ())
        return asked.tool(self._settings, principal, given["tool"], given["arguments"])


def _called(access: Access) -> str:
    """What a case without a name is called."""
    return f"{AGENT if access.principal is None else access.principal.subject}: {asked.said(access)}"
