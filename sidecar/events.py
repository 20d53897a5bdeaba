"""What happened to an identity, as the bytes that the journal keeps. Pure.

An event is one JSON object in ASCII, without a newline, of at most ``MOST`` bytes: ``time_ns`` first, then ``name``,
``trace_id``, ``span_id`` and ``attributes``. The journal's reader puts the sequence number before it and spells the
time as RFC 3339. Strings are cut and, as a last resort, attributes left out (``identity.truncated`` says so): an
event never fails for what a stranger sent.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

MOST = 4096
"""The longest event, in bytes."""
MOST_PATH, MOST_METHOD, MOST_VALUE = 256, 32, 1024
"""The longest ``url.path``, ``http.request.method`` and other value, in bytes as written."""

Value = str | int | bool | tuple[str, ...]


class Name(StrEnum):
    """Every event of the product."""

    INIT = "identity.init"
    PRINCIPAL_READ = "identity.principal_read"
    REJECTED = "identity.rejected"
    CREDENTIAL_ATTACHED = "identity.credential_attached"
    EGRESS_DENIED = "identity.egress_denied"
    TOKEN_VENDED = "identity.token_vended"  # noqa: S105 - an event's name
    TOKEN_REFRESHED = "identity.token_refreshed"  # noqa: S105 - an event's name
    CONSENT_REQUESTED = "identity.consent_requested"
    CONSENT_GRANTED = "identity.consent_granted"
    CONSENT_DENIED = "identity.consent_denied"
    GRANT_REVOKED = "identity.grant_revoked"
    GRANT_DEAD = "identity.grant_dead"
    PRINCIPAL_REVOKED = "identity.principal_revoked"
    TOOLS_LISTED = "identity.tools_listed"
    TOOL_CALLED = "identity.tool_called"
    TOOL_DENIED = "identity.tool_denied"
    CONFIG_CHANGED = "sidecar.config_changed"
    EVENTS_LOST = "sidecar.events_lost"
    JOURNAL_DAMAGED = "sidecar.journal_damaged"


class Attribute(StrEnum):
    """Every attribute that an event may have. None of them ever holds a token, a handle, a secret or an email."""

    PRINCIPAL_ID = "identity.principal.id"
    PRINCIPAL_SUBJECT = "identity.principal.subject"
    PRINCIPAL_ISSUER = "identity.principal.issuer"
    PRINCIPAL_KIND = "identity.principal.kind"
    PRINCIPAL_TENANT = "identity.principal.tenant"
    PRINCIPAL_GROUPS = "identity.principal.groups"
    PRINCIPAL_ROLES = "identity.principal.roles"
    INVOCATION_ID = "identity.invocation.id"
    PROVIDER = "identity.provider"
    SCOPES = "identity.scopes"
    CAPABILITY = "identity.capability"
    ROUTE = "identity.route"
    TOOL = "identity.tool"
    SHOWN = "identity.tools.shown"
    HIDDEN = "identity.tools.hidden"
    OUTCOME = "identity.outcome"
    REASON = "identity.reason"
    COUNT = "identity.count"
    TRUNCATED = "identity.truncated"
    USER_ID = "user.id"
    USER_HASH = "user.hash"
    SERVER = "server.address"
    METHOD = "http.request.method"
    PATH = "url.path"
    STATUS = "http.response.status_code"
    ERROR = "error.type"
    CONFIG_DIGEST = "sidecar.config.digest"
    JOURNAL_FILE = "sidecar.journal.file"
    RECOVERED = "sidecar.journal.recovered"


_encode = json.JSONEncoder(separators=(",", ":"), default=list).encode
_TRUNCATED = ',"identity.truncated":true'


@dataclass(frozen=True, slots=True)
class Event:
    """One event. Ids are lower-case hex, empty outside a trace; time is in nanoseconds since the epoch."""

    name: str
    time_ns: int
    trace_id: str
    span_id: str
    attributes: Mapping[str, Value]

    def encode(self) -> bytes:
        """One JSON object of at most ``MOST`` bytes: long values are cut, then the last attributes are left out."""
        head = _head(self.name, str(self.time_ns), _json(self.trace_id[:32]), _json(self.span_id[:16]))
        return (head + _members(self.attributes, MOST - len(head) - 2) + "}}").encode()


class Template:
    """An event of the hot path: all but what differs from one request to the next is encoded once."""

    __slots__ = ("_before", "_bound")

    def __init__(self, name: str, attributes: Mapping[str, Value]) -> None:
        """*attributes* are those which stay the same. Together with the others they are cut to ``MOST``."""
        holes = MOST_PATH + MOST_METHOD + 2 * 64 + 256
        fixed = _members(attributes, MOST - holes - len(name)).replace("%", "%%")
        before = _head(name, "%d", '"%b"', '"%b"') + fixed + ("," if fixed else "")
        after = '"http.request.method":"%b","url.path":"%b"}}'
        self._bound = (before + '"identity.invocation.id":"%b",' + after).encode()
        self._before = (before + after).encode()

    def fill(
        self, time_ns: int, trace_id: bytes, span_id: bytes, invocation: bytes, method: bytes, path: bytes
    ) -> bytes:
        """The event's bytes.

        *trace_id* and *span_id* are hex; *invocation* is the invocation's id in hex or base64url, at most 64 bytes,
        empty where there is none; *method* and *path* are as they came over the wire.
        """
        if method not in _METHODS:
            method = clean_method(method)
        if len(path) > _SHORT or path.translate(None, _HARMLESS):
            path = _shown(path)
        if invocation:
            return self._bound % (time_ns, trace_id, span_id, invocation, method, path)
        return self._before % (time_ns, trace_id, span_id, method, path)


def rejected(
    time_ns: int, trace_id: bytes, span_id: bytes, code: str, reason: str, status: int, method: bytes, path: bytes
) -> bytes:
    """``identity.rejected``: *code* and *status* as answered, *reason* as the refusal gives it to the record."""
    said = code if reason in ("", code) else f"{code}: {reason}"
    return _REJECTED % (
        time_ns,
        trace_id,
        span_id,
        _json(code[:64]).encode(),
        _cut(said).encode(),
        status,
        method if method in _METHODS else clean_method(method),
        _shown(path),
    )


_METHODS = frozenset({b"GET", b"HEAD", b"POST", b"PUT", b"DELETE", b"OPTIONS", b"PATCH"})
_NOT_TOKEN = re.compile(rb"[^A-Za-z0-9!#$&'*+.^_`|~-]")
# Short segments of harmless characters: neither what JSON escapes nor an email nor a handle (46 long) fits in there.
_SHORT, _HARMLESS = 40, b"/_.~!$&'()*+,;=:-0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_PLAIN_PATH = re.compile(rb"(?:/[A-Za-z0-9_.~!$&'()*+,;=:-]{0,40})+").fullmatch
_NOT_VISIBLE = re.compile(rb'[^\x21-\x7e]|["\\]')
_AT = re.compile(rb"@|%(?:25)*40")
_CREDENTIAL = re.compile(rb"(?:ih_|ag_)[A-Za-z0-9_-]{16,}|eyJ[A-Za-z0-9_-]{8,}[A-Za-z0-9_.-]*")


def clean_method(method: bytes) -> bytes:
    """*method* as it may stand in an event: ``MOST_METHOD`` token characters (RFC 9110, section 5.6.2) at most."""
    return _NOT_TOKEN.sub(b"?", method[:MOST_METHOD])


def _shown(path: bytes) -> bytes:
    return path if len(path) <= MOST_PATH and _PLAIN_PATH(path) else clean_path(path)


def clean_path(path: bytes) -> bytes:
    """*path* as it may stand in an event: visible ASCII, no query, what looks like an email or a credential masked."""
    bare = path[: 16 * MOST_PATH].partition(b"?")[0].partition(b"#")[0]
    masked = b"/".join(b"{email}" if _AT.search(segment) else segment for segment in bare.split(b"/"))
    masked = _CREDENTIAL.sub(b"{credential}", masked)
    escaped = _NOT_VISIBLE.sub(lambda found: b"%%%02X" % found[0][0], masked)
    return escaped if len(escaped) <= MOST_PATH else escaped[: MOST_PATH - 3] + b"..."


def clean_tool(tool: str) -> str:
    """A tool's name as it may stand in an event: whoever calls it says it, so it is masked as a path is."""
    return clean_path(tool.encode("utf-8", "replace")).decode()


def _head(name: str, time_ns: str, trace_id: str, span_id: str) -> str:
    return f'{{"time_ns":{time_ns},"name":{_json(name)},"trace_id":{trace_id},"span_id":{span_id},"attributes":{{'


def _members(attributes: Mapping[str, Value], most: int) -> str:
    """``"name":value,…`` in at most *most* characters."""
    members = ""
    for name, value in attributes.items():
        member = ("," if members else "") + f"{_json(name)}:{_cut(value)}"
        if len(members) + len(member) > most - len(_TRUNCATED):
            return (members + _TRUNCATED).removeprefix(",")
        members += member
    return members


def _cut(value: Value) -> str:
    """*value* as JSON of about ``MOST_VALUE`` characters at most."""
    if isinstance(value, str):
        text = _json(value[:MOST_VALUE])
        while len(text) > MOST_VALUE:
            value = value[: min(len(value), MOST_VALUE) * 3 // 4]
            text = _json(value + "…")
        return text
    if isinstance(value, tuple):
        texts = [_cut(item) for item in value[:64]]
        while sum(map(len, texts)) + len(texts) > MOST_VALUE:
            texts.pop()
        return "[" + ",".join(texts) + "]"
    return _encode(value)


def _json(text: str) -> str:
    """*text* as a JSON string in ASCII; a lone surrogate, which not every reader of JSON takes, becomes ``?``."""
    return _encode(text.encode("utf-8", "replace").decode())


_REJECTED = (
    _head(Name.REJECTED, "%d", '"%b"', '"%b"')
    + '"identity.outcome":"refused","error.type":%b,"identity.reason":%b,"http.response.status_code":%d,'
    + '"http.request.method":"%b","url.path":"%b"}}'
).encode()
