"""What the agent reads, through a real sidecar and real agents: nothing about the caller that the caller wrote."""

import re
from pathlib import Path

import aiohttp
import pytest

from tests.journeys.given import bearer, given
from tests.journeys.issuer import Issuer
from tests.journeys.raw import say
from tests.journeys.seen import key_of, seen
from tests.running import Running, sidecar

HANDLE = re.compile(r"ih_[A-Za-z0-9_-]{43}\Z")
TRACEPARENT = re.compile(r"00-([0-9a-f]{32})-([0-9a-f]{16})-[0-9a-f]{2}\Z")
PARENT = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


# who called


async def test_the_agent_reads_who_called(served: Running, issuer: Issuer, client: aiohttp.ClientSession) -> None:
    token = issuer.token(
        "alice", name="Alice", email="alice@example.com", email_verified=True, groups=["sales", "Domain Admins"],
        scope="calendar.read travel.book", client_id="app",
    )  # fmt: skip
    headers = await seen(client, served, token)
    assert HANDLE.match(headers.pop("x-identity-invocation"))
    assert {name: value for name, value in headers.items() if name.startswith("x-identity-")} == {
        "x-identity-principal": key_of(issuer.url, "", "alice"),
        "x-identity-subject": "alice",
        "x-identity-issuer": "shop",
        "x-identity-kind": "user",
        "x-identity-client": "app",
        "x-identity-name": "Alice",
        "x-identity-email": "alice@example.com",
        "x-identity-groups": "Domain%20Admins,sales",
        "x-identity-scopes": "calendar.read,travel.book",
    }


async def test_every_call_has_a_handle_of_its_own(
    served: Running, issuer: Issuer, client: aiohttp.ClientSession
) -> None:
    token = issuer.token()
    handles = {(await seen(client, served, token))["x-identity-invocation"] for _ in range(5)}
    assert len(handles) == 5


async def test_values_are_visible_ascii_with_all_else_percent_encoded(
    served: Running, issuer: Issuer, client: aiohttp.ClientSession
) -> None:
    token = issuer.token("zoë 100%", name='Zoë, "Ω"\n\r\x7f', groups=["a,b", "Verkäufer", "50%"])
    headers = await seen(client, served, token)
    assert headers["x-identity-subject"] == "zo%C3%AB%20100%25"
    assert headers["x-identity-name"] == 'Zo%C3%AB,%20"%CE%A9"%0A%0D%7F'
    assert headers["x-identity-groups"] == "50%25,Verk%C3%A4ufer,a%2Cb"


async def test_an_unverified_email_is_left_out(served: Running, issuer: Issuer, client: aiohttp.ClientSession) -> None:
    for verified in (False, None, "false"):
        headers = await seen(client, served, issuer.token(email="a@example.com", email_verified=verified))
        assert "x-identity-email" not in headers, verified


async def test_what_is_too_much_is_cut_and_named(
    served: Running, issuer: Issuer, client: aiohttp.ClientSession
) -> None:
    groups = [f"group-{number:04}-{'x' * 30}" for number in range(200)]
    headers = await seen(client, served, issuer.token(groups=groups))
    assert headers["x-identity-truncated"] == "X-Identity-Groups"
    arrived = headers["x-identity-groups"].split(",")
    assert 0 < len(arrived) < 200
    assert set(arrived) <= set(groups), "no group is cut in the middle"
    added = [f"{name}: {value}\r\n" for name, value in headers.items() if name.startswith("x-identity-")]
    assert sum(map(len, added)) <= 8192


async def test_only_groups_that_the_configuration_names_are_sent_where_it_says_so(
    issuer: Issuer, fastapi: str, client: aiohttp.ClientSession, tmp_path: Path
) -> None:
    more = {"inbound": {"groups": "named", "who": {"groups": ["sales", "eu"]}}}
    async with sidecar(given(issuer, fastapi, **more), tmp_path) as running:
        headers = await seen(client, running, issuer.token(groups=["sales", "secret-project"]))
        assert headers["x-identity-groups"] == "sales"


# spoofing

SPOOFED = [
    "X-Identity-Subject",
    "x-identity-principal",
    "X_Identity_Subject",
    "X-Identity_Groups",
    "x_identity-Kind",
    "X-IDENTITY-ANYTHING",
    "X-Identity-",
    "X-Identity-Tools",
    "X-Identity-Invocation",
    "X-Identity-Assertion",
    "X-Forwarded-User",
    "X-Forwarded-Email",
    "X-Forwarded-Groups",
    "X-Forwarded-Preferred-Username",
    "x_forwarded_user",
    "X-Auth-Request-User",
    "X-Auth-Request-Access-Token",
    "Remote-User",
    "Remote_User",
    "REMOTE-USER",
    "X-Remote-User",
    "X-Amzn-Oidc-Data",
    "X-Amzn-Oidc-Identity",
    "X-Goog-Authenticated-User-Email",
    "X-Ms-Client-Principal",
    "X-Ms-Client-Principal-Name",
    "X-Pomerium-Jwt-Assertion",
]


@pytest.mark.parametrize("path", ["/echo", "/echo/public"])
async def test_nothing_that_a_caller_says_about_who_it_is_reaches_the_agent(
    issuer: Issuer, agent: str, client: aiohttp.ClientSession, tmp_path: Path, path: str
) -> None:
    async with sidecar(given(issuer, agent, inbound={"public": ["/echo/public"]}), tmp_path) as running:
        spoofed = [(name, "mallory") for name in SPOOFED]
        headers = await seen(client, running, issuer.token(), *spoofed, ("X-Other", "control"), path=path)
    assert "mallory" not in headers.values()
    assert headers["x-other"] == "control"
    if path == "/echo/public":
        assert not [name for name in headers if name.startswith("x-identity")]
        assert "authorization" not in headers


async def test_trailers_are_no_way_round(issuer: Issuer, node: str, tmp_path: Path) -> None:
    async with sidecar(given(issuer, node), tmp_path) as running:
        answer = await say(
            running,
            b"POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum, X-Identity-Subject\r\n"
            b"Authorization: Bearer " + issuer.token().encode() + b"\r\n\r\n"
            b"2\r\nhi\r\n0\r\nX-Sum: 1\r\nX-Identity-Subject: mallory\r\nx_identity_kind: user\r\n"
            b"Authorization: mallory\r\n\r\n",
        )
        echo = answer.json()
    assert echo["body"] == "hi"
    assert echo["trailers"] == [["x-sum", "1"]]
    assert ["x-identity-subject", "alice"] in echo["headers"]


async def test_connection_cannot_take_away_what_the_sidecar_adds(
    served: Running, issuer: Issuer, client: aiohttp.ClientSession
) -> None:
    named = "X-Identity-Subject, X-Identity-Invocation, traceparent, X-Forwarded-For, Forwarded, X-Custom"
    headers = await seen(client, served, issuer.token(), ("Connection", named), ("X-Custom", "1"), ("Keep-Alive", "9"))
    assert {"x-identity-subject", "x-identity-invocation", "traceparent", "x-forwarded-for", "forwarded"} <= set(
        headers
    )
    assert "x-custom" not in headers
    assert "keep-alive" not in headers


async def test_the_token_stays_with_the_sidecar(served: Running, issuer: Issuer, client: aiohttp.ClientSession) -> None:
    token = issuer.token()
    headers = await seen(client, served, token)
    assert "authorization" not in headers
    assert token not in str(headers)


async def test_the_token_goes_on_where_the_configuration_says_so(
    issuer: Issuer, fastapi: str, client: aiohttp.ClientSession, tmp_path: Path
) -> None:
    token = issuer.token()
    async with sidecar(given(issuer, fastapi, agent={"forward_authorization": True}), tmp_path) as running:
        assert (await seen(client, running, token))["authorization"] == f"Bearer {token}"


async def test_identity_members_leave_the_baggage_and_others_stay(served: Running, issuer: Issuer) -> None:
    answer = await say(
        served,
        b"GET /echo HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer " + issuer.token().encode() + b"\r\n"
        b"Baggage: a=1, identity.invocation=ih_mallory ,b=2;identity.x=1\r\n"
        b"baggage: identity%2Einvocation=mallory,%69dentity.principal=mallory\r\n"
        b"BAGGAGE: c=3,identity.=mallory, identity.x = mallory;p=1\r\n\r\n",
    )  # fmt: skip
    baggage = ",".join(answer.echoed("baggage"))
    assert "mallory" not in baggage
    assert {member.split(";")[0].strip() for member in baggage.split(",")} == {"a=1", "b=2", "c=3"}


# where it came from


async def test_forwarding_headers_are_set_afresh_for_strangers(
    served: Running, issuer: Issuer, client: aiohttp.ClientSession
) -> None:
    claimed = (
        ("X-Forwarded-For", "203.0.113.9"), ("X-Forwarded-Proto", "https"), ("X-Forwarded-Host", "evil.example"),
        ("Forwarded", "for=203.0.113.9;proto=https"), ("X-Real-Ip", "203.0.113.9"),
    )  # fmt: skip
    headers = await seen(client, served, issuer.token(), *claimed)
    host = f"127.0.0.1:{served.port}"
    assert headers["x-forwarded-for"] == "127.0.0.1"
    assert headers["x-forwarded-proto"] == "http"
    assert headers["x-forwarded-host"] == host
    assert headers["forwarded"] == f'for=127.0.0.1;host="{host}";proto=http'
    assert "203.0.113.9" not in str(headers)


async def test_forwarding_headers_of_a_trusted_proxy_are_continued(
    issuer: Issuer, fastapi: str, client: aiohttp.ClientSession, tmp_path: Path
) -> None:
    claimed = (
        ("X-Forwarded-For", "203.0.113.9"), ("X-Forwarded-Proto", "https"), ("X-Forwarded-Host", "travel.example"),
        ("Forwarded", "for=203.0.113.9;proto=https"), ("X-Forwarded-User", "mallory"),
    )  # fmt: skip
    more = {"inbound": {"trusted_proxies": ["127.0.0.0/8"]}}
    async with sidecar(given(issuer, fastapi, **more), tmp_path) as running:
        headers = await seen(client, running, issuer.token(), *claimed)
    assert headers["x-forwarded-for"] == "203.0.113.9, 127.0.0.1"
    assert headers["x-forwarded-proto"] == "https"
    assert headers["x-forwarded-host"] == "travel.example"
    assert headers["forwarded"].startswith("for=203.0.113.9;proto=https, for=127.0.0.1;")
    assert "mallory" not in headers.values()


# the trace


async def test_a_trace_is_continued_with_the_sidecars_span_as_parent(
    served: Running, issuer: Issuer, client: aiohttp.ClientSession
) -> None:
    headers = await seen(client, served, issuer.token(), ("traceparent", PARENT), ("tracestate", "vendor=1,other=2"))
    found = TRACEPARENT.match(headers["traceparent"])
    assert found is not None
    assert found[1] == PARENT.split("-")[1]
    assert found[2] != PARENT.split("-")[2]
    assert headers["tracestate"] == "vendor=1,other=2"


@pytest.mark.parametrize(
    "bad",
    [
        None,
        "garbage",
        PARENT.upper(),
        PARENT.replace("00-", "ff-", 1),
        "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
        PARENT + "-x",
    ],
)
async def test_a_trace_that_cannot_be_continued_is_begun(
    served: Running, issuer: Issuer, client: aiohttp.ClientSession, bad: str | None
) -> None:
    given_trace = [("traceparent", bad)] if bad else []
    headers = await seen(client, served, issuer.token(), *given_trace, ("tracestate", "vendor=1"))
    found = TRACEPARENT.match(headers["traceparent"])
    assert found is not None
    assert found[1] not in PARENT
    assert "tracestate" not in headers, "it belongs to a trace that wasn't continued"


async def test_the_answer_names_the_trace(served: Running, issuer: Issuer, client: aiohttp.ClientSession) -> None:
    for token, status in ((issuer.token(), 200), ("no.such.token", 401)):
        async with client.get(served.url + "/echo", headers=bearer(token) | {"traceparent": PARENT}) as response:
            assert response.status == status
            assert response.headers.getall("X-Trace-Id") == [PARENT.split("-")[1]]
