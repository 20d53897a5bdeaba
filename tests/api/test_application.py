"""What holds for every call of the identity API."""

import asyncio
import json
import logging
import re
from collections.abc import AsyncIterator

import pytest

from sidecar.api import application
from sidecar.api.application import CALLS
from sidecar.relay.own import Own
from tests.api.around import AGENT, JWKS, PEM, Around
from tests.child import ROOT


def test_every_call_is_documented_with_its_method() -> None:
    page = (ROOT / "docs" / "reference" / "identity-api.md").read_text()
    documented = re.findall(r"^\| `([A-Z]+) (/v1/\S+)` \|", page, re.MULTILINE)
    assert {(call.method, path.decode()) for path, call in CALLS.items()} == {
        (method, re.sub(r"\{.*\}$", "", path)) for method, path in documented
    }


async def test_the_public_keys_and_the_ca_take_no_handle(around: Around) -> None:
    assert (await around.ask("GET", "/v1/jwks.json")).json() == JWKS
    said = await around.ask("GET", "/v1/ca.pem")
    assert (said.status, said.body) == (200, PEM)
    assert said.headers["content-type"] == "application/pem-certificate-chain"
    assert around.journal.events == []


@pytest.mark.parametrize(
    "path",
    ["/v1/", "/v1/nothing", "/v1/principal/", "/v1/principal;a", "/v1/%70rincipal", "/V1/principal", "/v1/tools/",
     "/v1/connections/", "/v1/connections/a/b", "/v1/connections//", "/v1/consents",
     "/v1/consents/", "/identities/GetWorkloadAccessToken"],
)  # fmt: skip
async def test_what_there_is_not_is_not_found(around: Around, path: str) -> None:
    _, handle = around.open()
    from yarl import URL

    for method in ("GET", "POST", "DELETE"):
        async with around.session.request(
            method, URL(f"http://{around.session._base_url.authority}{path}", encoded=True),  # type: ignore[union-attr]  # it has one
            headers={"Authorization": f"Bearer {handle}"},
        ) as answer:  # fmt: skip
            assert (answer.status, (await answer.json(content_type=None))["code"]) == (404, "route_unknown")


@pytest.mark.parametrize("path", [path.decode() for path in CALLS])
async def test_another_method_is_told_which_one(around: Around, path: str) -> None:
    _, handle = around.open()
    call = CALLS[path.encode()]
    path += "x" if path.endswith("/") else ""
    for method in {"GET", "POST", "PUT", "DELETE", "PATCH", "OPTIONS"} - {call.method}:
        said = await around.ask(method, path, handle)
        assert said.refused() == (400, "bad_request")
        assert said.headers["allow"] == call.method


@pytest.mark.parametrize("chunked", [False, True])
async def test_a_body_has_an_end(around: Around, chunked: bool) -> None:
    _, handle = around.open()

    async def pieces() -> AsyncIterator[bytes]:
        for _ in range(65):
            yield b" " * 1024

    async with around.session.post(
        "/v1/token",
        data=pieces() if chunked else b" " * (65 * 1024),
        headers={"Authorization": f"Bearer {handle}"},
    ) as answer:
        assert (answer.status, (await answer.json(content_type=None))["code"]) == (413, "too_large")


async def test_a_packed_body_is_refused_whatever_is_in_it(around: Around) -> None:
    headers = {"Content-Encoding": "identity"}
    said = await around.ask("POST", "/v1/token", AGENT.decode(), {"provider": "bearer"}, headers=headers)
    assert said.refused() == (400, "bad_request")
    assert "without Content-Encoding" in said.problem()["detail"]


async def test_a_body_that_breaks_off_is_nobodys_fault_but_its_senders(
    around: Around, caplog: pytest.LogCaptureFixture
) -> None:
    url = around.session._base_url
    assert url is not None
    reader, writer = await asyncio.open_connection(url.host, url.port)
    writer.write(b"POST /v1/token HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n{")
    await writer.drain()
    await asyncio.sleep(0.05)
    writer.close()
    assert await reader.read() == b""
    await asyncio.sleep(0.05)
    assert [record for record in caplog.records if record.levelno >= logging.WARNING] == []


async def test_a_bug_says_nothing_to_the_agent_and_everything_to_the_log(
    around: Around, caplog: pytest.LogCaptureFixture
) -> None:
    def broken() -> bytes:
        raise ZeroDivisionError("of a secret kind")

    around.change(ca=broken)
    said = await around.ask("GET", "/v1/ca.pem")
    assert said.refused() == (500, "internal")
    assert "secret" not in said.body.decode()
    assert "ZeroDivisionError" in caplog.text


async def test_a_trace_is_the_invocations_or_the_agents_own(around: Around) -> None:
    invocation, handle = around.open()
    said = "4bf92f3577b34da6a3ce929d0e0e4736"
    headers = {"traceparent": f"00-{said}-00f067aa0ba902b7-01"}
    answer = await around.ask("GET", "/v1/principal", handle, headers=headers)
    assert answer.headers["x-trace-id"] == invocation.trace_id.decode()
    answer = await around.ask("GET", "/v1/principal", AGENT.decode(), headers=headers)
    assert answer.headers["x-trace-id"] == said
    answer = await around.ask("GET", "/v1/principal")
    assert re.fullmatch("[0-9a-f]{32}", answer.headers["x-trace-id"])


async def test_no_answer_names_what_serves_it(around: Around) -> None:
    for said in (await around.ask("GET", "/v1/ca.pem"), await around.ask("GET", "/v1/principal")):
        assert "server" not in said.headers
        assert said.headers["x-content-type-options"] == "nosniff"


async def test_a_refusal_that_cannot_be_recorded_stays_one(around: Around, caplog: pytest.LogCaptureFixture) -> None:
    from sidecar.errors import AuditUnavailable

    around.journal.fault = AuditUnavailable("full")
    assert (await around.ask("GET", "/v1/principal", AGENT.decode())).refused() == (403, "not_permitted")
    assert "could not be recorded" in caplog.text


async def test_it_is_served_over_connections_that_have_no_name(around: Around) -> None:
    loop = asyncio.get_running_loop()
    own = Own(lambda: application(lambda: around.surroundings), loop)
    received, done = bytearray(), asyncio.Event()

    class Peer(asyncio.Protocol):
        def data_received(self, data: bytes) -> None:
            received.extend(data)
            if received.endswith(b"}"):
                done.set()

    transport, _ = await own.dial(Peer)  # type: ignore[arg-type]  # any protocol will do
    assert isinstance(transport, asyncio.Transport)
    transport.write(b"GET /v1/jwks.json HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
    async with asyncio.timeout(10):
        await done.wait()
    assert json.loads(bytes(received).partition(b"\r\n\r\n")[2]) == JWKS
    transport.close()
    await own.close()
