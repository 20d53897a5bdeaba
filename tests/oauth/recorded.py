"""What providers answer, one file each in ``providers/``; the suite finds them."""

import base64
import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from sidecar.oauth.catalog import Entry, entry
from sidecar.oauth.provider import Provider
from sidecar.secret import Secret
from sidecar.wire.http import Response

FOLDER = Path(__file__).parent / "providers"
NONCE = "the-nonce"
REDIRECT = "https://accounts.travel.example.com/callback/one"
VERIFIER = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
"""RFC 7636, appendix B, with its challenge below."""
CHALLENGE = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"


@dataclass(frozen=True)
class Recorded:
    """One provider's."""

    name: str
    said: dict[str, Any]

    @property
    def provider(self) -> Provider:
        usual = {"client_id": "the-client", "client_secret": Secret("the-secret")}
        return Provider("one", self.said.get("type", self.name), "principal", **{**usual, **self.said["configured"]})

    @property
    def entry(self) -> Entry:
        return entry(self.provider)

    @property
    def asked(self) -> frozenset[str]:
        return frozenset(self.said["asked"])


@dataclass(frozen=True)
class Case:
    of: Recorded
    to: str
    """What was asked: ``code``, ``refresh``, ``account``, ``revocation``."""
    said: dict[str, Any]

    @property
    def answer(self) -> Response:
        body = self.said["body"]
        headers = {"content-type": "application/json", **self.said.get("headers", {})}
        raw = body if isinstance(body, str) else "" if body is None else json.dumps(_signed(body))
        return Response(self.said["status"], headers, raw.encode())

    def __str__(self) -> str:
        return f"{self.of.name}: {self.said['name']}"


def _signed(body: dict[str, Any]) -> dict[str, Any]:
    """An ID token is written as its claims."""
    claims = body.get("id_token")
    return {**body, "id_token": id_token(claims)} if isinstance(claims, dict) else body


def id_token(claims: dict[str, Any]) -> str:
    parts = (json.dumps(part).encode() for part in ({"alg": "RS256", "kid": "made-up"}, claims))
    return ".".join([*(base64.urlsafe_b64encode(part).rstrip(b"=").decode() for part in parts), "c2lnbmVk"])


@cache
def recorded() -> tuple[Recorded, ...]:
    return tuple(Recorded(path.stem, json.loads(path.read_text())) for path in sorted(FOLDER.glob("*.json")))


def cases(to: str) -> Iterator[Case]:
    for one in recorded():
        for said in one.said["answers"]:
            if said["to"] == to:
                yield Case(one, to, said)
