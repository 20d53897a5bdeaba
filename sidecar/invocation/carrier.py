"""Where a handle may stand in the head of a request that the agent sends out. Pure.

Four places carry a handle, and none of them leaves with it:

- ``X-Identity-Invocation``, and ``Proxy-Authorization`` (``Bearer``, or ``Basic``'s user name), which are for the
  sidecar alone. Whatever stands there is meant as a handle, good or bad.
- ``Authorization`` and the headers that the route's provider fills: a client that takes a key was given a handle in
  its place. Only what is shaped like a handle is one; anything else is some other placeholder, or the agent's own.
- ``baggage``'s member ``identity.invocation``: a second handle, that is good only for attaching.

Everything else in a head is *elsewhere*, and a handle has no business there: what stands beside it in its carrier
(the password of ``Basic``, another member of ``baggage``), all other header lines, path and query.

Which of the handles found are good is not decided here, but by ``invocation.caller``.
"""

import re
from binascii import Error, a2b_base64
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from hmac import compare_digest
from urllib.parse import unquote_to_bytes

from sidecar.invocation.handle import AGENT_PREFIX, PREFIX
from sidecar.wire.trace import baggage_key, strip_identity

_PREFIXES = (PREFIX, AGENT_PREFIX)
_WHOLE = rb"(?:ih|ag)_[A-Za-z0-9_-]{43}"
_ANYWHERE = re.compile(rb"(?=(" + _WHOLE + rb"))").finditer
"""Overlapping ones too: in ``ih_ih_…`` the second may be the one that is alive."""
_EXACTLY = re.compile(_WHOLE).fullmatch
_CHARACTERS = 46
_BASIC = re.compile(rb"basic[ \t]+([A-Za-z0-9+/_-]+)", re.IGNORECASE).finditer
_KEY = re.compile(rb"[ ,]Credential=([^/, ]+)/").search
"""Signature Version 4 names its key in ``Credential=<key>/<date>/…`` (AWS: "Authenticating requests")."""
_STANDARD = bytes.maketrans(b"-_", b"+/")
_AUTHORIZATION = frozenset({b"authorization"})
_IDENTITY, _INVOCATION, _MEMBER = b"x-identity-", b"x-identity-invocation", "identity.invocation"


@dataclass(slots=True)  # not frozen: a frozen one takes thrice as long to make
class Carried:
    """What the carriers of one head hold."""

    handles: tuple[bytes, ...] = field(repr=False)
    """As they were found, in the order in which this module names the carriers."""
    attaching: tuple[bytes, ...] = field(repr=False)
    """Of ``baggage``, percent-decoded."""
    consumed: frozenset[int]
    """Indices of the lines that must not leave: the carriers, ``X-Identity-*``, ``baggage`` as it came."""
    baggage: bytes | None = field(repr=False)
    """What of ``baggage`` may leave, as one value; ``None``: nothing."""
    carriers: frozenset[int]
    """Indices of the lines in which a handle may stand, or that were taken apart into *beside*."""
    beside: tuple[bytes, ...] = field(repr=False)
    """What stands in the carriers and is no handle of theirs."""


def carried(
    lines: Sequence[bytes], at: Mapping[bytes, tuple[int, ...]], filled: frozenset[bytes], agent: bytes | None
) -> Carried:
    """Read the carriers of a head. It never fails: what can't be read is a handle that is good for nothing.

    *lines* are header lines without CRLF, *at* lower-case names → indices of their lines. *filled*: lower-case names of
    the headers that the route's provider fills. *agent*: the agent's own handle, which may have any shape.
    """
    reading = _Reading(lines, agent)
    reading.ours(at)
    for index in at.get(b"proxy-authorization", ()):
        reading.take(index, *_proxy(reading.value(index)))
    for name in (b"authorization", *sorted(filled - _AUTHORIZATION)):
        for index in at.get(name, ()):
            if index not in reading.carriers:
                reading.placeholder(index, filled=name in filled)
    indices = at.get(b"baggage", ())
    baggage = reading.baggage(indices) if indices else None
    return Carried(
        tuple(reading.handles),
        tuple(reading.attaching),
        frozenset(reading.consumed),
        baggage,
        frozenset(reading.carriers),
        tuple(reading.beside),
    )


def elsewhere(lines: Sequence[bytes], found: Carried, target: bytes, agent: bytes | None) -> tuple[bytes, ...]:
    """Whatever is shaped like a handle, or is the *agent*'s, where none may stand: as it is, or percent-decoded once,
    or in ``Basic`` credentials.

    *target* is path and query as they came. Header names are looked through as well as values.
    """
    carriers = found.carriers
    parts = [line for index, line in enumerate(lines) if index not in carriers]
    text = b"\n".join([*parts, *found.beside, target])
    texts = [text, unquote_to_bytes(text)] if b"%" in text else [text]
    for each in [*texts]:
        if b"basic" in each.lower():
            texts += [_lenient(credentials[1]) for credentials in _BASIC(each)]
    # Nearly all heads hold none of these three, which is quickly seen.
    shaped = [each for each in texts if PREFIX in each or AGENT_PREFIX in each]
    names = dict.fromkeys([handle[1] for each in shaped for handle in _ANYWHERE(each)])
    if agent is not None and any(agent in each for each in texts):
        names[agent] = None
    return tuple(names)


class _Reading:
    """What has been found so far."""

    __slots__ = ("_agent", "_lines", "attaching", "beside", "carriers", "consumed", "handles")

    def __init__(self, lines: Sequence[bytes], agent: bytes | None) -> None:
        self._lines, self._agent = lines, agent
        self.handles: list[bytes] = []
        self.attaching: list[bytes] = []
        self.beside: list[bytes] = []
        self.consumed: set[int] = set()
        self.carriers: set[int] = set()

    def value(self, index: int) -> bytes:
        return self._lines[index].partition(b":")[2].strip(b" \t")

    def take(self, index: int, handle: bytes, beside: bytes = b"") -> None:
        self.handles.append(handle)
        self.beside.append(beside)
        self.carriers.add(index)
        self.consumed.add(index)

    def ours(self, at: Mapping[bytes, tuple[int, ...]]) -> None:
        """``X-Identity-*``. ``_`` is read as ``-``: to CGI and WSGI, and so to who may read it next, they are one."""
        for name, indices in at.items():
            if name[:1] != b"x":
                continue
            plain = name.replace(b"_", b"-")
            if plain == _INVOCATION:
                for index in indices:
                    self.take(index, self.value(index))
            elif plain.startswith(_IDENTITY):
                self.consumed.update(indices)

    def placeholder(self, index: int, *, filled: bool) -> None:
        """A credential in whose place there may be a handle."""
        value = self.value(index)
        for handle, beside in _readings(value):
            if handle.startswith(_PREFIXES) or (self._agent is not None and compare_digest(handle, self._agent)):
                self.take(index, handle, beside)
                return
        if not filled:
            return
        # The provider's prefix may be any text, and need not end with a space.
        if _EXACTLY(value[-_CHARACTERS:]):
            self.take(index, value[-_CHARACTERS:], value[:-_CHARACTERS])
        elif self._agent is not None and value.endswith(self._agent):
            self.take(index, self._agent, value.removesuffix(self._agent))

    def baggage(self, indices: tuple[int, ...]) -> bytes | None:
        """Take ``baggage`` apart; return what may leave of it."""
        self.consumed.update(indices)
        values = [self.value(index) for index in indices]
        for value in values:
            for part in value.split(b","):
                self._member(part.strip(b" \t"))
        self.carriers.update(indices)
        return strip_identity(b",".join(values)) or None

    def _member(self, member: bytes) -> None:
        if baggage_key(member) != _MEMBER:
            self.beside.append(member)
            return
        pair, _, properties = member.partition(b";")
        key, _, value = pair.partition(b"=")
        self.attaching.append(unquote_to_bytes(value.strip(b" \t")))
        self.beside += (key, properties)


def _proxy(value: bytes) -> tuple[bytes, bytes]:
    """The handle of a ``Proxy-Authorization``, and what stands beside it."""
    scheme, _, credentials = value.partition(b" ")
    credentials = credentials.strip(b" \t")
    if scheme.lower() == b"bearer":
        return credentials, b""
    if scheme.lower() == b"basic" and (pair := _strict(credentials)) is not None:
        user, _, password = pair.partition(b":")
        return user, password
    return value, b""


def _readings(value: bytes) -> Iterator[tuple[bytes, bytes]]:
    """What may be the handle in a credential, and what stands beside it then."""
    yield value, b""
    scheme, _, credentials = value.partition(b" ")
    credentials = credentials.strip(b" \t")
    yield credentials, scheme
    if scheme.lower() == b"basic" and (pair := _strict(credentials)) is not None:
        user, _, password = pair.partition(b":")
        yield user, password
    if scheme.startswith(b"AWS4-") and (key := _KEY(value)) is not None:
        yield key[1], value[: key.start(1)] + b" " + value[key.end(1) :]


def _strict(credentials: bytes) -> bytes | None:
    """``Basic``'s user name and password (RFC 7617, section 2)."""
    try:
        return a2b_base64(credentials, strict_mode=True)
    except Error:
        return None


def _lenient(credentials: bytes) -> bytes:
    """What the most obliging receiver makes of base64."""
    odd = len(credentials) % 4 == 1  # a last character with no byte of its own
    return a2b_base64(credentials[: len(credentials) - odd].translate(_STANDARD) + b"===")
