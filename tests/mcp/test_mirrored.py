import json
from base64 import b64encode

import pytest

from sidecar.mcp.message import Message, read
from sidecar.mcp.mirrored import mismatch, stateless

NEW, OLD = "2026-07-28", "2025-11-25"
_VERSION = "io.modelcontextprotocol/protocolVersion"


def message(method: str = "tools/call", version: str | None = NEW, **params: object) -> Message:
    meta = {"_meta": {_VERSION: version}} if version is not None else {}
    said = {"jsonrpc": "2.0", "id": 1, "method": method, "params": {**params, **meta}}
    return read(json.dumps(said).encode())


def encoded(name: str) -> str:
    return f"=?base64?{b64encode(name.encode()).decode()}?="


@pytest.mark.parametrize(
    ("version", "expected"),
    [
        (NEW, True),
        ("2027-01-01", True),
        (OLD, False),
        (None, False),
        ("", False),
        ("2026-07-28x", False),
        ("next", False),
    ],
)
def test_from_when_on_there_are_no_sessions(version: str | None, expected: bool) -> None:
    assert stateless(version) is expected


def test_headers_that_say_the_same_agree() -> None:
    assert mismatch(message(name="book"), NEW, "tools/call", "book") is None
    assert mismatch(message("prompts/get", name="p"), NEW, "prompts/get", "p") is None
    assert mismatch(message("resources/read", uri="a:b"), NEW, "resources/read", "a:b") is None
    assert mismatch(message("tools/list"), NEW, "tools/list", None) is None


def test_a_name_that_no_header_can_hold_comes_as_base64() -> None:
    assert mismatch(message(name="büchen"), NEW, "tools/call", encoded("büchen")) is None
    assert mismatch(message(name=encoded("x")), NEW, "tools/call", encoded(encoded("x"))) is None


@pytest.mark.parametrize(
    ("version", "method", "name", "wrong"),
    [
        (OLD, "tools/call", "book", "MCP-Protocol-Version"),
        (None, "tools/call", "book", "MCP-Protocol-Version"),
        (NEW, None, "book", "Mcp-Method"),
        (NEW, "tools/list", "book", "Mcp-Method"),
        (NEW, "Tools/Call", "book", "Mcp-Method"),
        (NEW, "tools/call", None, "Mcp-Name"),
        (NEW, "tools/call", "", "Mcp-Name"),
        (NEW, "tools/call", "other", "Mcp-Name"),
        (NEW, "tools/call", "Book", "Mcp-Name"),
        (NEW, "tools/call", encoded("other"), "Mcp-Name"),
        (NEW, "tools/call", "=?base64?%%%?=", "Mcp-Name"),
        (NEW, "tools/call", "=?base64?Ym9va=?=", "Mcp-Name"),
        (NEW, "tools/call", "=?base64?Ym9vaw?=", "Mcp-Name"),
        (NEW, "tools/call", "=?base64?/w==?=", "Mcp-Name"),
    ],
)
def test_one_that_says_something_else_is_found(
    version: str | None, method: str | None, name: str | None, wrong: str
) -> None:
    assert mismatch(message(name="book"), version, method, name) == wrong


def test_the_older_era_needs_none_and_may_not_lie_either() -> None:
    old = message(version=None, name="book")
    assert mismatch(old, OLD, None, None) is None
    assert mismatch(old, None, None, None) is None
    assert mismatch(old, OLD, "tools/list", None) == "Mcp-Method"
    assert mismatch(old, OLD, None, "other") == "Mcp-Name"


def test_a_notification_needs_none() -> None:
    note = read(b'{"jsonrpc":"2.0","method":"notifications/cancelled"}')
    assert mismatch(note, NEW, None, None) is None
    assert mismatch(note, NEW, "tools/call", None) == "Mcp-Method"


def test_a_name_that_is_none_matches_nothing() -> None:
    assert mismatch(message(name=["book"]), NEW, "tools/call", "book") == "Mcp-Name"
