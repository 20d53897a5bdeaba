"""Tokens remembered: for a moment, within bounds, and never longer than they or their keys are good."""

import asyncio
import gc
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import pytest

from sidecar.errors import (
    IssuerUnknown,
    IssuerUnreachable,
    NotPermitted,
    Refusal,
    SignatureInvalid,
    TokenExpired,
    TokenSpent,
)
from sidecar.identity.issuer import Issuer
from sidecar.identity.key import Key
from sidecar.identity.principal import Principal
from sidecar.keyring import Keyring, Verified, Verifier
from sidecar.keyring.once import Once
from tests.clock import Clock
from tests.idp import Idp, fetch
from tests.keyring.agents import NOW, Agents


class House:
    """A keyring and a verifier as they are assembled: withdrawn keys take what they verified with them."""

    def __init__(self, issuers: list[Issuer], clock: Clock, prepare: Callable[[Principal], str], **bounds: Any) -> None:
        self.clock, self.prepared = clock, Counter[str]()
        self.keyring = Keyring(
            issuers,
            fetch(),
            clock=clock,
            refresh=600.0,
            max_stale=86400.0,
            changed=self.forget,
        )

        def counted(principal: Principal) -> str:
            self.prepared[principal.subject] += 1
            return prepare(principal)

        self.verifier = Verifier(issuers, self.keyring, clock=clock, prepare=counted, most_token=16384, **bounds)

    def forget(self, issuer: Issuer) -> None:
        self.verifier.forget(issuer)

    async def verify(self, token: str) -> Verified[str]:
        return await self.verifier.verify(token.encode())

    def remembered(self, token: str) -> Verified[str] | None:
        return self.verifier.remembered(token.encode(), self.clock())


@asynccontextmanager
async def built(
    *issuers: Issuer, clock: Clock, prepare: Callable[[Principal], str] = lambda one: one.id, **bounds: Any
) -> AsyncIterator[House]:
    house = House(list(issuers), clock, prepare, **bounds)
    task = asyncio.ensure_future(house.keyring.run())
    try:
        yield house
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_a_verified_token_is_remembered_with_what_was_prepared(idp: Idp, clock: Clock) -> None:
    async with built(idp.issuer(), clock=clock) as house:
        token = idp.token(sub="alice")
        assert house.remembered(token) is None
        verified = await house.verify(token)
        assert verified.principal.subject == "alice"
        assert verified.prepared == verified.principal.id
        assert house.remembered(token) is verified
        assert await house.verify(token) is verified
        assert house.prepared == {"alice": 1}


async def test_a_token_is_remembered_for_a_minute_and_no_longer(idp: Idp, clock: Clock) -> None:
    async with built(idp.issuer(), clock=clock) as house:
        token = idp.token()
        first = await house.verify(token)
        clock.ahead += 55
        assert house.remembered(token) is first
        clock.ahead += 10
        assert house.remembered(token) is None
        assert await house.verify(token) is not first
        assert len(house.verifier) == 1


async def test_a_token_is_not_remembered_beyond_its_exp(idp: Idp, clock: Clock) -> None:
    async with built(idp.issuer(), clock=clock) as house:
        token = idp.token(exp=int(clock()) + 20)
        verified = await house.verify(token)
        assert verified.until == verified.expires
        clock.ahead += 25
        assert house.remembered(token) is None
        assert (await house.verify(token)).principal.subject == "alice"
        assert house.remembered(token) is None
        clock.ahead += 30
        with pytest.raises(TokenExpired):
            await house.verify(token)


async def test_expires_is_the_tokens_own_exp_and_not_the_memorys(idp: Idp, clock: Clock) -> None:
    async with built(idp.issuer(), clock=clock) as house:
        exp = int(clock()) + 300
        verified = await house.verify(idp.token(exp=exp))
        assert verified.expires == exp
        assert verified.until == pytest.approx(clock() + 60, abs=5)


async def test_a_refused_token_is_not_remembered(idp: Idp, clock: Clock) -> None:
    async with built(idp.issuer(), clock=clock) as house:
        for token in (idp.token(aud="theirs"), idp.token(sub=""), idp.token() + "x", "opaque"):
            with pytest.raises(Refusal):
                await house.verify(token)
            assert house.remembered(token) is None
        assert len(house.verifier) == 0


async def test_who_may_not_call_is_refused_and_not_remembered(idp: Idp, clock: Clock) -> None:
    def prepare(principal: Principal) -> str:
        if principal.subject != "alice":
            raise NotPermitted("who")
        return "ok"

    async with built(idp.issuer(), clock=clock, prepare=prepare) as house:
        assert (await house.verify(idp.token(sub="alice"))).prepared == "ok"
        for _ in range(2):
            with pytest.raises(NotPermitted):
                await house.verify(idp.token(sub="bob"))
        assert len(house.verifier) == 1


async def test_a_token_of_nobody_configured_asks_nobody(idp: Idp, clock: Clock) -> None:
    async with built(idp.issuer(), clock=clock) as house, Idp.start("ES256", clock=clock) as stranger:
        with pytest.raises(IssuerUnknown):
            await house.verify(stranger.token())
        assert stranger.requests == {}


async def test_an_algorithm_that_is_not_allowed_asks_for_no_key(idp: Idp, clock: Clock) -> None:
    async with built(idp.issuer(), clock=clock) as house:
        await house.verify(idp.token())
        for number in range(20):
            with pytest.raises(SignatureInvalid):
                await house.verify(idp.token(header={"alg": "HS256", "kid": f"new-{number}"}))
        assert idp.requests["jwks"] == 1


async def test_issuers_are_told_apart(clock: Clock) -> None:
    async with (
        Idp.start("ES256", clock=clock) as one,
        Idp.start("EdDSA", clock=clock) as other,
        built(one.issuer("one"), other.issuer("other"), clock=clock) as house,
    ):
        assert (await house.verify(one.token())).principal.issuer == "one"
        assert (await house.verify(other.token())).principal.issuer == "other"
        with pytest.raises(SignatureInvalid):
            await house.verify(one.token(by=other.signers[0]))


async def test_a_hundred_calls_with_one_new_token_are_one_fetch_and_one_verification(idp: Idp, clock: Clock) -> None:
    idp.seconds = 0.05
    async with built(idp.issuer(), clock=clock) as house:
        token = idp.token()
        verified = await asyncio.gather(*(house.verify(token) for _ in range(100)))
        assert all(one is verified[0] for one in verified)
        assert house.prepared == {"alice": 1}
        assert idp.requests["jwks"] == 1


async def test_when_a_key_is_withdrawn_what_it_verified_is_forgotten(clock: Clock) -> None:
    async with (
        Idp.start("ES256", clock=clock) as one,
        Idp.start("ES256", clock=clock) as other,
        built(one.issuer("one"), other.issuer("other"), clock=clock) as house,
    ):
        withdrawn, kept = one.token(), other.token()
        await house.verify(withdrawn)
        await house.verify(kept)
        one.rotate()
        await house.verify(one.token())
        assert house.remembered(withdrawn) is None
        assert house.remembered(kept) is not None
        with pytest.raises(SignatureInvalid):
            await house.verify(withdrawn)


async def test_when_a_key_is_added_nothing_is_forgotten(idp: Idp, clock: Clock) -> None:
    async with built(idp.issuer(), clock=clock) as house:
        token = idp.token()
        await house.verify(token)
        idp.rotate(drop=False)
        await house.verify(idp.token())
        assert house.remembered(token) is not None


async def test_all_of_one_principal_can_be_forgotten(idp: Idp, clock: Clock) -> None:
    async with built(idp.issuer(), clock=clock) as house:
        alices, bobs = [idp.token(sub="alice", jti=jti) for jti in "ab"], idp.token(sub="bob")
        held = [await house.verify(token) for token in alices]
        await house.verify(bobs)
        assert house.verifier.drop(lambda principal: principal.subject == "alice") == 2
        assert [house.remembered(token) for token in alices] == [None, None]
        assert {each.until for each in held} == {0.0}
        assert house.remembered(bobs) is not None
        assert house.verifier.drop(lambda principal: principal.subject == "alice") == 0


# groups that the token only says there are

TOO_MANY: dict[str, Any] = {"_claim_names": {"groups": "src1"}}


@pytest.mark.parametrize("told", [frozenset({"staff", "sales"}), None])
async def test_groups_are_asked_for_once_and_remembered_with_the_token(
    idp: Idp, clock: Clock, told: frozenset[str] | None
) -> None:
    asked: list[str] = []

    async def groups(issuer: Issuer, principal: Principal) -> frozenset[str] | None:
        asked.append(f"{principal.subject} at {issuer.name}")
        return told

    issuer, seen = replace(idp.issuer(), groups="graph"), list[frozenset[str] | None]()

    def prepare(principal: Principal) -> str:
        seen.append(principal.groups)
        return principal.id

    async with built(issuer, clock=clock, prepare=prepare, groups=groups) as house:
        token = idp.token(**TOO_MANY)
        for _ in range(3):
            assert (await house.verify(token)).principal.groups == told
        assert (asked, seen) == (["alice at idp"], [told])
        await house.verify(idp.token(groups=["few"], sub="bob"))
        assert len(asked) == 1
        clock.ahead += 6
        assert (house.remembered(token) is None) is (told is None), "what can't be told is asked again soon"


@pytest.mark.parametrize("issuer_says", ["token", "graph"])
async def test_groups_are_unknown_where_nobody_is_asked(idp: Idp, clock: Clock, issuer_says: str) -> None:
    async def groups(_issuer: Issuer, _principal: Principal) -> frozenset[str] | None:
        raise AssertionError("nobody asks")

    asks = groups if issuer_says == "token" else None
    async with built(replace(idp.issuer(), groups=issuer_says), clock=clock, groups=asks) as house:
        assert (await house.verify(idp.token(**TOO_MANY))).principal.groups is None


async def test_a_key_that_is_withdrawn_while_groups_are_asked_for_verifies_nothing(clock: Clock) -> None:
    async with Idp.start(clock=clock) as idp:

        async def groups(_issuer: Issuer, _principal: Principal) -> frozenset[str] | None:
            idp.rotate(drop=True)
            await house.verify(idp.token(sub="bob", groups=["few"]))
            return frozenset({"staff"})

        async with built(replace(idp.issuer(), groups="graph"), clock=clock, groups=groups) as house:
            await house.verify(idp.token(sub="carol", groups=["few"]))
            with pytest.raises(SignatureInvalid, match="withdrawn"):
                await house.verify(idp.token(**TOO_MANY))


async def test_many_who_wait_for_the_same_groups_are_prepared_once(idp: Idp, clock: Clock) -> None:
    gate = asyncio.Event()

    async def groups(_issuer: Issuer, _principal: Principal) -> frozenset[str] | None:
        await gate.wait()
        return frozenset({"staff"})

    async with built(replace(idp.issuer(), groups="graph"), clock=clock, groups=groups) as house:
        token = idp.token(**TOO_MANY)
        await house.verify(idp.token(groups=["few"], sub="bob"))
        waiting = [asyncio.ensure_future(house.verify(token)) for _ in range(20)]
        await asyncio.sleep(0)
        gate.set()
        assert {id(each) for each in await asyncio.gather(*waiting)} == {id(house.remembered(token))}
        assert house.prepared["alice"] == 1


async def test_all_can_be_forgotten(idp: Idp, clock: Clock) -> None:
    async with built(idp.issuer(), clock=clock) as house:
        await house.verify(idp.token())
        house.verifier.clear()
        assert len(house.verifier) == 0


async def test_rotation_under_load_gives_not_one_wrong_answer(idp: Idp, clock: Clock) -> None:
    """Eight callers send new tokens while keys are rotated at every 40th, every other time withdrawn at once."""
    idp.seconds = 0.01
    sent, rotations, verified = 0, 0, 0
    wrong: list[Refusal] = []

    async def caller(house: House) -> None:
        nonlocal sent, rotations, verified
        while sent < 1200:
            sent += 1
            if sent % 40 == 0:
                idp.rotate(drop=bool(rotations % 2), alg=("RS256", "ES256", "EdDSA")[rotations % 3])
                rotations += 1
            subject, signing = str(sent), idp.signers[-1]
            try:
                assert (await house.verify(idp.token(sub=subject))).principal.subject == subject
                verified += 1
            except Refusal as refused:
                if signing in idp.signers:  # of a key that was withdrawn meanwhile it is rightly refused
                    wrong.append(refused)
            await asyncio.sleep(0)

    async with built(idp.issuer(), clock=clock) as house:
        await asyncio.gather(*(caller(house) for _ in range(8)))
    assert wrong == []
    assert rotations == 30
    assert verified >= 1200 - 8 * rotations


async def test_with_keys_never_had_the_answer_is_unreachable(idp: Idp, clock: Clock) -> None:
    await idp.down()
    async with built(idp.issuer(), clock=clock) as house:
        with pytest.raises(IssuerUnreachable):
            await house.verify(idp.token())


async def test_what_is_remembered_is_bounded_and_the_oldest_go_first(clock: Clock) -> None:
    async with Idp.start("EdDSA", clock=clock) as idp, built(idp.issuer(), clock=clock, capacity=10) as house:
        tokens = [idp.token(sub=f"user-{number}") for number in range(15)]
        for token in tokens:
            await house.verify(token)
        assert len(house.verifier) == 10
        assert [house.remembered(token) is not None for token in tokens] == [False] * 5 + [True] * 10


async def test_what_has_ended_makes_room_before_what_has_not(clock: Clock) -> None:
    async with Idp.start("EdDSA", clock=clock) as idp, built(idp.issuer(), clock=clock, capacity=10) as house:
        old = [idp.token(sub=f"old-{number}", exp=int(clock()) + 30) for number in range(9)]
        for token in [*old, idp.token(sub="kept")]:
            await house.verify(token)
        clock.ahead += 40
        await house.verify(idp.token(sub="new"))
        assert len(house.verifier) == 2


async def test_long_tokens_are_bounded_by_their_bytes(clock: Clock) -> None:
    async with Idp.start("EdDSA", clock=clock) as idp, built(idp.issuer(), clock=clock, room=100_000) as house:
        for number in range(40):
            await house.verify(idp.token(sub=f"user-{number}", groups=["g" * 250] * 20))
        assert 10 < len(house.verifier) < 20
        house.verifier.forget(idp.issuer())
        for number in range(40):
            await house.verify(idp.token(sub=f"user-{number}"))
        assert len(house.verifier) == 40, "what was forgotten takes no room"


async def test_what_has_ended_is_swept_away(clock: Clock) -> None:
    async with Idp.start("EdDSA", clock=clock) as idp, built(idp.issuer(), clock=clock) as house:
        await house.verify(idp.token(sub="first"))
        clock.ahead += 40
        await house.verify(idp.token(sub="second"))
        house.verifier.sweep(clock())
        assert len(house.verifier) == 2
        clock.ahead += 30
        house.verifier.sweep(clock())
        assert len(house.verifier) == 1
        clock.ahead += 40
        house.verifier.sweep(clock())
        assert len(house.verifier) == 0


async def test_what_was_verified_again_is_not_the_oldest(clock: Clock) -> None:
    async with Idp.start("EdDSA", clock=clock) as idp, built(idp.issuer(), clock=clock, capacity=3) as house:
        first, second = idp.token(sub="first"), idp.token(sub="second")
        await house.verify(first)
        await house.verify(second)
        clock.ahead += 65
        await house.verify(first)
        await house.verify(idp.token(sub="third"))
        await house.verify(idp.token(sub="fourth"))
        assert house.remembered(first) is not None


async def test_of_a_token_only_the_digest_is_kept(clock: Clock) -> None:
    async with Idp.start("EdDSA", clock=clock) as idp, built(idp.issuer(), clock=clock) as house:
        token = idp.token(sub="alice").encode()
        await house.verifier.verify(token)
        signature = token.rpartition(b".")[2]
        held = [one for one in gc.get_objects() if isinstance(one, dict) and house.verifier._held is one]
        assert held
        for digest, verified in house.verifier._held.items():
            assert len(digest) == 32
            assert signature not in repr(verified).encode()
            assert signature.decode() not in str(verified.principal.claims)


async def test_a_key_that_is_withdrawn_while_a_caller_waits_verifies_nothing(clock: Clock) -> None:
    """The fetch finds the key, and before the waiting task runs again the next set is without it."""
    async with Idp.start("EdDSA", clock=clock) as idp:

        class Fickle(Keyring):
            async def find(self, issuer: Issuer, header: Any) -> Key:
                return idp.signers[0].key()

        keyring = Fickle([idp.issuer()], fetch(), clock=clock, refresh=600.0, max_stale=86400.0, changed=lambda _: None)
        verifier = Verifier([idp.issuer()], keyring, clock=clock, prepare=lambda one: one.id, most_token=16384)
        with pytest.raises(SignatureInvalid, match="withdrawn"):
            await verifier.verify(idp.token().encode())


async def test_the_size_limit_is_the_configurations(clock: Clock) -> None:
    async with Idp.start("EdDSA", clock=clock) as idp:
        keyring = Keyring(
            [idp.issuer()], fetch(), clock=clock, refresh=600.0, max_stale=86400.0, changed=lambda _: None
        )
        verifier = Verifier([idp.issuer()], keyring, clock=clock, prepare=lambda one: one.id, most_token=100)
        with pytest.raises(Refusal) as refused:
            await verifier.verify(idp.token().encode())
        assert refused.value.code == "too_large"


# what another sidecar says


@asynccontextmanager
async def called(agents: Agents, watch: Callable[[], float], **more: Any) -> AsyncIterator[Verifier[str]]:
    issuers = agents.issuers().values()
    keyring = Keyring(issuers, agents.fetch, clock=watch, refresh=600.0, max_stale=86400.0, changed=lambda _: None)
    task = asyncio.ensure_future(keyring.run())
    try:
        usual: dict[str, Any] = {"clock": watch, "prepare": lambda one: one.id, "most_token": 16384}
        yield Verifier(issuers, keyring, **{**usual, **more})
    finally:
        task.cancel()


async def test_what_another_sidecar_says_is_good_for_one_call_and_never_remembered() -> None:
    agents = Agents()
    token = agents.token()
    async with called(agents, lambda: NOW) as verifier:
        verified = await verifier.verify(token)
        assert (verified.principal.subject, verified.principal.via) == ("alice", "planner")
        assert (verified.until, verified.expires) == (0.0, NOW + 30)
        assert verifier.remembered(token, NOW) is None
        assert verifier.held(token) is None
        assert len(verifier) == 0
        with pytest.raises(TokenSpent):
            await verifier.verify(token)


async def test_of_many_that_send_one_assertion_at_once_one_is_let_in() -> None:
    agents = Agents()
    token = agents.token()
    async with called(agents, lambda: NOW) as verifier:  # no keys yet: all of them wait for the same fetch
        outcomes = await asyncio.gather(*(verifier.verify(token) for _ in range(50)), return_exceptions=True)
    assert Counter(type(outcome) for outcome in outcomes) == {Verified: 1, TokenSpent: 49}


async def test_an_assertion_stays_spent_through_a_reload() -> None:
    agents, once = Agents(), Once(clock=lambda: NOW)
    token = agents.token()
    async with called(agents, lambda: NOW, once=once) as verifier:
        await verifier.verify(token)
    async with called(agents, lambda: NOW, once=once) as verifier:
        with pytest.raises(TokenSpent):
            await verifier.verify(token)


async def test_an_assertion_stays_spent_as_long_as_any_leeway_lets_it_in() -> None:
    agents, now = Agents(), [NOW]
    token = agents.token(exp=int(NOW) + 60)
    async with called(agents, lambda: now[0]) as verifier:
        await verifier.verify(token)
        now[0] = NOW + 89.9
        with pytest.raises(TokenSpent):
            await verifier.verify(token)
        now[0] = NOW + 90
        with pytest.raises(TokenExpired, match="exp has passed"):
            await verifier.verify(token)


async def test_an_assertion_that_is_refused_for_another_reason_is_not_spent() -> None:
    agents, now = Agents(), [NOW - 60]
    token = agents.token()
    async with called(agents, lambda: now[0]) as verifier:
        with pytest.raises(Refusal) as refused:
            await verifier.verify(token)
        assert refused.value.code == "token_not_yet_valid"
        now[0] = NOW
        assert (await verifier.verify(token)).principal.subject == "alice"
