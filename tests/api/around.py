"""The identity API with real parts around it, on a socket of its own."""

import json
import os
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import aiohttp
from aiohttp import web

from sidecar.api import Surroundings, application
from sidecar.identity.principal import Kind, Principal
from sidecar.invocation.caller import Callers
from sidecar.invocation.handle import Handles
from sidecar.invocation.invocation import Invocation, Invocations, Lifetimes
from sidecar.journal import Subjects
from sidecar.oauth.credential import Ask, Credential, Source
from sidecar.oauth.provider import Provider
from sidecar.oauth.static import static
from sidecar.policy.capability import Capability, Who
from sidecar.policy.declared import Declared
from sidecar.secret import Secret
from sidecar.wire.trace import Ids, Tracer

NOW = 1_795_516_435.5
AGENT = b"ag_" + b"a" * 43
PEM = b"-----BEGIN CERTIFICATE-----\nAA==\n-----END CERTIFICATE-----\n"
JWKS = {"keys": [{"kty": "EC", "crv": "P-256", "x": "x", "y": "y"}]}
ALICE = Principal(
    issuer_url="https://acme.okta.com/oauth2/default",
    tenant="",
    subject="alice",
    issuer="okta",
    kind=Kind.USER,
    client="web",
    name="Alice Núñez",
    groups=frozenset({"sales", "Domain Admins"}),
    scopes=frozenset({"chat"}),
)
BOB = replace(ALICE, subject="bob", name="Bob", groups=None, tenant="acme")


@dataclass
class Recorded:
    """A journal in memory; with a ``fault`` it takes nothing."""

    events: list[dict[str, Any]] = field(default_factory=list)
    rejected: list[dict[str, Any]] = field(default_factory=list)
    fault: Exception | None = None

    def record(self, event: bytes) -> None:
        if self.fault is not None:
            raise self.fault
        self.events.append(json.loads(event))

    def reject(self, event: bytes, code: str) -> None:
        self.rejected.append(json.loads(event))


@dataclass
class Clock:
    """Time that a test moves: seconds since the start, beside the epoch's."""

    now: float = 0.0

    def monotonic(self) -> float:
        return self.now

    def epoch(self) -> float:
        return NOW + self.now

    def ns(self) -> int:
        return int(self.epoch() * 1e9)


@dataclass
class Granting:
    """A source as an authorization server behind it would make it: what is asked for is granted, and ``beyond``."""

    named: str | None = None
    """What all its tokens are; else they are numbered."""
    beyond: frozenset[str] = frozenset()
    held: bool = False
    """It has a token at once, as long as none is forced."""
    fault: Exception | None = None
    asks: list[Ask] = field(default_factory=list)
    meanwhile: Any = None
    """Called while the token is being got."""
    expires: float | None = NOW + 3600.9
    fills = frozenset({b"authorization"})
    parameter = b""

    def ready(self, ask: Ask) -> Credential | None:
        return self._credential(ask) if self.held and not ask.force else None

    async def obtain(self, ask: Ask) -> Credential:
        if self.meanwhile is not None:
            self.meanwhile()
        return self._credential(ask)

    def _credential(self, ask: Ask) -> Credential:
        self.asks.append(ask)
        if self.fault is not None:
            raise self.fault
        secret = self.named or f"token-{len(self.asks)}"
        return Credential(Secret(secret), expires=self.expires, scopes=ask.scopes | self.beyond)

    def close(self) -> None: ...


def provider(name: str, kind: str = "oauth2", **more: Any) -> Provider:
    acts_as = {"oauth2": "agent", "google": "principal"}.get(kind, "agent")
    return Provider(name, kind, **{"acts_as": acts_as, "hand_out": True, **more})


class Around:
    """The API's surroundings, and a client for it. Made by ``serving``."""

    def __init__(self, **more: Any) -> None:
        self.clock = Clock()
        self.journal = Recorded()
        lifetimes = Lifetimes(detach=600.0)
        self.invocations = Invocations(lifetimes, handles=Handles(os.urandom), clock=self.clock.monotonic)
        self.granting = Granting()
        key = provider("key", "api_key", key=Secret("the-key"), header="x-api-key")
        bearer = provider("bearer", "bearer", token=Secret("the-token"))
        providers = [key, bearer, provider("granting"), provider("people", "google")]
        sources: dict[str, Source] = {
            "key": static(key),
            "bearer": static(bearer),
            "granting": self.granting,
            "people": self.granting,
        }
        self.surroundings = Surroundings(
            callers=Callers(self.invocations, AGENT, concurrency_one=False),
            invocations=self.invocations,
            policy=Declared(
                Capability(f"use-{each.name}", Who(principal=False), provider=each.name, scopes=frozenset({"a", "b"}))
                for each in providers
            ),
            providers={each.name: each for each in providers},
            sources=sources,
            journal=self.journal,
            subjects=Subjects(bytes(32)).of,
            tracer=Tracer(Ids()),
            jwks=lambda: JWKS,
            ca=lambda: PEM,
            clock=self.clock.epoch,
            clock_ns=self.clock.ns,
            monotonic=self.clock.monotonic,
        )
        self.change(**more)
        self.session: aiohttp.ClientSession

    def change(self, **more: Any) -> None:
        """As a reload would."""
        self.surroundings = replace(self.surroundings, **more)

    def having(self, *providers: Provider, source: Source | None = None) -> None:
        """These providers besides; *source* is theirs."""
        given = self.surroundings
        self.change(
            providers={**given.providers, **{each.name: each for each in providers}},
            sources={**given.sources, **{each.name: source or self.granting for each in providers}},
        )

    def allowing(self, **capabilities: Capability) -> None:
        self.change(policy=Declared(capabilities.values()))

    def open(self, principal: Principal = ALICE) -> tuple[Invocation, str]:
        """An open invocation and its handle."""
        ids = Ids()
        invocation, handle = self.invocations.open(principal, ids.trace(), ids.span(), 300.0)
        return invocation, handle.decode()

    async def ask(
        self,
        method: str,
        path: str,
        handle: str | None = None,
        body: object = None,
        headers: Mapping[str, str] | list[tuple[str, str]] = (),  # type: ignore[assignment]  # no headers
    ) -> "Said":
        """*body*: bytes as they are, else JSON."""
        sent = [*(headers.items() if isinstance(headers, Mapping) else headers)]
        if handle is not None:
            sent.append(("Authorization", f"Bearer {handle}"))
        data = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
        async with self.session.request(method, path, data=data, headers=sent) as answer:
            return Said(
                answer.status, {name.lower(): value for name, value in answer.headers.items()}, await answer.read()
            )


@dataclass
class Said:
    """An answer."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        assert self.headers["content-type"] == "application/json"
        return json.loads(self.body)

    def problem(self) -> dict[str, Any]:
        """What every refusal has to have (RFC 9457, and ours)."""
        assert self.headers["content-type"] == "application/problem+json"
        document: dict[str, Any] = json.loads(self.body)
        assert document.keys() == {"type", "title", "status", "detail", "code", "trace_id"}
        assert document["status"] == self.status
        assert document["code"] == self.headers["sidecar-error"]
        assert document["trace_id"] == self.headers["x-trace-id"]
        assert document["type"] == f"urn:identity-sidecar:error:{document['code']}"
        assert ("www-authenticate" in self.headers) == (self.status == 401)
        assert self.headers["cache-control"] == "no-store"
        return document

    def refused(self) -> tuple[int, str]:
        return self.status, str(self.problem()["code"])


@asynccontextmanager
async def serving(**more: Any) -> AsyncIterator[Around]:
    around = Around(**more)
    runner = web.AppRunner(application(lambda: around.surroundings), access_log=None)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        base = f"http://127.0.0.1:{runner.addresses[0][1]}"
        async with aiohttp.ClientSession(base, skip_auto_headers=["User-Agent"]) as around.session:
            yield around
    finally:
        await runner.cleanup()
