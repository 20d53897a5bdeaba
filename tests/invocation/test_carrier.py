"""Carriers: what is read from each, what never leaves, and what is found where no handle may stand."""

import base64

import opentelemetry.baggage
import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.baggage.propagation import W3CBaggagePropagator
from opentelemetry.context import Context

from sidecar.invocation.carrier import Carried, carried, elsewhere
from sidecar.wire.trace import baggage_key
from tests.fuzzing import examples
from tests.invocation.world import (
    ATTACHING,
    ELSEWHERE,
    FILLED,
    FULL,
    PLACEHOLDERS,
    PREFIXED,
    SURE,
    TARGETS,
    Carrier,
    at,
    basic,
)

HANDLE, OTHER = b"ih_" + b"One-_" * 8 + b"abc", b"ih_" + b"Two-_" * 8 + b"abc"
AGENT = b"ag_" + b"Agt-_" * 8 + b"abc"
PLAIN = b"Accept: */*"


def read(*lines: bytes, filled: frozenset[bytes] = FILLED, agent: bytes | None = AGENT) -> Carried:
    return carried(lines, at([*lines]), filled, agent)


def astray(*lines: bytes, target: bytes = b"/", agent: bytes | None = AGENT) -> tuple[bytes, ...]:
    return elsewhere(lines, read(*lines, agent=agent), target, agent)


def by_name(table: dict[str, Carrier]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("carry", table.values(), ids=table.keys())


# carriers


@by_name({**FULL})
@pytest.mark.parametrize("handle", [HANDLE, AGENT])
def test_a_carrier_gives_its_handle_and_stays_here(carry: Carrier, handle: bytes) -> None:
    found = read(PLAIN, carry(handle), b"Host: a.example")
    assert (found.handles, found.attaching, found.consumed) == ((handle,), (), frozenset({1}))


@by_name({**FULL})
def test_the_agents_handle_may_have_any_shape(carry: Carrier) -> None:
    agent = b"shared.with~the-manifest"
    assert read(carry(agent), agent=agent).handles == (agent,)


@by_name({**ATTACHING})
def test_baggage_gives_its_handle_and_keeps_the_rest(carry: Carrier) -> None:
    found = read(PLAIN, carry(HANDLE))
    assert (found.handles, found.attaching, found.consumed) == ((), (HANDLE,), frozenset({1}))
    assert found.baggage == (b"a=1,b=2" if b"a=1" in carry(b"") else None)


@by_name({**FULL, **ATTACHING})
def test_nothing_is_astray_in_a_carrier_with_its_handle(carry: Carrier) -> None:
    assert astray(PLAIN, carry(HANDLE)) == ()


@by_name({**SURE})
@pytest.mark.parametrize("text", [b"", b"placeholder", b"ih_short", HANDLE + b" " + OTHER, HANDLE + b", " + OTHER])
def test_where_only_handles_stand_anything_is_meant_as_one(carry: Carrier, text: bytes) -> None:
    (handle,) = read(carry(text)).handles
    assert handle not in (HANDLE, OTHER, AGENT)


@by_name({**PLACEHOLDERS, **PREFIXED})
@pytest.mark.parametrize("text", [b"", b"sk-placeholder", b"IH_" + HANDLE[3:], b"my_ih_key", b"x" + HANDLE[1:]])
def test_another_placeholder_is_none_of_ours_and_leaves(carry: Carrier, text: bytes) -> None:
    found = read(carry(text))
    assert (found.handles, found.consumed) == ((), frozenset())


@by_name({**PLACEHOLDERS})
@pytest.mark.parametrize("text", [b"ih_", b"ag_", b"ih_short", HANDLE[:-1], HANDLE + b"x", HANDLE + b"."])
def test_what_begins_like_a_handle_is_meant_as_one(carry: Carrier, text: bytes) -> None:
    assert read(carry(text)).handles == (text,)


@pytest.mark.parametrize(
    ("line", "handle"),
    [
        (b"Proxy-Authorization: " + HANDLE, HANDLE),
        (b"Proxy-Authorization: Digest username=" + HANDLE, b"Digest username=" + HANDLE),
        (b"Proxy-Authorization: Bearer", b""),
        (b"Proxy-Authorization: Basic", b""),
        (b"Proxy-Authorization:", b""),
        (b"Proxy-Authorization: Basic !!!", b"Basic !!!"),
        (b"Proxy-Authorization: " + basic(HANDLE + b":").rstrip(b"="), basic(HANDLE + b":").rstrip(b"=")),
        (b"Proxy-Authorization: " + basic(HANDLE + b":") + b"!", basic(HANDLE + b":") + b"!"),
        (b"Proxy-Authorization: " + basic(b":" + HANDLE), b""),
        (b"Proxy-Authorization: " + basic(b"\xff\x00:"), b"\xff\x00"),
        (b"Proxy-Authorization: Bearer\t" + HANDLE, b"Bearer\t" + HANDLE),
        (b"X-Identity-Invocation: Bearer " + HANDLE, b"Bearer " + HANDLE),
        (b'X-Identity-Invocation: "' + HANDLE + b'"', b'"' + HANDLE + b'"'),
    ],
)
def test_what_can_not_be_read_is_a_handle_that_is_good_for_nothing(line: bytes, handle: bytes) -> None:
    assert read(line).handles == (handle,)


def test_several_lines_and_several_carriers_are_all_read_in_one_order() -> None:
    lines = [
        b"X-Api-Key: " + b"ih_6",
        b"Authorization: ih_4",
        b"X-Identity-Invocation: ih_1",
        b"Proxy-Authorization: Bearer ih_3",
        b"X_Identity_Invocation: ih_2",
        b"Authorization: ih_5",
    ]
    found = read(*lines)
    assert found.handles == (b"ih_1", b"ih_2", b"ih_3", b"ih_4", b"ih_5", b"ih_6")
    assert found.consumed == frozenset(range(6))


def test_a_prefix_may_be_any_text_where_the_header_is_filled() -> None:
    line = b"Authorization: Bearer key=" + HANDLE
    filled = read(line, filled=frozenset({b"authorization"}))
    assert (filled.handles, filled.beside) == ((HANDLE,), (b"Bearer key=",))
    assert read(line, filled=frozenset()).handles == ()
    assert astray(line) == (HANDLE,)


def test_a_header_that_no_provider_fills_carries_nothing() -> None:
    assert read(b"X-Api-Key: " + HANDLE, filled=frozenset()).handles == ()
    assert read(b"Authorization: Bearer " + HANDLE, filled=frozenset()).handles == (HANDLE,)


def test_a_carrier_that_is_filled_as_well_is_read_once() -> None:
    filled = frozenset({b"authorization", b"proxy-authorization", b"x-identity-invocation"})
    lines = [b"X-Identity-Invocation: ih_1", b"Proxy-Authorization: ih_2", b"Authorization: ih_3"]
    assert read(*lines, filled=filled).handles == (b"ih_1", b"ih_2", b"ih_3")


@pytest.mark.parametrize("scheme", [b"AWS4-HMAC-SHA256", b"AWS4-ECDSA-P256-SHA256"])
@pytest.mark.parametrize("before", [b" ", b" SignedHeaders=host, ", b" SignedHeaders=host,"])
def test_the_access_key_of_a_signed_request_may_be_a_handle(scheme: bytes, before: bytes) -> None:
    line = (
        b"Authorization: " + scheme + before + b"Credential=" + HANDLE + b"/20261124/eu/s3/aws4_request, Signature=00"
    )
    assert read(line).handles == (HANDLE,)
    assert astray(line) == ()
    assert astray(line.replace(b"=00", b"=" + OTHER)) == (OTHER,)
    assert read(line.replace(scheme, b"Digest")).handles == ()
    assert read(line.replace(b"Credential", b"XCredential")).handles == ()
    assert read(line.replace(b"/20261124", b",/20261124")).handles == ()


@pytest.mark.parametrize(
    ("name", "leaves"),
    [
        ("X-Identity-Principal", False),
        ("x-identity-", False),
        ("X_IDENTITY_SUBJECT", False),
        ("X-Identity_Anything", False),
        ("X-Identify", True),
        ("X-Identity", True),
        ("Y-X-Identity-Subject", True),
        ("X", True),
    ],
)
def test_no_header_of_ours_leaves(name: str, leaves: bool) -> None:
    found = read(PLAIN, name.encode() + b": 1")
    assert found.consumed == (frozenset() if leaves else {1})
    assert found.handles == ()


# baggage


def test_baggage_is_one_value_whatever_the_lines_and_leaves_without_what_is_ours() -> None:
    found = read(
        b"baggage: a=1",
        PLAIN,
        b"Baggage: identity.invocation=" + HANDLE + b",b=2;p=1",
        b"baggage: identity.principal=x, identity%2Einvocation = " + OTHER,
        b"baggage:",
    )
    assert (found.attaching, found.baggage, found.consumed) == (
        (HANDLE, OTHER),
        b"a=1,b=2;p=1",
        frozenset({0, 2, 3, 4}),
    )


def test_without_baggage_there_is_none_and_what_is_all_ours_leaves_none() -> None:
    assert read(PLAIN).baggage is None
    assert read(b"baggage: identity.invocation=" + HANDLE).baggage is None
    assert read(b"baggage: ").baggage is None


@pytest.mark.parametrize(
    ("member", "handle"),
    [
        (b"identity.invocation", b""),
        (b"identity.invocation=", b""),
        (b"identity.invocation;a=" + HANDLE, b""),
        (b"identity.invocation=;a=" + HANDLE, b""),
        (b"identity.invocation=" + HANDLE + b"=", HANDLE + b"="),
        (b"identity.invocation=ih%255F" + HANDLE[3:], b"ih%5F" + HANDLE[3:]),
        (b"identity.invocation=%00" + HANDLE, b"\0" + HANDLE),
        (b"identity.invocation=" + HANDLE + b"%zz", HANDLE + b"%zz"),
        (b"+identity.invocation+=" + HANDLE, HANDLE),
    ],
)
def test_a_member_of_ours_is_read_however_odd_it_is(member: bytes, handle: bytes) -> None:
    found = read(b"baggage: a=1," + member)
    assert (found.attaching, found.baggage) == ((handle,), b"a=1")


def test_a_member_that_is_cut_off_by_a_line_or_a_comma_is_not_put_together() -> None:
    found = read(b"baggage: identity.invocation=" + HANDLE[:20], b"baggage: " + HANDLE[20:])
    assert found.attaching == (HANDLE[:20],)
    assert read(b"baggage: identity.invocation=" + HANDLE[:20] + b"," + HANDLE[20:]).attaching == (HANDLE[:20],)


@pytest.mark.parametrize("member", [b"invocation=", b"xidentity.invocation=", b"identity.invocation2=", b"identity="])
def test_a_member_of_another_name_attaches_nothing(member: bytes) -> None:
    assert read(b"baggage: " + member + HANDLE).attaching == ()


def test_what_is_beyond_the_bounds_of_baggage_still_counts_and_does_not_leave() -> None:
    found = read(b"baggage: " + b"a=1," * 100 + b"identity.invocation=" + HANDLE)
    assert found.attaching == (HANDLE,)
    assert found.baggage == b",".join([b"a=1"] * 64)


def test_what_an_instrumented_agent_hands_on_is_read() -> None:
    """OpenTelemetry takes ``baggage`` apart on the way in and writes it anew on the way out."""
    context = W3CBaggagePropagator().extract({"baggage": f"a=1;p=2,identity.invocation={HANDLE.decode()}"}, Context())
    sent: dict[str, str] = {}
    W3CBaggagePropagator().inject(sent, opentelemetry.baggage.set_baggage("b", "ü, =", context))
    found = read(*(f"{name}: {value}".encode() for name, value in sent.items()))
    assert found.attaching == (HANDLE,)
    assert found.baggage == b"a=1%3Bp%3D2,b=%C3%BC%2C+%3D"


# elsewhere


@by_name({**ELSEWHERE})
@pytest.mark.parametrize("handle", [HANDLE, AGENT])
def test_a_handle_elsewhere_is_found(carry: Carrier, handle: bytes) -> None:
    assert handle in astray(PLAIN, carry(handle))
    assert handle in astray(carry(handle), b"X-Identity-Invocation: " + OTHER)


@by_name({**TARGETS})
@pytest.mark.parametrize("handle", [HANDLE, AGENT])
def test_a_handle_in_the_target_is_found(carry: Carrier, handle: bytes) -> None:
    assert handle in astray(PLAIN, target=carry(handle))


@by_name(
    {**{name: carry for name, carry in ELSEWHERE.items() if name not in ("behind several", "extended")}, **TARGETS}
)
def test_the_agents_handle_is_found_whatever_its_shape(carry: Carrier) -> None:
    agent = b"shared.with~the-manifest"
    text = carry(agent)
    assert agent in (astray(target=text, agent=agent) if text.startswith(b"/") else astray(text, agent=agent))


@pytest.mark.parametrize(
    "line",
    [
        b"Proxy-Authorization: " + basic(OTHER + b":" + HANDLE),
        b"Proxy-Authorization: " + basic(HANDLE + b":" + HANDLE),
        b"Authorization: " + basic(OTHER + b":" + HANDLE),
        b"X-Api-Key: %b-%b" % (HANDLE, OTHER),
        b"baggage: identity.invocation=%b;p=%b" % (OTHER, HANDLE),
        b"baggage: identity.invocation=%b,a=%b" % (OTHER, HANDLE),
        b"baggage: identity.invocation=%b,identity.x=%b" % (OTHER, HANDLE),
    ],
)
def test_what_stands_beside_the_handle_in_its_carrier_is_elsewhere(line: bytes) -> None:
    assert HANDLE in astray(line, agent=None) or HANDLE in read(line).handles[0]


def test_other_texts_are_no_handles() -> None:
    lines = [b"Cookie: id=ih_short; x=" + HANDLE[:-1], b"User-Agent: ag_" + b"." * 43, b"X: IH_" + HANDLE[3:]]
    assert astray(*lines, target=b"/ih_?q=%69h%255f" + HANDLE[3:]) == ()


def test_a_handle_that_is_split_over_lines_is_two_texts_that_are_none() -> None:
    assert astray(b"X-A: " + HANDLE[:20], b"X-A: " + HANDLE[20:]) == ()
    assert astray(b"X-A: " + HANDLE[:20] + b"%", b"0a" + HANDLE[20:] + b": 1") == ()


def test_each_is_found_once() -> None:
    assert astray(b"X-A: " + HANDLE, b"X-B: " + HANDLE, b"X-C: %41" + OTHER, target=b"/" + HANDLE) == (HANDLE, OTHER)


@pytest.mark.parametrize("noise", [b"ih_" * 10_000, b"basic " * 5_000, b"%69h_" * 6_000, b"Basic " + b"A" * 30_000])
def test_no_head_takes_long_to_look_through(noise: bytes) -> None:
    astray(b"X: " + noise, b"Authorization: " + noise, b"baggage: " + noise.replace(b" ", b","), target=b"/" + noise)


def test_nothing_that_was_read_is_shown() -> None:
    found = read(b"Proxy-Authorization: " + basic(HANDLE + b":" + OTHER), b"baggage: identity.invocation=" + OTHER)
    assert b"ih_" not in repr(found).encode()


# whatever comes

_WORDS = st.one_of(
    st.sampled_from([HANDLE, OTHER, AGENT, HANDLE[:-1], base64.b64encode(HANDLE + b":")]),
    st.sampled_from(
        [b"ih_", b"Bearer ", b"Basic ", b"AWS4-X Credential=", b"a=1", *(b"%c" % each for each in b",;= %/")]
    ),
    st.sampled_from([b"identity.invocation=", b"identity%2einvocation=", b"%2E", b"identity.x="]),
    st.binary(max_size=4),
)
_TEXTS = st.lists(_WORDS, max_size=8).map(b"".join)
_OURS = ["X-Identity-Invocation", "x_identity_invocation", "X-Identity-Groups", "Proxy-Authorization", "baggage"]
_NAMES = st.sampled_from([*_OURS, "Authorization", "X-Api-Key", "x_api_key", "Baggage", "Cookie"]).map(str.encode)
HEADS = st.lists(st.tuples(_NAMES, _TEXTS).map(b": ".join), max_size=5)


@examples(300)
@given(HEADS, _TEXTS)
def test_whatever_the_head_it_can_be_read_and_what_leaves_with_a_handle_in_it_is_found(
    lines: list[bytes], target: bytes
) -> None:
    found = read(*lines)
    known = elsewhere(lines, found, target, AGENT)
    leaves = [line for index, line in enumerate(lines) if index not in found.consumed] + [found.baggage or b"", target]
    assert [handle for handle in (HANDLE, OTHER, AGENT) if any(handle in line for line in leaves)] == [
        handle for handle in (HANDLE, OTHER, AGENT) if handle in known and any(handle in line for line in leaves)
    ]
    assert not [each for each in (found.baggage or b"").split(b",") if baggage_key(each).startswith("identity.")]


@examples(100)
@given(HEADS)
def test_what_is_read_once_is_gone(lines: list[bytes]) -> None:
    found = read(*lines)
    left = [line for index, line in enumerate(lines) if index not in found.consumed]
    again = read(*left, *([b"baggage: " + found.baggage] if found.baggage else []))
    assert (again.handles, again.attaching, again.baggage) == ((), (), found.baggage)
