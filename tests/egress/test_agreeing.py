import json
from typing import Any

import pytest

from sidecar.egress.agreeing import Agreeing
from sidecar.errors import ConsentRequired, ProviderUnreachable
from sidecar.mcp import reply
from sidecar.mcp.message import Message, read
from sidecar.oauth.credential import Ask
from tests.egress.out import Key

NEW, OLD = "2026-07-28", "2025-11-25"
URL = "https://accounts.example.com/connect/s-1"
ASKED = ConsentRequired.at(URL, "s-1", "google: nothing granted yet")
_META = "io.modelcontextprotocol/clientCapabilities"


def said(method: str = "tools/call", *, opens: bool = True, answer: str | None = None) -> Message:
    params: dict[str, Any] = {"name": "book", "_meta": {_META: {"elicitation": {"url": {}}} if opens else {}}}
    if answer is not None:
        params["inputResponses"] = {reply.CONSENT: {"action": answer}}
    return read(json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}).encode())


def asks(message: Message, version: str | None) -> tuple[int, dict[str, Any]]:
    found = Agreeing().asks(message, ASKED, version)
    assert found is not None
    return found[0], json.loads(found[1])


@pytest.mark.parametrize("method", ["tools/call", "initialize", "tools/list"])
def test_the_older_era_is_asked_by_an_error(method: str) -> None:
    status, body = asks(said(method), OLD)
    assert (status, body["error"]["code"]) == (200, -32042)
    assert body["error"]["data"]["elicitations"][0] == {
        "mode": "url",
        "elicitationId": "s-1",
        "url": URL,
        "message": "The user has not agreed to this yet.",
    }


@pytest.mark.parametrize("method", ["tools/call", "prompts/get", "resources/read"])
def test_the_newer_era_is_asked_by_a_result(method: str) -> None:
    status, body = asks(said(method), NEW)
    assert (status, body["result"]["resultType"]) == (200, "input_required")


def test_a_client_that_cannot_ask_is_told_where() -> None:
    status, body = asks(said(opens=False), NEW)
    assert (status, body["error"]["code"]) == (400, -32021)
    assert body["error"]["data"]["requiredCapabilities"] == {"elicitation": {"url": {}}}
    assert body["error"]["data"]["authorization_url"] == URL
    assert URL in body["error"]["message"]


def test_what_may_not_be_answered_by_a_question_is_an_error() -> None:
    status, body = asks(said("server/discover"), NEW)
    assert (status, body["error"]["code"]) == (403, -32000)
    assert body["error"]["data"] == {"code": "consent_required", "authorization_url": URL, "session": "s-1"}


@pytest.mark.parametrize("answer", ["decline", "cancel", "whatever"])
def test_who_declines_is_not_asked_again(answer: str) -> None:
    status, body = asks(said(answer=answer), NEW)
    assert (status, body["error"]["message"]) == (200, "The user did not agree.")


def test_who_asked_for_nothing_is_asked_nothing() -> None:
    for text in (b'{"jsonrpc":"2.0","method":"notifications/initialized"}', b'{"jsonrpc":"2.0","id":1,"result":{}}'):
        assert Agreeing().asks(read(text), ASKED, OLD) is None
    assert Agreeing().asks(said(), ConsentRequired("without a link"), OLD) is None


class Slow(Key):
    """Has what it gives after so many have asked."""

    def __init__(self, after: int) -> None:
        super().__init__()
        self.after, self.tries = after, 0

    async def obtain(self, ask: Any) -> Any:
        self.tries += 1
        if self.tries <= self.after:
            raise ASKED
        return self.credential


async def test_a_user_who_is_still_at_it_is_waited_for() -> None:
    source = Slow(3)
    assert await Agreeing(pause=0.0).obtain(source, Ask(None), said(answer="accept")) is source.credential
    assert source.tries == 4


async def test_not_for_ever() -> None:
    source = Slow(100)
    with pytest.raises(ConsentRequired):
        await Agreeing(pause=0.0, looks=5).obtain(source, Ask(None), said(answer="accept"))
    assert source.tries == 6


@pytest.mark.parametrize("answer", [None, "decline"])
async def test_nobody_else_is(answer: str | None) -> None:
    source = Slow(1)
    with pytest.raises(ConsentRequired):
        await Agreeing(pause=0.0).obtain(source, Ask(None), said(answer=answer))
    assert source.tries == 1


async def test_what_else_goes_wrong_does_so_at_once() -> None:
    source = Key()
    source.refuses = ProviderUnreachable("away")
    with pytest.raises(ProviderUnreachable):
        await Agreeing(pause=0.0).obtain(source, Ask(None), said(answer="accept"))


def test_an_answer_to_us_does_not_go_on() -> None:
    without = Agreeing().without(said(answer="accept"))
    assert without is not None
    assert json.loads(without) == {**json.loads(said().plain), "params": dict(said().params)}
    assert Agreeing().without(said()) is None
