"""Whose a call is: every carrier alone, every two of them, forged handles of every kind, and whatever else is sent."""

import base64
import re
from collections.abc import Iterator, Mapping
from itertools import product
from urllib.parse import unquote_to_bytes

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.errors import InvocationAmbiguous, InvocationInvalid
from sidecar.invocation.caller import AGENT, Callers
from sidecar.invocation.invocation import Lifetimes
from tests.fuzzing import examples
from tests.invocation.scene import BOB, Scene
from tests.invocation.world import (
    AGENT_HANDLE,
    ATTACHING,
    ELSEWHERE,
    FULL,
    PLACEHOLDERS,
    PREFIXED,
    SURE,
    TARGETS,
    Carrier,
    World,
    basic,
)

WORLD = World()
EVERY: Mapping[str, Carrier] = {**FULL, **ATTACHING}
PLAIN = b"Accept: */*"


def by_name(table: Mapping[str, Carrier]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("carry", table.values(), ids=table.keys())


def due(name: str, who: str) -> bytes:
    """The handle of *who* that is right for the carrier *name*."""
    attaching = name in ATTACHING
    return {
        "one": WORLD.one_attach if attaching else WORLD.one_handle,
        "two": WORLD.two_attach if attaching else WORLD.two_handle,
        "dead": WORLD.dead_attach if attaching else WORLD.dead,
        "agent": AGENT_HANDLE,
    }[who]


# one carrier


@by_name(FULL)
def test_a_handle_names_its_caller_from_every_carrier(carry: Carrier) -> None:
    assert WORLD.meant([PLAIN, carry(WORLD.one_handle)]) == "one"
    assert WORLD.meant([carry(WORLD.two_handle), PLAIN]) == "two"
    assert WORLD.meant([carry(AGENT_HANDLE)]) == "agent"
    assert WORLD.meant([carry(WORLD.one_detached)]) == "one"
    assert WORLD.meant([carry(WORLD.dead)]) == "invalid"


@by_name(ATTACHING)
def test_a_second_handle_names_its_invocation_from_baggage(carry: Carrier) -> None:
    assert WORLD.meant([carry(WORLD.one_attach)]) == "one"
    assert WORLD.meant([carry(WORLD.two_attach)]) == "two"
    assert WORLD.meant([carry(WORLD.dead_attach)]) == "invalid"


@by_name(FULL)
def test_a_handle_that_is_good_for_attaching_names_nobody_where_a_full_one_is_due(carry: Carrier) -> None:
    assert WORLD.meant([carry(WORLD.one_attach)]) == "invalid"


@by_name(ATTACHING)
def test_no_full_handle_attaches(carry: Carrier) -> None:
    for handle in (WORLD.one_handle, WORLD.one_detached, AGENT_HANDLE):
        assert WORLD.meant([carry(handle)]) == "invalid"


def test_without_a_handle_it_is_nobodys_and_other_placeholders_are_none() -> None:
    assert WORLD.meant([]) == "nobody"
    assert WORLD.meant([b"Authorization: Bearer sk-placeholder", b"X-Api-Key: none", b"baggage: a=1"]) == "nobody"


def forged(handle: bytes) -> Iterator[bytes]:
    """What resembles *handle*."""
    for index in (3, 4, 20, len(handle) - 1):
        other = b"A" if handle[index : index + 1] != b"A" else b"B"
        yield handle[:index] + other + handle[index + 1 :]
    yield handle[:3] + handle[3:].swapcase()
    yield from (handle[:-1], handle[:-20], handle[:3], handle[:2])
    yield from (handle + b"A", handle + b"=", handle + handle, handle + b"\xff")
    yield from (handle[:20] + b" " + handle[20:], handle + b" x", handle[:3] + b" " + handle[3:])
    yield from (handle[:3].upper() + handle[3:], handle.upper(), handle[3:], b"x" + handle, b"ih_" + handle)
    yield from (b'"' + handle + b'"', b"<" + handle + b">", handle + b".", handle + b"%00", b"%" + handle)
    yield (b"ag_" if handle.startswith(b"ih_") else b"ih_") + handle[3:]
    yield b"ih-" + handle[3:]


@pytest.mark.parametrize("name", EVERY)
def test_what_resembles_a_handle_names_nobody_from_any_carrier(name: str) -> None:
    for who in ("one", "agent"):
        handle = due(name, who)
        for text in forged(handle):
            prefixed = name in PREFIXED or (name in PLACEHOLDERS and not text.startswith((b"ih_", b"ag_")))
            if name.startswith("filled") and prefixed and text.endswith(handle):
                continue  # a provider's prefix may be any text
            meant = WORLD.meant([PLAIN, EVERY[name](text)])
            assert meant in ("invalid", "nobody", "astray"), text
            assert meant != "nobody" or name in PLACEHOLDERS or name in PREFIXED, text


@pytest.mark.parametrize("name", [name for name in PLACEHOLDERS if "AWS4" not in name])
def test_what_begins_like_a_handle_is_refused_where_it_is_none(name: str) -> None:
    for text in forged(WORLD.one_handle):
        if text.startswith((b"ih_", b"ag_")):
            assert WORLD.meant([PLACEHOLDERS[name](text)]) in ("invalid", "astray"), text


@pytest.mark.parametrize("name", [*SURE])
def test_whatever_stands_where_only_handles_do_is_one_or_refused(name: str) -> None:
    for text in (b"", b"ih_", b"alice", b"ih_" + b"A" * 43, *forged(WORLD.one_handle)):
        assert WORLD.meant([SURE[name](text)]) in ("invalid", "astray")


@pytest.mark.parametrize(
    "line",
    [
        b"Proxy-Authorization: " + WORLD.one_handle[:20],
        b"Proxy-Authorization: Bearer",
        b"Proxy-Authorization: Bearer " + WORLD.one_handle + b" " + WORLD.one_handle,
        b"Proxy-Authorization: Digest " + WORLD.one_handle,
        b"Proxy-Authorization: Basic " + WORLD.one_handle,
        b"Proxy-Authorization: Basic !" + base64.b64encode(WORLD.one_handle + b":"),
        b"Proxy-Authorization: Basic " + base64.b64encode(WORLD.one_handle + b":").rstrip(b"="),
        b"Proxy-Authorization: Basic " + base64.urlsafe_b64encode(b"\xff\xfe" + WORLD.one_handle + b":"),
        b"Proxy-Authorization: " + basic(b":" + WORLD.one_handle),
        b"Proxy-Authorization: " + basic(b" " + WORLD.one_handle + b":"),
        b"Proxy-Authorization: " + basic(WORLD.one_handle + b" :"),
        b"Proxy-Authorization: " + basic(WORLD.one_handle[:-1] + b":" + WORLD.one_handle[-1:]),
        b"X-Identity-Invocation: Bearer " + WORLD.one_handle,
        b"X-Identity-Invocation: %b, %b" % (WORLD.one_handle, WORLD.one_handle),
        b"X-Identity-Invocation: " + WORLD.one_handle.replace(b"_", b"%5F"),
        b"X-Identity-Invocation: " + base64.b64encode(WORLD.one_handle),
    ],
)
def test_a_carrier_that_is_ill_formed_is_refused(line: bytes) -> None:
    assert WORLD.meant([line]) in ("invalid", "astray")


def test_a_handle_that_is_split_over_lines_names_nobody() -> None:
    first, last = WORLD.one_handle[:20], WORLD.one_handle[20:]
    assert WORLD.meant([b"X-Identity-Invocation: " + first, b"X-Identity-Invocation: " + last]) == "invalid"
    assert WORLD.meant([b"Authorization: Bearer " + first, b"Authorization: " + last]) == "invalid"
    assert WORLD.meant([b"baggage: identity.invocation=" + first, b"baggage: " + last]) == "invalid"
    assert WORLD.meant([b"X-A: " + first, b"X-A: " + last]) == "nobody"


# several carriers


def expected(first: str, second: str) -> str:
    """Of two handles: what one who thinks of nothing but the contract would say."""
    pair = {first, second}
    if "dead" in pair:
        return "invalid"
    if pair == {"one", "two"}:
        return "ambiguous"
    return next(iter(pair - {"agent"}), "agent")


@pytest.mark.parametrize("name", EVERY)
def test_any_two_carriers_agree_or_the_call_is_refused(name: str) -> None:
    for other, mine, its in product(EVERY, ("one", "agent", "dead"), ("one", "two", "agent", "dead")):
        if (name in ATTACHING and mine == "agent") or (other in ATTACHING and its == "agent"):
            continue  # the agent's handle never stands in baggage
        lines = [EVERY[name](due(name, mine)), PLAIN, EVERY[other](due(other, its))]
        for order in (lines, lines[::-1]):
            assert WORLD.meant(order) == expected(mine, its), (other, mine, its)


def test_many_handles_of_one_invocation_agree_and_one_of_another_spoils_them() -> None:
    lines = [carry(due(name, "one")) for name, carry in EVERY.items()]
    assert WORLD.meant(lines) == "one"
    assert WORLD.meant([*lines, b"Proxy-Authorization: Bearer " + AGENT_HANDLE]) == "one"
    assert WORLD.meant([*lines, b"X-Identity-Invocation: " + WORLD.one_detached]) == "one"
    for name, carry in EVERY.items():
        assert WORLD.meant([*lines, carry(due(name, "two"))]) == "ambiguous"
        assert WORLD.meant([*lines, carry(due(name, "dead"))]) == "invalid"


@pytest.mark.parametrize(
    ("lines", "meant"),
    [
        (["a=1", "identity.invocation=ONE", "b=2"], "one"),
        (["identity.invocation=ONE,identity.invocation=ONE"], "one"),
        (["identity.invocation=ONE", "Identity%2EInvocation=ONE"], "one"),
        (["identity.invocation=ONE,identity.invocation=TWO"], "ambiguous"),
        (["identity.invocation=ONE", "identity.invocation=TWO"], "ambiguous"),
        (["identity.invocation=ONE,identity.invocation="], "invalid"),
        (["identity.invocation=mallory,identity.invocation=ONE"], "invalid"),
        (["identity.invocation=ONE;identity.invocation=TWO"], "astray"),
        (["identity.invocation=ONE,user=TWO"], "astray"),
        (["identity.principal=alice,a=1"], "nobody"),
        (["userId=alice;p=1,session=42", "%zz=1"], "nobody"),
        (["invocation=ONE"], "astray"),
        (["identity.invocation.x=ONE"], "astray"),
    ],
)
def test_baggage_in_several_lines_and_members(lines: list[str], meant: str) -> None:
    handles = {"ONE": WORLD.one_attach.decode(), "TWO": WORLD.two_attach.decode()}
    texts = [f"baggage: {line}".replace("ONE", handles["ONE"]).replace("TWO", handles["TWO"]) for line in lines]
    assert WORLD.meant([text.encode() for text in texts]) == meant


# elsewhere


@by_name(ELSEWHERE)
def test_a_live_handle_in_another_line_stops_the_call_and_a_dead_one_does_not(carry: Carrier) -> None:
    carried = b"X-Identity-Invocation: " + WORLD.one_handle
    for handle in WORLD.live:
        assert WORLD.meant([carry(handle)]) == "astray"
        assert WORLD.meant([carried, carry(handle)]) == "astray"
    assert WORLD.meant([carried, carry(WORLD.dead)]) == "one"


@by_name(TARGETS)
def test_a_live_handle_in_the_target_stops_the_call_and_a_dead_one_does_not(carry: Carrier) -> None:
    for handle in WORLD.live:
        assert WORLD.meant([], carry(handle)) == "astray"
    assert WORLD.meant([], carry(WORLD.dead)) == "nobody"


@pytest.mark.parametrize("carry", ["Proxy-Authorization", "Authorization"])
def test_a_live_handle_as_the_password_stops_the_call(carry: str) -> None:
    for password in (WORLD.one_handle, WORLD.two_handle, b"x:" + AGENT_HANDLE):
        assert WORLD.meant([carry.encode() + b": " + basic(WORLD.one_handle + b":" + password)]) == "astray"


# defaults


def test_a_default_holds_where_nothing_is_carried() -> None:
    of, read = WORLD.callers.of, WORLD.read
    assert of(read([])) is None
    assert of(read([]), AGENT) is AGENT
    assert of(read([]), WORLD.one) is WORLD.one


def test_a_handle_overrides_the_agent_as_default_and_an_invocation_is_not_overridden_by_the_agent() -> None:
    of, read = WORLD.callers.of, WORLD.read
    two = read([b"X-Identity-Invocation: " + WORLD.two_handle])
    assert of(two, AGENT) is WORLD.two
    assert of(two, WORLD.one) is WORLD.two  # whose tunnel it is, the door compares
    agent = read([b"X-Identity-Invocation: " + AGENT_HANDLE])
    assert of(agent, WORLD.one) is WORLD.one
    assert of(agent, AGENT) is AGENT
    assert of(agent) is AGENT


def test_a_bad_handle_is_refused_whatever_the_default() -> None:
    for default in (None, AGENT, WORLD.one):
        with pytest.raises(InvocationInvalid):
            WORLD.callers.of(WORLD.read([b"X-Identity-Invocation: " + WORLD.dead]), default)


def test_a_default_that_has_died_is_refused_and_a_handle_still_names_its_own() -> None:
    scene = Scene(Lifetimes(linger=0.0))
    callers = Callers(scene.all, AGENT_HANDLE, concurrency_one=False)
    gone, _ = scene.open()
    alive, handle = scene.open()
    world = World()
    scene.all.end(gone)
    for line in (b"Accept: a", b"X-Identity-Invocation: " + AGENT_HANDLE):
        with pytest.raises(InvocationInvalid):
            callers.of(world.read([line]), gone)
    assert callers.of(world.read([b"X-Identity-Invocation: " + handle]), gone) is alive


# one handle, as the identity API has it


def test_the_api_takes_full_handles_and_the_agents() -> None:
    of = WORLD.callers.of_handle
    assert of(WORLD.one_handle) is WORLD.one
    assert of(WORLD.one_detached) is WORLD.one
    assert of(AGENT_HANDLE) is AGENT
    for handle in (b"", b"ag_", WORLD.dead, WORLD.one_attach, *forged(WORLD.one_handle), *forged(AGENT_HANDLE)):
        with pytest.raises(InvocationInvalid):
            of(handle)


def test_why_a_handle_is_refused_is_told_without_it() -> None:
    for handle in (WORLD.one_attach, WORLD.dead, b"ih_forged"):
        with pytest.raises(InvocationInvalid) as refused:
            WORLD.callers.of_handle(handle)
        assert handle.decode() not in refused.value.reason
    for handle, why in (
        (WORLD.one_attach, "attaching"),
        (WORLD.dead, "no handle of"),
        (WORLD.dead_attach, "no handle of"),
    ):
        with pytest.raises(InvocationInvalid, match=why):
            WORLD.callers.of_handle(handle)


def test_without_an_agents_handle_nothing_names_the_agent() -> None:
    world = World(agent=None)
    for name, carry in FULL.items():
        assert world.meant([carry(AGENT_HANDLE)]) == "invalid", name
        assert world.meant([carry(world.one_handle)]) == "one"
    assert world.meant([b"Cookie: " + AGENT_HANDLE]) == "nobody"


def test_the_agents_handle_may_have_any_shape() -> None:
    agent = b"shared.with~the-manifest"
    world = World(agent)
    for name, carry in FULL.items():
        assert world.meant([carry(agent)]) == "agent", name
        assert world.meant([carry(agent[:-1])]) in ("invalid", "nobody")
    assert world.meant([], b"/?key=" + agent) == "astray"


def test_no_candidates_are_live_but_those_that_are() -> None:
    live = WORLD.callers.live
    assert not live([])
    assert not live([WORLD.dead, WORLD.dead_attach, b"", *forged(WORLD.one_handle)])
    for handle in WORLD.live:
        assert live([WORLD.dead, handle])


# one call at a time


def test_the_one_open_invocation_is_the_default_where_calls_come_one_at_a_time() -> None:
    scene = Scene(Lifetimes(linger=0.0, most=100.0))
    one_at_a_time = Callers(scene.all, None, concurrency_one=True)
    many = Callers(scene.all, None, concurrency_one=False)
    assert one_at_a_time.default() is None
    first, _ = scene.open()
    assert one_at_a_time.default() is first
    assert many.default() is None
    second, _ = scene.open(BOB)
    with pytest.raises(InvocationAmbiguous):
        one_at_a_time.default()
    assert many.default() is None
    scene.all.end(first)
    assert one_at_a_time.default() is second
    scene.now += 100
    assert one_at_a_time.default() is None


def test_what_lingers_or_was_detached_is_not_guessed_away() -> None:
    scene = Scene(Lifetimes(linger=30.0, detach=600.0))
    callers = Callers(scene.all, None, concurrency_one=True)
    first, _ = scene.open()
    scene.all.detach(first, 600.0)
    assert callers.default() is first  # it is one, by however many handles
    scene.all.end(first)
    scene.open(BOB)
    for seconds in (0, 29, 31, 500):
        scene.now += seconds
        with pytest.raises(InvocationAmbiguous):
            callers.default()
    scene.now += 40
    assert callers.default() is not first


# whatever comes

_HANDLES = st.sampled_from([*WORLD.live, WORLD.dead, WORLD.dead_attach, *forged(WORLD.one_handle)])
_SPELT = st.one_of(
    _HANDLES,
    _HANDLES.map(lambda handle: base64.b64encode(handle + b":x")),
    _HANDLES.map(lambda handle: b"".join(b"%%%02x" % each for each in handle)),
    _HANDLES.map(lambda handle: handle[:20]),
    _HANDLES.map(lambda handle: handle[20:]),
)
_WORDS = st.one_of(
    _SPELT,
    st.sampled_from([b"Bearer ", b"Basic ", b"token ", b"a=1", b",", b";", b"=", b" ", b"%", b":", b"key-", b"ih_"]),
    st.sampled_from([b"identity.invocation=", b"identity%2einvocation=", b"AWS4-X Credential=", b"/", b"?a="]),
    st.binary(max_size=3).map(lambda text: text.replace(b"\r", b"").replace(b"\n", b"")),
)
_TEXTS = st.lists(_WORDS, max_size=6).map(b"".join)
_OURS = ["X-Identity-Invocation", "x_identity_invocation", "X-Identity-Groups", "Proxy-Authorization", "baggage"]
_NAMES = st.sampled_from([*_OURS, "Authorization", "X-Api-Key", "x_api_key", "Baggage", "Cookie"]).map(str.encode)
_LINES = st.one_of(
    st.tuples(st.sampled_from([*EVERY.values(), *ELSEWHERE.values()]), _HANDLES).map(lambda pair: pair[0](pair[1])),
    st.tuples(_NAMES, _TEXTS).map(b": ".join),
)


def shown(text: bytes) -> set[str]:
    """Whose live handles stand in *text*, as they are or percent-encoded."""
    plain = (text, unquote_to_bytes(text))
    return {who for handle, who in WORLD.live.items() if any(handle in each for each in plain)}


def named(lines: list[bytes]) -> set[str]:
    """Whose live handles stand anywhere in *lines*, in base64 as well."""
    words = [word for line in lines for word in re.findall(rb"[A-Za-z0-9+/]+", line) if len(word) % 4 != 1]
    return set().union(*(shown(text) for text in [*lines, *(base64.b64decode(word + b"===") for word in words)]))


@examples(400)
@given(st.lists(_LINES, max_size=5), _TEXTS)
def test_whatever_is_sent_it_is_one_that_a_live_handle_named_or_refused_and_no_handle_leaves(
    lines: list[bytes], query: bytes
) -> None:
    target = b"/?" + query
    meant = WORLD.meant(lines, target)
    if meant in ("astray", "invalid", "ambiguous"):
        return
    assert {meant} - {"nobody"} <= named(lines)
    others = set().union(*map(shown, [*lines, target])) - {meant}
    assert others == set() or (others == {"agent"} and meant != "nobody")
    found = WORLD.read(lines)
    leaving = [line for index, line in enumerate(lines) if index not in found.consumed]
    if found.baggage is not None:
        leaving.append(b"baggage: " + found.baggage)
    for line in [*leaving, target]:
        assert shown(line) == set()
        assert not line.lower().replace(b"_", b"-").startswith(b"x-identity-")


@examples(200)
@given(st.lists(_LINES, max_size=4).flatmap(lambda lines: st.tuples(st.just(lines), st.permutations(lines))))
def test_the_order_of_the_lines_means_nothing(both: tuple[list[bytes], list[bytes]]) -> None:
    assert WORLD.meant(both[0]) == WORLD.meant(both[1])
