"""Decisions: what is declared is allowed, nothing else is, and a denial names what came nearest."""

from dataclasses import replace

from sidecar.identity.principal import Kind, Principal
from sidecar.policy.capability import Capability, Who
from sidecar.policy.decision import Access, Decision, Declared

ALICE = Principal("https://id.example.com", "acme", "alice", "okta", Kind.USER, groups=frozenset({"sales"}))
BOB = replace(ALICE, subject="bob", groups=frozenset({"guests"}))
SALES = Who(principal=False, groups=frozenset({"sales"}))


def test_nothing_declared_nothing_allowed() -> None:
    assert Declared(()).decide(Access(ALICE, "calendar"), 0.0) == Decision(None)


def test_what_is_declared_is_allowed_and_a_denial_names_what_came_nearest() -> None:
    policy = Declared([Capability("read-calendar", SALES, routes=frozenset({"calendar"}))])
    assert policy.decide(Access(ALICE, "calendar"), 0.0) == Decision("read-calendar")
    assert policy.decide(Access(BOB, "calendar"), 0.0) == Decision(None, "read-calendar", "who.groups: none of sales")
