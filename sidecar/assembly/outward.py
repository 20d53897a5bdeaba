"""The way out: what one configuration makes of routes, providers and capabilities."""

import logging
import os
import ssl
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from ipaddress import ip_address

from sidecar.api.surroundings import Surroundings as ApiSurroundings
from sidecar.assembly import deciding
from sidecar.assembly.granting import Asked, Connected, granted
from sidecar.assembly.ground import Ground
from sidecar.assembly.house import named
from sidecar.assembly.keeping import needed
from sidecar.egress import passing
from sidecar.egress.address import Network, refused
from sidecar.egress.conversations import Conversations
from sidecar.egress.destination import Destination
from sidecar.egress.dial import Way
from sidecar.egress.door import Door, Manners
from sidecar.egress.exit import Exit
from sidecar.egress.own import Prompt
from sidecar.egress.record import Record
from sidecar.egress.routes import Leg, Routes
from sidecar.egress.tunnel import Tunnel
from sidecar.errors import DestinationDenied, ProviderTimeout, ProviderUnreachable
from sidecar.events import Attribute, Event, Name, Value
from sidecar.oauth.credential import Ask, Source
from sidecar.oauth.provider import Provider
from sidecar.oauth.sources import GRANTED, source
from sidecar.oauth.surroundings import Surroundings
from sidecar.policy.decision import Policy
from sidecar.relay.fetch import fetcher, trust
from sidecar.relay.passage import Passage, Peer, Times
from sidecar.relay.pool import Pool
from sidecar.settings import Settings
from sidecar.wire.trace import Tracer

log = logging.getLogger("sidecar")

_CREDENTIAL_SECONDS = 10.0
"""How long a call may wait for its credential; less where its answer has to begin sooner."""


@dataclass(slots=True)
class Outward:
    """Everything of the way out that a reload exchanges."""

    settings: Settings
    door: Door
    routes: Routes
    exits: Mapping[str, Exit]
    sources: Mapping[str, Source]
    record: Record
    surroundings: ApiSurroundings
    """What the identity API works with."""
    conversations: Conversations

    def sweep(self, now: float) -> None:
        for out in self.exits.values():
            out.pool.sweep(now)

    def close(self, after: "Outward | None" = None) -> None:
        """End what *after* doesn't go on with."""
        kept = {id(out.pool) for out in after.exits.values()} if after is not None else set()
        for out in self.exits.values():
            if id(out.pool) not in kept:
                out.pool.close()
        for name, each in self.sources.items():
            if after is None or after.sources.get(name) is not each:
                each.close()


def outward(
    settings: Settings, ground: Ground, policy: Policy, api: Pool, prompt: Prompt, before: Outward | None = None
) -> Outward:
    """Build it; providers and routes that are as they were are taken over from *before*. *policy* is what the settings
    come to, *api* serves the identity API, *prompt* what of it needs no waiting."""
    same_world = before is not None and _world(before.settings) == _world(settings)
    ca_file = settings.tls.ca_file
    tls = cache(lambda: trust(str(ca_file) if ca_file else None))
    tracer = Tracer(ground.ids, settings.telemetry.sample)
    spans = ground.journal.spans
    record = Record(
        ground.journal,
        ground.subjects.of,
        time.time_ns,
        lambda: ground.invocations.open_count,
        spans.ended if spans is not None else None,
    )
    if before is not None:
        record.own_during = before.record.own_during
    world = _world_of(settings, ground, tls)
    sources = _sources(settings, ground, world, before if same_world else None)
    routes = Routes(settings.egress.routes.values())
    exits = {
        leg.route.name: _exit(leg, settings, ground, sources, tls, before if same_world else None) for leg in routes
    }
    conversations = before.conversations if before is not None else Conversations()
    door = Door(
        manners=Manners(
            agent=ground.agent.reveal().encode() if ground.agent is not None else None,
            tunnels=settings.egress.default == "tunnel",
            explains=settings.policy.explain == "agent",
            hosts=lambda: ground.hosts,
            listener=lambda: ground.listener,
        ),
        routes=routes,
        exits=exits,
        callers=ground.callers,
        invocations=ground.invocations,
        policy=policy,
        record=record,
        tracer=tracer,
        certificate=ground.certificate,
        past=_past(settings, ground, tls),
        api=api,
        clock=time.time,
        prompt=prompt,
        conversations=conversations,
    )
    surroundings = _surroundings(settings, ground, policy, sources, tracer)
    return Outward(settings, door, routes, exits, sources, record, surroundings, conversations)


def _surroundings(
    settings: Settings, ground: Ground, policy: Policy, sources: Mapping[str, Source], tracer: Tracer
) -> ApiSurroundings:
    return ApiSurroundings(
        callers=ground.callers,
        invocations=ground.invocations,
        policy=policy,
        providers=settings.providers,
        sources=sources,
        journal=ground.journal,
        subjects=ground.subjects.of,
        tracer=tracer,
        jwks=lambda: ground.signing().jwks(),
        ca=lambda: ground.authority.pem if ground.authority is not None else b"",
        clock=time.time,
        clock_ns=time.time_ns,
        monotonic=ground.loop.time,
        connections=Connected(ground) if needed(settings) else None,
        consent=Asked(ground).status,
        named=named(settings),
        tools=deciding.declared_tools(settings),
        tool_route=deciding.tool_route(settings),
        explains=settings.policy.explain == "agent",
    )


def _world(settings: Settings) -> object:
    """What providers and upstreams are reached by, and under which names."""
    named = settings.inbound.public_url, settings.agent.name, settings.vault.namespace
    return settings.tls, settings.resolve, settings.egress.timeouts, named


def _world_of(settings: Settings, ground: Ground, tls: Callable[[], ssl.SSLContext]) -> Surroundings:
    return Surroundings(
        fetch=fetcher(tls=tls, resolve=settings.resolve),
        clock=time.time,
        random=os.urandom,
        tasks=ground.tasks,
        signer=ground.signing,
        agent=settings.agent.name,
        public_url=settings.inbound.public_url,
        refreshed=_refreshed(ground),
        proof=ground.proofs.of,
        seconds=min(_CREDENTIAL_SECONDS, settings.egress.timeouts.first_byte * 0.9),
    )


def _sources(settings: Settings, ground: Ground, world: Surroundings, before: Outward | None) -> Mapping[str, Source]:
    def aws(provider: Provider, surroundings: Surroundings) -> Source:
        from sidecar.aws import Aws

        return Aws(provider, surroundings, ground.environ)

    others = {"aws": aws, GRANTED: granted(settings, ground)}
    sources = {}
    for name, provider in settings.providers.items():
        same = before is not None and before.settings.providers.get(name) == provider
        sources[name] = before.sources[name] if before is not None and same else source(provider, world, others)
    return sources


def _refreshed(ground: Ground) -> Callable[[Provider, Ask, frozenset[str]], None]:
    def refreshed(provider: Provider, ask: Ask, scopes: frozenset[str]) -> None:
        attributes: dict[str, Value] = {
            Attribute.PROVIDER: provider.name,
            Attribute.SCOPES: tuple(sorted(scopes)),
            Attribute.OUTCOME: "refreshed",
        }
        # At AWS the agent acts for everyone, but in sessions of each principal's own.
        if ask.principal is not None and (provider.acts_as == "principal" or provider.type == "aws"):
            attributes = {**ground.subjects.of(ask.principal), **attributes}
        if ask.invocation:
            attributes[Attribute.INVOCATION_ID] = ask.invocation.decode()
        event = Event(Name.TOKEN_REFRESHED, time.time_ns(), ask.trace_id.decode(), ask.span_id.decode(), attributes)
        ground.journal.record(event.encode())

    return refreshed


def _exit(
    leg: Leg,
    settings: Settings,
    ground: Ground,
    sources: Mapping[str, Source],
    tls: Callable[[], ssl.SSLContext],
    before: Outward | None,
) -> Exit:
    route = leg.route
    times = settings.egress.timeouts
    own = route.timeouts
    if before is not None and before.settings.egress.routes.get(route.name) == route:
        pool = before.exits[route.name].pool
    else:
        pool = _pool(leg.destination, route.private, own.get("connect", times.connect), settings, ground, tls)
    provider = settings.providers[route.provider] if route.provider is not None else None
    return Exit(
        leg=leg,
        pool=pool,
        provider=provider,
        source=sources[provider.name] if provider is not None else None,
        times=Times(own.get("first_byte", times.first_byte), own.get("idle", times.idle)) if own else None,
        clear=provider is not None and not route.insecure and _in_clear(leg.destination, settings),
    )


def _in_clear(destination: Destination, settings: Settings) -> bool:
    """Whether what is sent there can be read on the way."""
    if destination.scheme != "http":
        return False
    address = settings.resolve.get(destination.host, destination.host)
    try:
        return not ip_address(address).is_loopback
    except ValueError:
        return address != "localhost"


def _pool(
    destination: Destination,
    private: bool | tuple[Network, ...],
    connect: float,
    settings: Settings,
    ground: Ground,
    tls: Callable[[], ssl.SSLContext],
) -> Pool:
    way = Way(
        destination,
        resolve=settings.resolve,
        private=private,
        own=ground.own,
        tls=tls,
        loop=ground.loop,
    )
    return Pool(
        str(destination),
        way.dial,
        connect_seconds=connect,
        clock=ground.loop.time,
        who=destination.host,
        unreachable=ProviderUnreachable,
        late=ProviderTimeout,
    )


def _past(settings: Settings, ground: Ground, tls: Callable[[], ssl.SSLContext]) -> Callable[[Destination], Pool]:
    def past(destination: Destination) -> Pool:
        with suppress(ValueError):  # a name: what it resolves to is looked at when it is dialled
            why = refused(ip_address(destination.host), destination.port, private=False, own=ground.own)
            if why is not None:
                raise DestinationDenied(why, mend="Declare a route for it, with  private: true  if that is what it is.")
        pool = _pool(destination, False, settings.egress.timeouts.connect, settings, ground, tls)
        pool.close()  # nothing is kept: nobody would sweep it
        return pool

    return past


def doomed(before: Settings, after: Outward) -> Callable[[Peer, Passage | None], bool]:
    """What may not go on after a reload: whatever goes by a route, provider or capability that is gone or changed, and
    where a team's own policies or the mode have changed, whatever goes by a route: nobody knows what they would say."""
    now = after.settings
    decided = (before.policy.mode, before.policy.files) != (now.policy.mode, now.policy.files)
    providers = _changed(before.providers, now.providers)
    capabilities = _changed(before.capabilities, now.capabilities)
    routes = _changed(before.egress.routes, now.egress.routes) | {
        name for name, route in before.egress.routes.items() if route.provider in providers
    }
    destinations = {Destination.of_url(before.egress.routes[name].url) for name in routes}

    def gone(peer: Peer, passage: Passage | None) -> bool:
        if isinstance(peer.tunnel, Tunnel) and peer.tunnel.destination in destinations:
            return True
        if not isinstance(passage, passing.Outward):
            return False
        if passage.leg is None:
            return now.egress.default != before.egress.default
        return decided or passage.leg.route.name in routes or passage.capability in capabilities

    return gone


def _changed(before: Mapping[str, object], after: Mapping[str, object]) -> frozenset[str]:
    return frozenset(name for name, each in before.items() if after.get(name) != each)
