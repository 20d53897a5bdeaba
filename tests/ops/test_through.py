"""The door of the sidecar's own listeners."""

import pytest

from sidecar.errors import BadRequest
from sidecar.ops.through import Through
from sidecar.relay.head import parse
from sidecar.relay.passage import Passage, Peer
from sidecar.relay.pool import Pool

PEER = Peer("192.0.2.1", tls=False)


async def nowhere(_make: object) -> object:
    raise ConnectionRefusedError


@pytest.fixture
def door() -> Through:
    pool = Pool("nowhere", nowhere, connect_seconds=1.0, clock=lambda: 0.0)  # type: ignore[arg-type]  # never dialled
    return Through(pool, lambda: b"0af7651916cd43dd8448eb211c80319c")


def let_in(door: Through, raw: bytes) -> Passage:
    passage = door.admit(parse(raw, door.shapes), PEER)
    assert isinstance(passage, Passage)
    return passage


def test_a_request_goes_on_without_what_was_for_its_connection_alone(door: Through) -> None:
    raw = b"GET /status?x=1 HTTP/1.1\r\nHost: sidecar\r\nConnection: close\r\nContent-Length: 0\r\nAccept: */*\r\n\r\n"
    passage = let_in(door, raw)
    assert passage.head == b"GET /status?x=1 HTTP/1.1\r\nHost: sidecar\r\nAccept: */*\r\n"
    assert passage.mark == b""


@pytest.mark.parametrize("name", [b"connection", b"te", b"upgrade", b"content-length"])
def test_no_trailer_may_be_of_the_connections_own(door: Through, name: bytes) -> None:
    assert door.drops(name)
    assert not door.drops(b"accept")


def test_a_refusal_carries_the_trace_that_it_was_given(door: Through) -> None:
    assert door.refused(BadRequest(), None, PEER).trace_id == "0af7651916cd43dd8448eb211c80319c"
