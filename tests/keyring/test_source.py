"""One issuer's keys, over real sockets: fresh when it matters, kept when they must be, asked for with restraint."""

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import pytest

from sidecar.errors import IssuerUnreachable, SignatureInvalid
from sidecar.identity.idps import Common
from sidecar.identity.issuer import Issuer
from sidecar.identity.key import Key
from sidecar.keyring import source as module
from sidecar.keyring.source import COOL_SECONDS, LEAST_SECONDS, MOST_ABSENT, NEW_KEY_SECONDS, Source
from sidecar.wire.http import Request, Response, Unreachable
from tests.clock import Clock
from tests.idp import Idp, fetch

DAY = 86400.0


@asynccontextmanager
async def kept(issuer: Issuer, clock: Clock, *, refresh: float = 600.0) -> AsyncIterator[tuple[Source, list[str]]]:
    """A source whose fetcher runs, and the list of issuers that have withdrawn keys."""
    changed: list[str] = []
    source = Source(
        issuer,
        fetch(),
        clock=clock,
        refresh=refresh,
        max_stale=DAY,
        changed=lambda one: changed.append(one.name),
    )
    task = asyncio.ensure_future(source.keep())
    try:
        yield source, changed
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def asked(kid: str | None = None, alg: str = "RS256") -> dict[str, Any]:
    return {"alg": alg} if kid is None else {"alg": alg, "kid": kid}


def newest(idp: Idp) -> dict[str, Any]:
    return asked(idp.signers[-1].kid, idp.signers[-1].alg)


@contextmanager
def seconds(least: float, most: float) -> Iterator[None]:
    loop = asyncio.get_running_loop()
    began = loop.time()
    yield
    assert least <= loop.time() - began <= most


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(5):
        while not condition():  # noqa: ASYNC110 - what is waited for is another server's count
            await asyncio.sleep(0.005)


# Discovery and the set


async def test_the_first_question_is_answered_by_the_first_fetch(idp: Idp, clock: Clock) -> None:
    async with kept(idp.issuer(), clock) as (source, changed):
        assert source.key(newest(idp)) is None
        assert await source.find(newest(idp)) == idp.signers[0].key()
        assert source.key(newest(idp)) == idp.signers[0].key()
        assert idp.requests == {"discovery": 1, "jwks": 1}
        assert changed == []


async def test_a_given_place_of_the_keys_is_used_instead_of_discovery(idp: Idp, clock: Clock) -> None:
    async with kept(idp.issuer(common=Common(jwks_url=idp.jwks_url)), clock) as (source, _):
        assert await source.find(newest(idp)) == idp.signers[0].key()
        assert idp.requests == {"jwks": 1}


async def test_a_hundred_questions_at_once_are_one_fetch(idp: Idp, clock: Clock) -> None:
    idp.seconds = 0.05
    async with kept(idp.issuer(), clock) as (source, _):
        found = await asyncio.gather(*(source.find(newest(idp)) for _ in range(100)))
        assert set(found) == {idp.signers[0].key()}
        assert idp.requests["jwks"] == 1


async def test_an_asker_who_goes_away_takes_nothing_with_him(idp: Idp, clock: Clock) -> None:
    idp.seconds = 0.1
    async with kept(idp.issuer(), clock) as (source, _):
        impatient = asyncio.ensure_future(source.find(newest(idp)))
        patient = asyncio.ensure_future(source.find(newest(idp)))
        await asyncio.sleep(0.05)
        impatient.cancel()
        assert await patient == idp.signers[0].key()
        assert idp.requests["jwks"] == 1


async def test_a_token_without_a_kid_is_answered_where_one_key_fits(idp: Idp, clock: Clock) -> None:
    async with kept(idp.issuer(), clock) as (source, _):
        assert await source.find(asked()) == idp.signers[0].key()
        idp.rotate(drop=False)
        await source.find(newest(idp))
        before = idp.requests["jwks"]
        with pytest.raises(SignatureInvalid):
            await source.find(asked())
        assert idp.requests["jwks"] == before


async def test_a_token_without_a_kid_is_looked_up_where_no_key_fits(idp: Idp, clock: Clock) -> None:
    async with kept(idp.issuer(), clock) as (source, _):
        await source.find(newest(idp))
        idp.rotate(drop=False, alg="ES256")
        assert await source.find(asked(alg="ES256")) == idp.signers[-1].key()
        with pytest.raises(SignatureInvalid):
            await source.find(asked(alg="EdDSA"))


async def test_a_known_name_with_another_algorithm_is_not_looked_up(idp: Idp, clock: Clock) -> None:
    async with kept(idp.issuer(), clock) as (source, _):
        await source.find(newest(idp))
        with pytest.raises(SignatureInvalid):
            await source.find(asked(idp.signers[0].kid, "ES256"))
        assert idp.requests["jwks"] == 1


# Rotation


async def test_a_new_key_is_found_at_once_after_a_rotation(idp: Idp, clock: Clock) -> None:
    async with kept(idp.issuer(), clock) as (source, changed):
        await source.find(newest(idp))
        for _ in range(10):
            idp.rotate()
            with seconds(0, 1):
                assert await source.find(newest(idp)) == idp.signers[-1].key()
        assert changed == ["idp"] * 10
        assert idp.requests == {"discovery": 1, "jwks": 11}


async def test_a_key_that_was_published_while_an_older_set_was_on_its_way_is_found(idp: Idp, clock: Clock) -> None:
    async with kept(idp.issuer(), clock) as (source, _):
        await source.find(newest(idp))
        idp.seconds = 0.2
        stranger = asyncio.ensure_future(source.find(asked("stranger")))
        await until(lambda: idp.requests["jwks"] == 2)
        idp.rotate()
        assert await source.find(newest(idp)) == idp.signers[-1].key()
        with pytest.raises(SignatureInvalid):
            await stranger
        assert idp.requests["jwks"] == 3


async def test_a_hundred_questions_for_a_new_key_are_all_answered_by_one_fetch(idp: Idp, clock: Clock) -> None:
    async with kept(idp.issuer(), clock) as (source, _):
        await source.find(newest(idp))
        idp.rotate()
        found = await asyncio.gather(*(source.find(newest(idp)) for _ in range(100)))
        assert set(found) == {idp.signers[-1].key()}
        assert idp.requests["jwks"] == 2


async def test_a_key_that_is_on_its_way_already_is_not_fetched_again(idp: Idp, clock: Clock) -> None:
    async with kept(idp.issuer(), clock) as (source, _):
        await source.find(newest(idp))
        idp.seconds = 0.1
        idp.rotate()
        first = asyncio.ensure_future(source.find(newest(idp)))
        await until(lambda: idp.requests["jwks"] == 2)
        assert await source.find(newest(idp)) == await first == idp.signers[-1].key()
        assert idp.requests["jwks"] == 2


async def test_a_key_that_is_added_withdraws_nothing(idp: Idp, clock: Clock) -> None:
    async with kept(idp.issuer(), clock) as (source, changed):
        await source.find(newest(idp))
        idp.rotate(drop=False)
        await source.find(newest(idp))
        assert changed == []
        assert source.state().keys == 2


async def test_a_key_that_is_replaced_under_its_name_is_a_change(idp: Idp, clock: Clock) -> None:
    async with kept(idp.issuer(), clock) as (source, changed):
        first = await source.find(newest(idp))
        replaced = idp.rotate()
        idp.body = json.dumps({"keys": [replaced.jwk(kid=first.kid)]}).encode()
        await source.fetch()
        assert changed == ["idp"]
        again = source.key(asked(first.kid))
        assert again is not None
        assert again.fingerprint != first.fingerprint


# Unknown names


async def refused(source: Source, kid: str) -> str:
    with pytest.raises(SignatureInvalid) as raised:
        await source.find(asked(kid))
    return raised.value.reason


async def test_two_hundred_unknown_names_cost_two_fetches(idp: Idp, clock: Clock) -> None:
    async with kept(idp.issuer(), clock) as (source, _):
        await source.find(newest(idp))
        for number in range(200):
            await refused(source, f"unknown-{number}")
        assert idp.requests["jwks"] <= 1 + 2


async def test_two_hundred_unknown_names_at_once_cost_two_fetches(idp: Idp, clock: Clock) -> None:
    async with kept(idp.issuer(), clock) as (source, _):
        await source.find(newest(idp))
        idp.seconds = 0.05
        await asyncio.gather(*(refused(source, f"unknown-{number}") for number in range(200)))
        assert idp.requests["jwks"] <= 1 + 2


async def test_of_any_two_hundred_unknown_names_at_most_two_are_looked_up(idp: Idp, clock: Clock) -> None:
    looked_up: list[int] = []
    async with kept(idp.issuer(), clock) as (source, _):
        await source.find(newest(idp))
        for number in range(1000):
            clock.ahead += COOL_SECONDS / 100
            before = idp.requests["jwks"]
            await refused(source, f"unknown-{number}")
            looked_up += [number] * (idp.requests["jwks"] - before)
        assert len(looked_up) >= 8
        assert all(later - earlier >= 200 for earlier, later in zip(looked_up, looked_up[2:], strict=False))


async def test_a_flood_of_unknown_names_is_cooled_in_time_as_well(idp: Idp, clock: Clock) -> None:
    async with kept(idp.issuer(), clock) as (source, _):
        await source.find(newest(idp))
        for number in range(2000):
            await refused(source, f"unknown-{number}")
        assert idp.requests["jwks"] <= 1 + 2 * (1 + 5)


async def test_a_name_that_was_not_there_is_not_asked_for_again_at_once(idp: Idp, clock: Clock) -> None:
    async with kept(idp.issuer(), clock) as (source, _):
        await source.find(newest(idp))
        for _ in range(50):
            await refused(source, "unknown")
        assert idp.requests["jwks"] == 2


async def test_a_key_that_its_issuer_was_late_to_publish_is_found_when_it_is_there(idp: Idp, clock: Clock) -> None:
    async with kept(idp.issuer(), clock) as (source, _):
        await source.find(newest(idp))
        late = idp.rotate()
        idp.signers.remove(late)
        idp.signers.append(previous := idp.rotate())
        await refused(source, late.kid)
        idp.signers = [previous, late]
        clock.ahead += 11
        assert await source.find(asked(late.kid)) == late.key()


async def test_a_new_set_answers_for_the_names_that_were_not_in_the_old_one(idp: Idp, clock: Clock) -> None:
    async with kept(idp.issuer(), clock) as (source, _):
        await source.find(newest(idp))
        first = idp.signers[0]
        new = idp.rotate()
        idp.signers = [first]
        await refused(source, new.kid)
        idp.signers = [first, new]
        await source.fetch()
        assert source.key(asked(new.kid)) == new.key()


async def test_a_rotation_that_hides_in_a_flood_is_found_within_a_minute(idp: Idp, clock: Clock) -> None:
    async with kept(idp.issuer(), clock, refresh=3600) as (source, _):
        await source.find(newest(idp))
        assert source._due - clock() > LEAST_SECONDS
        for number in range(5):
            await refused(source, f"unknown-{number}")
        idp.rotate()
        await refused(source, idp.signers[-1].kid)
        assert source._due - clock() <= LEAST_SECONDS


async def test_a_refresh_that_is_due_is_noticed_while_the_fetcher_rests(
    idp: Idp, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_STEP_SECONDS", 0.02)
    async with kept(idp.issuer(), clock, refresh=3600) as (source, _):
        await source.find(newest(idp))
        idp.rotate()
        clock.ahead += 3600
        await until(lambda: source.key(newest(idp)) is not None)


async def test_a_long_name_is_refused_unasked(idp: Idp, clock: Clock) -> None:
    async with kept(idp.issuer(), clock) as (source, _):
        await source.find(newest(idp))
        await refused(source, "k" * 513)
        assert idp.requests["jwks"] == 1


async def test_names_that_are_not_there_are_forgotten_by_age(idp: Idp, clock: Clock) -> None:
    async with kept(idp.issuer(), clock) as (source, _):
        await source.find(newest(idp))
        for number in range(MOST_ABSENT + 5):
            source._miss(f"unknown-{number}")
        assert len(source._absent) == MOST_ABSENT
        assert "unknown-4" not in source._absent
        assert "unknown-5" in source._absent


# Outages

BAD_BODIES = {
    "garbage": b"<html>Sign in</html>",
    "empty": b"",
    "no keys": b'{"keys":[]}',
    "huge": b'{"keys":[],"x":"' + b"x" * (1 << 20) + b'"}',
    "unusable": b'{"keys":[{"kty":"oct","k":"AQAB"}]}',
}


@pytest.mark.parametrize("name", BAD_BODIES)
async def test_a_bad_set_never_replaces_a_good_one(name: str, idp: Idp, clock: Clock) -> None:
    async with kept(idp.issuer(), clock) as (source, changed):
        good = await source.find(newest(idp))
        idp.body = BAD_BODIES[name]
        await source.fetch()
        assert source.key(newest(idp)) == good
        assert source.state().failure
        assert changed == []
        idp.body = None
        await source.fetch()
        assert source.state().failure is None


@pytest.mark.parametrize("status", [204, 301, 404, 500])
async def test_another_status_never_replaces_a_good_set(status: int, idp: Idp, clock: Clock) -> None:
    async with kept(idp.issuer(), clock) as (source, _):
        good = await source.find(newest(idp))
        idp.status = status
        await source.fetch()
        assert source.key(newest(idp)) == good
        assert str(status) in (source.state().failure or "")


async def test_known_keys_go_on_for_a_day_of_outage_and_then_are_refused(idp: Idp, clock: Clock) -> None:
    async with kept(idp.issuer(), clock) as (source, _):
        good = await source.find(newest(idp))
        await idp.down()
        clock.ahead += DAY - 60
        await source.fetch()
        assert source.key(newest(idp)) == good
        assert await source.find(newest(idp)) == good
        clock.ahead += 120
        assert source.key(newest(idp)) is None
        with pytest.raises(IssuerUnreachable), seconds(0, 1):
            await source.find(newest(idp))


async def test_keys_are_good_again_as_soon_as_the_issuer_is_back(idp: Idp, clock: Clock) -> None:
    async with kept(idp.issuer(), clock) as (source, _):
        await source.find(newest(idp))
        await idp.down()
        clock.ahead += DAY + 60
        with pytest.raises(IssuerUnreachable):
            await source.find(newest(idp))
        await idp.up()
        clock.ahead += 2
        assert await source.find(newest(idp)) == idp.signers[0].key()


async def test_with_keys_never_had_the_answer_is_unreachable_within_a_second(idp: Idp, clock: Clock) -> None:
    await idp.down()
    async with kept(idp.issuer(), clock) as (source, _):
        for _ in range(3):
            with pytest.raises(IssuerUnreachable) as raised, seconds(0, 1):
                await source.find(newest(idp))
            assert raised.value.retry_after is not None
            assert raised.value.retry_after >= 1
        assert source.state().keys == 0
        assert source.state().age is None
        await idp.up()
        clock.ahead += 1
        assert await source.find(newest(idp)) == idp.signers[0].key()


async def test_an_issuer_that_says_nothing_is_unreachable_within_a_second(idp: Idp, clock: Clock) -> None:
    idp.seconds = 3
    async with kept(idp.issuer(), clock) as (source, _):
        with pytest.raises(IssuerUnreachable) as raised, seconds(0.5, 1):
            await source.find(newest(idp))
        assert raised.value.retry_after == 1


async def test_askers_do_not_hurry_an_issuer_that_has_just_failed(idp: Idp, clock: Clock) -> None:
    idp.status = 500
    async with kept(idp.issuer(), clock) as (source, _):
        for _ in range(100):
            with pytest.raises(IssuerUnreachable):
                await source.find(newest(idp))
        assert idp.requests["discovery"] <= 2


async def test_an_unknown_name_in_an_outage_is_not_called_wrong(idp: Idp, clock: Clock) -> None:
    async with kept(idp.issuer(), clock) as (source, _):
        await source.find(newest(idp))
        await idp.down()
        new = idp.rotate()
        with pytest.raises(IssuerUnreachable):
            await source.find(asked(new.kid))
        await idp.up()
        assert await source.find(asked(new.kid)) == new.key()


async def test_a_lookup_that_takes_too_long_is_unreachable(
    idp: Idp, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "NEW_KEY_SECONDS", 0.1)
    assert NEW_KEY_SECONDS == 5
    async with kept(idp.issuer(), clock) as (source, _):
        await source.find(newest(idp))
        idp.seconds = 3
        with pytest.raises(IssuerUnreachable), seconds(0.1, 2):
            await source.find(asked("unknown"))


async def test_anothers_discovery_document_is_not_followed(idp: Idp, clock: Clock) -> None:
    idp.metadata = {"issuer": "https://evil.example"}
    async with kept(idp.issuer(), clock) as (source, _):
        with pytest.raises(IssuerUnreachable):
            await source.find(newest(idp))
        assert idp.requests["jwks"] == 0
        assert "another issuer" in (source.state().failure or "")


async def test_an_issuer_without_any_place_for_keys_says_so(clock: Clock) -> None:
    async with kept(Issuer("bare", "oidc", ("https://a.example",)), clock) as (source, _):
        with pytest.raises(IssuerUnreachable):
            await source.find(asked("a"))
        assert "neither jwks_url nor" in (source.state().failure or "")


# Refreshing


async def test_keys_are_refreshed_before_anybody_asks(idp: Idp, clock: Clock) -> None:
    async with kept(idp.issuer(), clock, refresh=0.1) as (source, changed):
        await source.find(newest(idp))
        idp.rotate()
        await until(lambda: source.key(newest(idp)) is not None)
        assert changed == ["idp"]


async def test_the_place_of_the_keys_is_discovered_anew_at_a_refresh(idp: Idp, clock: Clock) -> None:
    async with kept(idp.issuer(), clock, refresh=0.1) as (source, _):
        await source.find(newest(idp))
        await until(lambda: idp.requests["discovery"] >= 3)
        assert idp.requests["jwks"] >= 2


async def test_a_failed_refresh_is_tried_again_soon(idp: Idp, clock: Clock) -> None:
    idp.status = 500
    async with kept(idp.issuer(), clock) as (source, _):
        await until(lambda: source.state().failure is not None)
        idp.status = 200
        with seconds(0, 2):
            await until(lambda: source.state().keys == 1)


@pytest.mark.parametrize(
    ("header", "after"),
    [
        ("", 600),
        ("no-store", 600),
        ("max-age=300", 300),
        ("public, Max-Age=300, must-revalidate", 300),
        ("max-age=5", 60),
        ("max-age=86400", 600),
        ("max-age=soon", 600),
        ("max-age=-1", 600),
        ("max-age=" + "9" * 400, 600),
        ("s-maxage=300", 600),
    ],
)
async def test_cache_control_brings_a_refresh_forward_and_never_puts_it_off(
    header: str, after: float, idp: Idp, clock: Clock
) -> None:
    idp.headers = {"Cache-Control": header} if header else {}
    async with kept(idp.issuer(), clock) as (source, _):
        await source.find(newest(idp))
        assert source._due - clock() == pytest.approx(after, abs=5)


async def test_failures_are_tried_again_less_and_less_often(clock: Clock) -> None:
    async def nothing(_: Request) -> Response:
        raise Unreachable("ConnectionRefusedError")

    source = Source(
        Issuer("a", "oidc", ("https://a",), jwks_url="https://a/jwks"),
        nothing,
        clock=clock,
        refresh=600.0,
        max_stale=DAY,
        changed=lambda _: None,
    )
    waits = []
    for _ in range(12):
        await source.fetch()
        waits.append(source._due - clock())
    assert waits == pytest.approx([1, 2, 4, 8, 16, 32, *[60] * 6], abs=0.5)
    assert source.state().failure == "ConnectionRefusedError"


async def test_the_state_says_what_is_held_how_old_it_is_and_what_is_left_out(idp: Idp, clock: Clock) -> None:
    weak = {"kty": "oct", "k": "AQAB"}
    idp.body = json.dumps({"keys": [idp.signers[0].jwk(), weak]}).encode()
    async with kept(idp.issuer(), clock) as (source, _):
        assert source.state().keys == 0
        key = await source.find(newest(idp))
        assert isinstance(key, Key)
        clock.ahead += 100
        state = source.state()
        assert (state.keys, state.failure) == (1, None)
        assert state.age == pytest.approx(100, abs=5)
        assert state.skipped == ("key 1: it is symmetric, or its private part is published",)


async def test_an_outage_is_said_once_and_so_is_its_end(
    idp: Idp, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO, "sidecar"):
        idp.status = 500
        async with kept(idp.issuer(), clock) as (source, _):
            await until(lambda: idp.requests["discovery"] >= 3)
            idp.status = 200
            await until(lambda: source.state().keys == 1)
    first, second = [record.getMessage() for record in caplog.records]
    assert "can't be fetched" in first
    assert "refused until they are" in first
    assert "fetched again" in second
