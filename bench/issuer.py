"""A real issuer on loopback: an RSA key of 2048 bits, its JWKS and discovery, tokens of exactly 782 bytes.

Its process plays an OTLP collector, too. It runs on another core than what is measured, and none of it counts.
"""

import asyncio
import json
import sys
import time
from collections.abc import Awaitable, Callable
from itertools import count
from pathlib import Path

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from jwt.algorithms import RSAAlgorithm

AUDIENCE = "api://travel"
KEY_ID = "2026-11-bench"
TOKEN_BYTES = 782
LIFETIME = 24 * 3600
BODY = b"HTTP/1.1 200 OK\r\nContent-Type: %b\r\nContent-Length: %d\r\nCache-Control: max-age=600\r\n\r\n%b"


class Issuer:
    """Signs; *url* is what its tokens carry as `iss`."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._serial = count(1)
        self._key = rsa.generate_private_key(public_exponent=65537, key_size=2048)

    def public_pem(self) -> bytes:
        """The public key as HAProxy reads it."""
        return self._key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)

    def jwks(self) -> bytes:
        """The public key as everyone else reads it."""
        key = RSAAlgorithm.to_jwk(self._key.public_key(), as_dict=True)
        return json.dumps({"keys": [key | {"kid": KEY_ID, "use": "sig", "alg": "RS256"}]}).encode()

    def discovery(self) -> bytes:
        """OpenID Connect discovery."""
        return json.dumps({"issuer": self._url, "jwks_uri": f"{self._url}/jwks.json"}).encode()

    def token(self, user: int) -> bytes:
        """An access token of *user*, of exactly TOKEN_BYTES."""
        now = int(time.time())  # noqa: TID251  # a real token for real verifiers
        claims: dict[str, object] = {
            "iss": self._url,
            "aud": AUDIENCE,
            "sub": f"user-{user:04}",
            "client_id": "web",
            "iat": now,
            "exp": now + LIFETIME,
            "name": f"Ada {user:04}",
            "email": f"ada-{user:04}@example.com",
            "email_verified": True,
            "scope": "trips.read trips.write",
            "groups": ["sales", "travel"],
            "jti": f"{next(self._serial):08x}",
        }
        while len(token := self._sign(claims)) < TOKEN_BYTES:
            claims["jti"] = f"{claims['jti']}{'j' * max(1, (TOKEN_BYTES - len(token)) * 3 // 4 - 1)}"
        if len(token) > TOKEN_BYTES:
            raise ValueError(f"a token came to {len(token)} bytes, not {TOKEN_BYTES}")
        return token

    def _sign(self, claims: dict[str, object]) -> bytes:
        return jwt.encode(claims, self._key, "RS256", {"kid": KEY_ID}).encode()


async def serve(folder: Path) -> None:
    """Serve what lies in *folder* under its own name, and take OTLP over HTTP, until killed.

    ``/collected`` says how many bytes of OTLP have come so far. The port is the first line of output.
    """
    collected = 0

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal collected
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).lower()
                length = head.partition(b"content-length:")[2].split(b"\r\n", 1)[0]
                collected += len(await reader.readexactly(int(length or b"0")))
                target = head.split(b" ", 2)[1].decode()
                if head.startswith(b"post"):
                    answer = BODY % (b"application/x-protobuf", 0, b"")  # an empty message: everything was taken
                else:
                    body = (
                        str(collected).encode() if target == "/collected" else (folder / Path(target).name).read_bytes()
                    )
                    answer = BODY % (b"application/json", len(body), body)
                writer.write(answer)
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    serving: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]] = talk
    server = await asyncio.start_server(serving, "127.0.0.1", 0)
    sys.stdout.write(json.dumps([server.sockets[0].getsockname()[1]]) + "\n")
    sys.stdout.flush()
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(serve(Path(sys.argv[1])))
