"""What one configuration decides by."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from sidecar.assembly import deciding
from sidecar.assembly.deciding import claims, declared_tools, memberships, policy, tool_route
from sidecar.identity.principal import Kind, Principal
from sidecar.policy.cedar import Cedar
from sidecar.policy.decision import Access, Act
from sidecar.policy.declared import Declared
from sidecar.settings import Settings, load

ALICE = Principal("https://idp.example", "", "alice", "shop", Kind.USER, groups=frozenset({"sales"}))
TRAVEL = {"url": "http://127.0.0.1:9000/mcp", "mcp": True, "private": True}


def settings(folder: Path, **more: Any) -> Settings:
    file = folder / "sidecar.yaml"
    issuers = {"shop": {"type": "oidc", "issuer": "https://idp.example", "audience": "travel"}}
    floor = {"agent": {"name": "travel", "url": "http://127.0.0.1:8000"}, "issuers": issuers}
    file.write_text(yaml.safe_dump({**floor, **more}))
    return load(file, {}, strict=False)


def test_tools_are_declared_by_whole_names_and_never_by_patterns(tmp_path: Path) -> None:
    assert declared_tools(settings(tmp_path)) == ()
    given = settings(
        tmp_path,
        egress={"routes": {"travel": TRAVEL}},
        capabilities={
            "look": {"who": {"groups": ["sales"]}, "tools": ["travel/list_events", "travel/read_*"]},
            "book": {"who": {"groups": ["ops"]}, "tools": ["book", "travel/*"]},
        },
    )
    assert declared_tools(given) == ("travel/book", "travel/list_events")
    with_set = settings(tmp_path, tools={"desk": ["open", "book"]})
    assert declared_tools(with_set) == ("desk/book", "desk/open")
    decides = policy(given)
    assert decides.declared(ALICE, 0.0) == ("travel/list_events",)
    assert decides.decide(Access(ALICE, act=Act.TOOL, tool="travel/read_mail"), 0.0).allowed
    assert not decides.decide(Access(ALICE, act=Act.TOOL, tool="travel/book"), 0.0).allowed


def test_who_may_call_the_agent_is_decided_by_it_too(tmp_path: Path) -> None:
    decides = policy(settings(tmp_path, inbound={"who": {"groups": ["ops"]}}))
    assert not decides.decide(Access(ALICE, act=Act.ENTER), 0.0).allowed


@pytest.mark.parametrize(
    ("routes", "route"),
    [
        ({}, None),
        ({"travel": TRAVEL}, "travel"),
        ({"travel": TRAVEL, "plain": {"url": "https://api.example.com"}}, "travel"),
        ({"travel": TRAVEL, "other": {**TRAVEL, "url": "http://127.0.0.1:9001/mcp"}}, None),
    ],
    ids=["none", "one", "one-of-two", "two"],
)
def test_tools_without_a_route_are_of_the_one_there_is(
    tmp_path: Path, routes: dict[str, Any], route: str | None
) -> None:
    assert tool_route(settings(tmp_path, egress={"routes": routes})) == route


OWN = """permit (principal is Principal, action, resource)
when { principal.hasTag("team") && principal.getTag("team").contains("x") };"""
SALES = {"sales": {"who": {"groups": ["sales"], "claims": {"department": "east"}}, "tools": ["desk/open"]}}
DESK = {"desk": ["open"]}


def test_cedar_decides_where_something_is_declared_and_only_there(tmp_path: Path) -> None:
    assert isinstance(policy(settings(tmp_path)), Declared)
    assert isinstance(policy(settings(tmp_path, tools=DESK, capabilities=SALES)), Cedar)
    (tmp_path / "own.cedar").write_text(OWN)
    given = settings(tmp_path, policy={"files": ["own.cedar"]})
    decides = policy(given)
    assert isinstance(decides, Cedar)
    member = replace(ALICE, claims={"team": "x"})
    assert decides.decide(Access(member, "anywhere"), 0.0).capability == "own.cedar:1"
    assert not decides.decide(Access(ALICE, "anywhere"), 0.0).allowed
    deciding.load(given)


def test_the_shadow_mode_lets_through_what_it_would_refuse(tmp_path: Path) -> None:
    decides = policy(settings(tmp_path, policy={"mode": "shadow"}, inbound={"who": {"groups": ["ops"]}}))
    assert decides.decide(Access(ALICE, act=Act.ENTER), 0.0).shadow


def test_those_claims_are_kept_that_a_capability_or_a_policy_names(tmp_path: Path) -> None:
    (tmp_path / "own.cedar").write_text(OWN)
    given = settings(tmp_path, tools=DESK, capabilities=SALES, policy={"files": ["own.cedar"]})
    assert claims(given) == {"department", "team"}


def test_groups_are_recorded_where_something_is_declared_about_them(tmp_path: Path) -> None:
    said = "identity.principal.groups"
    assert memberships(settings(tmp_path)) is None
    both = replace(ALICE, groups=frozenset({"sales", "eng"}))
    named = memberships(settings(tmp_path, tools=DESK, capabilities=SALES))
    everything = memberships(settings(tmp_path, policy={"mode": "shadow"}))
    assert named is not None
    assert everything is not None
    assert named(both)[said] == ("sales",)
    assert everything(both)[said] == ("eng", "sales")
