"""What users granted, brokered: which grant, how often it is renewed, what ends it, and when the user is asked."""

import asyncio
import re
import sqlite3
import time
from collections.abc import Iterator
from contextlib import AsyncExitStack, closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.errors import (
    AuditUnavailable,
    ConsentRequired,
    NotPermitted,
    ProviderTimeout,
    RateLimited,
    Refusal,
    VaultUnavailable,
)
from sidecar.identity.principal import Kind
from sidecar.oauth.broker import ASSUMED_SECONDS
from sidecar.oauth.forced import MOST_FORCED
from sidecar.oauth.provider import Provider
from sidecar.secret import Secret
from sidecar.vault.grant import At
from sidecar.vault.postgres import PostgresStore
from sidecar.vault.rotation import Progress, rotate
from sidecar.vault.sqlite import SqliteStore
from sidecar.wire.http import Late, Request, Response, Unreachable
from tests.database import Database
from tests.fuzzing import LONG
from tests.oauth.granting import ALICE, AS, BOB, MAIL, READ, Family, asking, broker_of, custom, said, stage
from tests.vault.faulty import FaultyStore
from tests.vault.vaults import opened


async def until(stage: Any, *, used: bool) -> Any:
    for _ in range(100):
        (grant,) = await stage.kept()
        if (grant.used is not None) == used:
            return grant
        await asyncio.sleep(0.01)
    raise AssertionError


async def test_a_token_that_is_good_is_had_without_asking_the_provider(tmp_path: Path) -> None:
    async with stage(tmp_path) as one:
        await one.grant(READ)
        assert one.broker.ready(asking(READ)) is None
        credential = await one.broker.credential(asking(READ))
        assert credential.lines == b"Authorization: Bearer a-one-0\r\n"
        assert (credential.scopes, credential.expires) == (frozenset({READ}), one.surround.now + 3600)
        assert one.broker.ready(asking(READ)) is credential
        assert one.family.calls == []
        assert "a-one" not in repr(credential)
        grant = await until(one, used=True)
        assert grant.used_by == "travel-agent"


async def test_it_is_each_users_own(tmp_path: Path) -> None:
    async with stage(tmp_path) as one:
        await one.grant(READ)
        await one.grant(READ, name="two", who=BOB)
        assert [await one.token(READ), await one.token(READ, who=BOB)] == ["a-one-0", "a-two-0"]
        tenant = replace(ALICE, tenant="another")
        with pytest.raises(ConsentRequired):
            await one.token(READ, who=tenant)
        elsewhere = replace(ALICE, issuer_url="https://other.example")
        with pytest.raises(ConsentRequired):
            await one.token(READ, who=elsewhere)


@pytest.mark.parametrize(
    ("granted", "asked", "chosen"),
    [
        ([{READ}], {READ}, 0),
        ([{READ, MAIL}, {READ}], {READ}, 1),
        ([{READ}, {READ, MAIL}], {READ, MAIL}, 1),
        ([{MAIL}, {READ, MAIL, "x"}, {READ, MAIL}], {READ}, 2),
        ([{READ}, {MAIL}], set(), 1),
        ([{READ}], {MAIL}, None),
        ([{READ}, {MAIL}], {READ, MAIL}, None),
        ([], {READ}, None),
        ([], set(), None),
    ],
)
async def test_the_grant_with_the_fewest_scopes_that_are_enough_is_used(
    tmp_path: Path, granted: list[set[str]], asked: set[str], chosen: int | None
) -> None:
    async with stage(tmp_path) as one:
        for number, scopes in enumerate(granted):
            await one.grant(*scopes, name=str(number), since=float(number))
        if chosen is not None:
            assert await one.token(*asked) == f"a-{chosen}-0"
            return
        with pytest.raises(ConsentRequired) as refused:
            await one.token(*asked)
        url, session = "https://accounts.example/connect/1", "1"
        assert refused.value.extra == {"authorization_url": url, "session": session}
        assert one.consents.asked == [(ALICE, frozenset(asked), b"invocation")]


SCOPES = st.frozensets(st.sampled_from("abcd"))


@given(st.lists(SCOPES, max_size=4), SCOPES)
def test_no_grant_is_used_that_is_not_enough_and_none_wider_than_another_that_is(
    granted: list[frozenset[str]], asked: frozenset[str]
) -> None:
    async def run() -> None:
        async with stage(Path("/nonexistent")) as one:
            for scopes in granted:
                await one.grant(*scopes)
            enough = [scopes for scopes in granted if asked <= scopes]
            try:
                credential = await one.broker.credential(asking(*asked))
            except ConsentRequired:
                assert not enough
            else:
                assert credential.scopes in enough
                assert len(credential.scopes) == min(map(len, enough))

    asyncio.run(run())


async def test_short_names_and_the_providers_own_are_the_same(tmp_path: Path) -> None:
    google = Provider("g", "google", "principal", client_id="c", client_secret=Secret("s"))
    full = "https://www.googleapis.com/auth/calendar.readonly"
    async with stage(tmp_path, google) as one:
        await one.grant(full, at=At("https://accounts.google.com", "c"))
        assert [await one.token("calendar.readonly"), await one.token(full)] == ["a-one-0", "a-one-0"]
        with pytest.raises(ConsentRequired):
            await one.token("drive.readonly")
        assert one.consents.asked[0][1] == frozenset({"https://www.googleapis.com/auth/drive.readonly"})


# renewed


async def test_a_token_is_renewed_ahead_of_its_end_while_the_old_one_is_used(tmp_path: Path) -> None:
    async with stage(tmp_path) as one:
        await one.grant(READ)
        assert await one.token(READ) == "a-one-0"
        one.surround.now += 3301  # less than five minutes are left
        credential = one.broker.ready(asking(READ))
        assert credential is not None
        assert credential.token.reveal() == "a-one-0"
        for _ in range(100):
            await asyncio.sleep(0.01)
            if (credential := one.broker.ready(asking(READ)) or credential).token.reveal() != "a-one-0":
                break
        assert credential.token.reveal() == "a-one-1"
        assert one.family.calls == ["r-one-0"]
        (grant,) = await one.kept()
        assert grant.refresh_token == Secret("r-one-1")
        assert [(name, scopes) for name, _, scopes in one.surround.refreshed] == [("crm", frozenset({READ}))]


@pytest.mark.parametrize("left", [0.0, -1.0, -1e6, 4.0])
async def test_a_token_that_is_over_is_renewed_before_anyone_has_it(tmp_path: Path, left: float) -> None:
    async with stage(tmp_path) as one:
        await one.grant(READ, expires=one.surround.now + left)
        assert await one.token(READ) == "a-one-1"
        assert one.family.calls == ["r-one-0"]


async def test_what_another_sidecar_has_renewed_is_taken_from_the_vault(tmp_path: Path) -> None:
    async with stage(tmp_path) as one, asyncio.TaskGroup() as tasks:
        await one.grant(READ)
        other = broker_of(one.provider, one.vault, one.surround.surroundings(tasks), one.consents, one.dead)
        for broker in (one.broker, other):
            await broker.credential(asking(READ))
        one.surround.now += 3600
        tokens = {(await broker.credential(asking(READ))).token.reveal() for broker in (one.broker, other)}
        assert tokens == {"a-one-1"}
        assert one.family.calls == ["r-one-0"]
        other.close()


async def test_force_renews_a_token_that_was_seen_refused(tmp_path: Path) -> None:
    async with stage(tmp_path) as one:
        await one.grant(READ)
        assert await one.token(READ) == "a-one-0"
        assert one.broker.ready(asking(READ, force=True)) is None
        assert await one.token(READ, force=True) == "a-one-1"
        assert await one.token(READ) == "a-one-1"


async def test_who_forces_too_often_takes_nothing_from_others(tmp_path: Path) -> None:
    async with stage(tmp_path) as one:
        await one.grant(READ)
        await one.grant(READ, name="two", who=BOB)
        for _ in range(MOST_FORCED):
            await one.token(READ, force=True)
        with pytest.raises(RateLimited):
            await one.token(READ, force=True)
        assert await one.token(READ, who=BOB, force=True) == "a-two-0"


async def test_a_provider_that_gives_no_new_refresh_token_goes_on_with_the_old_one(tmp_path: Path) -> None:
    async with stage(tmp_path, family=Family(rotates=False)) as one:
        await one.grant(READ, expires=0.0)
        for number in (1, 2, 3):
            assert await one.token(READ) == f"a-one-{number}"
            one.surround.now += 3600
        assert one.family.calls == ["r-one-0"] * 3


@pytest.mark.parametrize("rotates", [True, False])
async def test_when_the_refresh_token_ends_is_known_as_long_as_it_is_the_same_one(
    tmp_path: Path, rotates: bool
) -> None:
    async with stage(tmp_path, family=(family := Family(rotates=rotates))) as one:
        await one.grant(READ, expires=0.0, refresh_expires=one.surround.now + 86400)
        assert await one.token(READ) == "a-one-1"
        (kept,) = await one.kept()
        assert kept.refresh_expires == (None if rotates else one.surround.now + 86400)
        family.refresh_lifetime = 7 * 86400
        one.surround.now += 3600
        assert await one.token(READ) == "a-one-2"
        (kept,) = await one.kept()
        assert kept.refresh_expires == one.surround.now + 7 * 86400


async def test_a_token_of_which_nobody_says_how_long_it_lives_is_renewed_now_and_then(tmp_path: Path) -> None:
    async with stage(tmp_path, family=Family(lifetime=None)) as one:
        await one.grant(READ, expires=None)
        assert await one.token(READ) == "a-one-0"
        one.surround.now += ASSUMED_SECONDS
        assert await one.token(READ) == "a-one-1"
        credential = await one.broker.credential(asking(READ))
        assert credential.expires is None


async def test_a_token_that_never_ends_is_used_until_it_is_seen_refused(tmp_path: Path) -> None:
    async with stage(tmp_path) as one:
        await one.grant(READ, refresh_token=None, expires=None)
        for _ in range(5):
            assert await one.token(READ) == "a-one-0"
            one.surround.now += 86400
        with pytest.raises(ConsentRequired, match="nothing to renew it with"):
            await one.token(READ, force=True)
        assert one.family.calls == []


async def test_a_token_that_ends_and_can_not_be_renewed_is_used_to_its_end(tmp_path: Path) -> None:
    async with stage(tmp_path) as one:
        await one.grant(READ, refresh_token=None)
        for seconds in (0, 3310, 200):
            one.surround.now += seconds
            assert await one.token(READ) == "a-one-0"
            await asyncio.sleep(0.01)
        one.surround.now += 90
        with pytest.raises(ConsentRequired):
            await one.token(READ)
        (grant,) = await one.kept()
        assert grant.alive


@pytest.mark.timeout(900 if LONG else 60)
async def test_many_callers_at_once_are_one_refresh_of_a_family_that_dies_of_two(tmp_path: Path) -> None:
    family, rounds = Family(seconds=0.02), 200 if LONG else 5
    async with stage(tmp_path, family=family, store=SqliteStore(tmp_path / "vault.db")) as one:
        await one.grant(READ, MAIL, expires=0.0)
        others = [(READ,), (MAIL,), (READ, MAIL), ()]  # four tokens in memory, one grant
        for number in range(1, rounds + 1):
            asks = [one.token(*others[index % 4]) for index in range(400)]
            assert set(await asyncio.gather(*asks)) == {f"a-one-{number}"}
            assert len(family.calls) == number
            one.surround.now += 3600
        assert not family.dead
        assert len(one.surround.refreshed) == rounds


async def test_several_sidecars_in_one_vault_are_one_refresh(tmp_path: Path) -> None:
    family = Family(seconds=0.02)
    async with stage(tmp_path, family=family) as one, asyncio.TaskGroup() as tasks:
        await one.grant(READ, expires=0.0)
        world = one.surround.surroundings(tasks)
        fleet = [broker_of(one.provider, one.vault, world, one.consents, one.dead) for _ in range(8)]
        for number in range(1, 6):
            asks = [broker.credential(asking(READ)) for broker in fleet for _ in range(50)]
            tokens = {credential.token.reveal() for credential in await asyncio.gather(*asks)}
            assert (tokens, len(family.calls)) == ({f"a-one-{number}"}, number)
            one.surround.now += 3600
        for broker in fleet:
            broker.close()


@pytest.fixture(scope="module")
def database() -> Iterator[Database]:
    database = Database()
    yield database
    database.close()


async def test_a_fleet_on_one_database_renews_once_a_round(tmp_path: Path, database: Database) -> None:
    family, url = Family(seconds=0.02), Secret(database.url("fleet"))
    async with stage(tmp_path, family=family, store=PostgresStore(url)) as one, asyncio.TaskGroup() as tasks:
        await one.grant(READ, expires=0.0)
        world = one.surround.surroundings(tasks)
        async with AsyncExitStack() as stack:
            fleet = []
            for number in range(8):  # each with a vault of its own, as eight processes have
                vault = await stack.enter_async_context(opened(PostgresStore(url), tmp_path / str(number)))
                fleet.append(broker_of(one.provider, vault, world, one.consents, one.dead, shared=True))
            for number in range(1, 6):
                asks = [broker.credential(asking(READ)) for broker in fleet for _ in range(50)]
                tokens = {credential.token.reveal() for credential in await asyncio.gather(*asks)}
                assert (tokens, len(family.calls)) == ({f"a-one-{number}"}, number)
                one.surround.now += 3600
            assert not family.dead
            for broker in fleet:
                broker.close()


@pytest.mark.parametrize("how", ["removed", "dead", "given anew"])
async def test_what_another_sidecar_took_away_is_not_used_a_second_later(tmp_path: Path, how: str) -> None:
    store = FaultyStore()
    async with stage(tmp_path, store=store) as one, asyncio.TaskGroup() as tasks:
        grant = await one.grant(READ)
        here = broker_of(one.provider, one.vault, one.surround.surroundings(tasks), one.consents, one.dead, shared=True)
        assert (await here.credential(asking(READ))).token.reveal() == "a-one-0"
        one.surround.now += 600
        assert here.ready(asking(READ)) is None  # it isn't believed for ever: the vault is looked into
        assert (await here.credential(asking(READ))).token.reveal() == "a-one-0"
        assert here.ready(asking(READ)) is not None
        store.away = True
        one.surround.now += 1
        assert (await here.credential(asking(READ))).token.reveal() == "a-one-0"  # as long as nobody can say more
        store.away = False
        one.surround.now += 2
        if how == "removed":
            await one.vault.remove(grant)
        elif how == "dead":
            await one.vault.latch(grant, "invalid_grant")
        else:
            await one.grant(READ, name="two")
            assert (await here.credential(asking(READ))).token.reveal() == "a-two-0"
        if how != "given anew":
            with pytest.raises(ConsentRequired):
                await here.credential(asking(READ))
        here.close()


# what ends a grant, and what doesn't


async def test_what_the_provider_honours_no_more_is_latched_told_and_asked_for_again(tmp_path: Path) -> None:
    async with stage(tmp_path) as one:
        await one.grant(READ, expires=0.0)
        one.family.dead.add("one")
        outcomes = await asyncio.gather(*(one.token(READ) for _ in range(20)), return_exceptions=True)
        assert {type(each) for each in outcomes} == {ConsentRequired}
        for _ in range(3):
            with pytest.raises(ConsentRequired, match="invalid_grant"):
                await one.token(READ)
        assert len(one.family.calls) == 1
        ((name, scopes, why),) = one.dead
        assert (name, scopes) == ("crm", frozenset({READ}))
        assert "invalid_grant" in why
        (grant,) = await one.kept()
        assert (grant.alive, grant.refresh_token, grant.access_token) == (False, None, None)
        one.family.dead.clear()
        await one.grant(READ, name="two")  # the user agrees again: the very next call has it
        assert await one.token(READ) == "a-two-0"


async def test_a_death_that_can_not_be_recorded_is_not_latched(tmp_path: Path) -> None:
    async with stage(tmp_path) as one:
        await one.grant(READ, expires=0.0)
        one.family.dead.add("one")

        def full(*_: Any) -> None:
            raise AuditUnavailable("the journal is full")

        one.broker._dead = full
        with pytest.raises(AuditUnavailable):
            await one.token(READ)
        (grant,) = await one.kept()
        assert grant.alive


def fails(error: Exception) -> Any:
    def fetch(_: Request) -> Response:
        raise error

    return fetch


@pytest.mark.parametrize(
    ("says", "code"),
    [
        (lambda _: Response(500, {}, b"<html>"), "provider_unreachable"),
        (lambda _: Response(503, {"retry-after": "9"}, b""), "provider_unreachable"),
        (lambda _: said({"error": "invalid_grant"}, 500), "provider_unreachable"),
        (lambda _: said({"error": "invalid_client"}, 401), "provider_unreachable"),
        (lambda _: said({"error": "unauthorized_client"}, 400), "provider_unreachable"),
        (lambda _: said({"error": "temporarily_unavailable"}, 400), "provider_unreachable"),
        (lambda _: said({"error": "something_else"}, 400), "provider_unreachable"),
        (lambda _: Response(429, {"retry-after": "9"}, b""), "rate_limited"),
        (lambda _: Response(200, {}, b"<html>invalid_grant</html>"), "provider_unreachable"),
        (lambda _: Response(400, {}, b""), "provider_unreachable"),
        (lambda _: said({"access_token": "", "token_type": "Bearer"}), "provider_unreachable"),
        (fails(Late("no answer within 10 s")), "timeout"),
        (fails(Unreachable("OSError: Connection refused")), "provider_unreachable"),
    ],
)
async def test_a_provider_that_is_out_of_order_ends_no_grant(tmp_path: Path, says: Any, code: str) -> None:
    async with stage(tmp_path) as one:
        await one.grant(READ, expires=0.0)
        one.surround.says = says
        for _ in range(3):
            with pytest.raises(Refusal) as refused:
                await one.token(READ)
            assert refused.value.code == code
            assert not isinstance(refused.value, ConsentRequired)
        assert len(one.surround.requests) == 1
        (grant,) = await one.kept()
        assert (grant.alive, grant.refresh_token, one.dead) == (True, Secret("r-one-0"), [])
        one.surround.says, one.surround.now = one.family, one.surround.now + 61
        assert await one.token(READ) == "a-one-1"


async def test_an_outage_is_sat_out_with_the_token_that_is_held(tmp_path: Path) -> None:
    async with stage(tmp_path) as one:
        await one.grant(READ)
        await one.token(READ)
        one.surround.says = fails(Unreachable("down"))
        one.surround.now += 3400
        for _ in range(5):
            assert await one.token(READ) == "a-one-0"
            await asyncio.sleep(0.01)
        assert len(one.surround.requests) == 1
        one.surround.now += 195
        with pytest.raises(Refusal):
            await one.token(READ)


async def test_a_provider_that_wants_to_see_the_user_has_them_asked_and_the_grant_lives(tmp_path: Path) -> None:
    async with stage(tmp_path) as one:
        await one.grant(READ)
        await one.token(READ)
        one.family.instead = said({"error": "interaction_required"}, 400)
        one.surround.now += 3400
        assert await one.token(READ) == "a-one-0"  # as long as that is good
        await asyncio.sleep(0.02)
        assert await one.token(READ) == "a-one-0"
        one.surround.now += 200
        with pytest.raises(ConsentRequired, match="interaction_required"):
            await one.token(READ)
        (grant,) = await one.kept()
        assert grant.alive
        assert one.dead == []


async def test_a_vault_that_is_away_is_told_and_back_at_once(tmp_path: Path) -> None:
    store = FaultyStore()
    async with stage(tmp_path, store=store) as one:
        await one.grant(READ)
        await one.token(READ)
        store.away = True
        one.surround.now += 3400
        assert await one.token(READ) == "a-one-0"  # what is held is used to its end
        for _ in range(20):
            with pytest.raises(VaultUnavailable) as refused:
                await one.token(MAIL)
            assert refused.value.retry_after is not None
            one.surround.now += 1.1
        store.away = False
        one.surround.now += 1.1
        with pytest.raises(ConsentRequired):
            await one.token(MAIL)
        assert await one.token(READ) in ("a-one-0", "a-one-1")


async def test_a_renewal_that_takes_longer_than_its_caller_waits_loses_nothing(tmp_path: Path) -> None:
    async with stage(tmp_path, family=Family(seconds=0.2), seconds=0.05) as one:
        await one.grant(READ, expires=0.0)
        with pytest.raises(ProviderTimeout):
            await one.token(READ)
        await asyncio.sleep(0.3)
        one.surround.now += 5
        (grant,) = await one.kept()
        assert grant.refresh_token == Secret("r-one-1")
        assert await one.token(READ) == "a-one-1"
        assert one.family.calls == ["r-one-0"]


# who can't be asked


@pytest.mark.parametrize(
    ("who", "mends"),
    [
        (None, "handle"),
        (replace(ALICE, kind=Kind.SERVICE), "only users can agree"),
        (replace(ALICE, kind=Kind.WORKFLOW), "only users can agree"),
    ],
)
async def test_only_users_are_asked(tmp_path: Path, who: Any, mends: str) -> None:
    async with stage(tmp_path) as one:
        await one.grant(READ)
        with pytest.raises(NotPermitted) as refused:
            await one.broker.credential(asking(READ, who=who))
        assert mends in refused.value.detail
        with pytest.raises(NotPermitted):
            one.broker.ready(asking(READ, who=who))
        assert one.consents.asked == []


async def test_where_nobody_can_be_asked_it_is_not_permitted(tmp_path: Path) -> None:
    async with stage(tmp_path) as one, asyncio.TaskGroup() as tasks:
        mute = broker_of(one.provider, one.vault, one.surround.surroundings(tasks), None, one.dead)
        with pytest.raises(NotPermitted) as refused:
            await mute.credential(asking(READ))
        assert "consent.public_url" in refused.value.detail
        await one.grant(READ)
        assert (await mute.credential(asking(READ))).token.reveal() == "a-one-0"
        mute.close()
        one.consents.fault = RateLimited("too many open questions")
        with pytest.raises(RateLimited):
            await one.token(MAIL)


async def test_the_agents_own_grant_there_is_not(tmp_path: Path) -> None:
    async with stage(tmp_path, replace(custom(), acts_as="agent")) as one:
        with pytest.raises(NotPermitted):
            await one.token(READ)


# taken away


async def test_what_was_tampered_with_in_the_file_is_never_handed_out(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Two users' contents are exchanged; and after the keys were rotated a row is put back from an older copy."""
    file = tmp_path / "vault.db"
    async with stage(tmp_path, store=SqliteStore(file)) as one:
        await one.grant(READ, name="one")
        await one.grant(READ, name="two", who=BOB)
        with closing(sqlite3.connect(file)) as db:
            rows = db.execute("SELECT id, owner, version, key, sealed FROM grants").fetchall()
            for (row_id, *_), (_, _, _, _, sealed) in zip(rows, reversed(rows), strict=True):
                db.execute("UPDATE grants SET sealed = ? WHERE id = ?", (sealed, row_id))
            db.commit()
        for who in (ALICE, BOB):
            assert one.broker.ready(asking(READ, who=who)) is None
            with pytest.raises(ConsentRequired):
                await one.broker.credential(asking(READ, who=who))
        assert caplog.text.count("is refused, nothing of it is used") == 2
        for name, who in (("one", ALICE), ("two", BOB)):
            await one.grant(READ, name=name, who=who)
        with closing(sqlite3.connect(file)) as db:
            copies = db.execute("SELECT id, key, sealed FROM grants").fetchall()
        await rotate(one.vault.rows, time.time, Progress())
        with closing(sqlite3.connect(file)) as db:
            db.execute("PRAGMA foreign_keys = OFF")
            for row_id, key, sealed in copies:
                db.execute("UPDATE grants SET key = ?, sealed = ? WHERE id = ?", (key, sealed, row_id))
            db.commit()
        for who in (ALICE, BOB):
            with pytest.raises(ConsentRequired):
                await one.broker.credential(asking(READ, who=who))
        assert "isn't in the vault" in caplog.text
        assert one.family.calls == []
        assert not re.search("alice|bob|a-one|r-two", caplog.text)


async def test_what_was_given_back_is_not_used_any_more(tmp_path: Path) -> None:
    async with stage(tmp_path) as one:
        grant = await one.grant(READ)
        await one.grant(READ, name="two", who=BOB)
        await one.token(READ)
        await one.token(READ, who=BOB)
        await one.vault.remove(grant)
        one.broker.drop(grant.place.owner)
        assert one.broker.forget(lambda owner: owner == grant.place.owner) == 0
        assert one.broker.ready(asking(READ)) is None
        assert one.broker.ready(asking(READ, who=BOB)) is not None
        with pytest.raises(ConsentRequired):
            await one.token(READ)


async def test_what_is_given_back_while_it_is_renewed_is_revoked_in_its_new_form(tmp_path: Path) -> None:
    async with stage(tmp_path, family=Family(seconds=0.1)) as one:
        grant = await one.grant(READ, expires=0.0)
        waiting = asyncio.ensure_future(one.token(READ))
        await asyncio.sleep(0.03)
        await one.vault.rows.store.swap((await one.vault.rows.sealing()).id(grant.place), grant.version, None)
        with pytest.raises(ConsentRequired, match="given back"):
            await waiting
        assert one.surround.requests[-1].url == f"{AS}/revoke"
        assert b"r-one-1" in one.surround.requests[-1].body


# one token for one resource


async def test_where_a_token_is_for_one_resource_each_has_its_own(tmp_path: Path) -> None:
    microsoft = Provider("m", "microsoft", "principal", client_id="c", client_secret=Secret("s"))
    graph, vault = "https://graph.microsoft.com/Mail.Read", "https://vault.azure.net/user_impersonation"
    async with stage(tmp_path, microsoft) as one:
        entry = await one.broker._renewal.entry()
        await one.grant(graph, vault, at=At(entry.server, "c"))
        tokens = [*await asyncio.gather(one.token(graph), one.token(vault), one.token(graph))]
        assert tokens == ["a-one-1", "a-one-2", "a-one-1"]
        assert [b"graph" in request.body for request in one.surround.requests] == [True, False]
        assert await one.token(vault) == "a-one-2"
        with pytest.raises(NotPermitted, match="several resources"):
            await one.token(graph, vault)
