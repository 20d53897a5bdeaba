"""What is asked of the sidecar itself: at once, or by its application. (What is said is told in tests/api.)"""

from typing import Any

import pytest

from sidecar.egress.own import Own, Prompted
from sidecar.relay.head import Head
from sidecar.relay.passage import Reply
from tests.egress.out import HERE, Out, get


class Held:
    """Has an answer to every POST with a body, but for one that says ``wait``."""

    def __init__(self) -> None:
        self.asked: list[tuple[bytes, bytes, bytes, bytes]] = []

    def takes(self, head: Head[Any]) -> bool:
        return head.method == b"POST" and head.length > 0

    def answer(self, head: Head[Any], body: bytes, trace_id: bytes, span_id: bytes) -> Reply | None:
        self.asked.append((head.target, body, trace_id, span_id))
        return None if body == b"wait" else Reply(200, b"", body)


def post(body: bytes, fields: bytes = b"", target: bytes = b"/v1/token") -> bytes:
    return b"POST %b HTTP/1.1\r\nHost: %b\r\n%bContent-Length: %d\r\n\r\n" % (target, HERE, fields, len(body))


@pytest.fixture
def held() -> Held:
    return Held()


def test_what_may_be_at_hand_is_looked_for_once_the_body_is_there(held: Held) -> None:
    out = Out({}, {}, prompt=held)
    trace = b"4bf92f3577b34da6a3ce929d0e0e4736"
    passage = out.ask(post(b"body", b"Traceparent: 00-%b-00f067aa0ba902b7-01\r\n" % trace))
    assert isinstance(passage, Prompted)
    assert (passage.most, held.asked) == (4, [])
    assert passage.gathered(b"body") == Reply(200, b"", b"body")
    ((target, body, asked_in, span),) = held.asked
    assert (target, body, asked_in, len(span)) == (b"/v1/token", b"body", trace, 16)


@pytest.mark.parametrize("held", [Held(), None])
def test_what_is_not_goes_to_the_application_as_it_came(held: Held | None) -> None:
    fields = b"X-A: 1\r\nConnection: x-a\r\nProxy-Authorization: Basic YTpi\r\nX-B: 2\r\nX-A: 3\r\n"
    out = Out({}, {}, prompt=held)
    passage = out.ask(post(b"wait", fields))
    sent = passage.gathered(b"wait") if held is not None else passage.head
    lines = [b"Host: %b" % HERE, b"X-A: 1", b"X-A: 3", b"X-B: 2"]
    assert sent == b"POST /v1/token HTTP/1.1\r\n" + b"".join(line + b"\r\n" for line in lines)
    assert passage.answers is Own.answers
    assert (
        passage.answers.parse(b"HTTP/1.1 200 OK\r\nSidecar-Error: ours\r\nX-Trace-Id: ours\r\n\r\n").start.count(
            b"ours"
        )
        == 2
    )


def test_what_nobody_takes_is_the_applications_at_once(held: Held) -> None:
    out = Out({}, {}, prompt=held)
    assert isinstance(out.ask(get(b"/v1/principal")), Own)
    assert held.asked == []


def test_a_head_is_remembered_once_it_was_answered(held: Held) -> None:
    out = Out({}, {}, prompt=held)
    for body, kept in ((b"wait", False), (b"wait", False), (b"wait", False), (b"body", False), (b"body", True)):
        passage = out.ask(post(body))
        passage.gathered(body)
        assert out.head(post(body)).shape.kept is kept
