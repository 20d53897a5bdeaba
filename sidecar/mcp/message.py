"""One JSON-RPC message, as a client posts it to an MCP server. Pure.

What is decided on here is read again by the server, and must be the same to it: the body goes on byte for byte, so
whatever another reader of JSON could take for something else is refused. Besides what ``wire.strict`` refuses
(repeated members, NaN, depth, other encodings than UTF-8) that is:

- members that differ in case alone, or from a known one: Go's ``encoding/json`` takes ``Name`` for ``name``;
- control characters in members' names and in what is named: readers in C end a string at NUL;
- escapes of half a surrogate pair, which some readers replace and others refuse;
- what JSON-RPC 2.0 doesn't know beside ``jsonrpc``, ``id``, ``method`` and ``params`` (or ``result``, ``error``).
"""

import json
import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Any

from sidecar.wire.strict import json_object

MOST = 4 << 20
"""The largest body of a request, in bytes."""
NAME = re.compile(r"[^\x00-\x1f\x7f-\x9f\ud800-\udfff]{1,256}").fullmatch
"""What may name a tool or a prompt: a server's own idea of names may be narrower."""
_ADDRESS = re.compile(r"[^\x00-\x1f\x7f]+").fullmatch
_URI = re.compile(r"[^\x00-\x20\x7f-\x9f\ud800-\udfff]{1,8192}").fullmatch
_CONTROL = re.compile(r"[\x00-\x1f\x7f]").search
_MOST_ID = 256
_ESCAPE = b"\\u"
_ENVELOPE = frozenset({"jsonrpc", "id", "method", "params", "result", "error"})
_PARAMS = frozenset({"name", "arguments", "uri", "notifications", "task", "_meta"})
_CALL, _RESULT, _ERROR = (
    frozenset({"jsonrpc", "id", *names}) for names in (("method", "params"), ("result",), ("error",))
)
_VERSION = "io.modelcontextprotocol/protocolVersion"
_CAPABILITIES = "io.modelcontextprotocol/clientCapabilities"


class Kind(Enum):
    REQUEST = auto()
    NOTIFICATION = auto()
    RESPONSE = auto()
    """To a request of the server's."""


@dataclass(frozen=True, slots=True)
class Message:
    """A message that can be read in one way."""

    kind: Kind
    method: str = ""
    """Empty of a response."""
    id: str | int | None = None
    params: Mapping[str, Any] = field(default_factory=dict, repr=False)
    plain: bytes = field(default=b"", repr=False)
    """Its text, with nothing hidden by an escape: where whatever mustn't be in it is looked for."""

    @property
    def version(self) -> object:
        """The protocol's, as the newer era says it in each request; ``None``: it doesn't."""
        return self._meta.get(_VERSION)

    @property
    def opens_urls(self) -> bool:
        """Whether the client says, in the newer era, that it can have its user open a URL."""
        capabilities = self._meta.get(_CAPABILITIES)
        elicitation = capabilities.get("elicitation") if isinstance(capabilities, dict) else None
        return isinstance(elicitation, dict) and isinstance(elicitation.get("url"), dict)

    @property
    def _meta(self) -> Mapping[str, Any]:
        meta = self.params.get("_meta")
        return meta if isinstance(meta, dict) else {}

    def named(self, member: str) -> str:
        """The name in *member* of its parameters. Raise ``ValueError`` where there is none that can be one."""
        name = self.params.get(member)
        fits = NAME if member == "name" else _ADDRESS
        if not isinstance(name, str) or not fits(name):
            raise ValueError(f"params.{member} isn't a name")
        return name

    @property
    def arguments(self) -> Mapping[str, object]:
        """A tool's. Raise ``ValueError`` where they can be read in two ways or are none."""
        given = self.params.get("arguments")
        if given is None:
            return {}
        if not isinstance(given, dict):
            raise ValueError("params.arguments isn't an object")  # noqa: TRY004 - to callers every unreadable text is one ValueError
        _spelt(given, "params.arguments")
        return given


def read(body: bytes) -> Message:
    """Read a message. Raise ``ValueError``, of which the text says what is wrong and quotes nothing."""
    if body.lstrip(b" \t\r\n")[:1] == b"[":
        raise ValueError("a batch")
    members = json_object(body)
    plain = json.dumps(members, ensure_ascii=False).encode() if _ESCAPE in body else body
    _spelt(members, "the message", _ENVELOPE)
    if members.get("jsonrpc") != "2.0":
        raise ValueError('jsonrpc isn\'t "2.0"')
    if "method" not in members:
        return _response(members, plain)
    _nothing_but(members, _CALL)
    method, params = members["method"], members.get("params", {})
    if not isinstance(method, str) or not isinstance(params, dict):
        raise ValueError("method isn't a string, or params isn't an object")  # noqa: TRY004 - as above
    _spelt(params, "params", _PARAMS)
    if "_meta" in params:
        if not isinstance(params["_meta"], dict):
            raise ValueError("params._meta isn't an object")
        _spelt(params["_meta"], "params._meta", (_VERSION, _CAPABILITIES))
    if "id" not in members:
        return Message(Kind.NOTIFICATION, method, None, params, plain)
    return Message(Kind.REQUEST, method, _id(members["id"]), params, plain)


def _response(members: Mapping[str, Any], plain: bytes) -> Message:
    if ("result" in members) == ("error" in members):
        raise ValueError("neither a request nor a response")
    _nothing_but(members, _RESULT if "result" in members else _ERROR)
    return Message(Kind.RESPONSE, id=_id(members.get("id")), plain=plain)


def _id(value: object) -> str | int:
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise ValueError("id is neither a string nor an integer")  # noqa: TRY004 - as above
    if isinstance(value, str) and len(value) > _MOST_ID:
        raise ValueError("id is longer than an id")
    return value


def _nothing_but(members: Mapping[str, Any], known: frozenset[str]) -> None:
    if not members.keys() <= known:
        raise ValueError("the message has members that don't belong together, or that JSON-RPC doesn't know")


def _spelt(members: Iterable[str], where: str, known: Collection[str] = ()) -> None:
    """Refuse names that somebody may take for others, or for *known* ones."""
    seen = {name.casefold(): name for name in known}
    first: set[str] = set()
    for name in members:
        folded = name.casefold()
        if _CONTROL(name) or folded in first or seen.get(folded, name) != name:
            raise ValueError(f"a member of {where} is spelt so that it can be taken for another")
        first.add(folded)
