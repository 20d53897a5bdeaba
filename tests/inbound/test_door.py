"""The front door: who is let in, what the agent is told, and what is written down."""

import asyncio
import json
import os
import re
import string
from collections.abc import Callable
from dataclasses import dataclass, replace
from ipaddress import ip_network
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import h11
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.errors import AmbiguousCredentials, AuditUnavailable, BadRequest, InsufficientScope, NotPermitted
from sidecar.identity.principal import Kind, Principal
from sidecar.inbound import headers
from sidecar.inbound.door import Caller, Door, Manners
from sidecar.inbound.metadata import Resource, application
from sidecar.invocation.invocation import Lifetimes
from sidecar.invocation.proof import Proofs
from sidecar.relay.head import Head, parse
from sidecar.relay.own import Own
from sidecar.relay.passage import Outcome, Passage, Peer
from sidecar.relay.pool import Pool
from sidecar.relay.relay import Timeouts
from sidecar.wire.endpoint import Endpoint, Unix
from sidecar.wire.trace import Ids, Tracer
from tests.fuzzing import examples
from tests.inbound.front import ISSUER, NOW, Front, front, prepared
from tests.relay.agents import Link, Request, own
from tests.relay.callers import Answer, caller
from tests.relay.waiting import until

TRACE, SPAN = b"0af7651916cd43dd8448eb211c80319c", b"b7ad6b7169203331"
PARENT = b"traceparent: 00-" + TRACE + b"-" + SPAN + b"-01\r\n"
TOKEN = b"Authorization: Bearer @TOKEN@\r\n"


def get(target: bytes = b"/", fields: bytes = TOKEN, *, method: bytes = b"GET", version: bytes = b"1.1") -> bytes:
    return b"%b %b HTTP/%b\r\nHost: agent\r\n%b\r\n" % (method, target, version, fields)


async def ask(served: Front, sent: bytes, *, endpoint: Endpoint | None = None) -> Answer:
    async with caller(endpoint or served.endpoint) as one:
        return await one.ask(served.filled(sent))


async def seen(served: Front, sent: bytes, *, endpoint: Endpoint | None = None) -> Request:
    answer = await ask(served, sent, endpoint=endpoint)
    assert answer.status == 200, answer
    return served.agent.seen[-1]


# who is let in


async def test_a_token_opens_the_door_and_the_agent_reads_who_called() -> None:
    async with front() as served:
        token = served.token(azp="app", scope="read write", name="Alice Ä", groups=["a", "b,c"])
        request = await seen(served, get(fields=b"Authorization: Bearer " + token + b"\r\nX-Own: 1\r\n"))
        said = {name: value for name, value in request.fields if name.startswith(b"x-identity-")}
        handle = said.pop(b"x-identity-invocation")
        alice = Principal(ISSUER, "", "alice", "shop", Kind.USER)
        assert said == {
            b"x-identity-principal": alice.id.encode(),
            b"x-identity-subject": b"alice",
            b"x-identity-issuer": b"shop",
            b"x-identity-kind": b"user",
            b"x-identity-client": b"app",
            b"x-identity-name": b"Alice%20%C3%84",
            b"x-identity-scopes": b"read,write",
            b"x-identity-groups": b"a,b%2Cc",
        }
        assert re.fullmatch(rb"ih_[A-Za-z0-9_-]{43}", handle)
        assert request.values(b"x-own") == [b"1"]
        assert b"authorization" not in request.names


@pytest.mark.parametrize("line", [b"Bearer ", b"bearer ", b"BEARER ", b"Bearer   "])
async def test_the_scheme_is_known_in_any_case(line: bytes) -> None:
    async with front() as served:
        await seen(served, get(fields=b"Authorization: " + line + b"@TOKEN@ \r\n"))


@pytest.mark.parametrize(
    ("fields", "status", "code"),
    [
        (b"", 401, "token_missing"),
        (b"Authorization:\r\n", 401, "token_missing"),
        (b"Authorization: @TOKEN@\r\n", 401, "token_missing"),
        (b"Authorization: Basic YTpi\r\n", 401, "token_missing"),
        (b"Authorization: DPoP @TOKEN@\r\n", 401, "token_missing"),
        (b"Authorization: Bearer\t@TOKEN@\r\n", 401, "token_missing"),
        (b"Cookie: access_token=@TOKEN@\r\n", 401, "token_missing"),
        (b"X-Access-Token: @TOKEN@\r\n", 401, "token_missing"),
        (b"Proxy-Authorization: Bearer @TOKEN@\r\n", 401, "token_missing"),
        (b"Authorization: Bearer\r\n", 401, "token_missing|token_malformed"),
        (b"Authorization: Bearer opaque\r\n", 401, "token_malformed"),
        (b"Authorization: Bearer @TOKEN@ @TOKEN@\r\n", 401, "token_malformed"),
        (b"Authorization: Bearer @TOKEN@x\r\n", 401, "signature_invalid|token_malformed"),
        (b"Authorization: Bearer @TOKEN@, Bearer @TOKEN@\r\n", 400, "ambiguous_credentials"),
        (b"Authorization: Bearer @TOKEN@,\r\n", 400, "ambiguous_credentials"),
    ],
)
async def test_exactly_one_bearer_token_is_read_from_one_place(fields: bytes, status: int, code: str) -> None:
    async with front() as served:
        answer = await ask(served, get(b"/?access_token=@TOKEN@", fields))
        assert answer.status == status
        assert re.fullmatch(code, (answer.value(b"sidecar-error") or b"").decode())
        assert not served.agent.links
        assert not served.invocations.open_count


async def test_a_token_in_a_body_is_not_read() -> None:
    async with front() as served:
        body = b"access_token=" + served.token()
        form = b"Content-Type: application/x-www-form-urlencoded\r\nContent-Length: %d\r\n" % len(body)
        assert (await ask(served, get(fields=form, method=b"POST") + body)).status == 401


async def test_a_token_that_is_refused_says_why_in_the_words_of_the_standard() -> None:
    metadata = "https://agent.example/.well-known/oauth-protected-resource"
    async with front(Manners(resource_metadata=metadata)) as served:
        missing = await ask(served, get(fields=b""))
        assert missing.value(b"www-authenticate") == f'Bearer resource_metadata="{metadata}"'.encode()
        expired = served.token(exp=int(NOW) - 100)
        answer = await ask(served, get(fields=b"Authorization: Bearer " + expired + b"\r\n"))
        assert (answer.status, answer.value(b"sidecar-error")) == (401, b"token_expired")
        challenge = (answer.value(b"www-authenticate") or b"").decode()
        assert re.fullmatch(
            rf'Bearer error="invalid_token", error_description="[^"]+", resource_metadata="{metadata}"', challenge
        )
        assert answer.value(b"date") == b"Mon, 21 Sep 2026 14:13:20 GMT"
    async with front() as served:
        assert (await ask(served, get(fields=b""))).value(b"www-authenticate") == b"Bearer"
    async with front(Manners(resource_metadata=metadata, scopes=("a", "b"))) as served:
        missing = await ask(served, get(fields=b""))
        assert missing.value(b"www-authenticate") == f'Bearer scope="a b", resource_metadata="{metadata}"'.encode()


async def test_a_token_that_lacks_a_scope_is_refused_in_the_words_of_the_standard() -> None:
    def prepare(principal: Principal) -> Caller:
        raise InsufficientScope.of(("chat",), "inbound.who: scopes: none of chat")

    async with front(prepare=prepare) as served:
        answer = await ask(served, get())
        assert (answer.status, answer.value(b"sidecar-error")) == (403, b"not_permitted")
        challenge = (answer.value(b"www-authenticate") or b"").decode()
        assert re.fullmatch(r'Bearer error="insufficient_scope", error_description="[^"]+", scope="chat"', challenge)
        assert served.journal.events[-1]["attributes"]["identity.reason"].endswith("inbound.who: scopes: none of chat")


async def test_a_token_is_verified_once_and_remembered() -> None:
    prepared_times = 0

    def prepare(principal: Principal) -> Caller:
        nonlocal prepared_times
        prepared_times += 1
        return prepared(principal)

    async with front(prepare=prepare) as served:
        for _ in range(3):
            await seen(served, get())
        assert prepared_times == 1
        served.clock.now += 631
        assert (await ask(served, get())).value(b"sidecar-error") == b"token_expired"


async def test_who_may_not_call_at_all_is_told_so_and_no_more() -> None:
    def prepare(principal: Principal) -> Caller:
        raise NotPermitted("inbound.who: the group 'staff' is missing")

    async with front(prepare=prepare) as served:
        answer = await ask(served, get())
        assert (answer.status, answer.value(b"sidecar-error")) == (403, b"not_permitted")
        assert b"staff" not in answer.body
        assert not served.agent.links


# paths


async def test_public_paths_pass_without_identity() -> None:
    async with front(Manners(public=("/health", "/static/"))) as served:
        for path in (b"/health", b"/health?x=/private", b"/static/a/b"):
            for fields in (b"", b"Authorization: Bearer nonsense\r\n", TOKEN + b"X-Identity-Subject: mallory\r\n"):
                request = await seen(served, get(path, fields))
                assert request.target == path
                assert not [name for name in request.names if name.startswith((b"x-identity", b"authorization"))]
        assert not served.invocations.open_count + served.invocations.lingering_count
        assert not served.journal.events


@pytest.mark.parametrize("path", [b"/health/", b"/healthy", b"/static", b"/", b"/a?/health"])
async def test_other_paths_need_a_token(path: bytes) -> None:
    async with front(Manners(public=("/health", "/static/"))) as served:
        assert (await ask(served, get(path, b""))).status == 401
        await seen(served, get(path))


@pytest.mark.parametrize(
    "path", [b"/health/../private", b"/static/%2e%2e/private", b"/%68ealth", b"/static%2fa", b"/./a"]
)
async def test_a_path_of_two_readings_is_refused_with_and_without_a_token(path: bytes) -> None:
    async with front(Manners(public=("/health", "/static/"))) as served:
        for fields in (b"", TOKEN):
            answer = await ask(served, get(path, fields))
            assert (answer.status, answer.value(b"sidecar-error")) == (400, b"path_ambiguous")
        assert not served.agent.links


@pytest.mark.parametrize("path", [b"/a%2Fb", b"//a//b", b"/a;b=c/d", b"/%25?%2e%2e", b"/a%20b?c=/../d"])
async def test_a_path_is_passed_on_as_it_came(path: bytes) -> None:
    async with front() as served:
        assert (await seen(served, get(path))).target == path


PREFLIGHT = b"Origin: https://app.example\r\nAccess-Control-Request-Method: POST\r\n"


async def test_a_preflight_passes_only_where_it_may_and_only_if_it_is_one() -> None:
    async with front() as served:
        assert (await ask(served, get(fields=PREFLIGHT, method=b"OPTIONS"))).status == 401
    async with front(Manners(preflight=True)) as served:
        request = await seen(served, get(fields=PREFLIGHT + b"X-Identity-Name: m\r\n", method=b"OPTIONS"))
        assert not [name for name in request.names if name.startswith(b"x-identity")]
        assert (await ask(served, get(fields=PREFLIGHT, method=b"POST"))).status == 401
        assert (await ask(served, get(fields=b"Origin: a\r\n", method=b"OPTIONS"))).status == 401
        await seen(served, get(fields=PREFLIGHT + TOKEN, method=b"POST"))


async def test_what_the_sidecar_owns_is_answered_by_itself() -> None:
    resource = Resource("https://agent.example/api", "travel-agent", [ISSUER])
    loop = asyncio.get_running_loop()
    pages = Own(lambda: application(resource, lambda: {"keys": []}), loop)
    pool = Pool("own", pages.dial, connect_seconds=5.0, clock=loop.time)
    async with front(Manners(public=("/.well-known/",)), own_pages=lambda: pool) as served:
        for behind in (b"", b"/api"):
            answer = await ask(served, get(b"/.well-known/oauth-protected-resource" + behind, b""))
            assert json.loads(answer.body)["resource"] == "https://agent.example/api"
            assert answer.value(b"x-trace-id")
        assert json.loads((await ask(served, get(b"/.well-known/identity-sidecar/jwks.json", b""))).body) == {
            "keys": []
        }
        assert (await ask(served, get(b"/.well-known/oauth-protected-resource/%2e%2e", b""))).status == 400
        assert not served.agent.links
        await seen(served, get(b"/.well-known/other", b""))
        assert not served.spans[:-1]
        pool.close()
    await pages.close()


async def test_without_pages_of_its_own_those_paths_are_the_agents() -> None:
    async with front() as served:
        assert (await ask(served, get(b"/.well-known/oauth-protected-resource", b""))).status == 401
        await seen(served, get(b"/.well-known/oauth-protected-resource"))


# what the agent is told


async def test_a_trace_is_continued_with_the_sidecars_span_as_parent() -> None:
    async with front() as served:
        more = b"tracestate: a=1\r\nTraceState: b=2\r\nBaggage: c=3\r\nbaggage: d=4\r\n"
        async with caller(served.endpoint) as one:
            answer = await one.ask(served.filled(get(fields=TOKEN + PARENT + more)))
        request = served.agent.seen[0]
        (parent,) = request.values(b"traceparent")
        version, trace, span, flags = parent.split(b"-")
        assert (version, trace, flags) == (b"00", TRACE, b"01")
        assert span != SPAN
        assert request.values(b"tracestate") == [b"a=1,b=2"]
        assert request.values(b"baggage") == [b"c=3,d=4"]
        assert answer.value(b"x-trace-id") == TRACE


@pytest.mark.parametrize(
    "lines",
    [
        b"",
        b"traceparent: nonsense\r\n",
        b"traceparent: 00-" + b"0" * 32 + b"-" + SPAN + b"-01\r\n",
        b"traceparent: 00-" + TRACE.upper() + b"-" + SPAN + b"-01\r\n",
        PARENT + PARENT,
    ],
    ids=["none", "nonsense", "zeros", "upper case", "two"],
)
async def test_a_trace_that_can_not_be_read_begins_anew(lines: bytes) -> None:
    async with front() as served:
        request = await seen(served, get(fields=TOKEN + lines + b"tracestate: a=1\r\nbaggage: c=3\r\n"))
        (parent,) = request.values(b"traceparent")
        assert re.fullmatch(rb"00-[0-9a-f]{32}-[0-9a-f]{16}-0[01]", parent)
        assert TRACE not in parent
        assert b"tracestate" not in request.names
        assert request.values(b"baggage") == [b"c=3"]


async def test_a_handle_is_of_one_call_alone_and_lives_as_long_as_it_should() -> None:
    go = asyncio.Event()

    async def answer(request: Request, link: Link) -> None:
        await go.wait()
        await own(request, link)

    async with front(answer=answer, lifetimes=Lifetimes(linger=0.0)) as served, caller(served.endpoint) as one:
        one.send(served.filled(get()))
        await until(lambda: served.agent.begun)
        (handle,) = served.agent.begun[0].values(b"x-identity-invocation")
        invocation = served.invocations.find(handle)
        assert invocation is not None
        assert invocation.principal.subject == "alice"
        go.set()
        await one.answer()
        assert served.invocations.find(handle) is None
        second = await seen(served, get())
        assert second.values(b"x-identity-invocation") != [handle]


async def test_baggage_carries_a_handle_that_only_attaches_where_that_is_asked_for() -> None:
    async with front(Manners(baggage=True)) as served:
        request = await seen(served, get(fields=TOKEN + b"baggage: a=1,identity.invocation=ih_forged\r\n"))
        (baggage,) = request.values(b"baggage")
        found = re.fullmatch(rb"a=1,identity\.invocation=(ih_[A-Za-z0-9_-]{43})", baggage)
        assert found is not None
        assert served.invocations.find(found[1]) is None
        assert served.invocations.find_attaching(found[1]) is not None
        alone = await seen(served, get())
        assert re.fullmatch(rb"identity\.invocation=ih_[A-Za-z0-9_-]{43}", alone.values(b"baggage")[0])
    async with front(Manners(baggage=True, public=("/",))) as served:
        assert b"baggage" not in (await seen(served, get(b"/open", b""))).names


async def test_the_token_is_passed_on_only_where_that_is_asked_for() -> None:
    async with front(Manners(forward_authorization=True)) as served:
        request = await seen(served, get())
        assert request.values(b"authorization") == [b"Bearer " + served.alice]
        request = await seen(served, get(fields=TOKEN + b"Connection: authorization\r\n"))
        assert b"authorization" not in request.names
        assert request.values(b"x-identity-subject") == [b"alice"]


async def test_a_callers_token_is_kept_where_it_is_to_be_exchanged_and_nowhere_else() -> None:
    async with front() as served, caller(served.endpoint) as one:
        proofs = Proofs(served.invocations, os.urandom)
        assert (await one.ask(served.filled(get()))).status == 200
        assert len(proofs) == 0
        served.door.proofs = proofs
        kept = []
        for fields in (TOKEN, TOKEN, TOKEN + b"X-More: 1\r\n", b"authorization:  bearer @TOKEN@\r\n"):
            assert (await one.ask(served.filled(get(fields=fields)))).status == 200
            handle = served.agent.seen[-1].values(b"x-identity-invocation")[0]
            invocation = served.invocations.find(handle)
            assert invocation is not None
            proof = proofs.of(invocation.id, invocation.principal)
            assert proof is not None
            secret = proof.reveal()
            assert secret is not None
            kept.append(secret.reveal().encode())
        assert kept == [served.alice] * 4
        served.invocations.end_all(lambda _: True)
        assert len(proofs) == 0


FORWARDED = (
    b"X-Forwarded-For: 1.1.1.1\r\nX-Forwarded-Proto: https\r\nX-Forwarded-Host: public.example\r\n"
    b"Forwarded: for=1.1.1.1\r\nX-Real-IP: 1.1.1.1\r\nX-Forwarded-Port: 443\r\n"
)


async def test_where_a_request_came_from_is_the_sidecars_to_say() -> None:
    async with front() as served:
        request = await seen(served, get(fields=TOKEN + FORWARDED))
        assert request.values(b"x-forwarded-for") == [b"127.0.0.1"]
        assert request.values(b"x-forwarded-proto") == [b"http"]
        assert request.values(b"x-forwarded-host") == [b"agent"]
        assert request.values(b"forwarded") == [b'for=127.0.0.1;host="agent";proto=http']
        assert not request.names & {b"x-real-ip", b"x-forwarded-port"}


@pytest.mark.parametrize(
    ("network", "believed"), [("127.0.0.0/8", True), ("127.0.0.1/32", True), ("10.0.0.0/8", False), ("::1/128", False)]
)
async def test_a_trusted_proxy_is_believed_and_no_one_else(network: str, believed: bool) -> None:
    async with front(Manners(trusted_proxies=(ip_network(network),))) as served:
        request = await seen(served, get(fields=TOKEN + FORWARDED + b"X_Real_IP: 6.6.6.6\r\nX-Identity-Name: m\r\n"))
        assert request.values(b"x-forwarded-for") == [b"1.1.1.1, 127.0.0.1" if believed else b"127.0.0.1"]
        assert request.values(b"x-forwarded-proto") == [b"https" if believed else b"http"]
        assert request.values(b"x-forwarded-host") == [b"public.example" if believed else b"agent"]
        assert request.values(b"x-real-ip") == ([b"1.1.1.1"] if believed else [])
        assert request.values(b"forwarded")[0].startswith(b"for=1.1.1.1, " if believed else b"for=127.0.0.1")
        assert not request.names & {b"x_real_ip", b"x-identity-name"}
        plain = await seen(served, get())  # a proxy that says nothing
        assert plain.values(b"x-forwarded-for") == [b"127.0.0.1"]


ADDRESSES = {"10.1.2.3": True, "::ffff:10.1.2.3": True, "::ffff:11.1.2.3": False, "fd00::1%eth0": True, "": False}


def test_an_address_of_the_old_kind_in_the_new_ones_clothes_is_the_old_one() -> None:
    door = asyncio.run(resting(Manners(trusted_proxies=(ip_network("10.0.0.0/8"), ip_network("fd00::/8")))))
    for address, believed in ADDRESSES.items():
        told = dict(door.told(get(fields=TOKEN + FORWARDED), Peer(address, tls=True)))
        assert told[b"x-forwarded-proto"] == b"https"
        assert told[b"x-forwarded-host"] == (b"public.example" if believed else b"agent")


async def test_a_caller_on_a_unix_socket_has_no_address(tmp_path: Path) -> None:
    async with front(listen=Unix(tmp_path / "inbound.sock")) as served:
        request = await seen(served, get(fields=TOKEN + FORWARDED))
        assert b"x-forwarded-for" not in request.names
        assert request.values(b"forwarded") == [b'for=unknown;host="agent";proto=http']


async def test_each_host_of_one_connection_is_said_as_it_came() -> None:
    async with front() as served, caller(served.endpoint) as one:
        for host in (b"a.example", b"b.example:8080", b"a.example"):
            await one.ask(served.filled(get().replace(b"Host: agent", b"Host: " + host)))
            assert served.agent.seen[-1].values(b"x-forwarded-host") == [host]
            assert served.agent.seen[-1].values(b"host") == [host]


async def test_an_old_callers_expectation_is_not_passed_on() -> None:
    async with front() as served:
        expects = TOKEN + b"Expect: 100-continue\r\n"
        assert b"expect" in (await seen(served, get(fields=expects))).names
        assert b"expect" not in (await seen(served, get(fields=expects, version=b"1.0"))).names


# what is written down


async def test_the_event_is_written_before_the_agent_sees_the_call() -> None:
    order: list[str] = []

    async def answer(request: Request, link: Link) -> None:
        order.extend(event["name"] for event in served.journal.events)
        order.append("agent")
        await own(request, link)

    async with front(answer=answer) as served:
        await seen(served, get(b"/a?secret=1", TOKEN + PARENT))
        assert order == ["identity.init", "agent"]
        (event,) = served.journal.events
        assert event["trace_id"] == TRACE.decode()
        assert event["span_id"] == served.agent.seen[0].values(b"traceparent")[0].split(b"-")[2].decode()
        assert event["attributes"]["url.path"] == "/a"
        assert served.alice.decode() not in json.dumps(served.journal.events)
        assert "ih_" not in json.dumps(served.journal.events)


async def test_a_call_whose_event_can_not_be_written_is_refused() -> None:
    async with front() as served:
        served.journal.fault = AuditUnavailable("the ring is full")
        answer = await ask(served, get())
        assert (answer.status, answer.value(b"sidecar-error")) == (503, b"audit_unavailable")
        assert not served.agent.links
        assert not served.invocations.open_count
        served.journal.fault = None
        await seen(served, get())


async def test_a_rejection_is_written_down_without_what_was_sent() -> None:
    async with front() as served:
        forged = served.token()[:-10] + b"AAAAAAAAAA"
        answer = await ask(served, get(b"/secret/path?q=1", b"Authorization: Bearer " + forged + b"\r\n" + PARENT))
        (event,) = served.journal.events
        assert event["name"] == "identity.rejected"
        assert event["trace_id"] == TRACE.decode() == (answer.value(b"x-trace-id") or b"").decode()
        assert event["attributes"]["http.response.status_code"] == 401
        assert event["attributes"]["error.type"] in ("signature_invalid", "token_malformed")
        assert event["attributes"]["url.path"] == "/secret/path"
        assert forged.decode() not in json.dumps(event)


@pytest.mark.parametrize("sent", [b"nonsense\r\n\r\n", b"GET / HTTP/1.1\r\n\r\n"])
async def test_what_is_no_request_is_written_down_too(sent: bytes) -> None:
    async with front() as served:
        assert (await ask(served, sent)).status == 400
        (event,) = served.journal.events
        assert event["attributes"]["error.type"] == "bad_request"


async def test_every_call_ends_its_invocation_and_its_span_once() -> None:
    async def hang(request: Request, link: Link) -> None:
        await link.receive()

    async with front(timeouts=Timeouts(first_byte=0.2, drain=0.2)) as served:
        await seen(served, get(b"/done", TOKEN + PARENT))
        served.agent.answer = hang
        async with caller(served.endpoint) as one:
            one.send(served.filled(get(b"/left")))
            await until(lambda: len(served.agent.begun) == 2)
            one.reset()
            await until(lambda: len(served.spans) == 2)
        assert (await ask(served, get(b"/slow"))).status == 504
        assert (served.invocations.open_count, served.invocations.lingering_count) == (0, 3)
        assert [(span.path, span.status) for span in served.spans] == [(b"/done", 200), (b"/left", 0), (b"/slow", 0)]
        assert served.spans[0].trace.trace_id == TRACE
        assert served.spans[0].attributes == {"user.id": Principal(ISSUER, "", "alice", "shop", Kind.USER).id}


async def test_a_call_ends_with_its_token_where_that_is_asked_for() -> None:
    async with front(lifetimes=Lifetimes(end_with_token=True, linger=30.0)) as served:
        short = served.token(exp=int(NOW) + 5)
        request = await seen(served, get(fields=b"Authorization: Bearer " + short + b"\r\n"))
        invocation = served.invocations.find(request.values(b"x-identity-invocation")[0])
        assert invocation is not None
        assert invocation.dies - asyncio.get_running_loop().time() <= 5


# laws


@dataclass(frozen=True, slots=True)
class Resting:
    """A door that nobody listens before: what it would tell the agent, as h11 reads it."""

    door: Door
    token: bytes

    def told(self, sent: bytes, peer: Peer | None = None) -> list[tuple[bytes, bytes]]:
        return self.read(self.sent(sent, peer))

    def sent(self, sent: bytes, peer: Peer | None = None) -> bytes:
        head: Head[Any] = parse(sent.replace(b"@TOKEN@", self.token), self.door.shapes)
        passage = self.door.admit(head, peer or Peer("127.0.0.1", tls=False))
        assert isinstance(passage, Passage)  # a token that is remembered is not waited for
        passage.ended(Outcome.DONE, 200)
        return passage.head

    @staticmethod
    def read(head: bytes) -> list[tuple[bytes, bytes]]:
        connection = h11.Connection(h11.SERVER, max_incomplete_event_size=1 << 20)
        connection.receive_data(head + b"\r\n")
        request = connection.next_event()
        assert isinstance(request, h11.Request)
        assert isinstance(connection.next_event(), h11.EndOfMessage)
        return list(request.headers)


async def resting(manners: Manners, prepare: Callable[[Principal], Caller] = prepared) -> Resting:
    async with front(manners, prepare=prepare) as served:
        await seen(served, get())
        return Resting(served.door, served.alice)


@pytest.fixture(scope="module")
def door() -> Resting:
    return asyncio.run(resting(Manners()))


OURS = (
    b"x-identity-principal",
    b"x-identity-subject",
    b"x-identity-issuer",
    b"x-identity-kind",
    b"x-identity-invocation",
)
_KNOWN = (
    *OURS,
    *(b"x-identity-groups", b"x-identity-", b"x-identity-assertion", b"remote-user", b"x-forwarded-user", b"baggage"),
    *(
        b"x-forwarded-for",
        b"forwarded",
        b"traceparent",
        b"tracestate",
        b"connection",
        b"te",
        b"cookie",
        b"x-a",
        b"upgrade",
    ),
)
_TOKEN_CHARACTERS = "!#$%&'*+.^_`|~-" + string.ascii_letters + string.digits
_CHARACTERS = "\t" + string.printable[:95] + "\x80\xa0\xff"


def _spelled(name: bytes, choices: int) -> bytes:
    """*name* with some letters in upper case, and perhaps underscores for dashes, as the bits of *choices* say."""
    upper = bytes(byte - 32 if choices >> at & 1 and 97 <= byte <= 122 else byte for at, byte in enumerate(name))
    return upper if choices >> 32 else upper.replace(b"-", b"_")


_names = st.builds(_spelled, st.sampled_from(_KNOWN), st.integers(0, (1 << 34) - 1)) | st.text(
    _TOKEN_CHARACTERS, min_size=1, max_size=20
).map(str.encode)
_values = st.sampled_from(
    [b"mallory", b"", b"x-identity-subject", b"close, x-identity-principal", b"identity.user=mallory, a=1", b"a=b"]
) | st.text(_CHARACTERS, max_size=20).map(lambda text: text.encode("latin-1"))


@examples(200)
@given(lines=st.lists(st.tuples(_names, _values), max_size=8), version=st.sampled_from([b"1.1", b"1.0"]))
def test_whatever_headers_are_sent_the_agent_trusts_only_the_sidecars(
    door: Resting, lines: list[tuple[bytes, bytes]], version: bytes
) -> None:
    sent = get(fields=TOKEN + b"".join(name + b":" + value + b"\r\n" for name, value in lines), version=version)
    try:
        told = door.told(sent)
    except (BadRequest, AmbiguousCredentials):
        return
    plain = {name.replace(b"_", b"-"): value for name, value in told}
    trusted = [(name, value) for name, value in told if name.replace(b"_", b"-").startswith(b"x-identity")]
    assert sorted(name for name, _ in trusted if name != b"x-identity") == sorted(OURS)
    assert plain[b"x-identity-subject"] == b"alice"
    assert plain[b"x-forwarded-for"] == b"127.0.0.1"
    assert not plain.keys() & {b"remote-user", b"x-forwarded-user", b"connection", b"te", b"upgrade", b"authorization"}
    assert "identity." not in unquote(plain.get(b"baggage", b"").decode("latin-1")).lower()
    for name in (b"host", b"traceparent", b"x-forwarded-for", b"x-forwarded-proto", b"x-forwarded-host", b"forwarded"):
        assert [each for each, _ in told].count(name) == 1


@examples(200)
@given(lines=st.lists(st.tuples(_names, _values), max_size=8))
def test_what_is_told_twice_is_told_in_the_same_words(door: Resting, lines: list[tuple[bytes, bytes]]) -> None:
    """By a shape that was made for it, and by the one that was kept."""
    changing = {b"traceparent", b"x-identity-invocation"}
    sent = get(fields=TOKEN + b"".join(name + b":" + value + b"\r\n" for name, value in lines))
    try:
        first, second = door.told(sent), door.told(sent)
    except (BadRequest, AmbiguousCredentials):
        return
    assert [pair for pair in first if pair[0] not in changing] == [pair for pair in second if pair[0] not in changing]


def test_what_is_remembered_of_names_is_bounded_and_changes_nothing(door: Resting) -> None:
    for batch in range(12):
        fields = b"".join(b"X-%d-%d: a\r\n" % (batch, number) for number in range(100))
        told = door.told(get(fields=TOKEN + fields + b"X" * 200 + b": b\r\nX-Forwarded-For: 6.6.6.6\r\n"))
        assert len(told) == 1 + 100 + 1 + 4 + 1 + len(OURS)
    assert len(door.door._verdicts) <= 1024


def known(door: Resting, fields: bytes) -> bytes:
    """A request with *fields*, of which nothing has to be found out any more."""
    sent = get(fields=TOKEN + fields)
    for _ in range(5):
        door.sent(sent)
    head: Head[Any] = parse(sent.replace(b"@TOKEN@", door.token), door.door.shapes)
    assert head.cut
    assert not head.key
    return sent


def test_fields_that_are_known_are_told_with_each_peers_own_address(door: Resting) -> None:
    sent = known(door, b"X-Peers: all\r\n")
    peers = [Peer(f"10.0.0.{number % 5}", tls=number % 3 == 0) for number in range(15)] + [
        Peer(f"10.0.1.{number}", tls=False) for number in range(60)
    ]
    for peer in peers:
        told = dict(door.told(sent, peer))
        assert told[b"x-forwarded-for"] == peer.address.encode()
        assert told[b"x-forwarded-proto"] == (b"https" if peer.tls else b"http")


def test_ids_that_vary_go_to_the_agent_as_they_came(door: Resting) -> None:
    fields = b"X-Rate: 100%%b\r\nX-Request-Id: %b-1\r\nAccept: %%s\r\nX-Real-IP: %b\r\nX-Ids: %b\r\n"
    for number in range(10):
        one = b"%02x" % (number * 7)
        told = door.told(get(fields=TOKEN + fields % (one, one, one)))
        own = [pair for pair in told if pair[0] in (b"x-rate", b"x-request-id", b"accept", b"x-real-ip", b"x-ids")]
        assert own == [
            (b"x-rate", b"100%b"),
            (b"x-request-id", one + b"-1"),
            (b"accept", b"%s"),
            (b"x-ids", one),
        ]
    known(door, fields % (b"00", b"11", b"22"))


def test_a_trace_that_varies_is_continued_each_time(door: Resting) -> None:
    for number in range(1, 9):
        trace = b"%032x" % number
        told = dict(door.told(get(fields=TOKEN + b"traceparent: 00-" + trace + b"-" + SPAN + b"-01\r\n")))
        assert told[b"traceparent"][3:35] == trace


def test_what_a_trusted_proxy_says_is_told_as_it_says_it_however_alike_it_is() -> None:
    door = asyncio.run(resting(Manners(trusted_proxies=(ip_network("10.0.0.0/8"),))))
    trusted, other = Peer("10.0.0.1", tls=False), Peer("192.0.2.1", tls=False)
    for number in range(1, 10):
        sent = get(fields=TOKEN + b"X-Forwarded-For: 198.51.100.%d\r\nX-Real-IP: 7.7.7.%d\r\n" % (number, number))
        told = dict(door.told(sent, trusted))
        assert told[b"x-forwarded-for"] == b"198.51.100.%d, 10.0.0.1" % number
        assert told[b"x-real-ip"] == b"7.7.7.%d" % number
        told = dict(door.told(sent, other))
        assert told[b"x-forwarded-for"] == b"192.0.2.1"
        assert b"x-real-ip" not in told


def test_what_connection_names_is_left_out_of_what_is_known_too(door: Resting) -> None:
    for number in range(8):
        sent = get(fields=TOKEN + b"Connection: X-Mine, close\r\nX-Mine: a\r\nX-Id: %d\r\n" % number)
        told = dict(door.told(sent))
        assert b"x-mine" not in told
        assert told[b"x-id"] == b"%d" % number


async def test_callers_with_the_same_fields_are_told_apart_by_their_tokens_on_one_connection_and_on_several() -> None:
    async with front() as served, caller(served.endpoint) as one, caller(served.endpoint) as other:
        tokens = {subject: served.token(subject) for subject in ("alice", "bob", "carol")}
        for turn in range(6):
            for subject, token in tokens.items():
                for through in (one, other):
                    sent = get(fields=b"Authorization: Bearer " + token + b"\r\nX-Turn: %d\r\n" % turn)
                    assert (await through.ask(sent)).status == 200
                    assert served.agent.seen[-1].values(b"x-identity-subject") == [subject.encode()]
                    assert served.agent.seen[-1].values(b"x-turn") == [b"%d" % turn]
        assert served.door.shapes._known


async def test_known_fields_open_the_door_to_no_token_that_is_forgotten_or_has_expired() -> None:
    async with front() as served:
        for _ in range(5):
            assert (await ask(served, get())).status == 200
        assert served.door.shapes._known
        served.clock.now += 59.9
        assert (await ask(served, get())).status == 200
        served.clock.now += 541  # longer than it is remembered, and good for less than another second
        served.verifier.clear()
        assert (await ask(served, get(fields=b"Authorization: Bearer @TOKEN@x\r\n"))).status == 401
        served.clock.now += 100
        refused = await ask(served, get())
        assert (refused.status, refused.value(b"sidecar-error")) == (401, b"token_expired")


async def test_known_fields_open_the_door_to_no_token_that_was_forgotten_when_its_issuers_keys_changed() -> None:
    welcome = True

    def prepare(principal: Principal) -> Caller:
        if not welcome:
            raise NotPermitted
        return prepared(principal)

    async with front(prepare=prepare) as served, caller(served.endpoint) as one:
        for _ in range(5):
            assert (await ask(served, get())).status == 200
            assert (await one.ask(served.filled(get()))).status == 200
        assert served.door.shapes._known
        welcome = False
        served.verifier.clear()
        assert (await ask(served, get())).status == 403
        assert (await one.ask(served.filled(get()))).status == 403


async def test_what_one_door_knows_of_fields_another_doesnt() -> None:
    async with front() as served:
        for _ in range(5):
            assert (await ask(served, get())).status == 200
        assert served.door.shapes._known
        served.relay.door = another(served, Manners(forward_authorization=True))
        assert (await ask(served, get())).status == 200
        assert served.agent.seen[-1].values(b"authorization") == [b"Bearer " + served.alice]


async def test_a_connection_that_ends_with_its_request_ends_where_the_fields_are_known() -> None:
    async with front() as served:
        for _ in range(6):
            async with caller(served.endpoint) as one:
                answer = await one.ask(served.filled(get(fields=TOKEN + b"Connection: close\r\n")))
                assert (answer.status, answer.value(b"connection")) == (200, b"close")


async def test_a_callers_cookie_is_never_held_with_fields() -> None:
    async with front() as served:
        for _ in range(6):
            assert (await ask(served, get(fields=TOKEN + b"Cookie: session=1\r\n"))).status == 200
        assert not served.door.shapes._known


def test_trailers_lose_the_same_fields(door: Resting) -> None:
    for name in (
        b"authorization",
        b"x-identity-a",
        b"x_identity_a",
        b"remote-user",
        b"x-forwarded-for",
        b"x-real-ip",
        b"te",
    ):
        assert door.door.drops(name)
    assert not any(map(door.door.drops, (b"x-own", b"digest", b"server-timing")))


def test_no_principal_makes_more_than_8_kib_of_it() -> None:
    """With the longest subject, host and lists, beside all that is said of every call."""
    many = frozenset(f"group {number}" for number in range(5000))
    subject = "\U0001f600" * 255

    def prepare(principal: Principal) -> Caller:
        who = Principal(
            "https://a", "t" * 900, subject, "shop", Kind.USER, "c" * 900, "n" * 900, "e" * 900, many, many, many
        )
        return replace(prepared(who), lines=headers.principal_lines(who))

    door = asyncio.run(resting(Manners(), prepare))
    host = b"h" * 255 + b":65535"
    kept = b"GET / HTTP/1.1\r\nHost: " + host + b"\r\n"
    sent = door.sent(kept + TOKEN + PARENT + b"\r\n", Peer("fe80:1234:5678:9abc:def0:1234:5678:9abc", tls=True))
    assert 4000 < len(sent) - len(kept) <= headers.MOST_ADDED
    assert dict(door.read(sent))[b"x-identity-truncated"]


# heads with the same fields as the last on their connection


async def test_a_connection_that_says_the_same_again_is_let_in_only_as_long_as_its_token_is_good() -> None:
    async with front() as served, caller(served.endpoint) as one:
        for path in (b"/a", b"/b?c=d"):
            assert (await one.ask(served.filled(get(path)))).status == 200
        served.clock.now += 601 + 30
        refused = await one.ask(served.filled(get(b"/c")))
        assert (refused.status, refused.value(b"sidecar-error")) == (401, b"token_expired")
    assert [request.target for request in served.agent.seen] == [b"/a", b"/b?c=d"]
    handles = {request.values(b"x-identity-invocation")[0] for request in served.agent.seen}
    assert len(handles) == 2


async def test_a_connection_that_says_the_same_again_is_asked_anew_once_its_token_is_forgotten() -> None:
    prepared_for = []

    def prepare(principal: Principal) -> Caller:
        prepared_for.append(principal.subject)
        return prepared(principal)

    async with front(prepare=prepare) as served, caller(served.endpoint) as one:
        for _ in range(3):
            assert (await one.ask(served.filled(get()))).status == 200
        assert prepared_for == ["alice"]
        served.verifier.clear()
        assert (await one.ask(served.filled(get()))).status == 200
        assert prepared_for == ["alice", "alice"]


async def test_a_token_that_was_known_when_its_connection_came_is_asked_anew_once_it_is_forgotten() -> None:
    """Heads with a known token are read without it, and so are those that repeat them."""
    async with front() as served:
        async with caller(served.endpoint) as first:
            assert (await first.ask(served.filled(get()))).status == 200
        async with caller(served.endpoint) as second:
            for _ in range(2):
                assert (await second.ask(served.filled(get()))).status == 200
            served.clock.now += 61
            for _ in range(2):
                assert (await second.ask(served.filled(get()))).status == 200
            served.verifier.clear()
            assert (await second.ask(served.filled(get()))).status == 200


def another(served: Front, manners: Manners) -> Door:
    """As a reload would make it."""
    return Door(
        manners=manners,
        verifier=served.verifier,
        invocations=served.invocations,
        journal=served.journal,
        tracer=Tracer(Ids()),
        agent=served.door.agent,
        own=None,
        clock=served.clock,
        clock_ns=served.clock.ns,
        spans=served.spans.append,
    )


async def test_another_door_reads_the_same_head_anew() -> None:
    """A reload may take back what a head's fields were let pass by."""
    async with front(Manners(forward_authorization=True)) as served, caller(served.endpoint) as one:
        for _ in range(2):
            assert (await one.ask(served.filled(get()))).status == 200
        served.relay.door = another(served, Manners())
        assert (await one.ask(served.filled(get()))).status == 200
        assert [len(request.values(b"authorization")) for request in served.agent.seen] == [1, 1, 0]


async def test_a_head_is_not_held_once_its_connection_is_idle() -> None:
    async with front(timeouts=Timeouts(head=0.1)) as served, caller(served.endpoint) as one:
        assert (await one.ask(served.filled(get()))).status == 200
        (connection,) = served.relay._connections
        await until(lambda: connection.before is None)
        assert (await one.ask(served.filled(get()))).status == 200


async def test_a_connection_that_says_the_same_again_is_known_when_its_token_has_to_be_verified_anew() -> None:
    async with front() as served:
        async with caller(served.endpoint) as first:
            assert (await first.ask(served.filled(get()))).status == 200
        async with caller(served.endpoint) as second:
            assert (await second.ask(served.filled(get()))).status == 200
            served.clock.now += 61  # remembered no more, and still good
            answer = await second.ask(served.filled(get()))
            assert answer.status == 200, answer.value(b"sidecar-error")
            assert (await second.ask(served.filled(get()))).status == 200
            served.clock.now += 601
            refused = await second.ask(served.filled(get()))
            assert (refused.status, refused.value(b"sidecar-error")) == (401, b"token_expired")
