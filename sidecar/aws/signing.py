"""AWS Signature Version 4 over a request of the agent's, in the place of the one that its client made.

The client signs with a placeholder or not at all; what it put there is taken away, and the request is signed as it goes
out. Its target stays byte for byte, so what is signed is what AWS makes of that target: a query is decoded and encoded
anew (RFC 3986, the unreserved characters bare), of S3 the path too; other services encode the path they got once more.
Signed are ``Host``, ``Content-Type``, ``Content-MD5`` and ``X-Amz-*``, which is what AWS asks for.

Of the body, the signature has what ``X-Amz-Content-Sha256`` says:

| the client's | is |
| --- | --- |
| 64 hex digits | kept: AWS holds the body against it |
| ``UNSIGNED-PAYLOAD`` | kept over TLS; over plain http the body is gathered and hashed |
| ``STREAMING-UNSIGNED-PAYLOAD-TRAILER`` | kept |
| ``STREAMING-AWS4-…`` | refused: each chunk is signed with the placeholder, and bodies pass as they are |
| none | S3 over TLS, where there is a body: ``UNSIGNED-PAYLOAD``; else the body is gathered and hashed |

Sources: AWS's "Create a signed AWS API request"; Amazon S3's "Authenticating requests: using the Authorization header".
"""

import hashlib
import re
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from types import SimpleNamespace
from urllib.parse import quote, unquote_to_bytes

from sidecar.aws.keys import Keys
from sidecar.aws.scope import S3_RULES, Scope, host, placeholder
from sidecar.errors import BadRequest
from sidecar.oauth.credential import Outgoing

HASH = "x-amz-content-sha256"
REPLACED = frozenset({"authorization", "x-amz-date", "x-amz-security-token", HASH})
"""What a signature consists of."""
UNSIGNED = "UNSIGNED-PAYLOAD"
_KEPT = re.compile(r"[0-9a-f]{64}|STREAMING-UNSIGNED-PAYLOAD-TRAILER")
_PRESIGNED = re.compile(r"[?&]X-Amz-(?:Signature|Credential|Algorithm)=", re.IGNORECASE)
_PORT = re.compile(r":[0-9]*\Z")


class Unsignable(BadRequest):
    title = "The request can't be signed for AWS as it is."


def load() -> None:
    """Import botocore's signers, which takes 40 to 100 ms and 5 MiB: for a thread, once there is something to sign."""
    import botocore.auth  # noqa: F401 - imported for what comes


class Signature:
    """Signs requests with *keys*. ``load`` comes before the first."""

    __slots__ = ("_clock", "_keys", "_region", "_service")

    def __init__(self, keys: Keys, *, region: str | None, service: str | None, clock: Callable[[], float]) -> None:
        """*region* and *service* are the configuration's; what is ``None`` each request says itself."""
        self._keys, self._region, self._service, self._clock = keys, region, service, clock

    def needs_body(self, outgoing: Outgoing) -> bool:
        """Raise ``Unsignable``."""
        return _payload(outgoing, self._scope(outgoing), None) is None

    def sign(self, outgoing: Outgoing, body: bytes | None) -> bytes:
        """Raise ``Unsignable``."""
        return "".join(f"{name}: {value}\r\n" for name, value in self.headers(outgoing, body)).encode("ascii")

    def headers(self, outgoing: Outgoing, body: bytes | None) -> list[tuple[str, str]]:
        """As ``sign``, in parts."""
        scope = self._scope(outgoing)
        payload = _payload(outgoing, scope, body) or hashlib.sha256(body or b"").hexdigest()
        timestamp = datetime.fromtimestamp(self._clock(), UTC).strftime("%Y%m%dT%H%M%SZ")
        headers = [(name, value) for name, value in outgoing.headers if name.lower() not in REPLACED]
        headers += [("X-Amz-Date", timestamp), ("X-Amz-Content-Sha256", payload)]
        if self._keys.token is not None:
            headers.append(("X-Amz-Security-Token", self._keys.token.reveal()))
        headers.append(("Authorization", self._authorization(outgoing, scope, headers, timestamp)))
        return headers

    def _scope(self, outgoing: Outgoing) -> Scope:
        if self._region is not None and self._service is not None:
            return Scope(self._region, self._service)
        found = placeholder(outgoing.placeholder) or host(_PORT.sub("", outgoing.authority))
        region, service = self._region or (found and found.region), self._service or (found and found.service)
        if not region or not service:
            raise Unsignable(
                "neither the provider, the placeholder's signature nor the host says region and service",
                mend="Set region and service of the route's provider, or let the client sign with placeholder keys.",
            )
        return Scope(region, service)

    def _authorization(
        self, outgoing: Outgoing, scope: Scope, headers: Sequence[tuple[str, str]], timestamp: str
    ) -> str:
        from botocore.auth import S3SigV4Auth, SigV4Auth
        from botocore.awsrequest import AWSRequest

        request = AWSRequest(outgoing.method, _url(outgoing, scope))
        request.context["timestamp"] = timestamp
        request.headers["Host"] = outgoing.authority
        for name, value in headers:
            lower = name.lower()
            if lower.startswith("x-amz-") or lower in ("content-type", "content-md5"):
                request.headers[name] = value
        keys = SimpleNamespace(access_key=self._keys.id, secret_key=self._keys.secret.reveal(), token=None)
        # Step by step, because ``add_auth`` takes the time from the machine, and tells a debugger's log all of it.
        signer = (S3SigV4Auth if scope.service in S3_RULES else SigV4Auth)(keys, scope.service, scope.region)
        to_sign = signer.string_to_sign(request, signer.canonical_request(request))
        names = signer.signed_headers(signer.headers_to_sign(request))
        signature = signer.signature(to_sign, request)
        return f"AWS4-HMAC-SHA256 Credential={signer.scope(request)}, SignedHeaders={names}, Signature={signature}"


def _field(outgoing: Outgoing, wanted: str) -> str:
    """The first value, or nothing."""
    return next((value for name, value in outgoing.headers if name.lower() == wanted), "")


def _payload(outgoing: Outgoing, scope: Scope, body: bytes | None) -> str | None:
    """What stands for the body in the signature; ``None``: its hash. Raise ``Unsignable``."""
    _signable(outgoing)
    said = _field(outgoing, HASH).strip()
    if _KEPT.fullmatch(said):
        return said
    if said.startswith("STREAMING-"):
        raise Unsignable(
            f"the body's chunks or events are signed one by one ({said[:64]})",
            mend="Its chunks are signed with the client's placeholder key. Let the client send the body without signed "
            "chunks: over https, or with chunked encoding off.",
        )
    if said not in ("", UNSIGNED):
        raise Unsignable(
            "X-Amz-Content-Sha256 has a value that isn't known",
            mend="Send no X-Amz-Content-Sha256, or the body's hash.",
        )
    unsigned = said == UNSIGNED or (scope.service in S3_RULES and body is None)
    return UNSIGNED if unsigned and outgoing.scheme == "https" else None


def _signable(outgoing: Outgoing) -> None:
    """Raise ``Unsignable`` for what takes another signature than SigV4 in a header."""
    if _PRESIGNED.search(outgoing.target):
        raise Unsignable(
            "the URL is a presigned one",
            mend="A presigned URL is signed by whoever makes it, and the agent holds no key. Make the call itself, "
            "without X-Amz-* parameters: it is signed on the way.",
        )
    if "ECDSA" in outgoing.placeholder or _field(outgoing, "x-amz-region-set"):
        raise Unsignable(
            "the client signs for several regions (SigV4A)",
            mend="Use an endpoint of one region: SigV4A, which multi-region access points need, is not signed here.",
        )
    if _field(outgoing, "x-amz-s3session-token"):
        raise Unsignable(
            "the client has a session of S3 Express",
            mend="Switch off S3 Express sessions in the client: they sign with keys of their own.",
        )


def _url(outgoing: Outgoing, scope: Scope) -> str:
    """The URL whose canonical form botocore makes by leaving the query as it is, and S3's path."""
    path, _, query = outgoing.target.partition("?")
    if scope.service in S3_RULES:
        path = _encoded(path.encode(), "/-_.~")
    pairs = (pair.encode().replace(b"+", b" ").partition(b"=") for pair in query.split("&") if pair)
    canonical = "&".join(f"{_encoded(name, '-_.~')}={_encoded(value, '-_.~')}" for name, _, value in pairs)
    return f"{outgoing.scheme}://{outgoing.authority}{path}?{canonical}"


def _encoded(text: bytes, bare: str) -> str:
    return quote(unquote_to_bytes(text), safe=bare)
