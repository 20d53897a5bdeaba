"""A refusal as the caller gets it."""

import json

import h11
import pytest

from sidecar import errors
from sidecar.errors import Overloaded, Refusal, TokenMissing
from sidecar.relay.passage import Notice
from sidecar.relay.refusal import TYPE, respond

TRACE = "0af7651916cd43dd8448eb211c80319c"


def refusals(above: type[Refusal] = Refusal) -> list[type[Refusal]]:
    """The catalogue: all that have a code of their own."""
    found = [each for below in above.__subclasses__() for each in (below, *refusals(below))]
    return [each for each in found if each.code != Refusal.code or each is errors.Internal]


def read(data: bytes, method: bytes = b"GET") -> tuple[h11.Response, bytes]:
    connection = h11.Connection(h11.CLIENT)
    connection.send(h11.Request(method=method, target="/", headers=[("host", "a")]))
    connection.send(h11.EndOfMessage())
    connection.receive_data(data)
    response = connection.next_event()
    assert isinstance(response, h11.Response)
    body = b""
    while isinstance(event := connection.next_event(), h11.Data):
        body += event.data
    assert isinstance(event, h11.EndOfMessage)
    assert connection.trailing_data[0] == b""
    return response, body


@pytest.mark.parametrize("kind", refusals(), ids=lambda kind: kind.__name__)
def test_every_refusal_becomes_a_problem_document(kind: type[Refusal]) -> None:
    refusal = kind("said to the record alone")
    response, body = read(respond(refusal, Notice(TRACE), close=False, bodiless=False))
    fields = dict(response.headers)
    assert response.status_code == kind.status
    assert response.reason
    assert json.loads(body) == {
        "type": TYPE + kind.code,
        "title": kind.title,
        "status": kind.status,
        "detail": kind.mend,
        "code": kind.code,
        "trace_id": TRACE,
    }
    assert fields[b"content-type"] == b"application/problem+json"
    assert fields[b"sidecar-error"] == kind.code.encode()
    assert fields[b"x-trace-id"] == TRACE.encode()
    assert fields[b"cache-control"] == b"no-store"
    assert not {b"connection", b"retry-after", b"server"} & fields.keys()


def test_the_catalogue_is_looked_through() -> None:
    assert {kind.code for kind in refusals()} >= {
        "bad_request",
        "token_missing",
        "agent_unreachable",
        "timeout",
        "internal",
    }
    for kind in refusals():  # a room's own variant has a code of the catalogue
        assert any(
            base.__module__ == errors.__name__ and getattr(base, "code", "") == kind.code for base in kind.__mro__[:-3]
        ), kind


def test_what_goes_with_it_is_said() -> None:
    notice = Notice(TRACE, [("WWW-Authenticate", "Bearer")])
    refusal = Overloaded(mend="Come back.", retry_after=3)
    response, body = read(respond(refusal, notice, close=True, bodiless=False))
    fields = dict(response.headers)
    assert (fields[b"www-authenticate"], fields[b"retry-after"], fields[b"connection"]) == (b"Bearer", b"3", b"close")
    assert json.loads(body)["detail"] == "Come back."


def test_where_a_user_agrees_is_a_member_of_the_document() -> None:
    refusal = errors.ConsentRequired.at("https://accounts.example.com/connect/s1", "s1", "alice hasn't agreed")
    _, body = read(respond(refusal, Notice(TRACE), close=False, bodiless=False))
    document = json.loads(body)
    assert (document["authorization_url"], document["session"]) == ("https://accounts.example.com/connect/s1", "s1")
    assert (document["code"], document["detail"]) == ("consent_required", errors.ConsentRequired.mend)
    assert "alice" not in str(document)


def test_head_is_answered_without_the_body_but_with_its_length() -> None:
    whole = respond(TokenMissing(), Notice(TRACE), close=False, bodiless=False)
    head = respond(TokenMissing(), Notice(TRACE), close=False, bodiless=True)
    assert whole.startswith(head[:20])
    response, body = read(head, b"HEAD")
    assert body == b""
    assert dict(response.headers)[b"content-length"] == str(len(whole.partition(b"\r\n\r\n")[2])).encode()
