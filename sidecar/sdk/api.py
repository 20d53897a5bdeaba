"""The sidecar's identity API, as far as the SDK asks it: over loopback, with the standard library alone."""

import http.client
import json
import socket
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


def _document(answer: http.client.HTTPResponse, text: bytes, place: Place) -> dict[str, Any]:
    try:
        document = json.loads(text)
    except ValueError:
        document = None
    if not isinstance(document, dict):
        raise Unreachable(f"what answers at {place.url} isn't the sidecar: status {answer.status}, no JSON object")
    if answer.status >= 400:
        texts = (str(document.get(name, "")) for name in ("code", "title", "detail", "trace_id"))
        raise Refused(answer.status, *texts)
    return document
