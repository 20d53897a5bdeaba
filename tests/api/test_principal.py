"""Who called, as the API says it."""

from dataclasses import replace
from typing import Any

from sidecar.errors import AuditUnavailable
from tests.api.around import AGENT, ALICE, BOB, Around


async def test_the_principal_is_told_whole_and_recorded_before(around: Around) -> None:
    invocation, handle = around.open()
    said = await around.ask("GET", "/v1/principal", handle)
    assert said.status == 200
    assert said.json() == {
        "id": ALICE.id,
        "subject": "alice",
        "issuer": "okta",
        "issuer_url": "https://acme.okta.com/oauth2/default",
        "kind": "user",
        "tenant": None,
        "client": "web",
        "name": "Alice Núñez",
        "email": None,
        "groups": ["Domain Admins", "sales"],
        "groups_unknown": False,
        "roles": [],
        "scopes": ["chat"],
        "actors": [],
        "invocation_id": invocation.id.decode(),
        "trace_id": invocation.trace_id.decode(),
    }
    assert said.headers["x-trace-id"] == invocation.trace_id.decode()
    assert said.headers["cache-control"] == "no-store"
    (event,) = around.journal.events
    assert (event["name"], event["trace_id"]) == ("identity.principal_read", invocation.trace_id.decode())
    attributes: dict[str, Any] = event["attributes"]
    assert attributes["identity.principal.issuer"] == "okta"
    assert attributes["identity.principal.id"].startswith("h_")
    assert attributes["identity.invocation.id"] == invocation.id.decode()
    assert (attributes["http.request.method"], attributes["url.path"]) == ("GET", "/v1/principal")


async def test_agents_that_act_for_it_are_named(around: Around) -> None:
    _, handle = around.open(replace(ALICE, actors=("planner", "front-desk"), via="planner"))
    assert (await around.ask("GET", "/v1/principal", handle)).json()["actors"] == ["planner", "front-desk"]


async def test_no_handle_is_in_what_is_told_or_recorded(around: Around) -> None:
    _, handle = around.open()
    said = await around.ask("GET", "/v1/principal", handle)
    assert handle not in said.body.decode() + str(said.headers) + str(around.journal.events)


async def test_groups_that_are_unknown_are_said_to_be(around: Around) -> None:
    _, handle = around.open(BOB)
    document = (await around.ask("GET", "/v1/principal", handle)).json()
    assert (document["groups"], document["groups_unknown"], document["tenant"]) == (None, True, "acme")


async def test_only_named_groups_are_told_where_the_headers_say_no_more(around: Around) -> None:
    around.change(named={"groups": frozenset({"sales"}), "roles": frozenset()})
    _, handle = around.open()
    assert (await around.ask("GET", "/v1/principal", handle)).json()["groups"] == ["sales"]
    _, handle = around.open(BOB)
    assert (await around.ask("GET", "/v1/principal", handle)).json()["groups"] is None


async def test_the_agent_itself_is_no_principal(around: Around) -> None:
    said = await around.ask("GET", "/v1/principal", AGENT.decode())
    assert said.refused() == (403, "not_permitted")
    assert "the agent itself is no principal" in said.problem()["detail"].lower()
    (event,) = around.journal.events
    assert (event["name"], event["attributes"]["identity.principal.kind"]) == ("identity.egress_denied", "agent")


async def test_nothing_is_told_that_cannot_be_recorded(around: Around) -> None:
    _, handle = around.open()
    around.journal.fault = AuditUnavailable("full")
    assert (await around.ask("GET", "/v1/principal", handle)).refused() == (503, "audit_unavailable")
