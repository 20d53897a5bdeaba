"""The record: every call and every refusal, written before its answer is sent, and there after a kill."""

import asyncio
import json
from collections import Counter
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tests.journeys.given import bearer, given
from tests.journeys.issuer import Issuer
from tests.running import Event, Running, sidecar


async def call(client: aiohttp.ClientSession, running: Running, token: str | None, path: str = "/echo") -> Any:
    """The answer's headers, and what the agent saw if it was let in."""
    async with client.get(running.url + path, headers=bearer(token) if token else {}) as response:
        body = await response.json()
        seen = dict(body["headers"]) if response.status == 200 else {}
        return response.headers, seen


def of(events: list[Event], name: str) -> list[Event]:
    return [event for event in events if event["name"] == name]


async def test_a_call_is_recorded_under_its_trace_with_who_called(
    issuer: Issuer, fastapi: str, client: aiohttp.ClientSession, tmp_path: Path
) -> None:
    async with sidecar(given(issuer, fastapi), tmp_path) as running:
        answer, seen = await call(client, running, issuer.token("alice", email="a@example.com", email_verified=True))
        event = await running.event(lambda each: each["name"] == "identity.init")
    attributes = event["attributes"]
    assert event["trace_id"] == answer["X-Trace-Id"]
    assert event["span_id"] == seen["traceparent"].split("-")[2]
    assert attributes["identity.principal.issuer"] == "shop"
    assert attributes["identity.principal.kind"] == "user"
    assert attributes["http.request.method"] == "GET"
    assert attributes["url.path"] == "/echo"
    assert attributes["identity.invocation.id"]
    whole = json.dumps(event)
    for private in ("alice", "a@example.com", seen["x-identity-principal"], seen["x-identity-invocation"]):
        assert private not in whole


async def test_subjects_stand_in_the_record_only_where_that_is_asked_for(
    issuer: Issuer, fastapi: str, client: aiohttp.ClientSession, tmp_path: Path
) -> None:
    async with sidecar(given(issuer, fastapi, audit={"subjects": "plain"}), tmp_path) as running:
        _, seen = await call(client, running, issuer.token("alice"))
        event = await running.event(lambda each: each["name"] == "identity.init")
    assert event["attributes"]["identity.principal.subject"] == "alice"
    assert event["attributes"]["identity.principal.id"] == seen["x-identity-principal"]


async def test_hashes_are_the_same_after_a_restart_and_others_elsewhere(
    issuer: Issuer, fastapi: str, client: aiohttp.ClientSession, tmp_path: Path
) -> None:
    found = []
    for folder in (tmp_path / "one", tmp_path / "two"):
        async with sidecar(given(issuer, fastapi), folder) as running:
            await call(client, running, issuer.token("alice"))
            await call(client, running, issuer.token("bob"))
            await asyncio.to_thread(running.stop)
            await running.again()
            await call(client, running, issuer.token("alice"))
            await asyncio.to_thread(running.stop)
            found.append([event["attributes"]["user.hash"] for event in of(running.events(), "identity.init")])
    for alice, bob, again in found:
        assert alice == again != bob
    assert found[0][0] != found[1][0]


async def test_a_refusal_is_recorded_with_its_reason_and_without_the_token(
    issuer: Issuer, fastapi: str, client: aiohttp.ClientSession, tmp_path: Path
) -> None:
    token = issuer.token(aud="another")
    async with sidecar(given(issuer, fastapi), tmp_path) as running:
        answer, _ = await call(client, running, token)
        event = await running.event(lambda each: each["name"] == "identity.rejected")
        logged = running.stderr
    assert event["trace_id"] == answer["X-Trace-Id"]
    assert event["attributes"]["error.type"] == "audience_invalid"
    assert event["attributes"]["http.response.status_code"] == 401
    assert event["attributes"]["identity.reason"]
    for part in token.split("."):
        assert part not in json.dumps(event) + logged


async def test_no_answered_call_is_missing_after_a_kill(
    issuer: Issuer, fastapi: str, client: aiohttp.ClientSession, tmp_path: Path
) -> None:
    """Calls run in parallel until then; each trace that a caller was answered with is in the record, once."""
    answered: list[str] = []
    rejected: list[str] = []
    async with sidecar(given(issuer, fastapi), tmp_path) as running:

        async def keep_calling(number: int) -> None:
            token = issuer.token(f"person-{number}")
            while True:
                headers, _ = await call(client, running, token)
                answered.append(headers["X-Trace-Id"])

        async def keep_knocking() -> None:
            while True:
                headers, _ = await call(client, running, None)
                rejected.append(headers["X-Trace-Id"])
                await asyncio.sleep(0.05)

        work = [asyncio.ensure_future(keep_calling(number)) for number in range(8)]
        work.append(asyncio.ensure_future(keep_knocking()))
        await asyncio.sleep(1.5)
        running.kill()
        await asyncio.gather(*work, return_exceptions=True)
        await running.again()
        await asyncio.to_thread(running.stop)
        events = running.events()
    assert len(answered) > 100
    recorded = Counter(event["trace_id"] for event in of(events, "identity.init"))
    assert not set(answered) - set(recorded)
    assert max(recorded.values()) == 1
    assert not set(rejected) - {event["trace_id"] for event in of(events, "identity.rejected")}
    numbers = [event["seq"] for event in of(events, "identity.init")]
    assert numbers == sorted(numbers)


async def test_a_stop_leaves_nothing_undrained(
    issuer: Issuer, fastapi: str, client: aiohttp.ClientSession, tmp_path: Path
) -> None:
    async with sidecar(given(issuer, fastapi), tmp_path) as running:
        token = issuer.token()
        traces = [(await call(client, running, token))[0]["X-Trace-Id"] for _ in range(50)]
        await asyncio.to_thread(running.stop)
        events = running.events()
    assert [event["trace_id"] for event in of(events, "identity.init")] == traces
    assert of(events, "sidecar.config_changed")[0]["attributes"]["identity.outcome"] == "started"


async def test_events_go_to_stdout_where_that_is_asked_for(
    issuer: Issuer, fastapi: str, client: aiohttp.ClientSession, tmp_path: Path
) -> None:
    async with sidecar(given(issuer, fastapi, audit={"stdout": True}), tmp_path) as running:
        answer, _ = await call(client, running, issuer.token())
        await running.said(rf'^\{{.*"trace_id":"{answer["X-Trace-Id"]}"')
        await asyncio.to_thread(running.stop)
        lines = [json.loads(line) for line in running.stdout.splitlines() if line.startswith("{")]
        assert lines == running.events()
    assert of(lines, "identity.init")


async def test_a_flood_of_strangers_is_summed_up_and_stops_nobody(
    issuer: Issuer, fastapi: str, client: aiohttp.ClientSession, tmp_path: Path
) -> None:
    flood = 2000
    async with sidecar(given(issuer, fastapi), tmp_path) as running:

        async def knock() -> None:
            for _ in range(flood // 20):
                async with client.get(running.url + "/echo") as response:
                    assert response.status == 401

        async with asyncio.TaskGroup() as group:
            for _ in range(20):
                group.create_task(knock())
            for _ in range(20):
                await call(client, running, issuer.token())
        await asyncio.to_thread(running.stop)
        events = running.events()
    rejections = of(events, "identity.rejected")
    counts = [event["attributes"].get("identity.count", 1) for event in rejections]
    assert sum(counts) == flood
    assert len(rejections) < flood
    assert len(of(events, "identity.init")) == 20


async def test_metrics_count_calls_and_name_nobody(
    issuer: Issuer, fastapi: str, client: aiohttp.ClientSession, tmp_path: Path
) -> None:
    async with sidecar(given(issuer, fastapi), tmp_path) as running:
        _, seen = await call(client, running, issuer.token("alice-of-the-metrics", groups=["secret-project"]))
        await call(client, running, None)
        async with client.get(running.health + "/metrics") as response:
            assert response.status == 200
            text = await response.text()
    for private in ("alice", "secret-project", seen["x-identity-principal"], seen["x-identity-invocation"], "/echo"):
        assert private not in text
    assert "token_missing" in text


async def test_two_sidecars_never_share_a_state_folder(issuer: Issuer, fastapi: str, tmp_path: Path) -> None:
    async with sidecar(given(issuer, fastapi), tmp_path) as running:
        second = given(issuer, fastapi, state={"dir": str(running.state)})
        with pytest.raises(AssertionError, match="ended with 1 before") as failed:
            async with sidecar(second, tmp_path / "second"):
                pass
    assert "Traceback" not in str(failed.value)
