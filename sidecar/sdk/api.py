"""The sidecar's identity API, as far as the SDK asks it: over loopback, with the standard library alone."""

import http
import http.client
import json
import socket
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sidecar.sdk.identity import Principal, of_document
from sidecar.sdk.place import Place

_MOST = 1 << 20
"""Of an answer, in bytes."""


class Unreachable(ConnectionError):
    """The sidecar doesn't answer, or not as the identity API would."""


class Refused(PermissionError):
    """The sidecar refused; ``code`` is stable, the other texts are for people."""

    def __init__(self, status: int, code: str, title: str, detail: str, trace_id: str) -> None:
        super().__init__(f"{code}: {title} {detail} (trace {trace_id})")
        self.status = status
        self.code = code
        self.title = title
        self.detail = detail
        self.trace_id = trace_id


class ConsentRequired(Refused):
    """The user has not agreed to this yet: they do so at ``url``, and the call is made again."""

    def __init__(self, refused: Refused, url: str, session: str) -> None:
        super().__init__(refused.status, refused.code, refused.title, refused.detail, refused.trace_id)
        self.url = url
        """A page of the sidecar's own, for this user and this question."""
        self.session = session
        """By which ``GET /v1/consents/{session}`` says what came of it."""


@dataclass(frozen=True, slots=True)
class Detached:
    """A handle that outlives the answer."""

    handle: str = field(repr=False)
    expires_at: float
    """Epoch seconds."""


class IdentityApi:
    """One call, one connection: it is on this machine."""

    def __init__(self, place: Place | None = None, *, seconds: float = 10.0) -> None:
        """*seconds*: how long one call may take."""
        self._place = place or Place.found()
        self._seconds = seconds

    def principal(self, handle: str) -> Principal:
        document = self._call("GET", "/v1/principal", handle)
        try:
            return of_document(document)
        except (KeyError, TypeError) as error:
            raise Unreachable(f"what answers at {self._place.url} names no principal") from error

    def detach(self, handle: str, seconds: float) -> Detached:
        document = self._call("POST", "/v1/invocation/detach", handle, {"seconds": seconds})
        try:
            return Detached(str(document["handle"]), float(document["expires_at"]))
        except (KeyError, TypeError, ValueError) as error:
            raise Unreachable(f"what answers at {self._place.url} gives no handle") from error

    def token(self, handle: str, provider: str, scopes: Sequence[str]) -> str:
        """A secret."""
        return self._secret("/v1/token", handle, {"provider": provider, "scopes": list(scopes)}, "access_token")

    def api_key(self, handle: str, provider: str) -> str:
        """A secret."""
        return self._secret("/v1/api-key", handle, {"provider": provider}, "api_key")

    def shown(self, handle: str, names: Sequence[str]) -> frozenset[str]:
        """Of *names*, those that may be seen."""
        shown = self._call("POST", "/v1/tools/shown", handle, {"tools": list(names)}).get("tools")
        if not isinstance(shown, list) or not set(map(str, shown)) <= set(names):
            raise Unreachable(f"what answers at {self._place.url} names other tools than it was asked for")
        return frozenset(shown)

    def check(self, handle: str, tool: str, arguments: Mapping[str, Any]) -> None:
        """Raise ``Refused`` unless *tool* may be called with *arguments*."""
        if self._call("POST", "/v1/tools/check", handle, {"tool": tool, "arguments": dict(arguments)}) is not _NOTHING:
            raise Unreachable(f"what answers at {self._place.url} says more than that a tool may be called")

    def _secret(self, path: str, handle: str, body: object, member: str) -> str:
        secret = self._call("POST", path, handle, body).get(member)
        if not isinstance(secret, str) or not secret:
            raise Unreachable(f"what answers at {self._place.url} gives no {member}")
        return secret

    def _call(self, method: str, path: str, handle: str, body: object = None) -> dict[str, Any]:
        """Raise ``Refused`` or ``Unreachable``."""
        place = self._place
        connection = _Connection(place, self._seconds)
        headers = {"X-Identity-Invocation": handle, "Accept": "application/json"}
        sent = None
        if body is not None:
            sent, headers["Content-Type"] = json.dumps(body), "application/json"
        try:
            connection.request(method, path, sent, headers)
            answer = connection.getresponse()
            text = answer.read(_MOST)
        except (OSError, http.client.HTTPException) as error:
            raise Unreachable(f"the sidecar doesn't answer at {place.url}: {error}") from error
        finally:
            connection.close()
        return _document(answer, text, place)


class _Connection(http.client.HTTPConnection):
    """To the sidecar, on a unix socket too."""

    def __init__(self, place: Place, seconds: float) -> None:
        super().__init__(place.host, place.port, timeout=seconds)
        self._path, self._seconds = place.socket, seconds

    def connect(self) -> None:
        if self._path is None:
            super().connect()
            return
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self._seconds)
        self.sock.connect(self._path)


_NOTHING: dict[str, Any] = {}
"""What 204 says."""


def _document(answer: http.client.HTTPResponse, text: bytes, place: Place) -> dict[str, Any]:
    if answer.status == http.HTTPStatus.NO_CONTENT:
        return _NOTHING
    try:
        document = json.loads(text)
    except ValueError:
        document = None
    if not isinstance(document, dict):
        raise Unreachable(f"what answers at {place.url} isn't the sidecar: status {answer.status}, no JSON object")
    if answer.status >= 400:
        raise _refused(answer.status, document, place)
    return document


def _refused(status: int, document: Mapping[str, Any], place: Place) -> Refused | Unreachable:
    code, title, detail, trace_id = (str(document.get(name, "")) for name in ("code", "title", "detail", "trace_id"))
    refused = Refused(status, code, title, detail, trace_id)
    if code != "consent_required":
        return refused
    url, session = (str(document.get(name, "")) for name in ("authorization_url", "session"))
    if not place.asks_at(url, session):
        return Unreachable(f"what answers at {place.url} sends users to a page that isn't the sidecar's own")
    return ConsentRequired(refused, url, session)
