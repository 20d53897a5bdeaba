import asyncio
import logging
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from sidecar.errors import GrantDead, Internal, ProviderUnreachable, VaultUnavailable
from sidecar.vault.grant import Grant
from sidecar.vault.intents import Intents
from sidecar.vault.refresh import Removed, _note
from sidecar.vault.vault import Vault
from tests.vault.faulty import FaultyStore
from tests.vault.grants import grant
from tests.vault.provider import Provider
from tests.vault.vaults import opened


@pytest.fixture
def store() -> FaultyStore:
    return FaultyStore()


@pytest.fixture
async def vault(store: FaultyStore, tmp_path: Path) -> AsyncIterator[Vault]:
    async with opened(store, tmp_path) as vault:
        yield vault


@pytest.fixture
async def kept(vault: Vault) -> Grant:
    return await vault.put(grant())


@pytest.fixture
def provider() -> Provider:
    first = grant().refresh_token
    assert first is not None
    return Provider(first, seconds=0.02)


def left(tmp_path: Path) -> list[str]:
    folder = tmp_path / "refreshes"
    return [path.name for path in folder.iterdir()] if folder.exists() else []


async def now(vault: Vault) -> Grant:
    (one,) = await vault.of(grant().place.owner)
    return one


async def test_of_many_who_ask_at_once_one_asks_the_provider(vault: Vault, kept: Grant, provider: Provider) -> None:
    for turn in range(1, 6):
        known = await now(vault)
        new = await asyncio.gather(*(vault.refresh(known, provider.renew) for _ in range(200)))
        assert provider.calls == turn
        assert all(one == new[0] for one in new)
        assert new[0].version == known.version + 1
        assert new[0] == await now(vault)
    assert not provider.dead


async def test_two_sidecars_with_one_store_ask_once(
    vault: Vault, store: FaultyStore, kept: Grant, provider: Provider, tmp_path: Path
) -> None:
    async with opened(store, tmp_path / "other") as other:
        both = await asyncio.gather(*(one.refresh(kept, provider.renew) for one in [vault, other] * 20))
        assert provider.calls == 1
        assert all(one == both[0] for one in both)


async def test_who_knows_an_old_version_gets_what_is_there(vault: Vault, kept: Grant, provider: Provider) -> None:
    new = await vault.refresh(kept, provider.renew)

    assert await vault.refresh(kept, provider.renew) == new
    assert provider.calls == 1


async def test_who_goes_away_takes_nothing_with_them(vault: Vault, kept: Grant, provider: Provider) -> None:
    async with asyncio.TaskGroup() as tasks:
        first = tasks.create_task(vault.refresh(kept, provider.renew))
        await asyncio.sleep(0.01)
        second = tasks.create_task(vault.refresh(kept, provider.renew))
        first.cancel()

    assert (await second).version == kept.version + 1
    assert provider.calls == 1


async def test_what_was_noted_is_gone_when_it_is_over(
    vault: Vault, kept: Grant, provider: Provider, tmp_path: Path
) -> None:
    seen: list[str] = []

    async def renew(current: Grant) -> Grant:
        seen.extend(left(tmp_path))
        return await provider.renew(current)

    await vault.refresh(kept, renew)
    assert len(seen) == 1
    assert left(tmp_path) == []


async def test_a_provider_that_fails_kills_nothing(
    vault: Vault, kept: Grant, provider: Provider, tmp_path: Path
) -> None:
    async def renew(current: Grant) -> Grant:
        raise ProviderUnreachable("503", mend="wait", retry_after=7)

    outcomes = await asyncio.gather(*(vault.refresh(kept, renew) for _ in range(3)), return_exceptions=True)
    for outcome in outcomes:
        assert isinstance(outcome, ProviderUnreachable)
        assert (outcome.reason, outcome.detail, outcome.retry_after) == ("503", "wait", 7)
    assert len({id(outcome) for outcome in outcomes}) == 3
    assert await now(vault) == kept
    assert left(tmp_path) == []
    assert (await vault.refresh(kept, provider.renew)).version == kept.version + 1


async def test_a_grant_that_the_provider_disowns_is_latched_before_anyone_is_told(
    vault: Vault, kept: Grant, provider: Provider, tmp_path: Path
) -> None:
    provider.dead = True

    with pytest.raises(GrantDead):
        await vault.refresh(kept, provider.renew)
    dead = await now(vault)
    assert (dead.dead, dead.alive) == ("invalid_grant", False)
    assert dead.refresh_token is dead.access_token is None
    assert await vault.refresh(kept, provider.renew) == dead
    assert await vault.refresh(dead, provider.renew) == dead
    assert provider.calls == 1
    assert left(tmp_path) == []


async def test_a_bug_is_told_as_one_and_ends_nothing(
    vault: Vault, kept: Grant, provider: Provider, caplog: pytest.LogCaptureFixture
) -> None:
    async def renew(current: Grant) -> Grant:
        raise ZeroDivisionError

    with pytest.raises(Internal):
        await vault.refresh(kept, renew)
    assert "ZeroDivisionError" in caplog.text
    assert (await vault.refresh(kept, provider.renew)).version == kept.version + 1


async def test_a_grant_that_is_gone_is_not_asked_for(vault: Vault, kept: Grant, provider: Provider) -> None:
    await vault.remove(kept)

    with pytest.raises(Removed) as raised:
        await vault.refresh(kept, provider.renew)
    assert raised.value.renewed is None
    assert provider.calls == 0


async def test_who_removes_a_grant_waits_for_its_refresh(vault: Vault, kept: Grant, provider: Provider) -> None:
    async with asyncio.TaskGroup() as tasks:
        refreshed = tasks.create_task(vault.refresh(kept, provider.renew))
        await asyncio.sleep(0.01)
        removed = tasks.create_task(vault.remove(kept))

    assert await removed == await refreshed
    assert await vault.of(kept.place.owner) == []


async def test_but_not_for_long_and_what_that_gets_has_no_place_any_more(
    vault: Vault, kept: Grant, provider: Provider
) -> None:
    provider.seconds = 1.0
    refreshing = asyncio.ensure_future(vault.refresh(kept, provider.renew))
    await asyncio.sleep(0.05)
    async with asyncio.timeout(0.8):
        assert await vault.remove(kept) == kept
    assert await vault.of(kept.place.owner) == []
    with pytest.raises(Removed) as raised:
        await refreshing
    assert raised.value.renewed is not None
    assert await vault.of(kept.place.owner) == []


async def test_what_was_given_for_a_grant_that_went_meanwhile_is_handed_back(
    vault: Vault, store: FaultyStore, kept: Grant, provider: Provider
) -> None:
    async def renew(current: Grant) -> Grant:
        store._rows.clear()  # by a sidecar whose lock was lost
        return await provider.renew(current)

    with pytest.raises(Removed) as raised:
        await vault.refresh(kept, renew)
    assert raised.value.renewed is not None
    assert raised.value.renewed.refresh_token is not None
    assert raised.value.renewed.refresh_token.reveal() == provider.refresh_token
    assert await vault.of(kept.place.owner) == []


async def test_a_new_consent_during_a_refresh_stays(vault: Vault, kept: Grant, provider: Provider) -> None:
    anew = grant(number=50)

    async def renew(current: Grant) -> Grant:
        await vault.put(anew)
        return await provider.renew(current)

    new = await vault.refresh(kept, renew)
    assert new.refresh_token == anew.refresh_token
    assert await now(vault) == new


async def test_a_grant_that_another_latched_with_the_old_token_lives_again(
    vault: Vault, kept: Grant, provider: Provider, store: FaultyStore, tmp_path: Path
) -> None:
    async with opened(store, tmp_path / "other") as other:

        async def renew(current: Grant) -> Grant:
            new = await provider.renew(current)
            await other._refreshes.latched(next(iter(store._rows)), current, "reused")  # its lock was lost
            return new

        new = await vault.refresh(kept, renew)
    assert new.alive
    assert new.version == kept.version + 2
    assert await now(vault) == new


async def test_an_answer_outlives_a_store_that_is_away(
    vault: Vault, store: FaultyStore, kept: Grant, provider: Provider, tmp_path: Path
) -> None:
    async def renew(current: Grant) -> Grant:
        store.away = True
        return await provider.renew(current)

    new = await vault.refresh(kept, renew)
    assert new.version == kept.version + 1
    assert len(left(tmp_path)) == 1
    with pytest.raises(VaultUnavailable):
        await vault.of(kept.place.owner)
    with pytest.raises(VaultUnavailable):
        await vault.refresh(new, provider.renew)
    store.away = False

    assert await now(vault) == new  # before the store has it
    assert (await vault.refresh(new, provider.renew)).version == new.version + 1
    assert provider.calls == 2
    assert not provider.dead
    assert left(tmp_path) == []


async def test_an_answer_is_kept_as_soon_as_the_store_is_back(
    vault: Vault, store: FaultyStore, kept: Grant, provider: Provider, tmp_path: Path
) -> None:
    async def renew(current: Grant) -> Grant:
        store.away = True
        return await provider.renew(current)

    new = await vault.refresh(kept, renew)
    store.away = False
    async with asyncio.timeout(5):
        while left(tmp_path):  # noqa: ASYNC110 - nobody tells when a file goes
            await asyncio.sleep(0.05)
    (row,) = store._rows.values()
    assert row.version == new.version


async def test_an_answer_that_the_store_never_got_is_replayed_at_the_next_start(
    store: FaultyStore, provider: Provider, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)

    async def renew(current: Grant) -> Grant:
        store.away = True
        return await provider.renew(current)

    async with opened(store, tmp_path) as vault:
        new = await vault.refresh(await vault.put(grant()), renew)
    store.away = False
    async with opened(store, tmp_path) as vault:
        assert await now(vault) == new
        assert left(tmp_path) == []
    assert "a refresh that was interrupted is kept" in caplog.messages


async def test_an_answer_that_was_overtaken_is_not_replayed(
    store: FaultyStore, provider: Provider, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)

    async def renew(current: Grant) -> Grant:
        store.away = True
        return await provider.renew(current)

    async with opened(store, tmp_path) as vault:
        await vault.refresh(await vault.put(grant()), renew)
    store.away = False
    async with opened(store, tmp_path / "other") as other:
        anew = await other.put(grant(number=70))
        anew = await other.put(replace(anew, label="again"))
    async with opened(store, tmp_path) as vault:
        assert await now(vault) == anew
    assert "a refresh that was interrupted was overtaken" in caplog.messages


async def test_a_refresh_whose_answer_was_not_read_is_tried_once_more_and_then_dead(
    store: FaultyStore, provider: Provider, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    asked = asyncio.Event()

    async def renew(current: Grant) -> Grant:
        await provider.renew(current)
        asked.set()
        await asyncio.sleep(60)
        raise AssertionError

    async with opened(store, tmp_path) as vault:
        known = await vault.put(grant())
        waiting = asyncio.ensure_future(vault.refresh(known, renew))
        await asked.wait()
    with pytest.raises(VaultUnavailable):
        await waiting
    assert len(left(tmp_path)) == 1
    async with opened(store, tmp_path) as vault:
        assert "tried once more" in caplog.text
        assert await now(vault) == known
        with pytest.raises(GrantDead):
            await vault.refresh(known, provider.renew)
        assert "an earlier refresh was interrupted" in (await now(vault)).dead
    assert provider.calls == 2


async def test_a_note_of_another_vault_stays_and_is_not_used(
    provider: Provider, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    store, another = FaultyStore(), FaultyStore()

    async def renew(current: Grant) -> Grant:
        store.away = True
        return await provider.renew(current)

    async with opened(store, tmp_path) as vault:
        await vault.refresh(await vault.put(grant()), renew)
    async with opened(another, tmp_path) as vault:
        assert await vault.of(grant().place.owner) == []
    assert len(left(tmp_path)) == 1
    assert "nothing of it is used" in caplog.text


async def test_without_a_place_to_note_it_nobody_is_asked(
    vault: Vault, kept: Grant, provider: Provider, tmp_path: Path
) -> None:
    (tmp_path / "refreshes").write_text("in the way")

    with pytest.raises(VaultUnavailable, match="isn't begun"):
        await vault.refresh(kept, provider.renew)
    assert provider.calls == 0


async def test_an_answer_that_can_not_be_noted_is_used_all_the_same(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    intent = Intents(tmp_path).begin("one", b"asked")
    intent.close()
    await _note(intent, b"answered")

    assert "what a provider answered can't be noted" in caplog.messages


async def test_what_was_not_begun_in_full_is_forgotten(store: FaultyStore, tmp_path: Path) -> None:
    Intents(tmp_path / "refreshes").begin("one", b"asked").close()
    (path,) = (tmp_path / "refreshes").iterdir()
    path.write_bytes(path.read_bytes()[:-1])
    async with opened(store, tmp_path):
        assert left(tmp_path) == []


async def test_a_swap_whose_outcome_was_not_learnt_is_found_to_be_ours(
    vault: Vault, store: FaultyStore, kept: Grant, provider: Provider, tmp_path: Path
) -> None:
    store.swapped_and_gone = True
    new = await vault.refresh(kept, provider.renew)

    assert new.version == kept.version + 1
    assert await now(vault) == new
    assert left(tmp_path) == []
