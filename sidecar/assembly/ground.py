"""What stands through every reload."""

import asyncio
import os
import ssl
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from sidecar.agent.files import in_the_way
from sidecar.assembly.keeping import Keeping
from sidecar.assembly.state_key import state_key
from sidecar.egress.address import Own
from sidecar.egress.dial import here
from sidecar.errors import DestinationDenied
from sidecar.inbound import blocked
from sidecar.inbound.blocked import Blocked
from sidecar.inbound.links import Links
from sidecar.inbound.turn import Turn
from sidecar.invocation.caller import Callers
from sidecar.invocation.handle import AGENT_PREFIX, Handles
from sidecar.invocation.invocation import Invocations, Lifetimes
from sidecar.invocation.proof import Proofs
from sidecar.journal import Collector, Journal, Subjects, Unusable
from sidecar.keyring.once import Once
from sidecar.keyring.root import KeyUnusable, Root
from sidecar.keyring.signing import LABEL, SEED_BYTES, SigningKey
from sidecar.secret import Secret
from sidecar.settings import Settings
from sidecar.wire.endpoint import Endpoint, Tcp
from sidecar.wire.strict import base64url_encode
from sidecar.wire.trace import Ids

if TYPE_CHECKING:
    from sidecar.assembly.consenting import Consenting
    from sidecar.egress.ca import Authority


class Unstartable(Exception):
    """The sidecar can't run as it is set; the text says why and what to do."""


_LOOPBACK = ("127.0.0.1", "localhost", "[::1]")
_HTTP = 80


@dataclass(slots=True)
class Ground:
    loop: asyncio.AbstractEventLoop
    tasks: asyncio.TaskGroup
    root: Root
    journal: Journal
    invocations: Invocations
    proofs: Proofs
    """Callers' tokens; the front door keeps them only where some provider exchanges them."""
    links: Links
    """Where users are told on the answer to their own call that they have to agree."""
    ids: Ids
    subjects: Subjects
    environ: Mapping[str, str] = field(repr=False)
    """The sidecar's own variables."""
    agent: Secret | None
    """The agent's own handle; ``None``: it has none."""
    callers: Callers
    once: Once
    """What other sidecars have said already."""
    own: Own
    """The sidecar's listeners, that no call may come back in by."""
    turn: Turn
    """Of an agent that serves one call at a time."""
    keeping: Keeping
    """What users granted."""
    blocked: Blocked
    """Who is kept out by the operator."""
    consenting: "Consenting | None" = None
    """How users are asked, once there is a front door."""
    hosts: frozenset[bytes] | None = None
    """By which values of ``Host`` the way out may be called; ``None``: by any."""
    listener: str = ""
    """Where the way out is, as a proxy's URL has it: ``host:port``; empty on a unix socket."""
    authority: "Authority | None" = None
    """Our own CA, once there is one."""
    _signing: SigningKey | None = None

    def signing(self) -> SigningKey:
        """The key for all that the sidecar asserts, made when it is first needed."""
        if self._signing is None:
            self._signing = SigningKey(self.root.derive(LABEL, SEED_BYTES))
        return self._signing

    def listens(self, endpoint: Endpoint) -> None:
        """A listener is open at *endpoint*."""
        if isinstance(endpoint, Tcp):
            self.own.add(endpoint.port)

    def takes_calls_at(self, endpoint: Endpoint) -> None:
        """The way out is at *endpoint*: who asks for it by another name is a browser that was led astray (DNS
        rebinding)."""
        if isinstance(endpoint, Tcp):
            self.listener = str(endpoint)
            names = {*_LOOPBACK, str(endpoint).rpartition(":")[0]}
            hosts = {f"{name}:{endpoint.port}".encode() for name in names}
            self.hosts = frozenset(hosts | ({name.encode() for name in names} if endpoint.port == _HTTP else set()))

    def certificate(self, host: str) -> ssl.SSLContext:
        """The context by which *host* is spoken for. Raise ``DestinationDenied``."""
        if self.authority is None or not self.authority.permits(host):
            raise DestinationDenied(
                "no certificate is signed for that host",
                mend="Call it below /to/<route>/: a tunnel is opened only to a route's host that has a name.",
            )
        return self.authority.context(host)


def opened(
    settings: Settings,
    root: Root,
    environ: Mapping[str, str],
    loop: asyncio.AbstractEventLoop,
    tasks: asyncio.TaskGroup,
) -> Ground:
    """Open what is kept in the state directory. Raise ``Unstartable``."""
    invocations = Invocations(lifetimes(settings), handles=Handles(os.urandom), clock=loop.time)
    subjects = Subjects(root.derive("audit subjects"), plain=settings.audit.subjects == "plain")
    agent = _agent(settings)
    known = agent.reveal().encode() if agent is not None else None
    return Ground(
        loop=loop,
        tasks=tasks,
        root=root,
        journal=_journal(settings),
        invocations=invocations,
        proofs=Proofs(invocations, os.urandom),
        links=Links(),
        ids=Ids(),
        subjects=subjects,
        environ=environ,
        agent=agent,
        callers=Callers(invocations, known, settings.agent.concurrency == "one"),
        once=Once(clock=time.time),
        own=Own(here),
        turn=Turn(),
        keeping=Keeping(settings, root, tasks),
        blocked=_blocked(settings, subjects),
    )


def lifetimes(settings: Settings) -> Lifetimes:
    times = settings.invocation
    linger = 0.0 if settings.agent.concurrency == "one" else times.linger
    return Lifetimes(linger, times.max, times.end_with_token, times.detach)


def _agent(settings: Settings) -> Secret | None:
    """The agent's own handle."""
    token = settings.agent.token
    if token is None:
        return Secret((AGENT_PREFIX + base64url_encode(os.urandom(32))).decode())
    return token if isinstance(token, Secret) else None


async def rooted(settings: Settings, environ: Mapping[str, str]) -> Root:
    """The state directory, and the state key. Raise ``Unstartable``."""
    directory = settings.state.dir
    try:
        return await state_key(settings, environ)
    except KeyUnusable as error:
        raise Unstartable(str(error)) from error
    except OSError as error:
        if (file := in_the_way(directory)) is not None:
            raise Unstartable(f"{file} is a file, not a folder\n    move it, or set another one: state.dir") from error
        raise Unstartable(
            f"{directory} can't be used for state: {error.strerror or error}\n"
            "    make it writable for the sidecar's user, or set another one: state.dir"
        ) from error


def _journal(settings: Settings) -> Journal:
    """Raise ``Unstartable``."""
    audit = settings.audit
    try:
        return Journal.open(
            settings.state.dir,
            size=audit.journal,
            required=audit.required,
            clock=time.time,
            keep=audit.keep,
            stdout=audit.stdout,
            collector=_collector(settings),
        )
    except Unusable as error:
        raise Unstartable(str(error)) from error


def _blocked(settings: Settings, subjects: Subjects) -> Blocked:
    """Raise ``Unstartable``."""
    path = settings.state.dir / blocked.NAME
    try:
        return Blocked(path, clock=time.time, name=lambda principal: subjects.name("principal", principal))
    except (OSError, ValueError) as error:
        raise Unstartable(
            f"who is kept out can't be read from {path}: {error}\n"
            "    remove the file, then keep them out once more:  sidecar revoke PRINCIPAL --block 1h"
        ) from error


def _collector(settings: Settings) -> Collector | None:
    telemetry = settings.telemetry
    if telemetry.otlp is None:
        return None
    return Collector(
        url=telemetry.otlp,
        service=settings.agent.name,
        protocol=telemetry.protocol,
        headers=telemetry.headers,
        ca_file=settings.tls.ca_file,
    )
