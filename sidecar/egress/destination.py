"""Where a call goes: scheme, host and port, of which each has one spelling. Pure.

Whoever compares names must read them as whoever dials them does, so a spelling on which resolvers, libraries and
browsers disagree is refused instead of normalised: ``127.1``, ``0x7f.1`` and ``2130706433`` (addresses to a resolver,
names to everybody else), a trailing dot, ``%2e``, a user name, a zone, letters beyond ASCII (of which IDNA makes other
ones). What is left differs in case alone, and in the ways to write one IPv6 address.
"""

import re
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import AddressValueError, IPv4Address, IPv6Address

from sidecar.errors import BadRequest

USUAL = {"http": 80, "https": 443}
_LABEL = rb"[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?"
_NAME = re.compile(rb"%b(?:\.%b)*" % (_LABEL, _LABEL))
_MOST_NAME = 253
_NUMBER = re.compile(rb"[0-9]+|0[xX][0-9A-Fa-f]*")
"""As a name's last label: of the whole, a resolver makes an IPv4 address or nothing (WHATWG URL, section 3.5)."""
_PORT = re.compile(rb"[1-9][0-9]{0,4}")
_LARGEST_PORT = 65535
_MEND = "Write the destination as host:port: a name in ASCII, four decimals, or an IPv6 address in brackets."


@dataclass(frozen=True, slots=True)
class Destination:
    scheme: str
    host: str
    """A name in small letters, or an address in its canonical form, IPv6 without brackets."""
    port: int

    @classmethod
    def of_url(cls, url: str) -> "Destination":
        """Where an absolute http or https URL leads. Raise ``ValueError`` for what no request could ask for."""
        scheme, mark, rest = url.partition("://")
        if not mark or scheme not in USUAL:
            raise ValueError("it is not an http or https URL")
        try:
            host, port = authority(re.split("[/?#]", rest, maxsplit=1)[0].encode(), USUAL[scheme])
        except BadRequest as refusal:
            raise ValueError(refusal.reason) from refusal
        return cls(scheme, host, port)

    @property
    def authority(self) -> bytes:
        """The ``Host`` that a request has: without the port where it is the scheme's own (RFC 9110, section 4.2)."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host.encode() if USUAL.get(self.scheme) == self.port else f"{host}:{self.port}".encode()

    def __str__(self) -> str:
        return f"{self.scheme}://{self.authority.decode()}"


@lru_cache(maxsize=256)
def authority(text: bytes, port: int | None) -> tuple[str, int]:
    """Host and port of ``host[:port]``, as a request's target or its ``Host`` has them; *port*: where it names none
    (``None``: it must, as ``CONNECT``'s must: RFC 9110, section 9.3.6). Raise ``BadRequest``."""
    name, said = _parted(text)
    if said is None:
        if port is None:
            raise BadRequest("the destination names no port", mend=_MEND)
        return _host(name), port
    if not _PORT.fullmatch(said) or int(said) > _LARGEST_PORT:
        raise BadRequest("the destination's port is none", mend=_MEND)
    return _host(name), int(said)


def _parted(text: bytes) -> tuple[bytes, bytes | None]:
    """The host and what follows its colon. Brackets stay, colons outside of them are one."""
    if text.startswith(b"["):
        name, bracket, rest = text.partition(b"]")
        if not bracket or (rest and not rest.startswith(b":")):
            raise BadRequest("the destination's brackets don't hold an address", mend=_MEND)
        return name + b"]", rest[1:] if rest else None
    name, colon, rest = text.partition(b":")
    return name, rest if colon else None


def _host(name: bytes) -> str:
    if name.startswith(b"["):
        return _ipv6(name[1:-1])
    if len(name) > _MOST_NAME or not _NAME.fullmatch(name):
        raise BadRequest("the destination's host is no name that has one reading", mend=_MEND)
    if _NUMBER.fullmatch(name[name.rfind(b".") + 1 :]):
        return _ipv4(name)
    return name.decode().lower()


def _ipv4(name: bytes) -> str:
    try:
        return str(IPv4Address(name.decode()))  # four decimals, no leading zeros
    except AddressValueError as error:
        raise BadRequest("the destination's host is an address in a spelling that hides it", mend=_MEND) from error


def _ipv6(text: bytes) -> str:
    try:
        parsed = IPv6Address(text.decode("ascii"))
    except (AddressValueError, UnicodeDecodeError) as error:
        raise BadRequest("the destination's brackets don't hold an IPv6 address", mend=_MEND) from error
    if parsed.scope_id is not None:
        raise BadRequest("the destination's address names a zone, which means something on one machine", mend=_MEND)
    return str(parsed)
