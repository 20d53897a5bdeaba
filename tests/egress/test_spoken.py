import pytest

from sidecar.egress import fields
from sidecar.egress.spoken import Answered, Spoken, answered, spoken
from sidecar.errors import BadRequest, DestinationDenied, Refusal
from sidecar.relay.head import Head
from tests.egress.out import Out

OUT = Out({}, {})
JSON = b"Content-Type: application/json\r\n"


def head(lines: bytes = JSON, method: bytes = b"POST") -> Head[fields.Plan]:
    return OUT.head(b"%b /to/desk HTTP/1.1\r\nHost: x\r\n%b\r\n" % (method, lines))


def test_what_is_said_in_the_head_is_read() -> None:
    lines = b"mcp-protocol-version: 2026-07-28\r\nMCP-METHOD: tools/call\r\nMcp-Name: a\r\nMcp-Session-Id: s\r\n"
    assert spoken(head(JSON + lines), b"/") == Spoken("2026-07-28", "tools/call", "a", b"s")
    assert spoken(head(b"", b"GET"), b"/") == Spoken(None, None, None, None)
    assert spoken(head(b"", b"DELETE"), b"/") == Spoken(None, None, None, None)


@pytest.mark.parametrize(
    "type_",
    [b"application/json", b"Application/JSON", b"application/json;charset=utf-8", b'application/json; charset="UTF-8"'],
)
def test_json_is_json_in_utf_8(type_: bytes) -> None:
    spoken(head(b"Content-Type: %b\r\n" % type_), b"/")


REFUSED: dict[str, tuple[bytes, bytes, bytes, type[Refusal]]] = {
    "another path": (b"POST", JSON, b"/other", DestinationDenied),
    "metadata below it": (b"GET", b"", b"/.well-known/oauth-protected-resource", DestinationDenied),
    "two slashes": (b"POST", JSON, b"//", DestinationDenied),
    "HEAD": (b"HEAD", b"", b"/", DestinationDenied),
    "OPTIONS": (b"OPTIONS", b"", b"/", DestinationDenied),
    "PUT": (b"PUT", JSON, b"/", DestinationDenied),
    "PATCH": (b"PATCH", JSON, b"/", DestinationDenied),
    "no type": (b"POST", b"", b"/", BadRequest),
    "text": (b"POST", b"Content-Type: text/plain\r\n", b"/", BadRequest),
    "something like JSON": (b"POST", b"Content-Type: application/json-rpc\r\n", b"/", BadRequest),
    "JSON and more": (b"POST", b"Content-Type: application/json, text/plain\r\n", b"/", BadRequest),
    "another charset": (b"POST", b"Content-Type: application/json; charset=utf-16\r\n", b"/", BadRequest),
    "utf-7": (b"POST", b"Content-Type: application/json; charset=utf-7\r\n", b"/", BadRequest),
    "two charsets": (b"POST", b"Content-Type: application/json; charset=utf-8; charset=utf-16\r\n", b"/", BadRequest),
    "two types": (b"POST", JSON + b"Content-Type: text/plain\r\n", b"/", BadRequest),
    "a type with an underscore": (b"POST", JSON + b"Content_Type: text/plain\r\n", b"/", BadRequest),
    "compressed": (b"POST", JSON + b"Content-Encoding: gzip\r\n", b"/", BadRequest),
    "compressed, with an underscore": (b"POST", JSON + b"Content_Encoding: gzip\r\n", b"/", BadRequest),
    "two methods": (b"POST", JSON + b"Mcp-Method: ping\r\nMcp-Method: tools/call\r\n", b"/", BadRequest),
    "two names": (b"POST", JSON + b"Mcp-Name: a\r\nmcp-name: b\r\n", b"/", BadRequest),
    "a name with an underscore": (b"POST", JSON + b"Mcp_Name: b\r\n", b"/", BadRequest),
    "two versions": (b"POST", JSON + b"MCP-Protocol-Version: 1\r\nMCP-Protocol-Version: 1\r\n", b"/", BadRequest),
    "two sessions": (b"POST", JSON + b"Mcp-Session-Id: a\r\nMcp-Session-Id: b\r\n", b"/", BadRequest),
    "a session with an underscore": (b"POST", JSON + b"Mcp_Session_Id: b\r\n", b"/", BadRequest),
    "an empty session": (b"POST", JSON + b"Mcp-Session-Id:\r\n", b"/", BadRequest),
    "a session of two words": (b"POST", JSON + b"Mcp-Session-Id: a b\r\n", b"/", BadRequest),
    "two last events": (b"GET", b"Last-Event-ID: a\r\nLast-Event-ID: b\r\n", b"/", BadRequest),
    "an upgrade": (
        b"GET",
        b"Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
        b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n",
        b"/",
        BadRequest,
    ),
}


@pytest.mark.parametrize(("method", "lines", "below", "refusal"), REFUSED.values(), ids=REFUSED.keys())
def test_what_could_be_taken_for_something_else_is_refused(
    method: bytes, lines: bytes, below: bytes, refusal: type[Refusal]
) -> None:
    with pytest.raises(refusal):
        spoken(head(lines, method), below)


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        ([b"Content-Type: application/json"], Answered(True, False, None)),
        ([b"content-type:application/json; charset=utf-8", b"Mcp-Session-Id: Abc"], Answered(True, False, b"Abc")),
        ([b"Content-Type: text/event-stream; charset=utf-8"], Answered(False, True, None)),
        ([b"Content-Type: TEXT/EVENT-STREAM", b"Content-Encoding: identity"], Answered(False, True, None)),
        ([b"Content-Type: application/problem+json"], Answered(True, False, None)),
        ([b"Content-Type: text/html"], Answered(False, False, None)),
        ([b"Server: x", b"mcp-session-id: s", b"mcp-session-id: s"], Answered(False, False, b"s")),
        ([], Answered(False, False, None)),
    ],
)
def test_what_an_answer_is_is_read(lines: list[bytes], expected: Answered) -> None:
    assert answered(lines) == expected


@pytest.mark.parametrize(
    "lines",
    [
        [b"Content-Encoding: gzip"],
        [b"content-encoding: identity, br"],
        [b"Content-Type: text/event-stream", b"Content-Type: application/json"],
        [b"Content-Type: text/event-stream; x=application/json"],
        [b"Mcp-Session-Id: a", b"Mcp-Session-Id: b"],
    ],
)
def test_an_answer_that_cannot_be_read_is_refused(lines: list[bytes]) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - of several texts
        answered(lines)
