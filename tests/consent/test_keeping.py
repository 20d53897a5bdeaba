"""Codes are spent at providers, and grants kept and given back."""

from dataclasses import replace

import pytest

from sidecar.consent.surroundings import Redemption
from sidecar.errors import ProviderUnreachable, VaultUnavailable
from sidecar.oauth.provider import Provider
from sidecar.secret import Secret
from sidecar.vault.grant import Grant, Owner
from sidecar.wire.http import Request, Response
from tests.consent.around import PROVIDER, READ, WRITE, Around


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


async def connected(around: Around, *scopes: str) -> list[str]:
    """Alice agrees to each: the refresh tokens that are kept."""
    for scope in scopes:
        await around.agree(around.browser(), around.ask(scope)[0])
    return sorted(grant.refresh_token.reveal() for grant in await around.grants() if grant.refresh_token is not None)


async def test_nobody_finds_a_grant_any_more_while_its_provider_is_told(around: Around) -> None:
    kept = await connected(around, READ, WRITE)
    told: list[int] = []
    seen: list[int] = []
    around.keeping._changed = lambda _owner, _provider: told.append(len(around.provider.revoked))
    answer = around.provider.answer

    async def slow(request: Request) -> Response:
        seen.append(len(await around.grants()))
        return answer(request)

    world = replace(around.keeping._world, fetch=slow)
    around.keeping._world = world
    owner, provider = Owner.of_principal(around.alice), around.surroundings.providers["calendar"]
    await around.keeping.disconnect(owner, provider)
    assert told == [0]
    assert set(seen) == {0}
    assert sorted(around.provider.revoked) == kept


async def test_what_was_removed_is_given_back_though_the_vault_fails_at_the_next(around: Around) -> None:
    kept = await connected(around, READ, WRITE)
    remove, told = around.vault.remove, list[str]()

    async def once(grant: Grant) -> Grant | None:
        around.vault.remove = fails  # type: ignore[assignment, method-assign]  # a vault that goes away in between
        return await remove(grant)

    async def fails(_grant: Grant) -> Grant | None:
        raise VaultUnavailable("away")

    around.vault.remove = once  # type: ignore[method-assign]  # as above
    around.keeping._changed = lambda owner, provider: told.append(provider.name)
    with pytest.raises(VaultUnavailable):
        await around.keeping.disconnect(Owner.of_principal(around.alice), around.surroundings.providers["calendar"])
    assert told == ["calendar"]
    assert len(around.provider.revoked) == 1
    assert around.provider.revoked[0] in kept


@pytest.mark.parametrize("claims", [{"aud": "another"}, {"nonce": "another"}, {"iss": "https://evil.example"}])
async def test_tokens_of_an_answer_that_does_not_hold_are_given_back(around: Around, claims: dict[str, str]) -> None:
    around.provider.claims = dict(claims)
    said = await around.agree(around.browser(), around.ask(READ)[0])
    assert said.status == 502
    assert await around.grants() == []
    assert len(around.provider.revoked) == 1


async def test_so_are_those_of_whom_nobody_says_whose_they_are(around: Around) -> None:
    """GitHub: a call says it, and that fails."""
    calls: list[str] = []

    async def answers(request: Request) -> Response:
        calls.append(f"{request.method} {request.url}")
        if request.url.endswith("/access_token"):
            body = b'{"access_token": "gho_one", "token_type": "bearer", "scope": "repo"}'
            return Response(200, {"content-type": "application/json"}, body)
        return Response(503 if request.url.endswith("/user") else 204, {}, b"")

    github = Provider("github", "github", "principal", client_id="c", client_secret=Secret("s"))
    around.keeping._world = replace(around.keeping._world, fetch=answers)
    redemption = Redemption(Secret("code"), "https://accounts.example/callback/github", Secret("v" * 43), Secret("n"))
    with pytest.raises(ProviderUnreachable):
        await around.keeping.redeem(github, Owner.of_principal(around.alice), frozenset({"repo"}), redemption)
    assert calls[-1] == "DELETE https://api.github.com/applications/c/grant"
