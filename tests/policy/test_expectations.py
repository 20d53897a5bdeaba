"""Whether what was expected holds, and in what it doesn't."""

import pytest

from sidecar.policy.decision import Access
from sidecar.policy.expectations import Expectation, Verdict
from sidecar.policy.explained import Failure

ALLOWED = Verdict(True, "read")
DENIED = Verdict(False, "read", (Failure("who.groups: none of sales", "…"), Failure("methods: none of GET", "…")))
NOTHING = Verdict(False)


def expectation(expect: str, capability: str | None = None, failed: str | None = None) -> Expectation:
    return Expectation("case", 1, Access(None, "r"), expect, capability, failed)


@pytest.mark.parametrize(
    ("case", "verdict", "differs"),
    [
        (expectation("allow"), ALLOWED, None),
        (expectation("allow", "read"), ALLOWED, None),
        (expectation("allow", "write"), ALLOWED, "expected allowed by write, got read"),
        (expectation("allow"), DENIED, "expected allow, got deny"),
        (expectation("deny"), ALLOWED, "expected deny, got allow by read"),
        (expectation("deny"), DENIED, None),
        (expectation("deny", "read", "who.groups"), DENIED, None),
        (expectation("deny", None, "methods"), DENIED, None),
        (expectation("deny", None, "methods: none of GET"), DENIED, None),
        (expectation("deny", None, "who"), DENIED, "expected who to fail, got who.groups, methods"),
        (expectation("deny", "write"), DENIED, "expected nearest is write, got read"),
        (expectation("deny", "write"), NOTHING, "expected nearest is write, got none"),
        (expectation("deny", None, "routes"), NOTHING, "expected routes to fail, got no condition that does"),
        (expectation("deny"), Verdict(False, "read", shadow=True), None),
    ],
)
def test_a_case_tells_in_what_it_does_not_hold(case: Expectation, verdict: Verdict, differs: str | None) -> None:
    assert case.differs(verdict) == differs
