"""What a capability lacks of an access to a tool, and of a conversation with a route."""

import pytest

from sidecar.identity.principal import Kind, Principal
from sidecar.policy.capability import Capability, Who
from sidecar.policy.decision import Access, Act
from sidecar.policy.hours import Hours
from sidecar.policy.rule import Rule, argued

ALICE = Principal("https://id.example.com", "", "alice", "okta", Kind.USER, groups=frozenset({"sales"}))
NOON = 43200.0


def among(*names: str) -> frozenset[str]:
    return frozenset(names)


def tool(name: str, arguments: dict[str, object] | None = None) -> Access:
    return Access(ALICE, name.partition("/")[0], act=Act.TOOL, tool=name, arguments=arguments)


def converse(route: str, **given: object) -> Access:
    return Access(ALICE, route, act=Act.CONVERSE, **given)  # type: ignore[arg-type]  # each of its own type


BOOK = among("travel/book")
CITY = {"city": among("Berlin", "Paris"), "days": among("1", "2")}
BERLIN = {"city": "Berlin", "days": 1}


@pytest.mark.parametrize(
    ("access", "given", "failed"),
    [
        (tool("travel/book"), {"tools": BOOK}, ()),
        (tool("travel/book"), {"tools": among("travel/*")}, ()),
        (tool("travel/book"), {"routes": among("travel")}, ()),
        (tool("travel/book"), {"routes": among("travel"), "tools": among("desk/open")}, ()),
        (
            tool("travel/pay"),
            {"routes": among("travel"), "tools": BOOK},
            ("tools: none of travel/book",),
        ),
        (tool("travel/pay"), {"tools": BOOK}, ("tools: none of travel/book",)),
        (tool("desk/book"), {"tools": BOOK}, ("tools: none of travel/book",)),
        (tool("desk/book"), {"routes": among("travel")}, ("routes: none of travel",)),
        (tool("travel/"), {"tools": among("travel/*")}, ("tools: none of travel/*",)),
        (tool("travel/book"), {"tools": BOOK, "methods": among("GET"), "paths": ("/x",)}, ()),
        (tool("travel/book"), {"tools": BOOK, "hours": (Hours.parse("00:00-01:00"),)}, ("hours: none of ",)),
        (tool("travel/book"), {"tools": BOOK, "arguments": CITY}, ()),
        (tool("travel/book", BERLIN), {"tools": BOOK, "arguments": CITY}, ()),
        (tool("travel/book", BERLIN), {"tools": BOOK}, ()),
        (tool("travel/book", {"city": ["Paris", "Berlin"], "days": 2}), {"tools": BOOK, "arguments": CITY}, ()),
        (
            tool("travel/book", {"city": "Rome", "days": 2}),
            {"tools": BOOK, "arguments": CITY},
            ("arguments.city: none of Berlin, Paris",),
        ),
        (
            tool("travel/book", {}),
            {"tools": BOOK, "arguments": CITY},
            ("arguments.city: none of Berlin, Paris", "arguments.days: none of 1, 2"),
        ),
        (tool("travel/book"), {"tools": BOOK, "arguments": {"city": among()}}, ("arguments: none will do",)),
        (converse("travel"), {"tools": BOOK}, ()),
        (converse("travel"), {"routes": among("travel")}, ()),
        (converse("travel"), {"routes": among("travel"), "methods": among("GET"), "arguments": CITY}, ()),
        (converse("mail"), {"tools": BOOK}, ("routes: none of ",)),
        (converse("travel", provider="google"), {"tools": BOOK, "provider": "github"}, ("provider: not github",)),
        (
            converse("travel", provider="google", scopes=among("read")),
            {"tools": BOOK, "provider": "google"},
            ("scopes: more than none",),
        ),
        (Access(ALICE, act=Act.ENTER), {"routes": among("travel")}, ("routes: none of travel",)),
    ],
)
def test_what_fails_is_told(access: Access, given: dict[str, object], failed: tuple[str, ...]) -> None:
    rule = Rule(Capability("c", Who(), **given))  # type: ignore[arg-type]  # as above
    found = rule.failed(access, NOON)
    assert len(found) == len(failed)
    assert all(one.startswith(start) for one, start in zip(found, failed, strict=True))
    assert rule.open_to(access) == (not rule.failed_ever(access))


@pytest.mark.parametrize(
    ("value", "fits"),
    [
        ("east", True),
        ("East", False),
        (True, True),
        (False, False),
        (7, True),
        (7.0, False),
        ("7", True),
        (None, False),
        ({}, False),
        ([], False),
        (["east"], True),
        (["east", 7, "true"], True),
        (["east", "west"], False),
        (["east", None], False),
        ([["east"]], False),
    ],
)
def test_an_argument_is_one_of_the_values_or_a_list_of_nothing_else(value: object, fits: bool) -> None:
    assert argued(value, among("east", "true", "7")) is fits
