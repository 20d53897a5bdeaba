"""Texts that mean something: durations, sizes, addresses, networks, URLs, paths, names. Each function raises ``Misfit``."""

import base64
import binascii
import re
from datetime import timedelta
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

from sidecar.secret import Secret
from sidecar.settings.problem import Misfit
from sidecar.wire.endpoint import Endpoint, Tcp, Unix

_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_BYTES = {"B": 1, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30}
_HOST = re.compile(
    r"(?=.{1,253}$)[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?(\.[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?)*\.?"
)
_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://[!#$&-;=?-Z_a-z~%\[\]]+")
_PATH = re.compile(r"/[!$&-.0-;=@-Z_a-z~/]*")
"""A path's characters (RFC 3986, section 3.3) without ``%``."""


def duration(text: str) -> float:
    """Seconds: ``250ms``, ``30s``, ``10m``, ``1h``, ``400d``; at most a hundred years."""
    number = re.fullmatch(r"([0-9]{1,12})(ms|s|m|h|d)", text)
    if number is None:
        bare = re.fullmatch("[0-9]{1,12}", text)
        raise Misfit(
            "is not a duration",
            f"Say the unit: {text}s" if bare else "Write a whole number and ms, s, m, h or d, such as 30s.",
        )
    seconds = int(number[1]) * _SECONDS[number[2]]
    if seconds > 36525 * 86400:
        raise Misfit("is longer than a hundred years", "Write a shorter one.")
    return seconds


def positive(text: str) -> float:
    """A duration above zero, in seconds."""
    seconds = duration(text)
    if not seconds:
        raise Misfit("is no time at all", "Write a duration above zero.")
    return seconds


def span(text: str) -> timedelta:
    return timedelta(seconds=duration(text))


def size(text: str) -> int:
    """Bytes: ``512B``, ``32KiB``, ``64MiB``, ``1GiB``."""
    number = re.fullmatch("([0-9]{1,9})(B|KiB|MiB|GiB)", text)
    if number is None:
        raise Misfit("is not a size", "Write a whole number and B, KiB, MiB or GiB, such as 32KiB.")
    return int(number[1]) * _BYTES[number[2]]


def listen(text: str) -> Endpoint:
    """``host:port``, ``[::1]:port`` or ``unix:/path``; port 0 is any that is free."""
    if text.startswith("unix:"):
        return _unix(text)
    host, colon, port = text.rpartition(":")
    if not colon or not re.fullmatch("0|[1-9][0-9]{0,4}", port) or int(port) > 65535:
        raise Misfit("is not an address to listen on", "Write host:port, such as 127.0.0.1:8080, or unix:/path.")
    if not host:
        raise Misfit(
            "names no host",
            f"Write 0.0.0.0:{port} for every address of this machine, or 127.0.0.1:{port} for itself alone.",
        )
    if host.startswith("[") and host.endswith("]"):
        host = host[1:-1]
        if ":" not in host or not _is_address(host):
            raise Misfit(
                "has brackets around what is not an IPv6 address", "Write brackets around IPv6 addresses alone."
            )
    elif ":" in host:
        raise Misfit("has an IPv6 address without brackets", f'Write "[{host}]:{port}", in quotes.')
    elif not _HOST.fullmatch(host):
        raise Misfit("is not an address to listen on", "Write host:port, such as 127.0.0.1:8080, or unix:/path.")
    return Tcp(host, int(port))


def _unix(text: str) -> Unix:
    path = text.removeprefix("unix:")
    if not path or "\0" in path or path.startswith("//"):
        raise Misfit("names no path", "Write unix:/path/to/socket.")
    return Unix(Path(path))


class Url(NamedTuple):
    """An absolute http or https URL taken apart; ``host`` is in small letters, IPv6 without brackets."""

    scheme: str
    host: str
    port: int
    path: str


def url(text: str) -> str:
    """An absolute http or https URL without user, query and fragment, as it was written."""
    if "?" in text:
        raise Misfit("has a query", "Write the URL without the ? and what follows it.")
    return url_with_query(text)


def url_with_query(text: str) -> str:
    taken(text)
    return text


def taken(text: str) -> Url:
    """An absolute http or https URL taken apart. Raise ``Misfit`` for any other, and for one that holds a user or a fragment."""
    mend = "Write it like  https://host.example.com/path"
    try:
        parts = urlsplit(text)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        raise Misfit("is not an absolute URL", mend) from None
    if not _URL.fullmatch(text):
        raise Misfit("is not an absolute URL", mend)
    if parts.scheme not in ("http", "https"):
        raise Misfit("is neither https nor http", mend)
    if "@" in parts.netloc:
        raise Misfit(
            "holds a user name", "Write the URL without what stands before its @; credentials have keys of their own."
        )
    if "#" in text:
        raise Misfit("has a fragment", "Write the URL without the # and what follows it.")
    if port == 0 or not (_HOST.fullmatch(host) or ":" in host):
        raise Misfit("names no host that can be", mend)
    return Url(parts.scheme, host, port or {"http": 80, "https": 443}[parts.scheme], parts.path)


def agent_url(text: str) -> Endpoint:
    """Where the agent listens: ``http://host:port`` or ``unix:/path``."""
    if text.startswith("unix:"):
        return _unix(text)
    parsed = taken(url(text))
    if parsed.scheme != "http":
        raise Misfit(
            "is not http",
            "The sidecar speaks plain HTTP to the agent beside it: write http://127.0.0.1:8000 or unix:/path.",
        )
    if parsed.path not in ("", "/"):
        raise Misfit("has a path", "Write host and port alone: paths are passed on as callers send them.")
    return Tcp(parsed.host, parsed.port)


def loopback(host: str) -> bool:
    """Whether *host* can only be this machine."""
    return host.lower().rstrip(".") == "localhost" or (_is_address(host) and ip_address(host).is_loopback)


def _is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True


def address(text: str) -> str:
    if not _is_address(text):
        raise Misfit("is not an IP address", "Write it like  10.0.0.1  or  fd00::1")
    return text


def host(text: str) -> str:
    """A host name, in small letters."""
    if not _HOST.fullmatch(text):
        raise Misfit("is not a host name", "Write it like  host.example.com, without a scheme, a port or a path.")
    return text.lower()


def network(text: str) -> IPv4Network | IPv6Network:
    """A network in CIDR form, or one address."""
    try:
        return ip_network(text)
    except ValueError:
        pass
    try:
        wider = ip_network(text, strict=False)
    except ValueError:
        raise Misfit("is not a network", "Write it like  10.0.0.0/8  or  fd00::/8") from None
    raise Misfit("has bits set beyond its prefix", f"Write {wider}, or the one address without /{wider.prefixlen}.")


def path(text: str) -> str:
    """A request path that is compared exactly, or as a prefix where it ends at ``/``."""
    if not text.startswith("/"):
        raise Misfit("does not begin with /", f"Write /{text}")
    if "%" in text:
        raise Misfit(
            "has a % in it",
            "Paths are compared as raw bytes, and one that reads otherwise when decoded is refused: no rule can name it.",
        )
    if "*" in text:
        raise Misfit("has a * in it", "A path that ends with / is a prefix, and any other is compared exactly.")
    if not _PATH.fullmatch(text):
        raise Misfit("is not a path", "Write a path alone, in visible ASCII, without ? and #.")
    if {".", ".."} & set(text.split("/")):
        raise Misfit(
            "has a dot segment", "Write the path without  /./  and  /../ ; requests that have them are refused."
        )
    return text


def file_path(text: str) -> Path:
    if "\0" in text:
        raise Misfit("holds a NUL", "Write a path.")
    return Path(text)


def secret(text: str) -> Secret:
    if not text.isprintable():
        raise Misfit("holds a line break or a control character", "Write the secret alone, on one line.")
    return Secret(text)


def state_key(text: str) -> Secret:
    """32 bytes in base64, or where a key service keeps them. The secret holds base64's usual alphabet, padded."""
    if text.startswith(("awskms:", "vault:")):
        return secret(text)
    try:
        key = base64.b64decode(
            text.rstrip("=").replace("-", "+").replace("_", "/") + "=" * (-len(text.rstrip("=")) % 4), validate=True
        )
    except binascii.Error:
        key = b""
    if len(key) != 32:
        raise Misfit("is not 32 bytes in base64", "Make one with  openssl rand -base64 32")
    return Secret(base64.b64encode(key).decode())


def vault_url(text: str) -> Secret:
    if not text.startswith(("sqlite:", "postgresql://")):
        raise Misfit("is not a vault's URL", "Write sqlite:PATH or postgresql://…")
    return secret(text)


_RESERVED = re.compile(
    r"x-identity-.*|sidecar-error|x-trace-id|host|connection|content-length|transfer-encoding|te|trailer|upgrade|keep-alive|proxy-.*"
    r"|traceparent|tracestate|baggage|forwarded|x-forwarded-.*|expect|content-type|cookie|set-cookie"
)


def header(text: str) -> str:
    """The name of a header that may hold a credential."""
    if not re.fullmatch(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,64}", text):
        raise Misfit("is not a header's name", "Write it like  X-Api-Key")
    if _RESERVED.fullmatch(text.lower().replace("_", "-")):
        raise Misfit(
            "is a header of HTTP's, or of the sidecar's own",
            "Name the header that the provider's API documents, such as  X-Api-Key",
        )
    return text


def method(text: str) -> str:
    if text != text.upper():
        raise Misfit("is not in capitals", f"Write {text.upper()}")
    if not re.fullmatch("[A-Z][A-Z-]{0,31}", text) or text in ("CONNECT", "TRACE"):
        raise Misfit("is not a method that is passed on", "Write one like GET or POST.")
    return text


def agent_token(text: str) -> Secret:
    """A handle that stands in a URL's user name and in headers as it is."""
    if not re.fullmatch("[A-Za-z0-9._~-]{16,256}", text):
        raise Misfit("is not 16 to 256 letters, digits, - . _ and ~", "Make one with  openssl rand -hex 32")
    return Secret(text)
