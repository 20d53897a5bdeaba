"""The real front door before a raw agent, with an issuer whose key set is handed over without a network."""

import asyncio
import json
import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

from sidecar.events import Name, Template
from sidecar.identity.idps import Common, issuer
from sidecar.identity.principal import Principal
from sidecar.inbound import headers
from sidecar.inbound.door import Caller, Door, Manners
from sidecar.invocation.handle import Handles
from sidecar.invocation.invocation import Invocations, Lifetimes
from sidecar.journal import Ended
from sidecar.keyring import Keyring, Verifier
from sidecar.relay.pool import Pool
from sidecar.relay.relay import Limits, Relay, Timeouts
from sidecar.wire.endpoint import Endpoint
from sidecar.wire.http import Request, Response
from sidecar.wire.trace import Ids, Tracer
from tests.minting import Signer, signer
from tests.relay.agents import Agent, Answering, agent, own
from tests.relay.relaying import relaying
from tests.relay.waiting import until

ISSUER = "https://idp.example"
AUDIENCE = "travel"
NOW = 1_790_000_000.0


@dataclass(slots=True)
class Recorded:
    """A journal in memory."""

    events: list[dict[str, Any]] = field(default_factory=list)
    rejections: list[str] = field(default_factory=list)
    fault: Exception | None = None

    def record(self, event: bytes) -> None:
        if self.fault is not None:
            raise self.fault
        self.events.append(json.loads(event))

    def reject(self, event: bytes, code: str) -> None:
        self.rejections.append(code)
        self.events.append(json.loads(event))


@dataclass(slots=True)
class Clock:
    now: float = NOW

    def __call__(self) -> float:
        return self.now

    def ns(self) -> int:
        return int(self.now * 1e9)


def prepared(principal: Principal) -> Caller:
    attributes = {"user.id": principal.id}
    return Caller(principal, headers.principal_lines(principal), Template(Name.INIT, attributes), attributes)


@dataclass(slots=True)
class Front:
    relay: Relay
    endpoint: Endpoint
    agent: Agent
    door: Door
    invocations: Invocations
    journal: Recorded
    spans: list[Ended]
    clock: Clock
    signer: Signer
    verifier: Verifier[Caller]
    alice: bytes = b""
    """A token that was made once, so that it is verified once."""

    def token(self, subject: str = "alice", **claims: Any) -> bytes:
        usual = {"iss": ISSUER, "aud": AUDIENCE, "sub": subject, "iat": int(NOW), "exp": int(NOW) + 600}
        whole = {**usual, **claims}
        return self.signer.mint({name: value for name, value in whole.items() if value is not None})

    def filled(self, request: bytes) -> bytes:
        """*request* with alice's token in the place of ``@TOKEN@``."""
        self.alice = self.alice or self.token()
        return request.replace(b"@TOKEN@", self.alice)


@asynccontextmanager
async def front(
    manners: Manners | None = None,
    *,
    answer: Answering = own,
    lifetimes: Lifetimes | None = None,
    limits: Limits | None = None,
    timeouts: Timeouts | None = None,
    prepare: Callable[[Principal], Caller] = prepared,
    own_pages: Callable[[], Pool] | None = None,
    listen: Endpoint | None = None,
) -> AsyncIterator[Front]:
    clock, journal, spans = Clock(), Recorded(), list[Ended]()
    minting = signer("ES256")

    async def fetch(request: Request) -> Response:
        return Response(200, {}, json.dumps({"keys": [minting.jwk()]}).encode())

    shop = issuer("shop", "oidc", {"issuer": ISSUER, "audience": (AUDIENCE,)}, Common(jwks_url=f"{ISSUER}/jwks"))
    keyring = Keyring([shop], fetch, clock=clock, refresh=600, max_stale=86400, changed=lambda issuer: None)
    verifier = Verifier([shop], keyring, clock=clock, prepare=prepare, most_token=16384)
    loop = asyncio.get_running_loop()
    invocations = Invocations(lifetimes or Lifetimes(), handles=Handles(os.urandom), clock=loop.time)

    def make(pool: Pool) -> Door:
        return Door(
            manners=manners or Manners(),
            verifier=verifier,
            invocations=invocations,
            journal=journal,
            tracer=Tracer(Ids()),
            agent=pool,
            own=own_pages() if own_pages else None,
            clock=clock,
            clock_ns=clock.ns,
            spans=spans.append,
        )

    async with (
        _kept(keyring),
        agent(answer) as upstream,
        relaying(
            make, upstream.endpoint, limits=limits, timeouts=timeouts, drops=headers.ours, listen=listen
        ) as running,
    ):
        door = running.relay.door
        assert isinstance(door, Door)
        yield Front(
            running.relay, running.endpoint, upstream, door, invocations, journal, spans, clock, minting, verifier
        )


@asynccontextmanager
async def _kept(keyring: Keyring) -> AsyncIterator[None]:
    """The issuer's keys are there before the first call."""
    keeping = asyncio.ensure_future(keyring.run())
    try:
        await until(lambda: keyring.states()["shop"].keys)
        yield
    finally:
        keeping.cancel()
        with suppress(asyncio.CancelledError):
            await keeping
