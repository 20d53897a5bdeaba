"""Addresses to listen on, hosts, networks, URLs. Every parsing function raises ``Misfit`` for a text that isn't one."""

import re
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

from sidecar.settings.problem import Misfit
from sidecar.wire.endpoint import Endpoint, Tcp, Unix

_LABEL = "[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?"
HOST = rf"(?=.{{1,253}}$){_LABEL}(\.{_LABEL})*\.?"
URL = r"https?://[!#$&-;=?-Z_a-z~%\[\]]+"
LISTEN = r"unix:.+|(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+):[0-9]{1,5}"
AGENT_URL = "unix:.+|http://[^/?#@]+/?"
_SHOWN = "Write host:port, such as 127.0.0.1:8080, or unix:/path."


def listen(text: str) -> Endpoint:
    """``host:port``, ``[::1]:port`` or ``unix:/path``; port 0 is any that is free."""
    if text.startswith("unix:"):
        return unix(text)
    name, colon, port = text.rpartition(":")
    if not colon or not re.fullmatch("0|[1-9][0-9]{0,4}", port) or int(port) > 65535:
        raise Misfit("is not an address to listen on", _SHOWN)
    if not name:
        raise Misfit("names no host", f"Write 127.0.0.1:{port} for this machine alone, 0.0.0.0:{port} for every one.")
    if name.startswith("[") and name.endswith("]"):
        if not isinstance(parsed(name[1:-1]), IPv6Address):
            raise Misfit("has brackets around what is not an IPv6 address", _SHOWN)
        return Tcp(name[1:-1], int(port))
    if ":" in name:
        raise Misfit("has an IPv6 address without brackets", f'Write "[{name}]:{port}", in quotes.')
    return Tcp(host(name), int(port))


def unix(text: str) -> Unix:
    path = text.removeprefix("unix:")
    if not path or path.startswith("//") or path.endswith("/"):
        raise Misfit("names no socket", "Write it like  unix:/run/agent/http.sock")
    return Unix(Path(path))


def agent_url(text: str) -> Endpoint:
    """Where the agent listens: ``http://host:port`` or ``unix:/path``."""
    if text.startswith("unix:"):
        return unix(text)
    parts = taken(url(text))
    if parts.scheme != "http":
        raise Misfit("is not http", "The agent is beside the sidecar: write  http://127.0.0.1:8000  or  unix:/path")
    if parts.path not in ("", "/"):
        raise Misfit("has a path", "Write host and port alone: paths are passed on as callers send them.")
    return Tcp(parts.host, parts.port)


class Url(NamedTuple):
    """A URL taken apart."""

    scheme: str
    host: str
    """In small letters; IPv6 without brackets."""
    port: int
    path: str


def url(text: str) -> str:
    """An absolute http or https URL without user, query and fragment, as it was written."""
    if "?" in text:
        raise Misfit("has a query", "Write the URL without the ? and what follows it.")
    taken(text)
    return text


def url_with_query(text: str) -> str:
    taken(text)
    return text


def taken(text: str) -> Url:
    """An absolute http or https URL taken apart; it may have a query, but neither user nor fragment."""
    mend = "Write it like  https://host.example.com/path"
    try:
        parts = urlsplit(text)
        name, port = parts.hostname or "", parts.port
    except ValueError:
        raise Misfit("is not a URL", mend) from None
    if not re.fullmatch(URL, text):
        raise Misfit("is not an absolute http or https URL", mend)
    if "@" in parts.netloc:
        raise Misfit(
            "holds a user name", "Write the URL without what is before its @; credentials have keys of their own."
        )
    if "#" in text:
        raise Misfit("has a fragment", "Write the URL without the # and what follows it.")
    if port == 0 or (":" in name and parsed(name) is None):
        raise Misfit("names no host that can be", mend)
    return Url(
        parts.scheme, name if ":" in name else host(name), port or (80 if parts.scheme == "http" else 443), parts.path
    )


def host(text: str) -> str:
    """A host name or an IPv4 address, in small letters."""
    if not re.fullmatch(HOST, text):
        raise Misfit("names no host that can be", "Write a name like  host.example.com, or an address.")
    if re.fullmatch("[0-9]+|0[xX][0-9A-Fa-f]*", text.rstrip(".").rpartition(".")[2]) and parsed(text) is None:
        # The resolver takes 127.1, 0x7f.1 and 2130706433 for addresses; whoever compares names doesn't.
        raise Misfit("is an address in a spelling that hides it", "Write it in four decimals, such as 127.0.0.1.")
    return text.lower()


def address(text: str) -> str:
    if parsed(text) is None:
        raise Misfit("is not an IP address", "Write it like  10.0.0.1  or  fd00::1")
    return text


def loopback(name: str) -> bool:
    """Whether the host *name* can only be this machine."""
    address = parsed(name)
    return name.lower().rstrip(".") == "localhost" if address is None else address.is_loopback


def unspecified(name: str) -> bool:
    """Whether the host *name* stands for every address of this machine: ``0.0.0.0``, ``::``."""
    address = parsed(name)
    return address is not None and address.is_unspecified


def network(text: str) -> IPv4Network | IPv6Network:
    """A network in CIDR form, or one address."""
    try:
        wider = ip_network(text, strict=False)
    except ValueError:
        raise Misfit("is not a network", "Write it like  10.0.0.0/8  or  fd00::/8") from None
    try:
        return ip_network(text)
    except ValueError:
        only = text.partition("/")[0]
        raise Misfit("has bits beyond its prefix", f"Write {wider}, or {only} for the one address.") from None


def parsed(text: str) -> IPv4Address | IPv6Address | None:
    try:
        return ip_address(text)
    except ValueError:
        return None
