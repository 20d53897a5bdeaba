"""The door out: three ways in and one way out; whose call it is, which route, may it, which credential."""

import asyncio
import base64
from typing import Any

import pytest

from sidecar.errors import (
    BadRequest,
    DestinationDenied,
    HandleAstray,
    InvocationAmbiguous,
    InvocationInvalid,
    InvocationMismatch,
    InvocationMissing,
    NotPermitted,
    OriginRefused,
    PathAmbiguous,
    ProviderUnreachable,
    ProxyInvocationInvalid,
    ProxyInvocationMissing,
    Refusal,
    RouteUnknown,
)
from sidecar.relay.passage import Opening, Outcome, Passage, Way
from tests.egress.out import AGENT, HERE, REAL, Key, Out, anyone, get, itself

API = b"https://api.example.com"
ROUTES: dict[str, dict[str, Any]] = {
    "api": {"url": "https://api.example.com/v1", "provider": "token"},
    "plain": {"url": "http://plain.example.com:8080", "insecure": True},
    "open": {"url": "https://open.example.com", "provider": "key", "unattended": True},
    "narrow": {
        "url": "https://narrow.example.com",
        "methods": frozenset({"GET"}),
        "paths": ("/only", "/below/"),
    },
}
CAPABILITIES = {
    "call": anyone(routes=["api", "plain", "narrow"]),
    "own": itself(routes=["open"]),
}
OTHER = b"ih_" + b"B" * 43


@pytest.fixture
def out() -> Out:
    return Out(ROUTES, CAPABILITIES)


def basic(user: bytes, password: bytes = b"") -> bytes:
    return base64.b64encode(user + b":" + password)


# three ways in


@pytest.mark.parametrize(
    ("target", "leaves"),
    [
        (b"/to/api/x?q=1", b"GET /v1/x?q=1 HTTP/1.1"),
        (b"/to/api", b"GET /v1 HTTP/1.1"),
        (b"/to/api?q", b"GET /v1?q HTTP/1.1"),
        (b"/to/api/", b"GET /v1/ HTTP/1.1"),
        (b"/to/api//x%2Fy;z", b"GET /v1//x%2Fy;z HTTP/1.1"),
        (b"/to/plain", b"GET / HTTP/1.1"),
        (b"/to/plain?q", b"GET /?q HTTP/1.1"),
    ],
)
def test_a_prefix_leads_below_the_url_of_its_route(out: Out, target: bytes, leaves: bytes) -> None:
    _, handle = out.open()
    assert out.sent(get(target, b"X-Identity-Invocation: %b\r\n" % handle))[0] == leaves


def test_absolute_form_leaves_in_origin_form(out: Out) -> None:
    _, handle = out.open()
    lines = out.sent(
        get(
            b"http://plain.example.com:8080/x?q",
            b"Proxy-Authorization: Basic %b\r\n" % basic(handle),
            host=b"plain.example.com:8080",
        )
    )
    assert lines[:2] == [b"GET /x?q HTTP/1.1", b"Host: plain.example.com:8080"]
    assert not any(b"roxy" in line for line in lines)


def test_what_is_asked_inside_a_tunnel_leaves_as_it_came(out: Out) -> None:
    _, handle = out.open()
    tunnel = out.tunnel(b"api.example.com:443", b"Proxy-Authorization: Basic %b\r\n" % basic(handle))
    lines = out.sent(get(b"/v1/x", b"Authorization: Bearer placeholder\r\n", host=b"api.example.com"), tunnel)
    assert lines[:2] == [b"GET /v1/x HTTP/1.1", b"Host: api.example.com"]
    assert b"Authorization: Bearer " + REAL.encode() in lines


def test_a_route_of_plain_http_is_opened_without_a_certificate(out: Out) -> None:
    opening = out.connect(b"plain.example.com:8080")
    assert isinstance(opening, Opening)
    assert opening.context is None


@pytest.mark.parametrize(
    ("data", "refusal"),
    [
        (get(b"/to/none/x"), RouteUnknown),
        (get(b"/to/"), RouteUnknown),
        (get(b"/to/%61pi/x"), RouteUnknown),
        (get(b"/to/API/x"), RouteUnknown),
        (get(b"/"), RouteUnknown),
        (get(b"/toapi/x"), RouteUnknown),
        (get(b"/to/narrow/other"), DestinationDenied),
        (get(b"/to/narrow/only/more"), DestinationDenied),
        (get(b"/to/narrow/below"), DestinationDenied),
        (b"POST /to/narrow/only HTTP/1.1\r\nHost: %b\r\n\r\n" % HERE, DestinationDenied),
        (get(b"/to/narrow/below/../other"), PathAmbiguous),
        (get(b"/to/narrow/%62elow/x"), PathAmbiguous),
        (get(b"/to/narrow/below/%2e%2e/other"), PathAmbiguous),
        (get(b"https://api.example.com/v2/x", host=b"api.example.com"), DestinationDenied),
        (get(b"https://api.example.com/v1x", host=b"api.example.com"), DestinationDenied),
        (get(b"https://api.example.com/v1/../v2", host=b"api.example.com"), PathAmbiguous),
        (get(b"http://api.example.com/v1/x", host=b"api.example.com"), DestinationDenied),
        (get(b"https://api.example.com:444/v1/x", host=b"api.example.com:444"), DestinationDenied),
        (get(b"https://evil.example.com/v1/x", host=b"evil.example.com"), DestinationDenied),
        (get(b"https://api.example.com.evil.com/v1", host=b"api.example.com.evil.com"), DestinationDenied),
        (get(b"https://api.example.com/v1/x", host=b"evil.example.com"), DestinationDenied),
        (get(b"https://user@api.example.com/v1/x", host=b"api.example.com"), BadRequest),
        (get(b"https://api.example.com./v1/x", host=b"api.example.com."), BadRequest),
        (b"CONNECT evil.example.com:443 HTTP/1.1\r\nHost: evil.example.com:443\r\n\r\n", DestinationDenied),
        (b"CONNECT api.example.com:22 HTTP/1.1\r\nHost: api.example.com:22\r\n\r\n", DestinationDenied),
        (b"CONNECT api.example.com:443 HTTP/1.1\r\nHost: evil.example.com:443\r\n\r\n", DestinationDenied),
        (b"CONNECT api.example.com HTTP/1.1\r\nHost: api.example.com\r\n\r\n", BadRequest),
    ],
)
def test_where_no_route_leads_is_refused(out: Out, data: bytes, refusal: type[Refusal]) -> None:
    _, handle = out.open()
    data = data[:-2] + b"X-Identity-Invocation: %b\r\n\r\n" % handle
    with pytest.raises(refusal):
        out.ask(data)


@pytest.mark.parametrize(
    ("data", "refusal"),
    [
        (get(b"/v1/x", host=b"evil.example.com"), DestinationDenied),
        (get(b"/v1/x", host=b"api.example.com:444"), DestinationDenied),
        (get(b"/v2/x", host=b"api.example.com"), DestinationDenied),
        (get(b"/to/api/x"), DestinationDenied),
        (get(b"https://api.example.com/v1/x", host=b"api.example.com"), BadRequest),
        (b"CONNECT api.example.com:443 HTTP/1.1\r\nHost: api.example.com:443\r\n\r\n", BadRequest),
    ],
)
def test_inside_a_tunnel_nothing_else_is_reached(out: Out, data: bytes, refusal: type[Refusal]) -> None:
    _, handle = out.open()
    tunnel = out.tunnel(b"api.example.com:443", b"X-Identity-Invocation: %b\r\n" % handle)
    with pytest.raises(refusal):
        out.ask(data, tunnel)


def test_a_credential_is_asked_for_the_scopes_of_its_route_or_those_that_its_capability_names() -> None:
    routes: dict[str, dict[str, Any]] = {
        name: {"url": f"https://{name}.example.com", "provider": "crm"} for name in ("all", "one", "none")
    }
    routes["one"]["scopes"] = frozenset({"read"})
    both = anyone(routes=["all", "one"], provider="crm", scopes=["read", "write"])
    out = Out(routes, {"both": both, "free": anyone(routes=["none"])}, sources={"crm": (source := Key())})
    _, handle = out.open()
    for name, scopes in (("all", {"read", "write"}), ("one", {"read"}), ("none", set[str]())):
        out.sent(get(b"/to/%b/x" % name.encode(), b"X-Identity-Invocation: %b\r\n" % handle))
        assert source.asked[-1].scopes == scopes


# browsers


@pytest.mark.parametrize(
    "field", [b"Origin: https://evil.example.com", b"Origin: null", b"sec-fetch-site: same-origin"]
)
@pytest.mark.parametrize(
    "data", [get(b"/to/open/x"), get(b"/v1/principal"), get(b"https://open.example.com/", host=b"open.example.com")]
)
def test_what_a_browser_sends_is_not_answered(out: Out, data: bytes, field: bytes) -> None:
    with pytest.raises(OriginRefused):
        out.ask(data[:-2] + field + b"\r\n\r\n")


@pytest.mark.parametrize(
    "host",
    [b"evil.example.com", b"evil.example.com:8181", b"127.0.0.1", b"127.0.0.1:80", b"localhost:8182", b"127.1:8181"],
)
def test_who_calls_the_listener_by_another_name_is_not_answered(out: Out, host: bytes) -> None:
    with pytest.raises(OriginRefused):
        out.ask(get(b"/to/open/x", host=host))
    assert out.sent(get(b"/to/open/x", host=b"LOCALHOST:8181"))


# whose call


@pytest.mark.parametrize(
    "fields",
    [
        b"X-Identity-Invocation: %b\r\n",
        b"Proxy-Authorization: Bearer %b\r\n",
        b"Authorization: Bearer %b\r\n",
        b"Authorization: token %b\r\n",
        b"authorization: %b\r\n",
        b"X-Identity-Invocation: %b\r\nAuthorization: Bearer sk-placeholder\r\n",
    ],
)
def test_every_carrier_names_the_invocation_and_none_of_them_leaves(out: Out, fields: bytes) -> None:
    invocation, handle = out.open()
    lines = out.sent(get(b"/to/api/x", fields % handle))
    assert handle not in b"\n".join(lines)
    assert lines.count(b"Authorization: Bearer " + REAL.encode()) == 1
    assert not any(b"placeholder" in line or line.lower().startswith(b"x-identity") for line in lines)
    (event,) = out.journal.events
    assert event["name"] == "identity.credential_attached"
    assert event["trace_id"] == invocation.trace_id.decode()
    assert event["attributes"]["identity.principal.id"] == invocation.principal.id
    assert event["attributes"]["identity.invocation.id"] == invocation.id.decode()
    assert (event["attributes"]["identity.capability"], event["attributes"]["identity.route"]) == ("call", "api")


def test_the_header_that_the_provider_fills_carries_it_too() -> None:
    out = Out(ROUTES, CAPABILITIES, sources={"token": Key("x-api-key", "")})
    _, handle = out.open()
    lines = out.sent(get(b"/to/api/x", b"X-Api-Key: %b\r\nAuthorization: Bearer mine\r\n" % handle))
    assert b"x-api-key: " + REAL.encode() in lines
    assert handle not in b"\n".join(lines)
    assert not any(b"mine" in line for line in lines), "a placeholder that stands in another field than the provider's"


def test_the_attach_handle_in_baggage_binds_and_the_rest_of_baggage_goes_on(out: Out) -> None:
    invocation, _ = out.open()
    attach = out.invocations.attach(invocation)
    lines = out.sent(get(b"/to/api/x", b"baggage: a=1,identity.invocation=%b,b=2\r\n" % attach))
    assert b"baggage: a=1,b=2" in lines
    assert attach not in b"\n".join(lines)


@pytest.mark.parametrize(
    ("data", "refusal"),
    [
        (get(b"/to/api/x"), InvocationMissing),
        (get(b"https://api.example.com/v1/x", host=b"api.example.com"), ProxyInvocationMissing),
        (get(b"/to/api/x", b"X-Identity-Invocation: %b\r\n" % OTHER), InvocationInvalid),
        (get(b"/to/api/x", b"Authorization: Bearer %b\r\n" % OTHER), InvocationInvalid),
        (get(b"/to/api/x", b"baggage: identity.invocation=%b\r\n" % OTHER), InvocationInvalid),
        (
            get(b"https://api.example.com/v1", b"Proxy-Authorization: Bearer nonsense\r\n", host=b"api.example.com"),
            ProxyInvocationInvalid,
        ),
        (
            b"CONNECT api.example.com:443 HTTP/1.0\r\nProxy-Authorization: Bearer x\r\n\r\n",
            ProxyInvocationInvalid,
        ),
    ],
)
def test_no_handle_and_a_bad_one_are_refused_each_in_its_own_way(out: Out, data: bytes, refusal: type[Refusal]) -> None:
    out.open()
    with pytest.raises(refusal) as caught:
        out.ask(data)
    assert type(caught.value) is refusal


def test_handles_of_two_invocations_are_refused_and_several_of_one_agree(out: Out) -> None:
    (one, first), (_, second) = out.open("alice"), out.open("bob")
    with pytest.raises(InvocationAmbiguous):
        out.ask(get(b"/to/api/x", b"X-Identity-Invocation: %b\r\nAuthorization: Bearer %b\r\n" % (first, second)))
    attach = out.invocations.attach(one)
    fields = b"X-Identity-Invocation: %b\r\nbaggage: identity.invocation=%b\r\n" % (first, attach)
    assert out.sent(get(b"/to/api/x", fields))


@pytest.mark.parametrize(
    "data",
    [
        get(b"/to/api/x?token=%b", b"X-Identity-Invocation: %b\r\n"),
        get(b"/to/api/%b", b"X-Identity-Invocation: %b\r\n"),
        get(b"/to/api/x", b"X-Identity-Invocation: %b\r\nCookie: h=%b\r\n"),
        get(b"/to/api/x", b"X-Identity-Invocation: %b\r\nX-Other: %b\r\n"),
        get(b"/to/api/x", b"X-Identity-Invocation: %b\r\nbaggage: mine=%b\r\n"),
    ],
)
def test_a_live_handle_elsewhere_stops_the_request(out: Out, data: bytes) -> None:
    _, handle = out.open()
    with pytest.raises(HandleAstray):
        out.ask(data.replace(b"%b", handle))
    with pytest.raises(HandleAstray):
        out.ask(get(b"/to/api/x", b"X-Identity-Invocation: %b\r\nX-Other: %b\r\n" % (handle, AGENT)))


def test_what_has_died_is_good_for_nothing(out: Out) -> None:
    invocation, handle = out.open()
    out.invocations.end(invocation)
    assert out.sent(get(b"/to/api/x", b"X-Identity-Invocation: %b\r\n" % handle))
    out.now += 30.0
    with pytest.raises(InvocationInvalid):
        out.ask(get(b"/to/api/x", b"X-Identity-Invocation: %b\r\n" % handle))


# the agent's own


def test_the_agents_own_call_has_what_is_declared_for_the_agent_and_nothing_else(out: Out) -> None:
    fields = b"X-Identity-Invocation: %b\r\n" % AGENT
    assert out.sent(get(b"/to/open/x", fields))
    with pytest.raises(NotPermitted, match=r"call: who\.principal"):
        out.ask(get(b"/to/api/x", fields))


def test_an_unattended_route_needs_no_handle_and_takes_one(out: Out) -> None:
    assert out.sent(get(b"/to/open/x"))
    invocation, handle = out.open()
    assert out.sent(get(b"/to/open/x", b"Authorization: Bearer %b\r\n" % handle))
    first, second = out.journal.events
    assert "identity.invocation.id" not in first["attributes"]
    assert second["attributes"]["identity.invocation.id"] == invocation.id.decode()


def test_own_calls_while_invocations_are_open_are_counted_and_recorded_as_such(out: Out) -> None:
    fields = b"X-Identity-Invocation: %b\r\n" % AGENT
    out.sent(get(b"/to/open/x", fields))
    assert "identity.reason" not in out.journal.events[-1]["attributes"]
    out.open()
    out.sent(get(b"/to/open/x", fields))
    assert "invocations are open" in out.journal.events[-1]["attributes"]["identity.reason"]


def test_without_an_agent_handle_there_is_none() -> None:
    out = Out(ROUTES, CAPABILITIES, agent=None)
    with pytest.raises(InvocationInvalid):
        out.ask(get(b"/to/open/x", b"X-Identity-Invocation: %b\r\n" % AGENT))


def test_what_acts_for_principals_is_not_had_for_nobody() -> None:
    capabilities = {"own": itself(routes=["open"])}
    out = Out(ROUTES, capabilities, acts_as={"key": "principal"})
    with pytest.raises(NotPermitted, match="acts for principals"):
        out.ask(get(b"/to/open/x", b"X-Identity-Invocation: %b\r\n" % AGENT))
    _, handle = out.open()
    assert out.sent(get(b"/to/open/x", b"X-Identity-Invocation: %b\r\n" % handle))


# tunnels


def test_a_bound_tunnel_is_its_invocations_alone(out: Out) -> None:
    (alice, first), (_, second) = out.open("alice"), out.open("bob")
    tunnel = out.tunnel(b"api.example.com:443", b"Proxy-Authorization: Basic %b\r\n" % basic(first))
    inside = get(b"/v1/x", b"X-Identity-Invocation: %b\r\n", host=b"api.example.com")
    assert out.sent(inside % first, tunnel)
    assert out.sent(inside % AGENT, tunnel)
    assert [event["attributes"]["identity.invocation.id"] for event in out.journal.events] == [alice.id.decode()] * 2
    with pytest.raises(InvocationMismatch) as caught:
        out.ask(inside % second, tunnel)
    assert caught.value.closes
    with pytest.raises(InvocationInvalid):
        out.ask(inside % OTHER, tunnel)


def test_a_tunnel_of_the_agents_is_a_default_that_a_handle_inside_overrides(out: Out) -> None:
    invocation, handle = out.open()
    tunnel = out.tunnel(b"open.example.com:443", b"Proxy-Authorization: Basic %b\r\n" % basic(AGENT))
    assert out.sent(get(b"/x", host=b"open.example.com"), tunnel)
    assert out.sent(get(b"/x", b"Authorization: Bearer %b\r\n" % handle, host=b"open.example.com"), tunnel)
    first, second = (event["attributes"] for event in out.journal.events)
    assert first["identity.principal.kind"] == "agent"
    assert second["identity.invocation.id"] == invocation.id.decode()


def test_in_an_unbound_tunnel_each_request_carries_its_own(out: Out) -> None:
    (_, first), (_, second) = out.open("alice"), out.open("bob")
    tunnel = out.tunnel(b"api.example.com:443")
    for handle in (first, second, first):
        assert out.sent(get(b"/v1/x", b"Authorization: Bearer %b\r\n" % handle, host=b"api.example.com"), tunnel)
    with pytest.raises(InvocationMissing):
        out.ask(get(b"/v1/x", host=b"api.example.com"), tunnel)
    ids = [event["attributes"]["identity.principal.id"] for event in out.journal.events]
    assert ids[0] == ids[2] != ids[1]


def test_a_bound_tunnel_dies_with_its_invocation(out: Out) -> None:
    invocation, handle = out.open()
    tunnel = out.tunnel(b"api.example.com:443", b"Proxy-Authorization: Basic %b\r\n" % basic(handle))
    tunnel.opened(out.connection)
    out.invocations.end(invocation)
    out.now += 30.0
    with pytest.raises(InvocationInvalid):
        out.ask(get(b"/v1/x", host=b"api.example.com"), tunnel)
    out.invocations.sweep()
    assert out.connection.stops == 1
    tunnel.closed(out.connection)


# one at a time


def test_with_one_call_at_a_time_what_carries_nothing_is_the_open_invocations() -> None:
    out = Out(ROUTES, CAPABILITIES, one=True)
    with pytest.raises(InvocationMissing):
        out.ask(get(b"/to/api/x"))
    invocation, _ = out.open()
    assert out.sent(get(b"/to/api/x"))
    assert out.journal.events[-1]["attributes"]["identity.invocation.id"] == invocation.id.decode()
    out.open("bob")
    with pytest.raises(InvocationAmbiguous):
        out.ask(get(b"/to/api/x"))


def test_with_one_call_at_a_time_an_unattended_route_is_still_nobodys() -> None:
    out = Out(ROUTES, CAPABILITIES, one=True)
    out.open()
    assert out.sent(get(b"/to/open/x"))
    assert "identity.invocation.id" not in out.journal.events[-1]["attributes"]


# may it, and with what


def test_nothing_declared_nothing_allowed() -> None:
    out = Out(ROUTES, {})
    _, handle = out.open()
    with pytest.raises(NotPermitted) as caught:
        out.ask(get(b"/to/api/x", b"X-Identity-Invocation: %b\r\n" % handle))
    assert "no capability" in caught.value.reason
    assert "capability" not in caught.value.detail


def test_the_nearest_capability_is_recorded_and_told_only_where_asked() -> None:
    from sidecar.policy.capability import Who

    capabilities = {"sell": {"who": Who(groups=frozenset({"board"})), "routes": frozenset({"api"})}}
    for explains in (False, True):
        out = Out(ROUTES, capabilities, explains=explains)
        _, handle = out.open()
        data = get(b"/to/api/x", b"X-Identity-Invocation: %b\r\n" % handle)
        head = out.head(data)
        with pytest.raises(NotPermitted) as caught:
            out.door.admit(head, out.peer())
        out.door.refused(caught.value, head, out.peer())
        (event,) = out.journal.events
        assert event["name"] == "identity.egress_denied"
        assert event["attributes"]["identity.capability"] == "sell"
        assert "groups: none of board" in event["attributes"]["identity.reason"]
        assert ("board" in caught.value.detail) is explains


async def test_a_credential_that_has_to_be_got_is_waited_for() -> None:
    key = Key()
    key.waits = True
    out = Out(ROUTES, CAPABILITIES, sources={"token": key})
    invocation, handle = out.open()
    data = get(b"/to/api/x", b"X-Identity-Invocation: %b\r\n" % handle)
    assert b"Authorization: Bearer " + REAL.encode() in await out.sent_later(data)
    assert (key.asked[0].principal, key.asked[0].invocation) == (invocation.principal, invocation.id)
    key.refuses = ProviderUnreachable("down")
    with pytest.raises(ProviderUnreachable):
        await out.sent_later(data)


async def test_an_invocation_that_ends_while_its_credential_is_got_gets_none() -> None:
    key = Key()
    key.waits = True
    out = Out(ROUTES, CAPABILITIES, sources={"token": key})
    _, handle = out.open()
    waiting = out.ask(get(b"/to/api/x", b"X-Identity-Invocation: %b\r\n" % handle))
    out.invocations.end_all(lambda _: True)
    out.now += 10_000
    with pytest.raises(InvocationInvalid):
        await waiting
    assert not out.journal.events


async def test_who_waits_for_a_credential_waits_no_longer_than_the_invocation_lives() -> None:
    key = Key()
    key.waits = True
    out = Out(ROUTES, CAPABILITIES, sources={"token": key})
    _, handle = out.open()
    waiting = asyncio.ensure_future(out.ask(get(b"/to/api/x", b"X-Identity-Invocation: %b\r\n" % handle)))
    await asyncio.sleep(0)
    out.invocations.end_all(lambda _: True)
    assert out.connection.stops == 1
    waiting.cancel()


def test_over_plain_http_to_another_machine_no_credential_goes() -> None:
    out = Out(ROUTES, CAPABILITIES)
    from dataclasses import replace

    out.exits["api"] = replace(out.exits["api"], clear=True)
    _, handle = out.open()
    with pytest.raises(DestinationDenied, match="plain http"):
        out.ask(get(b"/to/api/x", b"X-Identity-Invocation: %b\r\n" % handle))


def test_a_route_without_a_provider_passes_what_the_agent_says(out: Out) -> None:
    _, handle = out.open()
    lines = out.sent(get(b"/to/plain/x", b"X-Identity-Invocation: %b\r\nAuthorization: Bearer mine\r\n" % handle))
    assert b"Authorization: Bearer mine" in lines
    assert out.journal.events[-1]["attributes"]["identity.outcome"] == "passed"


# where no route leads


def test_past_all_routes_a_tunnel_is_blind_where_that_is_allowed() -> None:
    out = Out(ROUTES, CAPABILITIES, tunnels=True)
    passage = out.connect(b"evil.example.com:443", b"Proxy-Authorization: Basic %b\r\n" % basic(AGENT))
    assert isinstance(passage, Passage)
    assert passage.way is Way.BLIND
    with pytest.raises(ProxyInvocationMissing):
        out.connect(b"evil.example.com:443")
    lines = out.sent(
        get(b"http://evil.example.com/x", b"Proxy-Authorization: Bearer %b\r\n" % AGENT, host=b"evil.example.com")
    )
    assert lines[:2] == [b"GET /x HTTP/1.1", b"Host: evil.example.com"]
    assert AGENT not in b"\n".join(lines)


# streams


def test_what_an_invocation_has_open_is_stopped_with_it(out: Out) -> None:
    invocation, handle = out.open()
    passage = out.ask(get(b"/to/api/x", b"X-Identity-Invocation: %b\r\n" % handle))
    out.invocations.end_all(lambda _: True)
    assert out.connection.stops == 1
    passage.ended(Outcome.STOPPED, 200)
    _, handle = out.open()
    passage = out.ask(get(b"/to/api/x", b"X-Identity-Invocation: %b\r\n" % handle))
    passage.ended(Outcome.DONE, 200)
    out.invocations.end_all(lambda _: True)
    assert out.connection.stops == 1
    assert invocation is not None


# traces


def test_a_call_stays_in_the_invocations_trace(out: Out) -> None:
    invocation, handle = out.open()
    carrier = b"X-Identity-Invocation: %b\r\n" % handle

    def context(fields: bytes) -> list[bytes]:
        return [line for line in out.sent(get(b"/to/api/x", carrier + fields)) if line.startswith(b"traceparent")]

    (begun,) = context(b"")
    assert begun[len(b"traceparent: 00-") :].startswith(invocation.trace_id)
    own = b"traceparent: 00-%b-b7ad6b7169203331-01" % invocation.trace_id
    assert context(own + b"\r\n") == [own]
    (foreign,) = context(b"traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01\r\n")
    assert invocation.trace_id in foreign


# refusals


@pytest.mark.parametrize(
    ("refusal", "field"),
    [
        (InvocationMissing("x"), ("WWW-Authenticate", "Bearer")),
        (ProxyInvocationMissing("x"), ("Proxy-Authenticate", 'Basic realm="sidecar"')),
        (NotPermitted("x"), None),
    ],
)
def test_a_refusal_says_how_to_come_again(out: Out, refusal: Refusal, field: tuple[str, str] | None) -> None:
    notice = out.door.refused(refusal, None, out.peer())
    assert [pair for pair in notice.fields if pair[0] != "Date"] == ([field] if field else [])


@pytest.mark.parametrize("tunnels", [False, True])
def test_how_to_come_again_names_the_listener_itself(tunnels: bool) -> None:
    out = Out(ROUTES, CAPABILITIES, tunnels=tunnels, listener=lambda: "127.0.0.1:4711")
    host = b"evil.example.com" if tunnels else b"api.example.com"
    with pytest.raises(ProxyInvocationMissing) as caught:
        out.ask(get(b"https://%b/v1/x" % host, host=host))
    assert "http://<handle>:x@127.0.0.1:4711," in caught.value.detail
    out = Out(ROUTES, CAPABILITIES, tunnels=tunnels, listener=lambda: "")
    with pytest.raises(ProxyInvocationMissing) as caught:
        out.ask(get(b"https://%b/v1/x" % host, host=host))
    assert "X-Identity-Invocation" in caught.value.detail
    assert "@" not in caught.value.detail


def test_a_refused_connect_names_its_code_in_the_reason_phrase(out: Out) -> None:
    head = out.head(b"CONNECT evil.example.com:443 HTTP/1.1\r\nHost: evil.example.com:443\r\n\r\n")
    with pytest.raises(DestinationDenied) as caught:
        out.door.admit(head, out.peer())
    assert out.door.refused(caught.value, head, out.peer()).phrase == "destination_denied"
    (event,) = out.journal.strangers
    assert event["attributes"]["server.address"] == "evil.example.com"


def test_no_trailer_leaves(out: Out) -> None:
    assert out.door.drops(b"x-anything")


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"CONNECT evil.example.com:443 HTTP/1.1\r\nHost: evil.example.com:443\r\n%b\r\n", "destination_denied"),
        (b"GET /to/none/x HTTP/1.1\r\nHost: 127.0.0.1:8181\r\n%b\r\n", "route_unknown"),
        (b"POST /to/narrow/only HTTP/1.1\r\nHost: 127.0.0.1:8181\r\n%b\r\n", "destination_denied"),
        (b"GET http://evil.example.com/ HTTP/1.1\r\nHost: evil.example.com\r\n%b\r\n", "destination_denied"),
        (b"GET /to/narrow/below/../x HTTP/1.1\r\nHost: 127.0.0.1:8181\r\n%b\r\n", "path_ambiguous"),
        (b"GET /to/open/x HTTP/1.1\r\nHost: 127.0.0.1:8181\r\nOrigin: null\r\n%b\r\n", "origin_refused"),
    ],
)
def test_who_is_refused_before_anybody_asks_who_it_is_is_recorded_all_the_same(
    out: Out, data: bytes, code: str
) -> None:
    invocation, handle = out.open()
    head = out.head(data % (b"X-Identity-Invocation: %b\r\n" % handle))
    with pytest.raises(Refusal) as caught:
        out.door.admit(head, out.peer())
    notice = out.door.refused(caught.value, head, out.peer())
    assert not out.journal.strangers
    (event,) = out.journal.events
    assert (event["name"], event["attributes"]["error.type"]) == ("identity.egress_denied", code)
    assert event["trace_id"] == invocation.trace_id.decode() == notice.trace_id
    assert event["attributes"]["identity.invocation.id"] == invocation.id.decode()
    assert event["attributes"]["identity.principal.id"] == invocation.principal.id


def test_what_is_refused_of_nobody_and_of_two_at_once_is_a_strangers(out: Out) -> None:
    (_, first), (_, second) = out.open("alice"), out.open("bob")
    two = b"X-Identity-Invocation: %b\r\nAuthorization: Bearer %b\r\n" % (first, second)
    for fields in (b"", two, b"X-Identity-Invocation: %b\r\n" % OTHER):
        head = out.head(get(b"/to/none/x", fields))
        with pytest.raises(Refusal) as caught:
            out.door.admit(head, out.peer())
        out.door.refused(caught.value, head, out.peer())
    assert not out.journal.events
    assert len(out.journal.strangers) == 3


def test_a_mismatch_is_recorded_as_the_tunnels(out: Out) -> None:
    (alice, first), (_, second) = out.open("alice"), out.open("bob")
    tunnel = out.tunnel(b"api.example.com:443", b"Proxy-Authorization: Basic %b\r\n" % basic(first))
    head = out.head(get(b"/v1/x", b"X-Identity-Invocation: %b\r\n" % second, host=b"api.example.com"))
    with pytest.raises(InvocationMismatch) as caught:
        out.door.admit(head, out.peer(tunnel))
    out.door.refused(caught.value, head, out.peer(tunnel))
    (event,) = out.journal.events
    assert event["attributes"]["identity.invocation.id"] == alice.id.decode()


def test_a_path_that_its_route_does_not_take_is_told_from_a_host_that_has_none(out: Out) -> None:
    _, handle = out.open()
    with pytest.raises(DestinationDenied) as caught:
        out.ask(get(b"/to/narrow/other", b"X-Identity-Invocation: %b\r\n" % handle))
    assert "methods or paths of narrow" in caught.value.detail
    assert "Declare a route" not in caught.value.detail
