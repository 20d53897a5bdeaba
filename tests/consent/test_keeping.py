"""Codes are spent at providers, and grants kept and given back."""

import pytest

from sidecar.errors import ProviderUnreachable
from sidecar.oauth.provider import Provider
from sidecar.secret import Secret
from sidecar.vault.grant import Owner
from tests.consent.around import PROVIDER, READ, Around


async def test_a_grant_is_under_the_providers_issuer_and_our_client(around: Around) -> None:
    await around.agree(around.browser(), around.ask(READ)[0])
    (grant,) = await around.grants()
    assert (grant.place.at.server, grant.place.at.client_id) == (PROVIDER, "the-client")
    assert grant.place.owner == Owner.of_principal(around.alice)
    assert grant.expires is not None
    assert grant.expires == pytest.approx(around.clock.epoch() + 3600, abs=10)


async def test_what_is_held_is_told_by_provider(around: Around) -> None:
    owner = Owner.of_principal(around.alice)
    assert await around.keeping.held(owner) == {}
    await around.agree(around.browser(), around.ask(READ)[0])
    assert {name: len(grants) for name, grants in (await around.keeping.held(owner)).items()} == {"calendar": 1}


async def test_who_changes_what_is_held_is_told_to_others(around: Around) -> None:
    told: list[str] = []
    around.keeping._changed = lambda owner, provider: told.append(f"{owner.subject} {provider.name}")
    await around.agree(around.browser(), around.ask(READ)[0])
    await around.keeping.disconnect(Owner.of_principal(around.alice), around.surroundings.providers["calendar"])
    assert told == ["alice calendar"] * 2


async def test_a_provider_of_the_catalogue_is_known_without_asking(around: Around) -> None:
    google = Provider("google", "google", "principal", client_id="c", client_secret=Secret("s"))
    assert (await around.keeping.entry(google)).authorize_url.startswith("https://accounts.google.com/")


async def test_a_provider_that_has_to_be_asked_and_is_away_is_unreachable(around: Around) -> None:
    around.away.add(PROVIDER)
    with pytest.raises(ProviderUnreachable):
        await around.keeping.entry(around.surroundings.providers["calendar"])
