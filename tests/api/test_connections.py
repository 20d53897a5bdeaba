"""What users have granted, as the agent sees it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import pytest

from sidecar.errors import AuditUnavailable, VaultUnavailable
from sidecar.identity.principal import Principal
from sidecar.oauth.provider import Provider
from sidecar.vault.grant import Grant, Owner
from tests.api.around import AGENT, ALICE, BOB, Around, provider
from tests.vault import grants


@dataclass
class Held:
    """Grants in memory; with a ``fault`` there are none to be had."""

    grants: dict[tuple[Owner, str], list[Grant]] = field(default_factory=dict)
    fault: Exception | None = None

    def put(self, who: Principal, name: str, *scopes: str) -> Grant:
        owner = Owner.of_principal(who)
        one = grants.grant(owner, *scopes)
        self.grants.setdefault((owner, name), []).append(one)
        return one

    async def held(self, owner: Owner) -> Mapping[str, Sequence[Grant]]:
        if self.fault is not None:
            raise self.fault
        return {name: held for (whose, name), held in self.grants.items() if whose == owner}

    async def disconnect(self, owner: Owner, provider: Provider) -> None:
        if self.fault is not None:
            raise self.fault
        self.grants.pop((owner, provider.name), None)


@pytest.fixture
def held(around: Around) -> Held:
    held = Held()
    around.change(connections=held)
    around.having(provider("google", "google"), provider("github", "github"))
    return held


async def test_a_user_sees_what_they_have_granted_and_nobody_elses(around: Around, held: Held) -> None:
    _, alice = around.open()
    assert (await around.ask("GET", "/v1/connections", alice)).json() == {"connections": []}
    one = held.put(ALICE, "google", "b", "a")
    dead = held.put(ALICE, "github")
    held.grants[Owner.of_principal(ALICE), "github"] = [replace(dead, dead="invalid_grant", used=9.5, used_by="travel")]
    held.put(BOB, "google")
    said = await around.ask("GET", "/v1/connections", alice)
    assert said.json() == {
        "connections": [
            {
                "provider": "github",
                "account": dead.label,
                "scopes": ["calendar.readonly"],
                "connected_at": int(dead.since),
                "used_at": 9,
                "used_by": "travel",
                "usable": False,
            },
            {
                "provider": "google",
                "account": one.label,
                "scopes": ["a", "b"],
                "connected_at": int(one.since),
                "used_at": None,
                "used_by": None,
                "usable": True,
            },
        ]
    }
    assert "token" not in said.body.decode()


async def test_what_is_disconnected_is_recorded_and_gone(around: Around, held: Held) -> None:
    invocation, alice = around.open()
    held.put(ALICE, "google", "a")
    held.put(ALICE, "google", "a", "b")
    held.put(ALICE, "github")
    held.put(BOB, "google")
    for _ in range(2):
        said = await around.ask("DELETE", "/v1/connections/google", alice)
        assert (said.status, said.body) == (204, b"")
    assert {(owner.subject, name) for owner, name in held.grants} == {("alice", "github"), ("bob", "google")}
    (event,) = around.journal.events
    assert (event["name"], event["trace_id"]) == ("identity.grant_revoked", invocation.trace_id.decode())
    assert event["attributes"]["identity.provider"] == "google"
    assert event["attributes"]["identity.scopes"] == ["a", "b"]
    assert event["attributes"]["identity.outcome"] == "revoked"
    assert event["attributes"]["identity.invocation.id"] == invocation.id.decode()


async def test_what_can_not_be_recorded_stays(around: Around, held: Held) -> None:
    _, alice = around.open()
    held.put(ALICE, "google")
    around.journal.fault = AuditUnavailable("full")
    said = await around.ask("DELETE", "/v1/connections/google", alice)
    assert said.refused() == (503, "audit_unavailable")
    assert held.grants


async def test_a_vault_that_is_away_is_said_to_be(around: Around, held: Held) -> None:
    _, alice = around.open()
    held.fault = VaultUnavailable("down", retry_after=1)
    for call in (("GET", "/v1/connections"), ("DELETE", "/v1/connections/google")):
        said = await around.ask(*call, alice)
        assert said.refused() == (503, "vault_unavailable")
        assert said.headers["retry-after"] == "1"


@pytest.mark.parametrize(
    "call", [("GET", "/v1/connections"), ("DELETE", "/v1/connections/google"), ("GET", "/v1/consents/x")]
)
async def test_the_agent_itself_has_granted_nothing(around: Around, held: Held, call: tuple[str, str]) -> None:
    assert (await around.ask(*call, AGENT.decode())).refused() == (403, "not_permitted")
    assert (await around.ask(*call)).refused() == (401, "invocation_missing")


async def test_another_provider_is_unknown(around: Around, held: Held) -> None:
    _, alice = around.open()
    for name in ("nobody", "Google", "google%20", "google%2F"):
        said = await around.ask("DELETE", f"/v1/connections/{name}", alice)
        assert said.refused() == (404, "provider_unknown"), name


async def test_where_nobody_can_grant_anything_there_is_nothing(around: Around) -> None:
    _, alice = around.open()
    assert (await around.ask("GET", "/v1/connections", alice)).json() == {"connections": []}
    assert (await around.ask("DELETE", "/v1/connections/bearer", alice)).status == 204
    assert (await around.ask("GET", "/v1/consents/x", alice)).json() == {"status": "expired"}


async def test_what_came_of_a_question_is_told_to_who_was_asked(around: Around) -> None:
    statuses = {("alice", "s1"): "granted", ("bob", "s2"): "pending"}
    around.change(consent=lambda principal, session: statuses.get((principal.subject, session), "expired"))
    _, alice = around.open()
    _, bob = around.open(BOB)
    for handle, session, status in (
        (alice, "s1", "granted"),
        (alice, "s2", "expired"),
        (bob, "s2", "pending"),
        (bob, "s3", "expired"),
    ):
        assert (await around.ask("GET", f"/v1/consents/{session}", handle)).json() == {"status": status}
    assert around.journal.events == []
