"""Every provider has a source, by its type."""

import asyncio
from typing import Any

import pytest

from sidecar.errors import NotPermitted
from sidecar.oauth.assertion import Assertions
from sidecar.oauth.client_credentials import ClientCredentials
from sidecar.oauth.credential import Ask, Source
from sidecar.oauth.exchanged import Exchanged
from sidecar.oauth.provider import CATALOGUE, Provider, by_users
from sidecar.oauth.sources import Unbuilt, source
from sidecar.oauth.static import Static, static
from sidecar.oauth.surroundings import Surroundings
from sidecar.secret import Secret
from tests.oauth.surrounding import Surround

S = Secret("hunter2")


async def made(provider: Provider, **others: Any) -> Source:
    async with asyncio.TaskGroup() as tasks:
        return source(provider, Surround().surroundings(tasks), others)


@pytest.mark.parametrize(
    ("provider", "kind"),
    [
        (Provider("p", "api_key", "agent", key=S), Static),
        (Provider("p", "bearer", "agent", token=S), Static),
        (Provider("p", "oauth2", "agent", client_id="c", grant="client_credentials"), ClientCredentials),
        (Provider("p", "agent", "principal", audience="next"), Assertions),
        (Provider("p", "exchange", "principal", standard="rfc8693"), Exchanged),
    ],
)
async def test_a_type_has_its_source(provider: Provider, kind: type[object]) -> None:
    assert isinstance(await made(provider), kind)


@pytest.mark.parametrize(
    "provider", [Provider("p", "google", "principal", client_id="c", client_secret=S), Provider("p", "aws", "agent")]
)
async def test_what_has_no_room_refuses_and_says_so(provider: Provider) -> None:
    one = await made(provider)
    assert isinstance(one, Unbuilt)
    assert one.fills == {b"authorization"}
    with pytest.raises(NotPermitted) as refused:
        one.ready(Ask(None))
    assert provider.type in refused.value.reason
    assert "isn't part of this release yet" in refused.value.detail
    with pytest.raises(NotPermitted):
        await one.obtain(Ask(None))
    one.close()


@pytest.mark.parametrize(
    ("provider", "granted"),
    [
        *[(Provider("p", name, "principal", client_id="c", client_secret=S), True) for name in CATALOGUE],
        (Provider("p", "sandbox", "principal"), True),
        (Provider("p", "oauth2", "principal", client_id="c"), True),
        (Provider("p", "oauth2", "agent", client_id="c"), True),
        (Provider("p", "google", "agent", client_id="c", client_secret=S), True),
        (Provider("p", "oauth2", "agent", client_id="c", grant="client_credentials"), False),
        (Provider("p", "agent", "principal", audience="next"), False),
        (Provider("p", "exchange", "principal", standard="rfc8693"), False),
        (Provider("p", "bearer", "agent", token=S), False),
    ],
)
async def test_what_users_grant_has_one_source_whatever_its_type(provider: Provider, granted: bool) -> None:
    one = static(Provider("granted", "bearer", "agent", token=S))

    def made_of(_provider: Provider, _surroundings: Surroundings) -> Source:
        return one

    assert (await made(provider, granted=made_of) is one) == by_users(provider) == granted


async def test_a_type_with_a_room_of_its_own_is_made_there() -> None:
    def aws(provider: Provider, surroundings: Surroundings) -> Source:
        return static(Provider(provider.name, "bearer", "agent", token=Secret(surroundings.agent)))

    provider = Provider("cloud", "aws", "agent", source="ambient")
    one = await made(provider, aws=aws)
    credential = one.ready(Ask(None))
    assert credential is not None
    assert isinstance(one, Static)
    assert one.ready(Ask(None)).token.reveal() == "travel-agent"
    assert isinstance(await made(provider), Unbuilt)
