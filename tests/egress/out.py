"""The real door out without a network: what it lets out, and as what, can be looked at."""

import asyncio
import json
import ssl
from collections.abc import Awaitable, Mapping, Sequence
from typing import Any

from sidecar.egress import fields
from sidecar.egress.conversations import Conversations
from sidecar.egress.destination import Destination
from sidecar.egress.door import Door, Manners
from sidecar.egress.exit import Exit
from sidecar.egress.own import Prompt
from sidecar.egress.record import Journal, Record
from sidecar.egress.route import Route
from sidecar.egress.routes import Leg, Routes
from sidecar.identity.principal import Kind, Principal
from sidecar.invocation.caller import Callers
from sidecar.invocation.handle import Handles
from sidecar.invocation.invocation import Invocation, Invocations, Lifetimes
from sidecar.oauth.credential import Credential, Signing, Source
from sidecar.oauth.provider import Provider
from sidecar.policy.capability import Capability, Who
from sidecar.policy.decision import Toolbox
from sidecar.policy.declared import Declared
from sidecar.relay import proxied
from sidecar.relay.head import Head
from sidecar.relay.passage import Opening, Passage, Peer
from sidecar.relay.pool import Pool
from sidecar.secret import Secret
from sidecar.wire.trace import Ids, Tracer

AGENT = b"ag_" + b"A" * 43
REAL = "the-real-one"
HERE = b"127.0.0.1:8181"


class Key:
    """A source with a key for a header, that may have to be waited for, or be refused."""

    parameter = b""

    def __init__(self, header: str = "Authorization", prefix: str = "Bearer ", key: str = REAL) -> None:
        self.fills = frozenset({header.lower().encode()})
        self.credential: Credential | Signing = Credential(Secret(key), lines=f"{header}: {prefix}{key}\r\n".encode())
        self.waits = False
        self.refuses: Exception | None = None
        self.asked: list[Any] = []

    def ready(self, ask: Any) -> Credential | Signing | None:
        self.asked.append(ask)
        return None if self.waits else self.credential

    async def obtain(self, ask: Any) -> Credential | Signing:
        await asyncio.sleep(0)
        if self.refuses is not None:
            raise self.refuses
        return self.credential

    def close(self) -> None:
        """Nothing is held."""


class Recorded:
    """A journal that keeps what it is told."""

    def __init__(self) -> None:
        self.events: list[dict[str, Any]] = []
        self.strangers: list[dict[str, Any]] = []

    def record(self, event: bytes) -> None:
        self.events.append(json.loads(event))

    def reject(self, event: bytes, code: str) -> None:
        self.strangers.append(json.loads(event))


class Stopped:
    def __init__(self) -> None:
        self.stops = 0

    def stop(self) -> None:
        self.stops += 1


def principal(subject: str) -> Principal:
    return Principal("https://issuer.example.com", "", subject, "shop", Kind.USER, groups=frozenset({"sales"}))


class Out:
    """A door with *routes*, each with a source of its name's provider, and *capabilities*."""

    def __init__(
        self,
        routes: Mapping[str, Mapping[str, Any]],
        capabilities: Mapping[str, Mapping[str, Any]],
        *,
        sources: Mapping[str, Source] | None = None,
        acts_as: Mapping[str, str] | None = None,
        agent: bytes | None = AGENT,
        one: bool = False,
        journal: Journal | None = None,
        api: Pool | None = None,
        prompt: Prompt | None = None,
        conversations: Conversations | None = None,
        **manners: Any,
    ) -> None:
        self.now = 1000.0
        self.journal = Recorded()
        lifetimes = Lifetimes(linger=0.0 if one else 30.0)
        self.invocations = Invocations(lifetimes, handles=Handles(_random()), clock=lambda: self.now)
        self.sources = dict(sources or {})
        made = [Route(name, **given) for name, given in routes.items()]
        table = Routes(made)
        exits = {}
        for leg in table:
            name = leg.route.provider
            provider = Provider(name, "bearer", (acts_as or {}).get(name, "agent")) if name else None
            source = self.sources.setdefault(name, Key()) if name else None
            exits[leg.route.name] = Exit(leg, self._pool(leg.destination), provider, source)
        self.exits = exits
        self.door = Door(
            manners=Manners(agent=agent, **{"hosts": lambda: frozenset({HERE, b"localhost:8181"}), **manners}),
            routes=table,
            exits=exits,
            callers=Callers(self.invocations, agent, one),
            invocations=self.invocations,
            policy=policy([Capability(name, **given) for name, given in capabilities.items()], made),
            record=Record(
                journal or self.journal,
                lambda principal: {"identity.principal.id": principal.id},
                lambda: 1,
                lambda: self.invocations.open_count,
            ),
            tracer=Tracer(Ids()),
            certificate=lambda host: ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER),
            past=self._pool,
            api=api or Pool("api", _never, connect_seconds=1.0, clock=lambda: self.now),
            clock=lambda: self.now,
            prompt=prompt,
            conversations=conversations,
        )
        self.connection = Stopped()

    def _pool(self, destination: Destination) -> Pool:
        return Pool(str(destination), _never, connect_seconds=1.0, clock=lambda: self.now)

    def open(self, subject: str = "alice") -> tuple[Invocation, bytes]:
        trace = b"%032x" % (int.from_bytes(subject.encode()[:4], "big") + 1)
        return self.invocations.open(principal(subject), trace, b"00f067aa0ba902b7", 600.0)

    def peer(self, tunnel: Any = None) -> Peer:
        return Peer("127.0.0.1", tls=tunnel is not None, connection=self.connection, tunnel=tunnel)

    def head(self, data: bytes) -> Head[fields.Plan]:
        return proxied.read(data, self.door.shapes)

    def ask(self, data: bytes, tunnel: Any = None) -> Any:
        """What the door makes of a head: a passage, an opening, or something to wait for. Raise ``Refusal``."""
        return self.door.admit(self.head(data), self.peer(tunnel))

    def sent(self, data: bytes, tunnel: Any = None) -> list[bytes]:
        """The lines that leave."""
        passage = self.ask(data, tunnel)
        assert isinstance(passage, Passage)
        assert passage.head.endswith(b"\r\n")
        return passage.head[:-2].split(b"\r\n")

    async def sent_later(self, data: bytes) -> list[bytes]:
        waiting = self.ask(data)
        assert isinstance(waiting, Awaitable)
        passage = await waiting
        assert isinstance(passage, Passage)
        return passage.head[:-2].split(b"\r\n")

    def connect(self, authority: bytes, extra: bytes = b"") -> Any:
        return self.ask(b"CONNECT %b HTTP/1.1\r\nHost: %b\r\n%b\r\n" % (authority, authority, extra))

    def tunnel(self, authority: bytes, extra: bytes = b"") -> Any:
        opening = self.connect(authority, extra)
        assert isinstance(opening, Opening)
        return opening.tunnel


def policy(capabilities: Sequence[Capability], routes: Sequence[Route]) -> Declared:
    boxes = {route.name: Toolbox(route.provider, route.scopes) for route in routes if route.mcp}
    return Declared(capabilities, toolboxes=boxes)


def get(target: bytes, fields: bytes = b"", host: bytes = HERE) -> bytes:
    return b"GET %b HTTP/1.1\r\nHost: %b\r\n%b\r\n" % (target, host, fields)


def anyone(**given: Any) -> dict[str, Any]:
    """A capability for every principal."""
    return {"who": Who(), **{key: _set(value) for key, value in given.items()}}


def itself(**given: Any) -> dict[str, Any]:
    """A capability for the agent, whoever it works for."""
    return {"who": Who(principal=False), **{key: _set(value) for key, value in given.items()}}


def _set(value: Any) -> Any:
    return frozenset(value) if isinstance(value, list) else value


async def _never(make: Any) -> Any:
    raise AssertionError("nothing is dialled here")


def _random() -> Any:
    import os

    return os.urandom


__all__ = ["AGENT", "HERE", "REAL", "Key", "Leg", "Out", "anyone", "get", "itself", "policy", "principal"]
