"""A small issuer on loopback with whatever claims a test asks for, served from a thread so that any loop can use it."""

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec
from typing_extensions import override

AUDIENCE = "travel"


class Issuer:
    """Signs with one P-256 key."""

    def __init__(self, url: str, kid: str = "one") -> None:
        self.url, self.kid = url, kid
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.away = False
        """Answer 503 to everything."""

    def token(self, subject: str = "alice", *, key: Any = None, typ: str = "at+jwt", **claims: Any) -> str:
        """An access token, good for ten minutes; a claim given as ``None`` is left out."""
        now = int(time.time())
        whole = {"iss": self.url, "aud": AUDIENCE, "sub": subject, "iat": now, "exp": now + 600, **claims}
        kept = {name: value for name, value in whole.items() if value is not None}
        return jwt.encode(kept, key or self.key, "ES256", headers={"kid": self.kid, "typ": typ})

    def document(self, path: str) -> dict[str, Any] | None:
        if path == "/.well-known/openid-configuration":
            return {"issuer": self.url, "jwks_uri": f"{self.url}/jwks"}
        if path == "/jwks":
            public = jwt.algorithms.ECAlgorithm.to_jwk(self.key.public_key(), as_dict=True)
            return {"keys": [{**public, "kid": self.kid, "use": "sig", "alg": "ES256"}]}
        return None

    @property
    def configured(self) -> dict[str, Any]:
        """Its entry under ``issuers``."""
        return {"type": "oidc", "issuer": self.url, "audience": AUDIENCE}


@contextmanager
def issuer(port: int = 0) -> Iterator[Issuer]:
    """Serve one on *port*, or on one of its own."""
    served: list[Issuer] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            document = served[0].document(self.path)
            body = json.dumps(document).encode()
            self.send_response(503 if served[0].away else 404 if document is None else 200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        @override
        def log_message(self, format: str, *args: Any) -> None:
            """Nothing: pytest's output is for findings."""

    with ThreadingHTTPServer(("127.0.0.1", port), Handler) as server:
        served.append(Issuer(f"http://127.0.0.1:{server.server_address[1]}"))
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield served[0]
        finally:
            server.shutdown()
            thread.join()
