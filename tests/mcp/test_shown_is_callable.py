"""What is listed is exactly what can be called: for 10,000 principals, each with capabilities and tools at random."""

import json
import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from sidecar.identity.principal import Kind, Principal
from sidecar.mcp.listing import sifted
from sidecar.mcp.message import read
from sidecar.policy.capability import Capability, Who
from sidecar.policy.cedar import Cedar
from sidecar.policy.decision import Access, Act, Policy, Toolbox
from sidecar.policy.hours import Hours

WORLDS, PRINCIPALS = 500, 20
"""So many sets of capabilities and of tools, and so many principals with each."""
ROUTE = "travel"
BOXES = {ROUTE: Toolbox("desk", frozenset({"trips"})), "other": Toolbox()}
NOON = datetime(2026, 11, 23, 12, tzinfo=UTC).timestamp()
HOURS = (Hours.parse("mon 08:00-18:00"), Hours.parse("tue-sun 08:00-18:00"))
NAMES = (
    *("pay", "Pay", "PAY", "pay ", " pay", "p\u0430y", "\uff50\uff41\uff59", "pay\u200b", "p\u00e1y", "pa\u0301y"),
    *("list_trips", "list_hotels", "list_", "list", "list_*", "*", "List_trips", "travel/pay", "other/pay", "/", "a/b"),
    *("", "pay\0", "pay\n", "\x85", "pay\ud800", "x" * 256, "x" * 257, "\U0001f4b8", '"', "\\", "..", "p.y", "p-y"),
)
PATTERNS = (
    *("pay", "Pay", "p*y", "list_*", "list_trips", "*", "*_*", "p\u0430y", "p\u00e1y", "pay\u200b", "pay ", "a/b"),
    *("a/*", "travel/pay", ".*", "p.y", "[a-z]*", "list_\\*", "\U0001f4b8", '"', "\\", "x*"),
)
ARGUMENTS: tuple[dict[str, frozenset[str]], ...] = ({}, {}, {"to": frozenset({"Oxford"})})
GIVEN: tuple[dict[str, object], ...] = ({}, {"to": "Oxford"})
"""Every capability of these has one of them that it allows."""
GROUPS = ("sales", "board", "staff")
ALICE = Principal("https://id.example.com", "acme", "alice", "okta", Kind.USER, groups=frozenset())


@dataclass(slots=True)
class Eyes:
    """Whom a list is for."""

    policy: Policy
    principal: Principal | None

    def tools(self, names: Sequence[str]) -> Sequence[bool]:
        return self.policy.tools(self.principal, [f"{ROUTE}/{name}" for name in names], NOON)

    def others(self) -> bool:
        return False

    def listed(self, names: Sequence[str], shown: int, hidden: int) -> None:
        """It needn't be known here."""


def some(chance: random.Random, of: Sequence[str], most: int) -> list[str]:
    return chance.sample(of, chance.randint(0, most))


def capability(chance: random.Random, number: int) -> Capability:
    groups = frozenset(some(chance, GROUPS, 2))
    tools = {f"{chance.choice((ROUTE, ROUTE, 'other'))}/{pattern}" for pattern in some(chance, PATTERNS, 3)}
    return Capability(
        f"c{number}",
        Who(principal=chance.random() < 0.8, groups=groups or None),
        provider=chance.choice((None, None, "desk", "bank")),
        scopes=frozenset(some(chance, ("trips", "money"), 2)),
        routes=frozenset(some(chance, (ROUTE, "other"), 1)),
        tools=frozenset(tools),
        arguments=chance.choice(ARGUMENTS) if tools else {},
        hours=(chance.choice(HOURS),) if chance.random() < 0.3 else (),
    )


def principal(chance: random.Random) -> Principal | None:
    kind = chance.random()
    groups = None if kind < 0.1 else frozenset(some(chance, GROUPS, 3))
    return None if kind > 0.9 else replace(ALICE, groups=groups)


def shown(policy: Policy, who: Principal | None, tools: Sequence[str]) -> list[str]:
    """Of an answer with *tools*."""
    result = {"tools": [{"name": name, "inputSchema": {}} for name in tools], "cacheScope": "public"}
    answer = json.dumps({"jsonrpc": "2.0", "id": 1, "result": result}).encode()
    left = json.loads(sifted(answer, Eyes(policy, who), due=True) or answer)["result"]
    assert left["cacheScope"] == "private"
    return [tool["name"] for tool in left["tools"]]


def callable_by(policy: Policy, who: Principal | None, called: str) -> bool:
    """Whether a call of it gets to the server, with some arguments."""
    body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": called}}).encode()
    try:
        name = read(body).named("name")
    except ValueError:
        return False
    tool = f"{ROUTE}/{name}"
    return any(policy.decide(Access(who, act=Act.TOOL, tool=tool, arguments=given), NOON).allowed for given in GIVEN)


def test_what_is_listed_is_exactly_what_can_be_called() -> None:
    chance = random.Random(20261124)
    every = some_ = none = 0
    for _ in range(WORLDS):
        policy = Cedar([capability(chance, number) for number in range(chance.randint(1, 4))], Who(), BOXES)
        tools = some(chance, NAMES, 5)
        for _ in range(PRINCIPALS):
            who = principal(chance)
            left = shown(policy, who, tools)
            assert left == [name for name in tools if callable_by(policy, who, name)]
            every, some_, none = (
                every + (0 < len(tools) == len(left)),
                some_ + (0 < len(left) < len(tools)),
                none + (not left),
            )
    assert min(every, some_, none) > 300  # it was put to the test
