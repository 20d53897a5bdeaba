"""A way out, as it is configured: where it leads, whose credential is attached, and what it takes. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import IPv4Network, IPv6Network


@dataclass(frozen=True, slots=True)
class Route:
    """One configured route. Scheme, host and port of ``url`` are matched exactly, its path is a prefix."""

    name: str
    url: str
    provider: str | None = None
    scopes: frozenset[str] = frozenset()
    methods: frozenset[str] | None = None
    """``None``: every method."""
    paths: tuple[str, ...] | None = None
    """Exact, or prefixes where they end at ``/``; ``None``: every path."""
    private: bool | tuple[IPv4Network | IPv6Network, ...] = False
    """Whether it may lead to private addresses: to all, or to those of the networks."""
    insecure: bool = False
    """Whether a credential may go over plain http to another machine."""
    unattended: bool = False
    """Whether the agent may call it without any handle."""
    mcp: bool = False
    timeouts: Mapping[str, float] = field(default_factory=dict)
    """Seconds, for what the route has a time limit of its own; the others are ``egress.timeouts``."""
