"""What is answered at once is what the application answers, to the byte; and it is never what that would refuse."""

import gzip
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sidecar.api.prompt import MOST, Prompt
from sidecar.errors import AuditUnavailable, NotPermitted, ProviderUnreachable
from sidecar.policy.capability import Capability, Who
from sidecar.relay.head import Head, Shapes
from sidecar.relay.proxied import read
from tests.api.around import AGENT, BOB, Around, provider
from tests.api.twice import Twice, twice
from tests.fuzzing import LONG

HELD = {"provider": "granting", "scopes": ["a"]}
TOKEN, KEY = b"/v1/token", b"/v1/api-key"
MINE = b"Authorization: Bearer %b\r\n" % AGENT


@pytest.fixture
async def asked() -> AsyncIterator[Twice]:
    around = Around()
    around.granting.held = True
    around.granting.named = "token"
    async with twice(around) as both:
        yield both


def post(body: object, fields: bytes = MINE, target: bytes = TOKEN, first: bytes = b"", last: bytes = b"") -> bytes:
    """*body*: bytes as they are, else JSON."""
    text = body if isinstance(body, bytes) else json.dumps(body).encode()
    line = first or b"POST %b HTTP/1.1" % target
    length = b"" if b"chunked" in fields else b"Content-Length: %d\r\n" % len(text)
    return b"%b\r\nHost: 127.0.0.1:8181\r\n%b%b%b\r\n%b" % (line, fields, length, last, text)


def chunked(body: bytes) -> bytes:
    return b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body)


AT_ONCE = {
    "a token that is held": post(HELD),
    "of no scope": post({"provider": "granting"}),
    "in another order": post({"force": False, "scopes": ["b", "a", "b"], "provider": "granting"}),
    "one that never ends": post({"provider": "bearer", "scopes": []}),
    "a key": post({"provider": "key"}, target=KEY),
    "of a scheme in small letters": post(HELD, b"authorization: bearer %b\r\n" % AGENT),
    "with white space": post(HELD, b"Authorization: \t Bearer  %b \t\r\n" % AGENT),
    "in the field of ours": post(HELD, b"X-Identity-Invocation: %b\r\n" % AGENT),
    "in both": post(HELD, b"X-Identity-Invocation: %b\r\nAuthorization: Bearer %b\r\n" % (AGENT, AGENT)),
    "beside another's credential": post(HELD, b"X-Identity-Invocation: %b\r\nAuthorization: Basic YTpi\r\n" % AGENT),
    "with a trace": post(HELD, MINE + b"Traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01\r\n"),
    "with a trace that is none": post(HELD, MINE + b"Traceparent: 00-4BF9\r\n"),
    "with what clients send": post(HELD, MINE + b"Content-Type: application/json\r\nAccept: */*\r\nCookie: a=b\r\n"),
    "of no type": post(HELD, MINE + b"Content-Type: text/plain; charset=utf-16\r\n"),
    "at the end": post(HELD, MINE + b"Connection: close\r\n"),
    "with what is for this connection alone": post(HELD, MINE + b"Connection: Authorization\r\n"),
    "in white space": post(b' {"provider" :"granting"}\n'),
    "as large as may be": post(b'{"provider": "granting"}'.ljust(MOST)),
    "a token that can't be better": post({"provider": "bearer", "force": True}),
    "what attaches elsewhere": post(HELD, MINE + b"Baggage: identity.invocation=ih_" + b"x" * 43 + b"\r\n"),
}
WAITS = {
    "one that is forced": (post({"provider": "granting", "force": True}), 200),
    "one larger than that": (post(b'{"provider": "granting"}'.ljust(MOST + 1)), 200),
    "in chunks": (post(chunked(json.dumps(HELD).encode()), MINE + b"Transfer-Encoding: chunked\r\n"), 200),
    "packed": (post(gzip.compress(json.dumps(HELD).encode()), MINE + b"Content-Encoding: gzip\r\n"), 400),
    "packed, it says": (post(HELD, MINE + b"Content-Encoding: gzip\r\n"), 400),
    "expected": (post(HELD, MINE + b"Expect: 100-continue\r\n"), 200),
    "with a query": (post(HELD, target=TOKEN + b"?a=b"), 200),
    "by HTTP/1.0": (post(HELD, first=b"POST /v1/token HTTP/1.0"), 200),
    "twice the same": (post(HELD, MINE + b"X-Identity-Invocation: %b\r\n" % AGENT * 2), 200),
    "a switch": (post(HELD, MINE + b"Sec-WebSocket-Key1: a\r\n"), 400),
    "by another method": (post(HELD, first=b"PUT /v1/token HTTP/1.1"), 400),
    "without a body": (b"POST /v1/token HTTP/1.1\r\nHost: 127.0.0.1:8181\r\n%b\r\n" % MINE, 400),
    "of no length": (post(b""), 400),
    "at a path of no call": (post(HELD, target=b"/v1/token/"), 404),
    "at another spelling": (post(HELD, target=b"/v1/%74oken"), 404),
    "of another call": (post({"seconds": 5}, target=b"/v1/invocation/detach"), 403),
    "by nobody": (post(HELD, b""), 401),
    "by a stranger": (post(HELD, b"Authorization: Bearer ih_" + b"x" * 43 + b"\r\n"), 401),
    "by a stranger who is named, too": (post(HELD, MINE + b"X-Identity-Invocation: ih_x\r\n"), 401),
    "without a scheme": (post(HELD, b"Authorization: %b\r\n" % AGENT), 401),
    "by a password": (post(HELD, b"Proxy-Authorization: Bearer %b\r\n" % AGENT), 401),
    "no JSON": (post(b"{provider}"), 400),
    "a member twice": (post(b'{"provider": "granting", "provider": "granting"}'), 400),
    "a member too many": (post({**HELD, "audience": "x"}), 400),
    "no name": (post({"provider": ["granting"]}), 400),
    "a scope that is none": (post({"provider": "granting", "scopes": ['"']}), 400),
    "a list": (post(b"[]"), 400),
    "bytes": (post(b'{"provider": "\xff"}'), 400),
    "of nobody": (post({"provider": "nobody"}), 404),
    "of what is kept": (post({"provider": "kept"}), 403),
    "a key where tokens are": (post({"provider": "key"}), 400),
    "a token where keys are": (post({"provider": "bearer"}, target=KEY), 400),
    "more scopes than are allowed": (post({"provider": "granting", "scopes": ["c"]}), 403),
    "what is a user's": (post({"provider": "people"}), 403),
    "out of order": (post({"provider": "broken"}), 502),
    "more than is allowed": (post({"provider": "generous", "scopes": ["a"]}), 403),
}


@pytest.mark.parametrize("what", AT_ONCE)
async def test_what_is_at_hand_is_answered_at_once_as_the_application_does(asked: Twice, what: str) -> None:
    told = await asked.ask(AT_ONCE[what])
    assert (told.answered, told.statuses) == (1, [200])
    assert told.quick == told.slow


@pytest.mark.parametrize("what", WAITS)
async def test_all_else_is_the_applications(asked: Twice, what: str) -> None:
    around, (request, status) = asked.around, WAITS[what]
    around.having(provider("kept", "bearer", hand_out=False))
    around.having(provider("broken"), source=type(around.granting)(held=True, fault=ProviderUnreachable("down")))
    around.having(provider("generous"), source=type(around.granting)(held=True, beyond=frozenset({"admin"})))
    named = ("granting", "bearer", "key", "kept", "broken", "generous", "people")
    scopes = frozenset({"a", "b"})
    around.allowing(**{each: Capability(each, Who(principal=False), provider=each, scopes=scopes) for each in named})
    told = await asked.ask(request)
    assert (told.answered, told.statuses) == (0, [status])
    assert told.quick == told.slow


async def test_it_is_each_invocations_own(asked: Twice) -> None:
    around = asked.around
    sales = Capability("sell", Who(groups=frozenset({"sales"})), provider="granting", scopes=frozenset({"a"}))
    around.allowing(sell=sales)
    (alices, alice), (_, bob) = around.open(), around.open(BOB)
    for handle, status in ((alice, 200), (bob, 403)):
        told = await asked.ask(post(HELD, b"Authorization: Bearer %b\r\n" % handle.encode()))
        assert (told.answered, told.statuses) == (int(status == 200), [status])
        assert told.quick == told.slow
    both = b"Authorization: Bearer %b\r\nX-Identity-Invocation: %b\r\n" % (alice.encode(), bob.encode())
    told = await asked.ask(post(HELD, both))
    assert (told.answered, told.statuses) == (0, [409])
    assert told.quick == told.slow
    around.invocations.end_all(lambda principal: principal == alices.principal)
    told = await asked.ask(post(HELD, b"Authorization: Bearer %b\r\n" % alice.encode()))
    assert (told.answered, told.statuses) == (0, [401])


async def test_its_trace_is_the_invocations(asked: Twice) -> None:
    invocation, handle = asked.around.open()
    await asked.ask(post(HELD, b"Authorization: Bearer %b\r\n" % handle.encode()))
    assert [event["trace_id"] for event in asked.around.journal.events] == [invocation.trace_id.decode()] * 2


async def test_one_after_the_other_goes_on_with_what_follows(asked: Twice) -> None:
    several = [AT_ONCE["a token that is held"], WAITS["one that is forced"][0], WAITS["of nobody"][0], AT_ONCE["a key"]]
    told = await asked.ask(*several)
    assert (told.answered, told.statuses) == (2, [200, 200, 404, 200])
    assert told.quick == told.slow


async def test_nothing_is_answered_that_is_not_recorded(asked: Twice) -> None:
    asked.around.journal.fault = AuditUnavailable("full")
    told = await asked.ask(post(HELD))
    assert (told.answered, told.statuses) == (0, [503])
    assert told.quick == told.slow


async def test_a_reload_is_in_force_at_once(asked: Twice) -> None:
    assert (await asked.ask(post(HELD))).statuses == [200]
    asked.around.allowing()
    told = await asked.ask(post(HELD))
    assert (told.answered, told.statuses) == (0, [403])


_PIECES = st.one_of(
    st.sampled_from(["provider", "scopes", "force", "granting", "bearer", "a", "b"]), st.text(max_size=3)
)
_VALUES = st.one_of(_PIECES, st.booleans(), st.none(), st.integers(), st.lists(_PIECES, max_size=3))
_BODIES = st.one_of(
    st.fixed_dictionaries(
        {"provider": st.sampled_from(["granting", "bearer", "people", "nobody"])},
        optional={"scopes": st.lists(st.sampled_from(["a", "b", "c"]), max_size=2), "force": st.booleans()},
    ).map(lambda body: json.dumps(body).encode()),
    st.dictionaries(_PIECES, _VALUES, max_size=3).map(lambda body: json.dumps(body).encode()),
    st.binary(min_size=1, max_size=12),
)
_LINES = (
    MINE,
    b"X-Identity-Invocation: %b\r\n" % AGENT,
    b"X_Identity_Invocation: %b\r\n" % AGENT,
    b"X-Identity-Invocation:\r\n",
    b"Authorization: Bearer no\r\n",
    b"Content-Encoding: br\r\n",
    b"Content-Encoding: identity\r\n",
    b"Content-Type: application/json; charset=utf-16\r\n",
    b"Expect: 100-continue\r\n",
    b"Te: trailers\r\n",
    b"Trailer: a\r\n",
    b"Upgrade: h2c\r\n",
    b"Connection: upgrade\r\n",
    b"Traceparent: x\r\n",
    b"User-Agent: \xe4\r\n",
    b"Accept-Encoding: gzip\r\n",
    b"Range: bytes=0-\r\n",
    b"If-None-Match: *\r\n",
)
_FIELDS = st.lists(st.sampled_from(_LINES), max_size=4)


async def test_whatever_is_asked_both_say_the_same(asked: Twice) -> None:
    kept = settings(max_examples=1000 if LONG else 100, database=None, deadline=None)
    asking: list[bytes] = []

    @kept
    @given(_FIELDS, _BODIES, st.sampled_from([TOKEN, KEY]))
    def gather(fields: list[bytes], body: bytes, target: bytes) -> None:
        asking.append(post(body, b"".join(fields), target))

    gather()
    answered = 0
    for request in asking:
        told = await asked.ask(request)
        assert told.quick == told.slow, request
        answered += told.answered
    assert answered


def head(data: bytes) -> Head[Any]:
    return read(data[: data.index(b"\r\n\r\n") + 4], Shapes(lambda _at: None))


def test_a_head_is_taken_only_where_nothing_about_it_is_unusual() -> None:
    prompt = Prompt(lambda: Around().surroundings)
    assert all(prompt.takes(head(request)) for request in AT_ONCE.values())
    unusual = ("one larger than that", "in chunks", "packed", "expected", "with a query", "by HTTP/1.0", "of no length")
    assert not any(prompt.takes(head(WAITS[name][0])) for name in unusual)


def test_a_bug_is_no_refusal() -> None:
    around = Around()
    around.granting.held = True
    around.granting.fault = ZeroDivisionError("a bug")
    request = post(HELD)
    with pytest.raises(ZeroDivisionError):
        Prompt(lambda: around.surroundings).answer(head(request), json.dumps(HELD).encode(), b"0" * 32, b"0" * 16)
    around.granting.fault = NotPermitted("no bug")
    said = Prompt(lambda: around.surroundings).answer(head(request), json.dumps(HELD).encode(), b"0" * 32, b"0" * 16)
    assert said is None
