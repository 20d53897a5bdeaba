import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from pathlib import Path

import pytest

from sidecar.errors import VaultUnavailable
from sidecar.vault.grant import At, Grant
from sidecar.vault.keys import Wrapper
from sidecar.vault.memory import MemoryStore
from sidecar.vault.refresh import Removed
from sidecar.vault.sqlite import SqliteStore
from sidecar.vault.store import Store, Unusable
from sidecar.vault.vault import Vault
from tests.vault.faulty import FaultyStore
from tests.vault.grants import ALICE, BOB, CALENDAR, grant
from tests.vault.vaults import WRAPPER, derived, opened


@pytest.fixture
def store() -> FaultyStore:
    return FaultyStore()


@pytest.fixture
async def vault(store: FaultyStore, tmp_path: Path) -> AsyncIterator[Vault]:
    async with opened(store, tmp_path) as vault:
        yield vault


async def test_what_is_put_is_found_by_its_owner_and_place(vault: Vault) -> None:
    kept = await vault.put(grant())
    await vault.put(grant(BOB))
    await vault.put(grant(at=At("https://elsewhere.example", "client-of-ours")))

    assert kept == replace(grant(), version=kept.version)
    assert await vault.find(ALICE, CALENDAR) == [kept]
    assert len(await vault.of(ALICE)) == 2
    assert [one.place.owner async for one in vault.all()].count(BOB) == 1


async def test_those_with_the_fewest_scopes_come_first(vault: Vault) -> None:
    for scopes in [("a", "b", "c"), ("a",), ("a", "b")]:
        await vault.put(grant(ALICE, *scopes))

    assert [len(one.place.scopes) for one in await vault.find(ALICE, CALENDAR)] == [1, 2, 3]


async def test_a_namespace_keeps_grants_apart(vault: Vault) -> None:
    await vault.put(grant(at=replace(CALENDAR, namespace="blue")))

    assert await vault.find(ALICE, CALENDAR) == []


async def test_there_is_one_grant_at_a_place_and_its_versions_grow(vault: Vault) -> None:
    first = await vault.put(grant())
    second = await vault.put(grant(number=1))

    assert second.version == first.version + 1
    assert await vault.of(ALICE) == [second]


async def test_many_who_put_at_once_are_put_one_after_the_other(vault: Vault) -> None:
    await asyncio.gather(*(vault.put(grant(number=number)) for number in range(5)))

    assert len(await vault.of(ALICE)) == 1


async def test_a_version_is_never_used_again_once_its_grant_is_gone(vault: Vault) -> None:
    first = await vault.put(grant())
    await vault.remove(first)
    await asyncio.sleep(0.002)
    second = await vault.put(grant())

    assert second.version > first.version


async def test_what_is_removed_is_gone_and_handed_back(vault: Vault) -> None:
    kept = await vault.put(grant())

    assert await vault.remove(grant()) == kept
    assert await vault.remove(kept) is None
    assert await vault.of(ALICE) == []


async def test_its_use_is_noted_and_no_version_of_it(vault: Vault) -> None:
    kept = await vault.put(grant())
    await vault.used(kept, "travel-agent")
    (now,) = await vault.of(ALICE)

    assert now.used is not None
    assert replace(now, used=None, used_by="") == kept
    newer = await vault.put(grant(number=1))
    await vault.used(kept, "another")
    assert await vault.of(ALICE) == [newer]


async def test_a_latched_grant_is_found_dead_and_has_no_token(vault: Vault) -> None:
    kept = await vault.put(grant())
    dead = await vault.latch(kept, "the user revoked it")

    assert dead.dead == "the user revoked it"
    assert dead.refresh_token is dead.access_token is None
    assert await vault.of(ALICE) == [dead]
    assert (await vault.put(grant())).alive


async def test_a_grant_that_has_changed_is_not_latched(vault: Vault) -> None:
    old = await vault.put(grant())
    new = await vault.put(grant(number=1))

    assert await vault.latch(old, "too late") == new
    await vault.remove(new)
    with pytest.raises(Removed):
        await vault.latch(old, "too late")


async def test_a_store_that_is_away_is_refused_with_retry_after_and_used_again(
    vault: Vault, store: FaultyStore
) -> None:
    kept = await vault.put(grant())
    store.away = True
    calls: list[Callable[[], Awaitable[object]]] = [
        lambda: vault.of(ALICE),
        lambda: vault.put(kept),
        lambda: vault.used(kept, "agent"),
        lambda: vault.latch(kept, "why"),
        lambda: vault.remove(kept),
        lambda: anext(vault.all()),
    ]
    for call in calls:
        with pytest.raises(VaultUnavailable) as raised:
            await call()
        assert raised.value.retry_after == 1
    store.away = False

    assert await vault.of(ALICE) == [kept]


async def test_a_vault_opens_though_its_store_is_away_and_is_used_when_it_is_back(
    store: FaultyStore, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    store.away = True
    async with opened(store, tmp_path) as vault:
        assert "the vault is not available: it is away" in caplog.text
        store.away = False
        assert await vault.of(ALICE) == []


@pytest.fixture(params=["memory", "sqlite"])
def stores(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[], Store]:
    """The same store, opened again."""
    memory = MemoryStore()
    return lambda: memory if request.param == "memory" else SqliteStore(tmp_path / "vault.db")


async def test_another_state_key_is_refused_at_the_start_and_told_which_is_wanted(
    stores: Callable[[], Store], tmp_path: Path
) -> None:
    async with opened(stores(), tmp_path) as vault:
        kept = await vault.put(grant())
    another = Wrapper(derived(b"another"))
    with pytest.RaisesGroup(pytest.RaisesExc(Unusable, match=f"{WRAPPER.id}.*state.key is {another.id}")):
        async with opened(stores(), tmp_path, another):
            raise AssertionError
    async with opened(stores(), tmp_path) as vault:
        assert await vault.of(ALICE) == [kept]


async def test_rows_whose_contents_were_swapped_are_refused_said_and_not_given(
    vault: Vault, store: FaultyStore, caplog: pytest.LogCaptureFixture
) -> None:
    await vault.put(grant(ALICE))
    await vault.put(grant(BOB))
    one, other = store._rows.values()
    store._rows = {one.id: replace(one, sealed=other.sealed), other.id: replace(other, sealed=one.sealed)}

    assert await vault.of(ALICE) == await vault.of(BOB) == []
    assert caplog.messages.count(caplog.messages[0]) == 1
    assert "is refused, nothing of it is used: it doesn't open" in caplog.messages[0]
    assert "alice" not in caplog.text


async def test_a_row_that_was_moved_to_another_owner_is_refused(vault: Vault, store: FaultyStore) -> None:
    await vault.put(grant(ALICE))
    await vault.put(grant(BOB))
    mine, theirs = store._rows.values()
    store._rows = {theirs.id: replace(mine, id=theirs.id, owner=theirs.owner)}

    assert await vault.of(BOB) == []
    store._rows = {mine.id: replace(mine, owner=theirs.owner)}
    assert await vault.of(BOB) == []


async def test_a_row_of_an_older_copy_under_another_key_is_refused(
    vault: Vault, store: FaultyStore, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A new vault with the same state key: its keys are others."""
    older = FaultyStore()
    async with opened(older, tmp_path / "older") as before:
        await before.put(grant())
    await vault.put(grant())
    (row,), (old,) = store._rows.values(), older._rows.values()
    store._rows = {row.id: replace(old, id=row.id, owner=row.owner)}

    assert await vault.of(ALICE) == []
    assert "its data key" in caplog.text
    assert (await vault.put(grant(number=3))).alive
    assert len(await vault.of(ALICE)) == 1


@pytest.mark.parametrize("version", [-(1 << 63), -1, 0, 5, (1 << 63) - 1])
async def test_what_can_not_be_opened_is_removed_or_replaced_whatever_its_version(
    vault: Vault, store: FaultyStore, version: int
) -> None:
    await vault.put(grant())
    (row,) = store._rows.values()
    store._rows = {row.id: replace(row, version=version)}
    kept = await vault.put(grant())
    assert await vault.of(ALICE) == [kept]
    store._rows = {row.id: replace(row, version=version)}

    assert await vault.remove(kept) is None
    assert store._rows == {}


@pytest.mark.parametrize("member", ["refresh", "access", "alice", "acme", "idp", "calendar", "accounts", "mail.ex"])
async def test_a_stolen_file_says_nothing_of_anyone(tmp_path: Path, member: str) -> None:
    async with opened(SqliteStore(tmp_path / "vault.db"), tmp_path) as vault:
        await vault.put(grant())
        octets = b"".join(_octets(tmp_path))  # the log beside the file, too
    assert len(octets) > 1000
    assert member.encode() not in octets.lower()


def _octets(folder: Path) -> list[bytes]:
    return [path.read_bytes() for path in folder.glob("vault.db*")]


async def test_nothing_that_is_logged_names_anyone(
    vault: Vault, store: FaultyStore, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    await vault.put(grant())
    store._rows = {row.id: replace(row, sealed=b"") for row in store._rows.values()}
    await vault.of(ALICE)

    assert "refused" in caplog.text
    for word in ["alice", "token-", "idp.example", "accounts.example"]:
        assert word not in caplog.text


async def test_nothing_of_a_grant_is_shown_by_the_vault(vault: Vault) -> None:
    kept = await vault.put(grant())

    assert "token-" not in repr(kept).replace("token_", "")
    assert isinstance(kept, Grant)
