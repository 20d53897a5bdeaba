"""Which fields leave, and where the credential's place is."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.egress import fields
from sidecar.relay.head import Head, Shapes
from sidecar.relay.proxied import read


def head(lines: bytes, version: bytes = b"1.1") -> Head[fields.Plan]:
    return read(b"GET /x HTTP/%b\r\nHost: a\r\n%b\r\n" % (version, lines), Shapes(fields.plan))


@pytest.mark.parametrize(
    "name",
    [
        b"x-identity-invocation",
        b"x-identity-anything",
        b"x_identity_subject",
        b"x-identity_subject",
        b"proxy-authorization",
        b"proxy-connection",
        b"connection",
        b"te",
        b"transfer-encoding",
        b"content-length",
        b"host",
        b"baggage",
        b"traceparent",
    ],
)
def test_what_is_the_sidecars_or_the_connections_never_leaves(name: bytes) -> None:
    assert fields.drops(name)


@pytest.mark.parametrize(
    "name", [b"authorization", b"x-identify", b"content-type", b"cookie", b"origin", b"tracestate"]
)
def test_the_rest_does(name: bytes) -> None:
    assert not fields.drops(name)


def test_lines_leave_as_they_came_in_their_order() -> None:
    read_as = head(b"b: 1\r\nA:2\r\nX-Identity-Subject: me\r\nAuthorization: Bearer p\r\nB:  3 \r\n")
    assert fields.kept(read_as, frozenset(), ()) == [b"b: 1", b"A:2", b"Authorization: Bearer p", b"B:  3 "]
    assert fields.kept(read_as, frozenset({1}), (b"authorization",)) == [b"A:2", b"B:  3 "]


@pytest.mark.parametrize("name", [b"x-api-key", b"X_API_KEY", b"x_api-key", b"X-Api_Key"])
def test_the_credentials_place_is_its_own_in_every_spelling(name: bytes) -> None:
    lines = b"%b: the agent's own\r\nX-Api: 1\r\nX_Other: 2\r\n" % name
    assert fields.kept(head(lines), frozenset(), (b"x-api-key",)) == [b"X-Api: 1", b"X_Other: 2"]


def test_what_connection_names_stays_here_and_an_old_client_expects_nothing() -> None:
    assert fields.kept(head(b"Connection: close, x-mine\r\nX-Mine: 1\r\nY: 2\r\n"), frozenset(), ()) == [b"Y: 2"]
    assert fields.kept(head(b"Expect: 100-continue\r\nY: 2\r\n", b"1.0"), frozenset(), ()) == [b"Y: 2"]
    assert len(fields.kept(head(b"Expect: 100-continue\r\nY: 2\r\n"), frozenset(), ())) == 2


@pytest.mark.parametrize(
    ("lines", "browser"),
    [
        (b"Origin: null\r\n", True),
        (b"SEC-FETCH-SITE: none\r\n", True),
        (b"Sec-Fetch-Mode: cors\r\n", False),
        (b"", False),
    ],
)
def test_a_browser_is_known_by_what_it_says(lines: bytes, browser: bool) -> None:
    assert head(lines).shape.plan.browser is browser


@pytest.mark.parametrize(
    ("target", "leaves"),
    [
        (b"/x", b"/x?key=real"),
        (b"/x?", b"/x?key=real"),
        (b"/x?a=1", b"/x?a=1&key=real"),
        (b"/x?key=mine", b"/x?key=real"),
        (b"/x?a=1&key=mine&b=2&key", b"/x?a=1&b=2&key=real"),
        (b"/x?%6bey=mine&k%65y=2", b"/x?key=real"),
        (b"/x?KEY=mine&keys=2", b"/x?KEY=mine&keys=2&key=real"),
        (b"/x?a=key%3Dmine", b"/x?a=key%3Dmine&key=real"),
        (b"/x?a=?key=mine", b"/x?a=?key=mine&key=real"),
    ],
)
def test_a_parameter_is_replaced_however_it_is_spelt(target: bytes, leaves: bytes) -> None:
    assert fields.with_parameter(target, b"key", b"key=real") == leaves


@given(st.text(alphabet="abkey=&%6?+", max_size=30).map(str.encode))
def test_there_is_one_such_parameter_and_it_is_the_last(query: bytes) -> None:
    from urllib.parse import parse_qsl

    leaves = fields.with_parameter(b"/x?" + query, b"key", b"key=real")
    said = parse_qsl(leaves.partition(b"?")[2].decode(), keep_blank_values=True)
    assert [value for name, value in said if name == "key"] == ["real"]
    assert said[-1] == ("key", "real")
