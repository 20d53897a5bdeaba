"""An application proves whose consent it was."""

import json

import pytest

from sidecar.consent.sessions import Session, Status
from tests.consent.around import ALICE_THERE, RETURN, Around, query


async def agreed(around: Around) -> tuple[Session, str]:
    around.without_login(RETURN)
    url, session = around.ask()
    browser = around.browser()
    said = await browser.submit(await browser.go(url))
    back = await browser.go(around.provider.authorize(said.onward, ALICE_THERE))
    return session, query(back.location)["consent_code"]


async def test_with_the_users_token_and_the_code_it_is_granted(around: Around) -> None:
    session, code = await agreed(around)
    said = await around.complete(session, code)
    assert said.status == 200
    assert json.loads(said.text) == {"status": "granted", "scopes": ["calendar.read"], "missing": []}
    assert session.status is Status.GRANTED
    assert [grant.label for grant in await around.grants()] == [ALICE_THERE.email]


async def test_it_is_done_once(around: Around) -> None:
    session, code = await agreed(around)
    await around.complete(session, code)
    said = await around.complete(session, code)
    assert (said.status, json.loads(said.text)["code"]) == (403, "not_permitted")


async def test_a_strangers_token_ends_the_code_and_is_recorded(around: Around) -> None:
    session, code = await agreed(around)
    assert (await around.complete(session, code, "token-of-bob")).status == 403
    assert around.journal.names[-1] == "identity.consent_denied"
    assert (await around.complete(session, code)).status == 403
    assert around.provider.spent == []


@pytest.mark.parametrize(
    ("headers", "body", "status", "code"),
    [
        ({}, b'{"code": "x"}', 401, "token_missing"),
        ({"Authorization": "Basic x"}, b'{"code": "x"}', 401, "token_missing"),
        ({"Authorization": "Bearer made-up"}, b'{"code": "x"}', 401, "token_malformed"),
        ({"Authorization": "Bearer token-of-alice"}, b"", 400, "bad_request"),
        ({"Authorization": "Bearer token-of-alice"}, b'{"code": 7}', 400, "bad_request"),
        ({"Authorization": "Bearer token-of-alice"}, b'{"code": "x"}' + b" " * 20_000, 400, "bad_request"),
        ({"Authorization": "Bearer token-of-alice"}, b'{"code": "x"}', 403, "not_permitted"),
    ],
)
async def test_what_is_refused_says_why(
    around: Around, headers: dict[str, str], body: bytes, status: int, code: str
) -> None:
    session, _ = await agreed(around)
    said = await around.browser().send("POST", f"/consents/{session.id}/complete", headers, body)
    problem = json.loads(said.text)
    assert (said.status, problem["code"], said.headers["sidecar-error"]) == (status, code, code)
    assert problem["trace_id"] == said.headers["x-trace-id"]
    assert ("www-authenticate" in said.headers) is (status == 401)


async def test_of_an_unknown_session_nothing_is_told(around: Around) -> None:
    headers = {"Authorization": "Bearer token-of-alice"}
    said = await around.browser().send("POST", "/consents/unknown/complete", headers, b'{"code": "x"}')
    assert said.status == 403
