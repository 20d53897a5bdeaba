"""The house: all that one configuration makes. A reload makes another, and takes over what has not changed."""

import logging
import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from sidecar.assembly import deciding
from sidecar.assembly.ground import Ground
from sidecar.assembly.keeping import needed
from sidecar.events import Attribute, Name, Template, Value
from sidecar.identity.issuer import SIDECAR, Issuer
from sidecar.identity.principal import Principal
from sidecar.inbound import challenge, headers
from sidecar.inbound.assertion import Signer
from sidecar.inbound.door import Caller, Door, Manners
from sidecar.inbound.metadata import Resource, metadata_url
from sidecar.inbound.single import SingleDoor
from sidecar.keyring import Keyring, Verifier
from sidecar.policy.capability import Who, narrowed
from sidecar.policy.decision import Access, Act, Decision, Policy
from sidecar.relay.fetch import fetcher, trust
from sidecar.relay.own import Own
from sidecar.relay.pool import Pool, dial_endpoint
from sidecar.settings import Settings
from sidecar.wire.endpoint import Tcp
from sidecar.wire.http import Fetch
from sidecar.wire.trace import Tracer

if TYPE_CHECKING:
    from sidecar.oauth.directory import Directory

log = logging.getLogger("sidecar")


@dataclass(slots=True)
class House:
    settings: Settings
    keyring: Keyring
    verifier: Verifier[Caller]
    door: Door
    agent: Pool
    own: Own | None
    directory: "Directory | None" = None
    """Who says which groups users are in, where tokens don't."""


def build(settings: Settings, ground: Ground, policy: Policy, before: House | None = None) -> House:
    """Build from *settings*, of which *policy* is made; the keys of issuers that are as they were are taken over from
    the house *before*."""
    keyring = _keyring(settings, before)
    directory = _directory(settings, ground, before)
    own = _own(settings, ground)
    verifier = Verifier(
        settings.issuers.values(),
        keyring,
        clock=time.time,
        prepare=_prepare(settings, ground, policy),
        most_token=settings.inbound.limits.token,
        once=ground.once,
        groups=directory.groups if directory is not None else None,
    )
    keyring.changed = verifier.forget
    agent = _agent(settings, ground, before)
    inbound = settings.inbound
    single = partial(SingleDoor, turn=ground.turn, turn_seconds=inbound.timeouts.turn, blocked=ground.blocked)
    door = (single if settings.agent.concurrency == "one" else Door)(
        manners=Manners(
            public=inbound.public,
            preflight=inbound.preflight == "pass",
            trusted_proxies=inbound.trusted_proxies,
            forward_authorization=settings.agent.forward_authorization,
            baggage=settings.invocation.baggage,
            resource_metadata=metadata_url(inbound.public_url) if inbound.public_url else None,
            scopes=_scopes(settings),
        ),
        verifier=verifier,
        invocations=ground.invocations,
        journal=ground.journal,
        tracer=Tracer(ground.ids, settings.telemetry.sample),
        agent=agent,
        own=Pool("the sidecar's own pages", own.dial, connect_seconds=5.0, clock=ground.loop.time) if own else None,
        clock=time.time,
        clock_ns=time.time_ns,
        spans=ground.journal.spans.ended if ground.journal.spans is not None else None,
    )
    if any(provider.type == "exchange" for provider in settings.providers.values()):
        door.proofs = ground.proofs
    if settings.consent.public_url is not None and needed(settings):
        door.links = ground.links
    return House(settings, keyring, verifier, door, agent, own, directory)


def changed_issuers(before: Settings, after: Settings) -> frozenset[str]:
    """The names of issuers that a reload removes or changes."""
    return frozenset(name for name, issuer in before.issuers.items() if after.issuers.get(name) != issuer)


def _fetch(settings: Settings) -> Fetch:
    ca_file = settings.tls.ca_file
    return fetcher(tls=lambda: trust(str(ca_file) if ca_file else None), resolve=settings.resolve)


def _directory(settings: Settings, ground: Ground, before: House | None) -> "Directory | None":
    """What is known is taken over, where it was told in the same way."""

    def asked(settings: Settings) -> object:
        issuers = {name: issuer for name, issuer in settings.issuers.items() if issuer.groups == "graph"}
        return (issuers, settings.tls, settings.resolve) if issuers else None

    if asked(settings) is None:
        return None
    if before is not None and asked(before.settings) == asked(settings):
        return before.directory
    from sidecar.oauth.directory import Directory

    return Directory(_fetch(settings), clock=time.time, tasks=ground.tasks)


def _keyring(settings: Settings, before: House | None) -> Keyring:
    same_way = before is not None and (before.settings.tls, before.settings.resolve, before.settings.jwks) == (
        settings.tls,
        settings.resolve,
        settings.jwks,
    )
    return Keyring(
        settings.issuers.values(),
        _fetch(settings),
        clock=time.time,
        refresh=settings.jwks.refresh,
        max_stale=settings.jwks.max_stale,
        changed=_nobody,
        before=before.keyring if before is not None and same_way else None,
    )


def _nobody(_issuer: Issuer) -> None:
    """Stands in until the verifier is there."""


def _agent(settings: Settings, ground: Ground, before: House | None) -> Pool:
    url, connect = settings.agent.url, settings.inbound.timeouts.connect
    if before is not None and before.settings.agent.url == url and before.settings.inbound.timeouts.connect == connect:
        return before.agent
    name = f"http://{url}" if isinstance(url, Tcp) else str(url)
    return Pool(
        f"the agent at {name}", dial_endpoint(url, ground.loop), connect_seconds=connect, clock=ground.loop.time
    )


def _own(settings: Settings, ground: Ground) -> Own | None:
    """What the sidecar serves on the agent's address, where it has a public one."""
    public_url = settings.inbound.public_url
    if public_url is None:
        return None
    resource = Resource(
        public_url=public_url,
        name=settings.agent.name,
        authorization_servers=tuple(issuer.urls[0] for issuer in settings.issuers.values() if issuer.type != SIDECAR),
        scopes=_scopes(settings),
    )

    def application():  # type: ignore[no-untyped-def]  # aiohttp is imported with it
        from sidecar.inbound import metadata

        return metadata.application(resource, ground.signing().jwks)

    return Own(application, ground.loop)


def _scopes(settings: Settings) -> tuple[str, ...]:
    """What a caller of whom nothing is known asks an issuer for."""
    issuers = [issuer for issuer in settings.issuers.values() if issuer.type != SIDECAR]
    return challenge.asked(challenge.named(settings.inbound.who), issuers)


def _signer(settings: Settings, ground: Ground) -> Signer:
    return Signer(
        ground.signing(),
        issuer=settings.inbound.public_url or f"urn:identity-sidecar:{settings.agent.name}",
        audience=settings.agent.name,
        clock=time.time,
        random=os.urandom,
    )


def named(settings: Settings) -> Mapping[str, frozenset[str]] | None:
    """The groups and roles that the agent may be told, where not all."""
    if settings.inbound.groups == "all":
        return None
    return {"groups": settings.named_groups, "roles": settings.named_roles}


def _prepare(settings: Settings, ground: Ground, policy: Policy) -> Callable[[Principal], Caller]:
    """What is made of each verified token, once: the decision who may call at all, the agent's headers, the event."""
    who: Who = settings.inbound.who
    told = named(settings)
    tools, claims, member = deciding.declared_tools(settings), deciding.claims(settings), deciding.memberships(settings)
    signer = _signer(settings, ground) if settings.agent.assertion else None

    def prepare(principal: Principal) -> Caller:
        ground.blocked.require(principal)
        decision = policy.decide(Access(principal, act=Act.ENTER), time.time())
        if not decision.allowed:
            raise challenge.refused(who, principal, decision.why, settings.issuers.get(principal.issuer))
        extra = (f"X-Identity-Assertion: {signer.sign(principal)}",) if signer is not None else ()
        # Callers that linger are held in thousands, and nobody asks for their other claims any more.
        principal = narrowed(principal, claims)
        attributes = ground.subjects.of(principal)
        opened = {**attributes, **(member(principal) if member is not None else {}), **_entered(decision)}
        # As of now: what is made here is forgotten with the token, within a minute.
        seen = policy.declared(principal, time.time()) if tools else None
        lines = headers.principal_lines(principal, told, extra, seen)
        return Caller(principal, lines, Template(Name.INIT, opened), attributes)

    return prepare


def _entered(decision: Decision) -> dict[str, Value]:
    if not decision.shadow:
        return {Attribute.OUTCOME: "admitted"}
    return {Attribute.OUTCOME: "shadowed", Attribute.REASON: decision.why}
