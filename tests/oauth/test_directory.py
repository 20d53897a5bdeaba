"""Groups that are asked of Microsoft Graph: once for all who wait, for some minutes, and unknown where it fails."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace

import pytest

from sidecar.identity.issuer import Issuer, Login
from sidecar.identity.principal import Kind, Principal
from sidecar.oauth.directory import LIFE_SECONDS, MOST_PAGES, SECONDS, Directory
from sidecar.secret import Secret
from sidecar.wire.http import Late, Request, Response, Unreachable

START = 1_795_515_001.0
TENANT = "4f2d0000-0000-4000-8000-00000000000a"
URL = f"https://login.microsoftonline.com/{TENANT}/v2.0"
STAFF = Issuer("staff", "entra", (URL,), login=Login("c", Secret("s")), groups="graph")
ALICE = Principal(URL, TENANT, "alice", "staff", Kind.USER, groups=None)
GROUPS = [f"group-{number}" for number in range(250)]


@dataclass
class Graph:
    """Tokens and groups, as Microsoft gives them."""

    now: float = START
    asked: list[str] = field(default_factory=list)
    groups: list[str] = field(default_factory=lambda: list(GROUPS))
    page: int = 1000
    """How many ids one answer has."""
    status: int = 200
    fault: Callable[[], Exception] | None = None
    gate: asyncio.Event = field(default_factory=asyncio.Event)
    bearers: set[str] = field(default_factory=set)

    async def fetch(self, request: Request) -> Response:
        await self.gate.wait()
        self.asked.append(request.url.rsplit("/", 1)[1].partition("?")[0])
        if self.fault is not None:
            raise self.fault()
        if request.url.endswith("/token"):
            bearer = f"t{len(self.bearers)}"
            self.bearers.add(bearer)
            return _json({"access_token": bearer, "token_type": "Bearer", "expires_in": 3599})
        assert request.headers["Authorization"].removeprefix("Bearer ") in self.bearers
        if self.status != 200:
            return _json({"error": {"code": "Authorization_RequestDenied"}}, self.status)
        begin = int(request.url.partition("skip=")[2] or 0)
        said: dict[str, object] = {"value": self.groups[begin : begin + self.page]}
        if begin + self.page < len(self.groups):
            said["@odata.nextLink"] = f"https://graph.microsoft.com/v1.0/more?skip={begin + self.page}"
        return _json(said)


def _json(body: object, status: int = 200) -> Response:
    return Response(status, {"content-type": "application/json"}, json.dumps(body).encode())


@asynccontextmanager
async def known(*, closed: bool = False, seconds: float = SECONDS) -> AsyncIterator[tuple[Directory, Graph]]:
    graph = Graph()
    if not closed:
        graph.gate.set()
    async with asyncio.timeout(20), asyncio.TaskGroup() as tasks:
        one = Directory(graph.fetch, clock=lambda: graph.now, tasks=tasks, seconds=seconds)
        yield one, graph
        one.close()


async def test_they_are_asked_for_once_however_many_wait() -> None:
    async with known(closed=True) as (one, graph):
        waiting = [asyncio.ensure_future(one.groups(STAFF, ALICE)) for _ in range(200)]
        await asyncio.sleep(0)
        graph.gate.set()
        assert set(await asyncio.gather(*waiting)) == {frozenset(GROUPS)}
        assert graph.asked == ["token", "getMemberGroups"]
        await one.groups(STAFF, replace(ALICE, subject="bob"))
        assert graph.asked == ["token", "getMemberGroups", "getMemberGroups"]


async def test_they_are_known_for_some_minutes_and_asked_for_anew_before_that_is_over() -> None:
    async with known() as (one, graph):
        await one.groups(STAFF, ALICE)
        graph.groups = ["other"]
        graph.now += LIFE_SECONDS * 0.7
        assert await one.groups(STAFF, ALICE) == frozenset(GROUPS)
        graph.now += LIFE_SECONDS * 0.1
        assert await one.groups(STAFF, ALICE) == frozenset(GROUPS), "it waits for nothing"
        await asyncio.sleep(0.01)
        assert await one.groups(STAFF, ALICE) == frozenset({"other"})


async def test_an_outage_is_bridged_for_some_minutes_and_then_they_are_unknown() -> None:
    async with known() as (one, graph):
        await one.groups(STAFF, ALICE)
        graph.fault = lambda: Unreachable("away")
        graph.now += LIFE_SECONDS * 0.9
        assert await one.groups(STAFF, ALICE) == frozenset(GROUPS)
        graph.now += LIFE_SECONDS
        assert await one.groups(STAFF, ALICE) is None
        graph.fault = None
        graph.now += 40
        assert await one.groups(STAFF, ALICE) == frozenset(GROUPS)


async def test_pages_are_read_to_their_end() -> None:
    async with known() as (one, graph):
        graph.page = 100
        assert await one.groups(STAFF, ALICE) == frozenset(GROUPS)
        assert graph.asked == ["token", "getMemberGroups", "more", "more"]


@pytest.mark.parametrize("groups", [[], [str(number) for number in range(MOST_PAGES + 1)]], ids=["none", "endless"])
async def test_none_and_too_many_are_unknown(groups: list[str]) -> None:
    async with known() as (one, graph):
        graph.groups, graph.page = groups, 1
        assert await one.groups(STAFF, ALICE) is None


@pytest.mark.parametrize("fault", [lambda: Unreachable("away"), lambda: Late("slow")])
async def test_what_fails_is_unknown_and_not_asked_again_at_once(fault: Callable[[], Exception]) -> None:
    async with known() as (one, graph):
        graph.fault = fault
        for _ in range(20):
            assert await one.groups(STAFF, ALICE) is None
        assert graph.asked == ["token"]


async def test_a_permission_that_is_missing_is_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    async with known() as (one, graph):
        graph.status = 403
        for _ in range(3):
            assert await one.groups(STAFF, ALICE) is None
        assert caplog.text.count("GroupMember.Read.All") == 1


async def test_a_token_that_is_refused_is_not_used_again() -> None:
    async with known() as (one, graph):
        await one.groups(STAFF, ALICE)
        graph.status = 401
        bob = replace(ALICE, subject="bob")
        assert await one.groups(STAFF, bob) is None
        graph.status = 200
        graph.now += 2
        assert await one.groups(STAFF, bob) == frozenset(GROUPS)
        assert len(graph.bearers) == 2


async def test_nobody_waits_longer_than_a_few_seconds() -> None:
    async with known(closed=True, seconds=0.05) as (one, _):
        async with asyncio.timeout(1):
            assert await one.groups(STAFF, ALICE) is None


@pytest.mark.parametrize(
    ("issuer", "principal"),
    [(STAFF, replace(ALICE, kind=Kind.SERVICE)), (replace(STAFF, login=None), ALICE)],
    ids=["a service", "no login"],
)
async def test_of_whom_nobody_can_ask_they_are_unknown(issuer: Issuer, principal: Principal) -> None:
    async with known() as (one, graph):
        assert await one.groups(issuer, principal) is None
        assert graph.asked == []


async def test_one_principals_can_be_forgotten() -> None:
    async with known() as (one, graph):
        await one.groups(STAFF, ALICE)
        one.forget(lambda principal: principal == ALICE.id)
        graph.groups = ["other"]
        assert await one.groups(STAFF, ALICE) == frozenset({"other"})
