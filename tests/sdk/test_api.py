"""The SDK asks the identity API, and says what it was told."""

import json
import socketserver
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from sidecar import sdk
from tests.sdk.handles import HANDLES

ALICE, LONGER = HANDLES[:2]
DOCUMENT = {
    "id": "p_1",
    "subject": "alice",
    "issuer": "okta",
    "issuer_url": "https://acme.okta.com",
    "kind": "user",
    "tenant": None,
    "client": None,
    "name": "Alice",
    "email": None,
    "groups": ["sales"],
    "roles": [],
    "scopes": [],
}


class Api(ThreadingHTTPServer):
    """Answers what it is told to, and keeps what it was asked."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Asked)
        self.says: dict[str, tuple[int, bytes]] = {}
        self.asked: list[tuple[str, str, str | None, Any]] = []

    def say(self, path: str, document: object, status: int = 200) -> None:
        self.says[path] = (status, document if isinstance(document, bytes) else json.dumps(document).encode())


class Asked(BaseHTTPRequestHandler):
    server: Api

    def _answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        said = json.loads(body) if body else None
        self.server.asked.append((self.command, self.path, self.headers["X-Identity-Invocation"], said))
        status, answer = self.server.says[self.path]
        self.send_response(status)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    do_GET = do_POST = _answer  # noqa: N815 - http.server's names

    def log_message(self, *_: object) -> None: ...


@pytest.fixture
def api(monkeypatch: pytest.MonkeyPatch) -> Iterator[Api]:
    with Api() as served:
        monkeypatch.setenv("SIDECAR_URL", f"http://127.0.0.1:{served.server_port}")
        thread = threading.Thread(target=served.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield served
        finally:
            served.shutdown()
            thread.join()


def test_a_call_of_which_only_the_handle_is_known_asks_once(api: Api) -> None:
    api.say("/v1/principal", DOCUMENT)
    with sdk.invocation(ALICE):
        assert sdk.principal().name == sdk.principal().name == "Alice"
        assert sdk.principal().groups == frozenset({"sales"})
    assert api.asked == [("GET", "/v1/principal", ALICE, None)]


def test_what_the_headers_said_can_be_asked_for_whole(api: Api) -> None:
    api.say("/v1/principal", DOCUMENT)
    said = {
        "X-Identity-Principal": "p_1",
        "X-Identity-Subject": "alice",
        "X-Identity-Issuer": "okta",
        "X-Identity-Kind": "user",
        "X-Identity-Truncated": "X-Identity-Groups",
        "X-Identity-Invocation": ALICE,
    }
    with sdk.invocation(said):
        assert sdk.principal().truncated == frozenset({"groups"})
        assert sdk.principal(ask=True).groups == frozenset({"sales"})
        assert sdk.principal().truncated == frozenset()
    assert len(api.asked) == 1


def test_a_detached_handle_is_good_for_work_that_goes_on(api: Api) -> None:
    api.say("/v1/invocation/detach", {"handle": LONGER, "expires_at": 1_800_000_000})
    with sdk.invocation(ALICE):
        detached = sdk.detach(600)
    assert detached == sdk.Detached(LONGER, 1_800_000_000.0)
    assert api.asked == [("POST", "/v1/invocation/detach", ALICE, {"seconds": 600})]
    with sdk.invocation(detached.handle):
        assert sdk.handle() == LONGER


def test_a_refusal_says_which_it_is_and_what_to_do(api: Api) -> None:
    problem = {
        "code": "invocation_invalid",
        "title": "The invocation is not open.",
        "status": 401,
        "detail": "Use the handle of one that is.",
        "trace_id": "ab" * 16,
    }
    api.say("/v1/principal", problem, 401)
    with sdk.invocation(ALICE), pytest.raises(sdk.Refused, match=r"invocation_invalid: .* Use the handle") as caught:
        sdk.principal()
    refused = caught.value
    assert (refused.status, refused.code, refused.trace_id) == (401, "invocation_invalid", "ab" * 16)
    assert ALICE not in str(refused)


@pytest.mark.parametrize("said", [b"<html>", b"[]", b"", b"\xff", {"hello": "world"}, {"groups": 1}])
def test_what_answers_something_else_is_not_the_sidecar(api: Api, said: object) -> None:
    api.say("/v1/principal", said)
    api.say("/v1/invocation/detach", said)
    with sdk.invocation(ALICE):
        with pytest.raises(sdk.Unreachable):
            sdk.principal()
        with pytest.raises(sdk.Unreachable):
            sdk.detach(1)


def test_a_sidecar_that_is_away_is_said_to_be(monkeypatch: pytest.MonkeyPatch) -> None:
    with Api() as gone:
        monkeypatch.setenv("SIDECAR_URL", f"http://127.0.0.1:{gone.server_port}")
    with sdk.invocation(ALICE), pytest.raises(sdk.Unreachable, match="doesn't answer at http://127"):
        sdk.principal()


def test_a_sidecar_on_a_unix_socket_is_asked_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class OnSocket(socketserver.UnixStreamServer):
        def get_request(self) -> tuple[Any, Any]:
            return super().get_request()[0], ("", 0)

    class Answers(Asked):
        def _answer(self) -> None:
            answer = json.dumps(DOCUMENT | {"name": self.headers["X-Identity-Invocation"][-4:]}).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        do_GET = _answer  # noqa: N815 - http.server's name

    path = str(tmp_path / "api.sock")
    monkeypatch.setenv("SIDECAR_URL", f"unix:{path}")
    with sdk.invocation(ALICE), pytest.raises(sdk.Unreachable):
        sdk.principal()
    with OnSocket(path, Answers) as served:
        thread = threading.Thread(target=served.handle_request)
        thread.start()
        with sdk.invocation(ALICE):
            assert sdk.principal().name == ALICE[-4:]
        thread.join()
