"""A call on its way out: credentials in their place, signatures over what is sent, and what it holds open."""

from typing import Any

import pytest

from sidecar.egress.passing import Signed, outgoing
from sidecar.egress.route import Route
from sidecar.egress.routes import Leg
from sidecar.errors import BadRequest
from sidecar.oauth.credential import Credential, Outgoing
from sidecar.relay.passage import Outcome, Way
from sidecar.secret import Secret
from tests.egress.out import AGENT, HERE, Key, Out, anyone, get, itself

ROUTES: dict[str, dict[str, Any]] = {"api": {"url": "https://api.example.com/v1", "provider": "token"}}
CAPABILITIES = {"call": anyone(routes=["api"])}


class Signature:
    """Signs with what it saw."""

    def __init__(self, *, needs: bool) -> None:
        self.needs, self.saw = needs, list[tuple[Outgoing, bytes | None]]()

    def needs_body(self, outgoing: Outgoing) -> bool:
        return self.needs

    def sign(self, outgoing: Outgoing, body: bytes | None) -> bytes:
        self.saw.append((outgoing, body))
        return (
            b"".join(f"{name}: {value}\r\n".encode() for name, value in outgoing.headers) + b"Authorization: signed\r\n"
        )


def signing(*, needs: bool) -> tuple[Out, Signature, bytes]:
    key, signature = Key(), Signature(needs=needs)
    key.credential = signature
    out = Out(ROUTES, CAPABILITIES, sources={"token": key})
    return out, signature, out.open()[1]


def post(handle: bytes, fields: bytes) -> bytes:
    return b"POST /to/api/x?q=1 HTTP/1.1\r\nHost: %b\r\nX-Identity-Invocation: %b\r\nX-Mine: 1\r\n%b\r\n" % (
        HERE,
        handle,
        fields,
    )


def test_a_signature_over_no_body_is_made_at_once() -> None:
    out, signature, handle = signing(needs=True)
    lines = out.sent(get(b"/to/api/x?q=1", b"X-Identity-Invocation: %b\r\nX-Mine: 1\r\n" % handle))
    ((asked, body),) = signature.saw
    assert body == b""
    assert (asked.method, asked.scheme, asked.authority, asked.target) == (
        "GET",
        "https",
        "api.example.com",
        "/v1/x?q=1",
    )
    assert asked.headers == (("X-Mine", "1"),)
    assert b"Authorization: signed" in lines
    assert lines.count(b"X-Mine: 1") == 1


def test_a_signature_that_leaves_the_body_out_does_not_wait_for_it() -> None:
    out, signature, handle = signing(needs=False)
    passage = out.ask(post(handle, b"Content-Length: 5\r\n"))
    assert passage.way is Way.STREAMED
    assert signature.saw[0][1] is None


def test_a_signature_over_the_body_waits_for_it() -> None:
    out, signature, handle = signing(needs=True)
    passage = out.ask(post(handle, b"Content-Length: 5\r\n"))
    assert isinstance(passage, Signed)
    assert passage.way is Way.GATHERED
    assert not signature.saw
    assert b"Authorization: signed\r\n" in passage.gathered(b"hello")
    assert signature.saw[0][1] == b"hello"
    passage.ended(Outcome.DONE, 200)


def test_what_is_signed_is_ascii() -> None:
    out, _, handle = signing(needs=False)
    with pytest.raises(BadRequest, match="ASCII"):
        out.ask(get(b"/to/api/x", b"X-Identity-Invocation: %b\r\nX-Name: caf\xe9\r\n" % handle))


def test_headers_to_sign_are_names_and_values() -> None:
    out, _, _ = signing(needs=False)
    head = out.head(get(b"/x"))
    leg = Leg.of(Route("api", "https://api.example.com:8443"))
    asked = outgoing(head, leg, b"/x", [b"A:  b: c\t", b"D:"])
    assert asked.headers == (("A", "b: c"), ("D", ""))
    assert asked.authority == "api.example.com:8443"


def test_a_key_for_the_query_takes_its_place_there() -> None:
    key = Key()
    key.fills, key.parameter = frozenset(), b"key"
    key.credential = Credential(Secret("real"), query=b"key=real")
    out = Out(ROUTES, CAPABILITIES, sources={"token": key})
    _, handle = out.open()
    lines = out.sent(get(b"/to/api/x?key=mine&a=1", b"X-Identity-Invocation: %b\r\n" % handle))
    assert lines[0] == b"GET /v1/x?a=1&key=real HTTP/1.1"


def test_the_capability_is_known_of_what_is_under_way() -> None:
    out = Out(ROUTES, CAPABILITIES)
    _, handle = out.open()
    passage = out.ask(get(b"/to/api/x", b"X-Identity-Invocation: %b\r\n" % handle))
    assert (passage.capability, passage.leg.route.name) == ("call", "api")


def test_a_connection_is_kept_for_the_principal_behind_the_call_and_the_agents_own_are_shared() -> None:
    out = Out(
        {**ROUTES, "open": {"url": "https://o.example.com", "unattended": True}},
        {"all": anyone(routes=["api"]), "own": itself(routes=["open"])},
    )
    owners = []
    for subject in ("alice", "bob", "alice"):
        invocation, handle = out.open(subject)
        passage = out.ask(get(b"/to/api/x", b"X-Identity-Invocation: %b\r\n" % handle))
        assert passage.owner == invocation.principal.id
        owners.append(passage.owner)
    assert owners[0] == owners[2] != owners[1]
    assert out.ask(get(b"/to/open/x")).owner is None
    assert out.ask(get(b"/to/open/x", b"X-Identity-Invocation: %b\r\n" % AGENT)).owner is None
