"""Where the sidecar is, and which way a request goes: to the sidecar itself, through it, or past it. Pure."""

import ipaddress
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum, auto
from urllib.parse import SplitResult, unquote, urlsplit

USUAL = "http://127.0.0.1:8181"
_UNIX = "unix:"
_LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})
_PORTS = {"http": 80, "https": 443, "ws": 80, "wss": 443}
_SESSION = re.compile(r"[A-Za-z0-9_-]+")
_PLAIN = re.compile(r"[\x21-\x5b\x5d-\x7e]+")
_PORT = re.compile(r"(.+):(\d+)")


class Way(Enum):
    SIDECAR = auto()
    """It is for the sidecar: a route's prefix, or the identity API."""
    PROXIED = auto()
    """The sidecar is its proxy."""
    DIRECT = auto()
    """``NO_PROXY`` names its host: the sidecar never sees it, so the handle must not be in it."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where the agent's side of the sidecar is, as the environment says."""

    host: str
    port: int
    agent: str | None = field(default=None, repr=False)
    """The handle by which the agent calls for itself, where ``HTTPS_PROXY`` carries it."""
    past: tuple[str, ...] = ()
    """What ``NO_PROXY`` names."""
    socket: str | None = None
    """The path of a unix socket that it listens on, in place of host and port."""
    consent: str | None = None
    """The public URL of its consent pages, where it is told."""

    @classmethod
    def found(cls, environ: Mapping[str, str] = os.environ) -> "Place":
        """By ``SIDECAR_URL``, ``SIDECAR_CONSENT_URL``, ``HTTPS_PROXY`` and ``NO_PROXY``. Raise ``ValueError`` for a
        ``SIDECAR_URL`` that can't be used."""
        url = environ.get("SIDECAR_URL") or USUAL
        consent = (environ.get("SIDECAR_CONSENT_URL") or "").rstrip("/") or None
        if url.startswith(_UNIX):
            return cls("localhost", _PORTS["http"], socket=url.removeprefix(_UNIX), consent=consent)
        parts = split(url)
        if parts is None or parts.scheme != "http" or not parts.hostname or parts.path.strip("/"):
            raise ValueError("SIDECAR_URL has to be like http://127.0.0.1:8181 or unix:/path")
        here = cls(parts.hostname, parts.port or _PORTS["http"])
        proxy = split(environ.get("https_proxy") or environ.get("HTTPS_PROXY") or "")
        agent = None
        if proxy is not None and proxy.username and here.is_at(proxy.scheme, proxy.hostname or "", proxy.port):
            agent = unquote(proxy.username)
        past = re.split(r"[,\s]+", (environ.get("no_proxy") or environ.get("NO_PROXY") or "").lower())
        return cls(here.host, here.port, agent, tuple(name for name in past if name), consent=consent)

    @property
    def url(self) -> str:
        if self.socket is not None:
            return _UNIX + self.socket
        return f"http://[{self.host}]:{self.port}" if ":" in self.host else f"http://{self.host}:{self.port}"

    def asks_at(self, url: str, session: str) -> bool:
        """Whether *url* can be the sidecar's own page of *session*, where a user agrees: ``…/connect/SESSION`` below
        the public URL of its consent pages. Where that isn't told, over TLS, or on this machine."""
        ending, parts = f"/connect/{session}", split(url)
        if parts is None or not url.endswith(ending) or not _SESSION.fullmatch(session) or not _PLAIN.fullmatch(url):
            return False
        if self.consent is not None:
            return url == self.consent + ending
        near = parts.scheme == "http" and parts.hostname in _LOOPBACK
        more = parts.query or parts.fragment or parts.username is not None
        return bool(parts.hostname) and not more and (near or parts.scheme == "https")

    def is_at(self, scheme: str, host: str, port: int | None) -> bool:
        """Whether that is the sidecar's own address. Loopback's names are one."""
        same = host == self.host or (host in _LOOPBACK and self.host in _LOOPBACK)
        return same and scheme in ("http", "ws") and (port or _PORTS[scheme]) == self.port

    def way(self, scheme: str, host: str, port: int | None) -> Way:
        """Which way a request to there goes; *host* is without brackets."""
        host = host.lower()
        if self.is_at(scheme, host, port):
            return Way.SIDECAR
        port = port or _PORTS.get(scheme, 0)
        return Way.DIRECT if any(_names(name, host, port) for name in self.past) else Way.PROXIED


def _names(name: str, host: str, port: int) -> bool:
    """Whether an entry of ``NO_PROXY`` is *host* or a domain above it, a network that it is in, or ``*``."""
    if name == "*" or _in_network(name, host):
        return True
    if with_port := _PORT.fullmatch(name):
        name = with_port[1]
        if int(with_port[2]) != port:
            return False
    name = name.strip("[]").lstrip(".")
    return bool(name) and (host == name or host.endswith(f".{name}"))


def _in_network(name: str, host: str) -> bool:
    try:
        return ipaddress.ip_address(host) in ipaddress.ip_network(name.strip("[]"), strict=False)
    except ValueError:
        return False


def split(url: str) -> SplitResult | None:
    """*url* taken apart, ``None`` where it can't be."""
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        return None
    return parts
