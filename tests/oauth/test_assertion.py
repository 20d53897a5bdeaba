"""The way to the next agent: an assertion for each call, that the next agent's own sidecar takes."""

import asyncio
import secrets
import time
from typing import Any

import pytest

from sidecar.errors import NotPermitted
from sidecar.identity import token as jwt
from sidecar.identity.idps import Common, issuer
from sidecar.identity.issuer import by_url, introduced
from sidecar.identity.key import read
from sidecar.identity.principal import Kind, Principal
from sidecar.keyring.signing import SEED_BYTES, SigningKey
from sidecar.oauth.assertion import Assertions
from sidecar.oauth.credential import Ask, Credential
from sidecar.oauth.provider import Provider
from tests.oauth.surrounding import NOW, Surround

NEXT = Provider("next", "agent", "principal", audience="booking")
OKTA = issuer("okta", "okta", {"domain": "acme.okta.com", "audience": ("x",)}, Common())
KEY = SigningKey(bytes(range(SEED_BYTES)))


def alice(**changes: Any) -> Principal:
    usual: dict[str, Any] = {"issuer_url": OKTA.urls[0], "tenant": "", "subject": "alice", "issuer": "okta"}
    return Principal(**{**usual, "kind": Kind.USER, "groups": frozenset({"sales"}), **changes})


async def source(surround: Surround, **changes: Any) -> Assertions:
    async with asyncio.TaskGroup() as tasks:
        return Assertions(NEXT, surround.surroundings(tasks, **changes))


def taken(credential: Credential) -> Principal:
    """As the next agent's sidecar reads it."""
    own: dict[str, Any] = {"url": "https://travel.example.com", "issuers": ("okta",)}
    issuers = introduced({"okta": OKTA, "travel": issuer("travel", "sidecar", own, Common())}, "booking")
    parsed = jwt.unverified(credential.token.reveal().encode())
    return jwt.verify(parsed, jwt.select(parsed, by_url(issuers.values())), read(KEY.jwks()["keys"][0]), NOW)


async def test_the_next_agents_sidecar_takes_it_for_the_same_principal() -> None:
    one = await source(Surround(), signer=lambda: KEY)
    credential = one.ready(Ask(alice()))
    assert credential.lines == b"Authorization: Bearer %b\r\n" % credential.token.reveal().encode()
    assert (credential.expires, credential.token_type) == (float(int(NOW) + 30), "Bearer")
    found = taken(credential)
    assert (found.id, found.groups, found.actors) == (alice().id, frozenset({"sales"}), ("travel-agent",))
    assert jwt.unverified(credential.token.reveal().encode()).header["kid"] == KEY.kid
    assert (one.fills, one.parameter) == (frozenset({b"authorization"}), b"")
    assert (await one.obtain(Ask(alice()))).token != credential.token


async def test_every_call_has_an_assertion_of_its_own() -> None:
    surround = Surround()
    one = await source(surround, random=secrets.token_bytes)
    for _ in range(100):
        one.ready(Ask(alice()))
    assert len({claims["jti"] for _, claims in surround.signed}) == 100
    assert {kind for kind, _ in surround.signed} == {"agent-call+jwt"}
    one.close()


@pytest.mark.parametrize(
    ("ask", "chain"),
    [
        (Ask(alice(actors=("planner", "desk"))), ["travel-agent", "planner", "desk"]),
        (Ask(alice(), actors=("planner",)), ["travel-agent", "planner"]),
        (Ask(alice(actors=("desk",)), actors=("planner",)), ["travel-agent", "planner"]),
        (Ask(alice()), ["travel-agent"]),
    ],
)
async def test_the_chain_of_agents_goes_on(ask: Ask, chain: list[str]) -> None:
    one = await source(Surround(), signer=lambda: KEY)
    assert list(taken(one.ready(ask)).actors) == chain


async def test_the_agent_itself_is_nobody_to_the_next() -> None:
    one = await source(Surround())
    with pytest.raises(NotPermitted) as refused:
        one.ready(Ask(None))
    assert "handle" in refused.value.detail
    with pytest.raises(NotPermitted):
        await one.obtain(Ask(None, force=True))


async def test_without_a_public_url_nobody_would_know_who_calls() -> None:
    one = await source(Surround(), public_url=None)
    with pytest.raises(NotPermitted) as refused:
        one.ready(Ask(alice()))
    assert "inbound.public_url" in refused.value.detail


async def test_nothing_of_it_shows() -> None:
    one = await source(Surround(), signer=lambda: KEY)
    credential = one.ready(Ask(alice()))
    assert credential.token.reveal() not in repr(credential)
    assert "alice" not in repr(credential)


async def test_it_costs_a_call_less_than_a_millisecond() -> None:
    one = await source(Surround(), signer=lambda: KEY)
    many = Ask(alice(groups=frozenset(f"group-{number}" for number in range(100))))
    one.ready(many)
    began = time.process_time()
    for _ in range(50):
        one.ready(many)
    assert (time.process_time() - began) / 50 < 0.001
