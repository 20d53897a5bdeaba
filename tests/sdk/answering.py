"""What stands in for the identity API where the SDK is looked at alone: it answers what it is told to."""

import json
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class Api(ThreadingHTTPServer):
    """Answers what it is told to, and keeps what it was asked."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Asked)
        self.says: dict[str, tuple[int, Callable[[Any], object]]] = {}
        self.asked: list[tuple[str, str, str | None, Any]] = []

    def say(self, path: str, document: object, status: int = 200) -> None:
        """*document*: bytes as they are, else JSON; or what makes it of the body that was sent."""
        self.says[path] = (status, document if callable(document) else lambda _: document)

    def refuse(self, path: str, status: int, code: str, **more: str) -> None:
        texts = {"title": "No.", "detail": "Do something else.", "trace_id": "ab" * 16}
        self.say(path, {"code": code, "status": status, **texts, **more}, status)


class Asked(BaseHTTPRequestHandler):
    server: Api

    def _answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        said = json.loads(body) if body else None
        self.server.asked.append((self.command, self.path, self.headers["X-Identity-Invocation"], said))
        status, says = self.server.says[self.path]
        answer = says(said)
        text = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    do_GET = do_POST = _answer  # noqa: N815 - http.server's names

    def log_message(self, *_: object) -> None: ...
