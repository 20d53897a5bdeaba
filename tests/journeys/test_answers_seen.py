"""What the caller reads: the agent's answer without what only the sidecar may say, and refusals that help."""

import asyncio
import re
from pathlib import Path

import aiohttp
import pytest

from tests.journeys.given import bearer, given
from tests.journeys.issuer import Issuer
from tests.journeys.raw import Answer, say
from tests.journeys.seen import seen
from tests.running import Running, sidecar

FORGED = ("X-Identity-Subject", "x_identity_kind", "Sidecar-Error", "Sidecar_Error", "X-Trace-Id", "x_trace_id")


async def test_only_the_sidecar_says_what_only_it_may_say(
    served: Running, issuer: Issuer, client: aiohttp.ClientSession
) -> None:
    said = [
        *([name, "mallory"] for name in FORGED),
        ["x-other", "control"],
        ["Set-Cookie", "a=1"],
        ["Set-Cookie", "b=2"],
    ]
    body = {"status": 503, "headers": said, "body": "busy"}
    async with client.post(served.url + "/say", headers=bearer(issuer.token()), json=body) as response:
        assert response.status == 503
        assert await response.text() == "busy"
        assert "mallory" not in response.headers.values()
        assert response.headers["X-Other"] == "control"
        assert response.headers.getall("Set-Cookie") == ["a=1", "b=2"]
        assert re.fullmatch("[0-9a-f]{32}", response.headers["X-Trace-Id"])
        assert "Sidecar-Error" not in response.headers


async def test_trailers_of_an_answer_are_filtered_too(issuer: Issuer, node: str, tmp_path: Path) -> None:
    async with sidecar(given(issuer, node), tmp_path) as running:
        head = b"GET /trailers HTTP/1.1\r\nHost: a\r\nTE: trailers\r\nAuthorization: Bearer %b\r\n\r\n"
        answer = await say(running, head % issuer.token().encode())
    assert answer.body.endswith(b"0\r\nx-checksum: abc\r\n\r\n")


def _refused(issuer: Issuer) -> dict[str, tuple[str | None, int]]:
    """Code → a token that gets it and the status."""
    other = Issuer(issuer.url)
    return {
        "token_missing": (None, 401),
        "token_malformed": ("opaque-token", 401),
        "token_expired": (issuer.token(exp=1, iat=0), 401),
        "token_not_yet_valid": (issuer.token(nbf=4102444800), 401),
        "signature_invalid": (issuer.token(key=other.key), 401),
        "issuer_unknown": (issuer.token(iss="https://evil.example"), 401),
        "audience_invalid": (issuer.token(aud="another"), 401),
        "token_kind_invalid": (issuer.token(nonce="n", at_hash="h"), 401),
    }


REFUSED = [
    "token_missing",
    "token_malformed",
    "token_expired",
    "token_not_yet_valid",
    "signature_invalid",
    "issuer_unknown",
    "audience_invalid",
    "token_kind_invalid",
]


@pytest.mark.parametrize("code", REFUSED)
async def test_a_refusal_says_what_to_do_and_nothing_about_the_token(
    served: Running, issuer: Issuer, client: aiohttp.ClientSession, code: str
) -> None:
    token, status = _refused(issuer)[code]
    async with client.get(served.url + "/echo", headers=bearer(token) if token else {}) as response:
        assert response.status == status
        assert response.headers["Sidecar-Error"] == code
        assert response.content_type == "application/problem+json"
        problem = await response.json()
        challenge = response.headers["WWW-Authenticate"]
        trace = response.headers["X-Trace-Id"]
        assert token is None or token not in str(response.headers)
    assert set(problem) == {"type", "title", "status", "detail", "code", "trace_id"}
    assert (problem["code"], problem["status"], problem["trace_id"]) == (code, status, trace)
    assert token is None or token not in str(problem)
    if token is None:
        assert challenge == "Bearer"  # RFC 6750, section 3: no error code where no credential was sent
    else:
        assert challenge.startswith('Bearer error="invalid_token"')


async def test_two_tokens_are_one_too_many(served: Running, issuer: Issuer) -> None:
    line = b"Authorization: Bearer " + issuer.token().encode() + b"\r\n"
    for lines in (line + line, line + line.lower().replace(b"bearer ", b"Bearer ")):
        answer = await say(served, b"GET /echo HTTP/1.1\r\nHost: a\r\n" + lines + b"\r\n")
        assert answer.status == 400
        assert answer.headers["sidecar-error"] == "ambiguous_credentials"


async def test_a_token_elsewhere_than_in_authorization_is_not_read(
    served: Running, issuer: Issuer, client: aiohttp.ClientSession
) -> None:
    token = issuer.token()
    form = aiohttp.FormData({"access_token": token})
    async with client.post(f"{served.url}/echo?access_token={token}", data=form, cookies={"token": token}) as response:
        assert response.status == 401
        assert response.headers["Sidecar-Error"] == "token_missing"


async def test_who_may_call_is_decided_after_the_token_holds(
    issuer: Issuer, fastapi: str, client: aiohttp.ClientSession, tmp_path: Path
) -> None:
    async with sidecar(given(issuer, fastapi, inbound={"who": {"groups": ["sales"]}}), tmp_path) as running:
        await seen(client, running, issuer.token(groups=["sales"]))
        async with client.get(running.url + "/echo", headers=bearer(issuer.token(groups=["support"]))) as response:
            assert response.status == 403
            problem = await response.json()
    assert problem["code"] == "not_permitted"
    assert "sales" not in str(problem), "the condition is for the record, not for the caller"


async def test_a_preflight_passes_only_where_the_configuration_says_so(
    issuer: Issuer, fastapi: str, served: Running, client: aiohttp.ClientSession, tmp_path: Path
) -> None:
    asked = {"Origin": "https://app.example", "Access-Control-Request-Method": "POST", "X-Identity-Subject": "mallory"}
    async with client.options(served.url + "/echo", headers=asked) as response:
        assert response.status == 401
    async with sidecar(given(issuer, fastapi, inbound={"preflight": "pass"}), tmp_path) as running:
        async with client.options(running.url + "/echo", headers=asked) as response:
            assert response.status == 200
            assert "mallory" not in await response.text()
        async with client.options(running.url + "/echo", headers={"Origin": "https://app.example"}) as response:
            assert response.status == 401


async def test_no_token_is_written_down_anywhere(issuer: Issuer, fastapi: str, tmp_path: Path) -> None:
    good, bad = issuer.token(), issuer.token(aud="another")
    async with sidecar(given(issuer, fastapi, audit={"stdout": True}), tmp_path) as running:
        handles = []
        for token in (good, bad):
            answer: Answer = await say(
                running, b"GET /echo HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer %b\r\n\r\n" % token.encode()
            )
            handles += answer.echoed("x-identity-invocation") if answer.status == 200 else []
        await asyncio.to_thread(running.stop)
        folders = (running.folder, running.state)
        kept = [path.read_bytes() for folder in folders for path in folder.rglob("*") if path.is_file()]
    assert len(handles) == 1
    for secret in (*good.split("."), *bad.split("."), *handles):
        assert not any(secret.encode() in text for text in kept)
