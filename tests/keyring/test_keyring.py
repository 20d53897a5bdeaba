"""The keys of all issuers: one fetcher each, and no issuer's trouble is another's."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager

import pytest

from sidecar.errors import IssuerUnreachable, SignatureInvalid
from sidecar.identity.idps import Common
from sidecar.identity.issuer import Issuer
from sidecar.keyring import Keyring, State
from tests.clock import Clock
from tests.idp import Idp, fetch


def made(
    issuers: Iterable[Issuer],
    clock: Clock,
    *,
    before: Keyring | None = None,
    changed: Callable[[Issuer], None] = lambda _: None,
) -> Keyring:
    return Keyring(issuers, fetch(), clock=clock, refresh=600.0, max_stale=86400.0, changed=changed, before=before)


@asynccontextmanager
async def run(keyring: Keyring) -> AsyncIterator[None]:
    task = asyncio.ensure_future(keyring.run())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


@asynccontextmanager
async def running(issuers: Iterable[Issuer], clock: Clock) -> AsyncIterator[Keyring]:
    keyring = made(issuers, clock)
    async with run(keyring):
        yield keyring


def header(idp: Idp) -> dict[str, str]:
    return {"alg": idp.signers[-1].alg, "kid": idp.signers[-1].kid}


async def test_every_issuers_keys_are_fetched_before_anybody_asks(clock: Clock) -> None:
    async with Idp.start("ES256") as one, Idp.start("EdDSA") as other:
        issuers = [one.issuer("one"), other.issuer("other")]
        async with running(issuers, clock) as keyring:
            async with asyncio.timeout(5):
                while not all(state.keys for state in keyring.states().values()):  # noqa: ASYNC110 - it is read, as readiness does
                    await asyncio.sleep(0.01)
            assert keyring.key(issuers[0], header(one)) == one.signers[0].key()
            assert keyring.key(issuers[1], header(other)) == other.signers[0].key()


async def test_an_issuers_key_is_no_other_issuers_key(clock: Clock) -> None:
    async with Idp.start("ES256") as one, Idp.start("ES256") as other:
        issuers = [one.issuer("one"), other.issuer("other")]
        async with running(issuers, clock) as keyring:
            assert await keyring.find(issuers[0], header(one)) == one.signers[0].key()
            assert await keyring.find(issuers[1], header(other)) == other.signers[0].key()
            if header(one) != header(other):
                with pytest.raises(SignatureInvalid):
                    await keyring.find(issuers[1], header(one))
            assert keyring.key(issuers[1], header(other)) != one.signers[0].key()


async def test_an_issuer_that_is_away_is_nobody_elses_trouble(clock: Clock) -> None:
    async with Idp.start("ES256") as one, Idp.start("ES256") as other:
        issuers = [one.issuer("one"), other.issuer("other")]
        await one.down()
        async with running(issuers, clock) as keyring:
            assert await keyring.find(issuers[1], header(other)) == other.signers[0].key()
            with pytest.raises(IssuerUnreachable):
                await keyring.find(issuers[0], header(one))
            states = keyring.states()
            assert states["other"].keys == 1
            assert states["one"] == State(keys=0, age=None, failure=states["one"].failure)
            assert states["one"].failure


async def test_an_issuer_counts_as_tried_with_its_keys_or_with_the_word_that_there_are_none(clock: Clock) -> None:
    async with Idp.start("ES256") as one, Idp.start("ES256") as other:
        issuers = [one.issuer("one"), other.issuer("other")]
        await one.down()
        keyring = made(issuers, clock)
        seen = [keyring.tried]
        async with run(keyring), asyncio.timeout(5):
            while not seen[-1]:
                await asyncio.sleep(0.01)
                seen.append(keyring.tried)
            assert len(seen) > 1
            assert [state.keys for state in keyring.states().values()] == [0, 1]


async def test_the_fetchers_end_with_run(idp: Idp, clock: Clock) -> None:
    async with running([idp.issuer()], clock) as keyring:
        await keyring.find(idp.issuer(), header(idp))
    assert not [task for task in asyncio.all_tasks() if "keep" in repr(task.get_coro())]


async def test_without_issuers_there_is_nothing_to_run(clock: Clock) -> None:
    async with running([], clock) as keyring:
        assert keyring.states() == {}


# A reload


async def test_an_issuer_that_is_as_it_was_keeps_its_keys_through_a_reload_in_an_outage(idp: Idp, clock: Clock) -> None:
    async with running([idp.issuer()], clock) as before:
        await before.find(idp.issuer(), header(idp))
    await idp.down()
    after = made([idp.issuer()], clock, before=before)
    assert after.key(idp.issuer(), header(idp)) == idp.signers[0].key()


async def test_an_issuer_that_is_configured_otherwise_starts_anew(idp: Idp, clock: Clock) -> None:
    async with running([idp.issuer()], clock) as before:
        await before.find(idp.issuer(), header(idp))
    other = idp.issuer(common=Common(jwks_url=idp.jwks_url))
    after = made([other, idp.issuer("new")], clock, before=before)
    assert after.key(other, header(idp)) is None
    assert after.key(idp.issuer("new"), header(idp)) is None


async def test_withdrawn_keys_are_told_to_whoever_the_reload_put_in_place(idp: Idp, clock: Clock) -> None:
    told: list[str] = []
    async with running([idp.issuer()], clock) as before:
        await before.find(idp.issuer(), header(idp))
    before.changed = lambda _: told.append("before")
    after = made([idp.issuer()], clock, before=before, changed=lambda _: told.append("after"))
    idp.rotate()
    async with run(after):
        await after.find(idp.issuer(), header(idp))
    assert told == ["after"]


async def test_who_waits_for_a_key_during_a_reload_is_answered_after_it(idp: Idp, clock: Clock) -> None:
    idp.seconds = 0.1
    async with running([idp.issuer()], clock) as before:
        waiting = asyncio.ensure_future(before.find(idp.issuer(), header(idp)))
        await asyncio.sleep(0.05)
    async with run(made([idp.issuer()], clock, before=before)):
        assert await waiting == idp.signers[0].key()
