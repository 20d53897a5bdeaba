"""Everything that one principal can do."""

from pathlib import Path

import pytest

from sidecar.assembly.judge import Judge
from sidecar.assembly.rights import Rights, rights, table
from sidecar.settings import asked
from tests.assembly.policed import NIGHT, NOON, TEXT, configured


@pytest.fixture
def judge(tmp_path: Path) -> Judge:
    return Judge.of(configured(tmp_path))


def of(judge: Judge, *groups: str, now: float = NOON) -> Rights:
    return rights(judge, asked.principal(judge.settings, {"uid": "alice", "groups": [*groups]}, "okta"), now)


def test_what_is_open_is_told_with_what_opens_it(judge: Judge) -> None:
    found = of(judge, "sales")
    assert found.enter is not None
    assert found.enter.allowed
    by = {right.name: (right.verdict.allowed, [each.name for each in right.by]) for right in found.routes}
    assert by == {"calendar": (True, ["read"]), "model": (True, ["think"]), "travel": (False, [])}
    assert [each.name for each in found.routes[2].tools] == ["travel"]
    readonly = "https://www.googleapis.com/auth/calendar.readonly"
    credentials = {right.name: (right.verdict.allowed, right.scopes) for right in found.credentials}
    assert credentials == {"google": (True, (readonly,)), "cloud": (True, ())}
    assert found.tools == ("desk/book_room", "travel/list_*")
    assert found.credentials[0].as_json() == {"allowed": True, "by": ["token"], "scopes": (readonly,)}


def test_what_is_not_is_told_with_what_came_nearest(judge: Judge) -> None:
    found = of(judge, "eng")
    calendar = found.routes[0]
    assert calendar.as_json() == {
        "allowed": False,
        "by": [],
        "nearest": "read",
        "failed": ["who.groups: none of sales"],
    }
    assert found.tools == ()


def test_what_holds_at_some_hours_is_open_then(judge: Judge) -> None:
    assert of(judge, now=NOON).tools == ()
    assert of(judge, now=NIGHT).tools == ("desk/open_door",)


def test_who_may_not_call_the_agent_has_nothing(judge: Judge) -> None:
    found = of(judge, "guests", "sales")
    assert found.enter is not None
    assert not found.enter.allowed
    assert not any(right.verdict.allowed for right in (*found.routes, *found.credentials))
    assert found.tools == ()


def test_the_agent_itself_enters_nowhere(judge: Judge) -> None:
    found = rights(judge, None, NOON)
    assert found.enter is None
    assert {right.name for right in (*found.routes, *found.credentials) if right.verdict.allowed} == {"model", "cloud"}


def test_an_mcp_route_that_is_opened_whole_has_all_its_tools(tmp_path: Path) -> None:
    judge = Judge.of(configured(tmp_path, TEXT + "  all: {who: any, routes: [travel]}\n"))
    found = of(judge)
    assert found.tools == ("travel/*",)
    assert found.routes[2].verdict.allowed


def test_the_table_has_a_row_for_each_capability(judge: Judge) -> None:
    rows = table(judge.settings.capabilities)
    assert [row[0] for row in rows] == [*judge.settings.capabilities]
    assert rows[5] == ("night", "anybody", "tool desk/open_door", "mon,tue,wed,thu,fri,sat,sun 00:00-06:00 UTC")
