"""Grants that nobody uses: renewed in time, and no more often."""

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from sidecar.oauth.catalog import entry
from sidecar.oauth.catalog.entry import Renewal
from sidecar.oauth.idle import due, keep, sweep
from sidecar.oauth.provider import Provider
from sidecar.secret import Secret
from sidecar.vault.grant import At, Grant
from tests.oauth.granting import READ, custom, said, stage
from tests.vault.faulty import FaultyStore
from tests.vault.grants import ALICE, grant

NOW, DAY = 1_795_000_000.0, 86400.0
ATLASSIAN = Provider("atlassian", "atlassian", "principal", client_id="c", client_secret=Secret("s"))
AT = At(entry(ATLASSIAN).server, "c")
IDLE = entry(ATLASSIAN).renewal.idle or 0.0


def one(**changes: object) -> Grant:
    return replace(grant(ALICE, "a"), **{"since": NOW - IDLE, "expires": NOW - DAY, **changes})  # type: ignore[arg-type]  # any field


@pytest.mark.parametrize(
    ("given", "is_due"),
    [
        (one(), False),
        (one(expires=NOW - IDLE / 4 + 1), False),
        (one(expires=NOW - IDLE / 4 - 1), True),
        (one(expires=NOW + 3600), False),
        (one(expires=None), True),
        (one(expires=None, since=NOW), False),
        (one(expires=0.0, since=NOW), False),
        (one(expires=0.0, refresh_token=None), False),
        (one(expires=0.0, dead="invalid_grant"), False),
    ],
)
def test_a_grant_is_due_a_quarter_of_its_idle_time_after_its_last_token(given: Grant, is_due: bool) -> None:
    known = entry(ATLASSIAN)
    assert due(known, given, NOW) is is_due
    assert due(replace(known, renewal=Renewal(idle=None)), given, NOW) is False


@pytest.mark.parametrize(
    ("given", "is_due"),
    [
        (one(since=NOW - 2 * DAY, expires=NOW - 2 * DAY, refresh_expires=NOW + 5 * DAY), True),
        (one(since=NOW - DAY, expires=NOW - DAY, refresh_expires=NOW + 5 * DAY), False),
        (one(since=NOW - 8 * DAY, expires=NOW - 8 * DAY, refresh_expires=NOW - DAY), True),
        (one(refresh_expires=NOW + 5 * DAY, refresh_token=None), False),
        (one(refresh_expires=NOW + 5 * DAY, dead="invalid_grant"), False),
    ],
)
def test_so_is_one_whose_refresh_token_has_an_end_of_its_own(given: Grant, is_due: bool) -> None:
    assert due(replace(entry(ATLASSIAN), renewal=Renewal(idle=None)), given, NOW) is is_due


def test_the_sooner_end_counts() -> None:
    known, given = entry(ATLASSIAN), one(since=NOW - 2 * DAY, expires=NOW - 2 * DAY)
    assert not due(known, given, NOW)
    assert due(known, replace(given, refresh_expires=NOW + DAY), NOW)
    assert not due(known, replace(given, refresh_expires=NOW + 400 * DAY), NOW)


async def test_what_is_due_is_renewed_and_what_fails_is_tried_the_next_time(tmp_path: Path) -> None:
    async with stage(tmp_path, ATLASSIAN) as at:
        now = at.surround.now
        await at.grant(READ, at=AT, since=now - IDLE, expires=now - IDLE)
        await at.grant("fresh", name="two", at=AT)
        await at.grant("elsewhere", name="three", at=At("https://other.example", "c"), since=0.0, expires=0.0)
        brokers = {await at.broker.at(): at.broker}
        at.family.instead = said({}, 503)
        assert await sweep(at.vault, brokers, lambda: at.surround.now) == 0
        at.family.instead = None
        assert await sweep(at.vault, brokers, lambda: at.surround.now) == 1
        assert await sweep(at.vault, brokers, lambda: at.surround.now) == 0
        assert at.family.calls == ["r-one-0", "r-one-0"]
        assert len(at.surround.refreshed) == 1
        assert await at.token(READ) == "a-one-1"


async def test_what_is_over_is_told_and_latched(tmp_path: Path) -> None:
    async with stage(tmp_path, ATLASSIAN) as at:
        now = at.surround.now
        await at.grant(READ, at=AT, since=now - IDLE, expires=now - IDLE)
        at.family.dead.add("one")
        assert await sweep(at.vault, {AT: at.broker}, lambda: at.surround.now) == 0
        assert len(at.dead) == 1
        assert not (await at.kept())[0].alive
        assert await sweep(at.vault, {AT: at.broker}, lambda: at.surround.now) == 0
        assert len(at.family.calls) == 1


async def test_providers_without_such_a_rule_are_left_alone(tmp_path: Path) -> None:
    async with stage(tmp_path, custom()) as at:
        await at.grant(READ, since=0.0, expires=0.0)
        assert await sweep(at.vault, {await at.broker.at(): at.broker}, lambda: at.surround.now) == 0
        assert at.family.calls == []


async def test_grants_are_looked_through_again_and_again_whatever_happens(tmp_path: Path) -> None:
    async with stage(tmp_path, ATLASSIAN, store=(store := FaultyStore())) as at:
        keeping = asyncio.ensure_future(keep(lambda: at.vault, lambda: [at.broker], lambda: at.surround.now, 0.01))
        store.away = True
        await asyncio.sleep(0.05)
        store.away = False
        now = at.surround.now
        await at.grant(READ, at=AT, since=now - IDLE, expires=now - IDLE)
        await asyncio.sleep(0.1)
        assert at.family.calls == ["r-one-0"]
        keeping.cancel()
        with pytest.raises(asyncio.CancelledError):
            await keeping
