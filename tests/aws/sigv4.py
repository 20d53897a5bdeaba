"""A verifier of Signature Version 4, written from AWS's description alone: what AWS makes of a request as it arrives.

"Create a signed AWS API request" (IAM user guide) and "Authenticating requests: using the Authorization header" (Amazon
S3). It shares no code with what signs, works on the bytes that came over the wire, and decodes before it encodes.
"""

import hashlib
import hmac
import re
from collections.abc import Sequence
from dataclasses import dataclass

UNRESERVED = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~"
S3 = ("s3", "s3-outposts", "s3-object-lambda")
AUTHORIZATION = re.compile(
    r"AWS4-HMAC-SHA256 Credential=([^/]+)/([0-9]{8})/([^/]+)/([^/]+)/aws4_request, "
    r"SignedHeaders=([a-z0-9;-]+), Signature=([0-9a-f]{64})"
)


@dataclass(frozen=True, slots=True)
class Received:
    method: str
    target: str
    headers: Sequence[tuple[str, str]]
    """As on the wire, ``Host`` among them."""
    body: bytes = b""
    tls: bool = True

    def value(self, name: str) -> str | None:
        found = [value for key, value in self.headers if key.lower() == name]
        return ",".join(found) if found else None


def encode(text: bytes, *, slashes: bool) -> str:
    """``UriEncode`` of AWS's description: every byte but the unreserved ones, in capitals."""
    bare = UNRESERVED + b"/" if slashes else UNRESERVED
    return "".join(chr(byte) if byte in bare else f"%{byte:02X}" for byte in text)


def decode(text: str) -> bytes:
    """Percent-decoding, byte by byte."""
    raw, read, at = text.encode("latin-1"), bytearray(), 0
    while at < len(raw):
        if raw[at : at + 1] == b"%" and re.fullmatch(rb"[0-9A-Fa-f]{2}", raw[at + 1 : at + 3]):
            read.append(int(raw[at + 1 : at + 3], 16))
            at += 3
        else:
            read.append(raw[at])
            at += 1
    return bytes(read)


def canonical_path(path: str, service: str) -> str:
    if service in S3:
        return encode(decode(path), slashes=True)
    segments: list[str] = []
    for segment in path.split("/"):
        if segment == "..":
            segments[-1:] = []
        elif segment not in ("", "."):
            segments.append(segment)
    tail = "/" if path.endswith("/") and segments else ""
    return encode(("/" + "/".join(segments) + tail).encode("latin-1"), slashes=True)


def canonical_query(query: str) -> str:
    pairs = []
    for part in query.split("&"):
        if part:
            name, _, value = part.replace("+", " ").partition("=")
            pairs.append((encode(decode(name), slashes=False), encode(decode(value), slashes=False)))
    return "&".join(f"{name}={value}" for name, value in sorted(pairs))


def _hmac(key: bytes, text: str) -> bytes:
    return hmac.new(key, text.encode(), hashlib.sha256).digest()


def canonical_request(request: Received, signed: Sequence[str], payload: str, service: str) -> str:
    path, _, query = request.target.partition("?")
    lines = [f"{name}:{' '.join((request.value(name) or '').split())}\n" for name in signed]
    return "\n".join(
        [
            request.method,
            canonical_path(path, service),
            canonical_query(query),
            "".join(lines),
            ";".join(signed),
            payload,
        ]
    )


def signature(secret: str, date: str, region: str, service: str, timestamp: str, canonical: str) -> str:
    hashed = hashlib.sha256(canonical.encode()).hexdigest()
    to_sign = f"AWS4-HMAC-SHA256\n{timestamp}\n{date}/{region}/{service}/aws4_request\n{hashed}"
    key = f"AWS4{secret}".encode()
    for part in (date, region, service, "aws4_request"):
        key = _hmac(key, part)
    return hmac.new(key, to_sign.encode(), hashlib.sha256).hexdigest()


def verify(request: Received, key: str, secret: str, token: str | None) -> tuple[str, str]:
    """The region and the service that it is signed for. Raise ``AssertionError`` for what AWS would refuse."""
    said = AUTHORIZATION.fullmatch(request.value("authorization") or "")
    assert said is not None, request.value("authorization")
    claimed, date, region, service, names, given = said.groups()
    signed = names.split(";")
    timestamp = request.value("x-amz-date") or ""
    assert claimed == key
    assert re.fullmatch(rf"{date}T[0-9]{{6}}Z", timestamp)
    assert signed == sorted(signed)
    assert "host" in signed
    assert request.value("x-amz-security-token") == token
    for name, _ in request.headers:  # AWS refuses a request one of whose X-Amz-* isn't signed
        assert not name.lower().startswith("x-amz-") or name.lower() in signed, name
    payload = request.value("x-amz-content-sha256")
    hashed = hashlib.sha256(request.body).hexdigest()
    if payload is None:
        assert service not in S3
        payload = hashed
    assert payload == hashed or (request.tls and "UNSIGNED-PAYLOAD" in payload), payload
    canonical = canonical_request(request, signed, payload, service)
    assert signature(secret, date, region, service, timestamp, canonical) == given, canonical
    return region, service
