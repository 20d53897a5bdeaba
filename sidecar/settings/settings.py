"""What a configuration comes to: each room's part of it, all defaults filled in.

The parts are named tuples: a data class takes eight times as long to define, and every start would wait for it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network
from pathlib import Path
from typing import Literal, NamedTuple

from sidecar.egress.route import Route
from sidecar.identity.issuer import Issuer
from sidecar.oauth.provider import Provider
from sidecar.policy.capability import Capability, Who
from sidecar.secret import Secret
from sidecar.wire.endpoint import Endpoint

Network = IPv4Network | IPv6Network


class Agent(NamedTuple):
    name: str
    url: Endpoint
    concurrency: Literal["many", "one"]
    forward_authorization: bool
    assertion: bool
    token: Secret | Literal["off"] | None
    """The agent handle; ``None``: made at start."""


class AgentCore(NamedTuple):
    enabled: bool
    trust_user_ids: bool
    session_uri_only: bool


class Tls(NamedTuple):
    cert: Path
    key: Path


class Limits(NamedTuple):
    head: int
    """Bytes of a request head."""
    token: int
    """Bytes of a token."""
    connections: int
    requests: int
    """At the same time."""


class Timeouts(NamedTuple):
    """Seconds."""

    head: float
    connect: float
    first_byte: float
    idle: float
    turn: float
    drain: float


class Inbound(NamedTuple):
    listen: Endpoint
    public_url: str | None
    public: tuple[str, ...]
    who: Who
    preflight: Literal["refuse", "pass"]
    groups: Literal["all", "named"]
    trusted_proxies: tuple[Network, ...]
    tls: Tls | None
    limits: Limits
    timeouts: Timeouts


class Lifetimes(NamedTuple):
    """Of an invocation; seconds."""

    linger: float
    max: float
    detach: float | None
    baggage: bool
    end_with_token: bool


class Egress(NamedTuple):
    listen: Endpoint
    default: Literal["deny", "tunnel"]
    routes: Mapping[str, Route]
    limits: Limits
    timeouts: Timeouts


class Jwks(NamedTuple):
    """Seconds."""

    max_stale: float
    refresh: float


class Consent(NamedTuple):
    public_url: str | None
    listen: Endpoint
    return_urls: tuple[str, ...]


class Vault(NamedTuple):
    url: Secret | None
    """A database's URL may hold a password; ``None``: SQLite in ``state.dir``."""
    namespace: str | None


class State(NamedTuple):
    dir: Path
    key: Secret | None
    """32 bytes in padded base64, or ``awskms:…``, ``vault:…``; ``None``: made at the first start, in ``dir``."""


class Run(NamedTuple):
    dir: Path


class Audit(NamedTuple):
    required: bool
    subjects: Literal["hashed", "plain"]
    keep: float
    """Seconds."""
    journal: int
    """Bytes."""
    stdout: bool


class Telemetry(NamedTuple):
    otlp: str | None
    protocol: Literal["http", "grpc"]
    headers: Mapping[str, Secret]
    sample: float


class PolicyFile(NamedTuple):
    path: Path
    text: str


class PolicyMode(NamedTuple):
    mode: Literal["enforce", "shadow"]
    explain: Literal["record", "agent"]
    files: tuple[PolicyFile, ...]
    """A team's own Cedar policies."""


class Health(NamedTuple):
    listen: Endpoint


class Admin(NamedTuple):
    listen: Endpoint
    issuer: str | None
    who: Who


class Trust(NamedTuple):
    ca_file: Path | None


@dataclass(frozen=True, slots=True)
class Settings:
    """A whole configuration, checked."""

    agent: Agent
    agentcore: AgentCore
    inbound: Inbound
    invocation: Lifetimes
    egress: Egress
    issuers: Mapping[str, Issuer]
    providers: Mapping[str, Provider]
    tools: Mapping[str, tuple[str, ...]]
    """Sets of tools that no MCP route serves, by name."""
    capabilities: Mapping[str, Capability]
    jwks: Jwks
    consent: Consent
    vault: Vault
    state: State
    run: Run
    audit: Audit
    telemetry: Telemetry
    policy: PolicyMode
    health: Health
    admin: Admin | None
    tls: Trust
    resolve: Mapping[str, str]
    reload: Literal["sighup", "watch"]
    development: bool
    named_groups: frozenset[str]
    """Every group that a condition names, for ``inbound.groups: named``."""
    named_roles: frozenset[str]
    files: tuple[Path, ...]
    """The configuration and every file that it names, for watching."""
    environ: frozenset[str]
    """The names of the variables that were read."""
    digest: str
    """SHA-256 of what is configured, in hex. Secrets go into it by their HMAC under ``state.key``, if given."""
    lacking: frozenset[str]
    """The paths whose variable or file this machine lacks: something stands in their place. Empty where it was read
    strictly."""
    notes: tuple[str, ...]
    """What is to be said of the configuration though nothing is wrong with it."""
