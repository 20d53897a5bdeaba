"""What the agent may believe: headers that callers never set, and those that say who they are. Pure."""

import ipaddress
from collections.abc import Collection, Iterable, Mapping, Sequence
from urllib.parse import quote

from sidecar.identity.principal import Principal
from sidecar.relay.head import HOP_BY_HOP

MOST_ADDED = 8192
_FOR_THE_REST = 1024
"""Room for what differs from one request to the next: the handle, trace context, forwarding."""
_MOST_VALUE = 1024
_FOR_TRUNCATED = 192

_IDENTITY = b"x-identity-"
_ASSERTED = frozenset(
    {b"x-forwarded-user", b"x-forwarded-email", b"x-forwarded-groups", b"x-forwarded-preferred-username"}
    | {b"x-forwarded-access-token", b"remote-user", b"x-remote-user"}
)
_SAID_TO_BE = (
    _IDENTITY,
    b"x-auth-request-",
    b"x-amzn-oidc-",
    b"x-goog-authenticated-user-",
    b"x-ms-client-principal",
    b"x-pomerium-",
)

_VISIBLE = "!\"#$&'()*+-./:;<=>?@[\\]^_`{|}~"
_VALUE_SAFE = _VISIBLE + ","


def forged(name: bytes) -> bool:
    """Whether a field of this name says who a user is: none that a caller sends is passed on.

    ``_`` is read as ``-`` and case is ignored, since CGI and WSGI make one variable of all such spellings.
    """
    plain = name.lower()
    if b"_" in plain:
        plain = plain.replace(b"_", b"-")
        # Nobody spells these so in good faith: to CGI and WSGI they are the agent's framing, context and forwarding.
        if forwarding(plain) or plain in REPLACED or plain in (b"host", b"authorization"):
            return True
    return plain.startswith(_SAID_TO_BE) or plain in _ASSERTED


def ours(name: bytes) -> bool:
    """Whether a field of an answer is one that only the sidecar sets."""
    plain = name.lower().replace(b"_", b"-")
    return plain.startswith(_IDENTITY) or plain in (b"sidecar-error", b"x-trace-id")


def value(text: str) -> str:
    """*text* as visible ASCII: all else, and ``%``, percent-encoded UTF-8."""
    return quote(text, safe=_VALUE_SAFE, errors="replace")


def item(text: str) -> str:
    """*text* as one item of a comma-separated list."""
    return quote(text, safe=_VISIBLE, errors="replace")


def principal_lines(
    principal: Principal,
    named: Mapping[str, frozenset[str]] | None = None,
    extra: Sequence[str] = (),
    tools: Collection[str] | None = None,
) -> bytes:
    """The header lines that say who *principal* is, each with its CRLF, so that all we add is ``MOST_ADDED`` bytes.

    *named* narrows groups and roles to those that the configuration names. *extra* is lines that can't be cut. *tools*
    are those that *principal* may see; ``None``: none are declared for anybody, and nothing is said of them.
    """
    lines = _Lines(MOST_ADDED - _FOR_THE_REST)
    for line in extra:
        lines.put(line)
    lines.put(f"X-Identity-Principal: {principal.id}")
    lines.put(f"X-Identity-Subject: {value(principal.subject)}")
    lines.put(f"X-Identity-Issuer: {value(principal.issuer)}")
    lines.put(f"X-Identity-Kind: {principal.kind}")
    lines.single("X-Identity-Tenant", principal.tenant)
    lines.single("X-Identity-Client", principal.client)
    lines.single("X-Identity-Name", principal.name)
    lines.single("X-Identity-Email", principal.email)
    groups, roles = principal.groups, principal.roles
    if named is not None:
        groups = None if groups is None else groups & named["groups"]
        roles &= named["roles"]
    if groups is None:
        lines.put("X-Identity-Groups-Unknown: true")
    lines.several("X-Identity-Scopes", principal.scopes)
    lines.several("X-Identity-Roles", roles)
    if tools is not None:
        lines.several("X-Identity-Tools", tools, empty=True)
    lines.several("X-Identity-Groups", groups or ())
    return lines.done()


class _Lines:
    """Header lines within a number of bytes; what doesn't fit is cut at an item's end, and named."""

    def __init__(self, room: int) -> None:
        self._lines: list[str] = []
        self._cut: list[str] = []
        self._room = room - _FOR_TRUNCATED

    def put(self, line: str) -> None:
        self._lines.append(line)
        self._room -= len(line) + 2

    def single(self, name: str, text: str | None) -> None:
        if not text:
            return
        line = f"{name}: {value(text)}"
        if len(line) > min(_MOST_VALUE, self._room):
            self._cut.append(name)
        else:
            self.put(line)

    def several(self, name: str, items: Iterable[str], *, empty: bool = False) -> None:
        """*empty*: with nothing to say the header is there, and empty."""
        wanted = [item(text) for text in sorted(items)]
        room = self._room - len(name) - 4
        fitting = 0
        for encoded in wanted:
            room -= len(encoded) + 1
            if room < 0:
                self._cut.append(name)
                break
            fitting += 1
        if fitting or (empty and not wanted and room >= 0):
            self.put(f"{name}: " + ",".join(wanted[:fitting]))

    def done(self) -> bytes:
        if self._cut:
            self._lines.append("X-Identity-Truncated: " + ",".join(self._cut))
        return "".join([f"{line}\r\n" for line in self._lines]).encode()


def forwarded_lines(address: str, proto: str, host: bytes, before: Mapping[bytes, Sequence[bytes]]) -> bytes:
    """``X-Forwarded-*`` and ``Forwarded`` (RFC 7239): afresh, or behind what a trusted proxy said *before*."""
    chain = b", ".join([*before.get(b"x-forwarded-for", ()), address.encode()]) if address else _joined(before)
    node = _node(address)
    said_host = host.decode("latin-1")
    pair = f'for={node};host="{_quoted(said_host)}";proto={proto}'.encode()
    first_proto = before.get(b"x-forwarded-proto", (proto.encode(),))[0]
    first_host = before.get(b"x-forwarded-host", (host,))[0]
    parts = [
        b"X-Forwarded-For: " + chain if chain else b"",
        b"X-Forwarded-Proto: " + first_proto,
        b"X-Forwarded-Host: " + first_host,
        b"Forwarded: " + b", ".join([*before.get(b"forwarded", ()), pair]),
    ]
    return b"".join([part + b"\r\n" for part in parts if part])


def _joined(before: Mapping[bytes, Sequence[bytes]]) -> bytes:
    return b", ".join(before.get(b"x-forwarded-for", ()))


def _node(address: str) -> str:
    if not address:
        return "unknown"
    try:
        version = ipaddress.ip_address(address.partition("%")[0]).version
    except ValueError:
        return "unknown"
    return address if version == 4 else f'"[{address.partition("%")[0]}]"'


def _quoted(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"')


FORWARDING = frozenset({b"x-forwarded-for", b"x-forwarded-proto", b"x-forwarded-host", b"forwarded"})
ALSO_FORWARDING = frozenset(
    {b"x-forwarded-port", b"x-forwarded-server", b"x-forwarded-prefix", b"x-forwarded-ssl", b"x-real-ip"}
)
TRACE = frozenset({b"traceparent", b"tracestate", b"baggage"})

REPLACED = FORWARDING | TRACE | HOP_BY_HOP | {b"content-length"}
"""Fields that the front door or the relay writes anew."""


def forwarding(name: bytes) -> bool:
    """Whether a field speaks for a proxy in front: believed of trusted ones alone."""
    return name in FORWARDING or name in ALSO_FORWARDING
