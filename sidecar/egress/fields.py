"""Which fields of an agent's request leave, and what the credential's place in it is. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from urllib.parse import unquote_plus

from sidecar.relay.head import HOP_BY_HOP, Head

_REPLACED = HOP_BY_HOP | {b"host", b"content-length", b"traceparent", b"baggage"}
_IDENTITY = b"x-identity-"
CREDENTIAL = frozenset({b"authorization"})
"""Where a provider gives the credential there is no other one: a client that was given a placeholder may put it here
though the provider fills another field, and the upstream must not see it."""


@dataclass(slots=True)  # not frozen, as a Shape isn't
class Plan:
    """What a head's field names say to the door out, once."""

    kept: tuple[int, ...]
    """Lines that leave as they came, unless they carry a handle or are the credential's."""
    traceparent: int
    other: tuple[tuple[bytes, tuple[int, ...]], ...]
    """Names with ``_``, spelt with ``-``: to CGI and WSGI, and so to who may read them next, they are the same."""
    browser: bool
    """A browser sent it: ``Origin`` (RFC 6454, section 7), or ``Sec-Fetch-Site`` (Fetch Metadata, section 2)."""


def drops(name: bytes) -> bool:
    """Whether a field of this lower-case name never leaves, trailers included."""
    return name in _REPLACED or name.replace(b"_", b"-").startswith(_IDENTITY)


def plan(at: Mapping[bytes, tuple[int, ...]]) -> Plan:
    return Plan(
        kept=tuple(sorted(index for name, indices in at.items() if not drops(name) for index in indices)),
        traceparent=at[b"traceparent"][0] if len(at.get(b"traceparent", ())) == 1 else -1,
        other=tuple((name.replace(b"_", b"-"), indices) for name, indices in at.items() if b"_" in name),
        browser=b"origin" in at or b"sec-fetch-site" in at,
    )


def kept(head: Head[Plan], consumed: frozenset[int], filled: Iterable[bytes]) -> list[bytes]:
    """The lines that leave as they came: none that carried a handle, none in the place of the credential."""
    shape = head.shape
    away = set(consumed)
    for name in filled:
        away.update(shape.at.get(name, ()))
        for plain, indices in shape.plan.other:
            if plain == name:
                away.update(indices)
    lines = [head.lines[index] for index in shape.plan.kept if index not in away]
    if head.nominated or head.minor == 0:
        dropped = head.nominated | ({b"expect"} if head.minor == 0 else set())
        lines = [line for line in lines if line.partition(b":")[0].lower() not in dropped]
    return lines


def with_parameter(target: bytes, name: bytes, pair: bytes) -> bytes:
    """*target* with *pair* in the place of every query parameter *name*, however it is spelt."""
    path, _, query = target.partition(b"?")
    parts = [part for part in query.split(b"&") if part and not _named(part, name)]
    return b"%b?%b" % (path, b"&".join([*parts, pair]))


def _named(part: bytes, name: bytes) -> bool:
    return unquote_plus(part.partition(b"=")[0].decode("latin-1")).encode("latin-1", "replace") == name
