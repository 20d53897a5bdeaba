"""The one place that turns a refusal into a response (RFC 9457, RFC 6750)."""

import json
from http import HTTPStatus

from sidecar.errors import Refusal
from sidecar.relay.passage import Notice

TYPE = "urn:identity-sidecar:error:"


def problem(refusal: Refusal, notice: Notice) -> bytes:
    """The ``application/problem+json`` body."""
    return json.dumps(
        {
            "type": TYPE + refusal.code,
            "title": refusal.title,
            "status": refusal.status,
            "detail": refusal.detail,
            "code": refusal.code,
            "trace_id": notice.trace_id,
            **refusal.extra,
        }
    ).encode()


def respond(refusal: Refusal, notice: Notice, *, close: bool, bodiless: bool) -> bytes:
    """The whole response; *bodiless* for HEAD."""
    body = problem(refusal, notice)
    fields = [
        ("Content-Type", "application/problem+json"),
        ("Content-Length", str(len(body))),
        ("Cache-Control", "no-store"),
        ("Sidecar-Error", refusal.code),
        ("X-Trace-Id", notice.trace_id),
        *notice.fields,
    ]
    if refusal.retry_after is not None:
        fields.append(("Retry-After", str(refusal.retry_after)))
    if close:
        fields.append(("Connection", "close"))
    status = HTTPStatus(refusal.status)
    lines = [
        f"HTTP/1.1 {status.value} {notice.phrase or status.phrase}",
        *(f"{name}: {value}" for name, value in fields),
        "",
        "",
    ]
    return "\r\n".join(lines).encode() + (b"" if bodiless else body)
