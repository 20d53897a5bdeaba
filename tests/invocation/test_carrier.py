"""Carriers of a handle, and everywhere else."""

from sidecar.invocation.carrier import Carried, carried, elsewhere

ONE, TWO = b"ih_" + b"1" * 43, b"ih_" + b"2" * 43
AGENT = b"ag_" + b"a" * 43


def read(*lines: bytes, filled: frozenset[bytes] = frozenset({b"authorization"})) -> Carried:
    at: dict[bytes, tuple[int, ...]] = {}
    for index, line in enumerate(lines):
        name = line.partition(b":")[0].lower()
        at[name] = (*at.get(name, ()), index)
    return carried(lines, at, filled, AGENT)


def test_every_carrier_is_read_and_kept_back() -> None:
    found = read(b"Host: a", b"X-Identity-Invocation: " + ONE, b"baggage: a=1,identity.invocation=" + TWO)
    assert (found.handles, found.attaching, found.baggage) == ((ONE,), (TWO,), b"a=1")
    assert found.consumed == {1, 2}


def test_a_handle_elsewhere_is_found() -> None:
    lines = (b"Cookie: a=" + ONE,)
    assert elsewhere(lines, read(*lines), b"/?b=" + TWO.replace(b"_", b"%5f"), AGENT) == (ONE, TWO)
