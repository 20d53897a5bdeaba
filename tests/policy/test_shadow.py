"""The shadow mode refuses nothing, and says of everything that would be refused why."""

from dataclasses import replace

from sidecar.identity.principal import Kind, Principal
from sidecar.policy.capability import Capability, Who
from sidecar.policy.decision import Access, Act, Toolbox
from sidecar.policy.declared import Declared
from sidecar.policy.shadow import Shadow

ALICE = Principal("https://id.example.com", "", "alice", "okta", Kind.USER, groups=frozenset({"sales"}))
BOB = replace(ALICE, subject="bob", groups=frozenset())
SALES = Who(principal=False, groups=frozenset({"sales"}))
POLICY = Declared(
    [Capability("book", SALES, tools=frozenset({"desk/book", "travel/list", "travel/read_*"}))],
    SALES,
    {"travel": Toolbox(), "desk": Toolbox(tools=frozenset({"book", "open"}))},
)


def test_what_is_allowed_is_allowed_as_ever() -> None:
    access = Access(ALICE, act=Act.TOOL, tool="desk/book")
    assert Shadow(POLICY).decide(access, 0.0) == POLICY.decide(access, 0.0)
    assert not Shadow(POLICY).decide(access, 0.0).shadow


def test_what_would_be_refused_is_let_through_and_says_why() -> None:
    shadow = Shadow(POLICY)
    for access in (
        Access(BOB, act=Act.TOOL, tool="desk/book"),
        Access(BOB, act=Act.ENTER),
        Access(ALICE, "travel"),
        Access(None, provider="google"),
    ):
        refused, decision = POLICY.decide(access, 0.0), shadow.decide(access, 0.0)
        assert decision.allowed
        assert (decision.shadow, decision.capability) == (True, None)
        assert decision == replace(refused, shadow=True)
        assert shadow.decide(access, 0.0) is decision  # made once


def test_nothing_is_hidden() -> None:
    shadow = Shadow(POLICY)
    assert shadow.tools(BOB, ["travel/list", "travel/x", "nowhere/x"], 0.0) == [True, True, True]
    assert shadow.declared(BOB, 0.0) == ("desk/book", "desk/open", "travel/list")


def test_what_is_remembered_is_bounded() -> None:
    shadow = Shadow(POLICY)
    shadow.MOST_REMEMBERED = 2
    for route in ("a", "b", "c", "d"):
        policy = Declared([Capability(route, SALES, routes=frozenset({route}))])
        shadow._policy = policy
        assert shadow.decide(Access(BOB, route), 0.0).nearest == route
        assert len(shadow._shadowed) <= 2


def test_what_decides_otherwise_can_be_asked() -> None:
    policy = Declared([])
    assert Shadow(policy).enforced is policy
