"""What one configuration decides by."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from sidecar.assembly.deciding import declared_tools, policy, tool_route
from sidecar.identity.principal import Kind, Principal
from sidecar.policy.decision import Access, Act
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
