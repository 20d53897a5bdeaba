import json
from typing import Any

import pytest

from sidecar.mcp import reply

URL = "https://accounts.example.com/connect/abc"


def test_an_error_answers_its_request() -> None:
    said = json.loads(reply.error("r-1", reply.INVALID_PARAMS, "No.", {"code": "tool_denied"}))
    assert said == {
        "jsonrpc": "2.0",
        "id": "r-1",
        "error": {"code": -32602, "message": "No.", "data": {"code": "tool_denied"}},
    }
    assert json.loads(reply.error(None, -32600, "x")) == {
        "jsonrpc": "2.0",
        "id": None,
        "error": {"code": -32600, "message": "x"},
    }


def test_the_older_era_is_asked_to_open_a_url_by_an_error() -> None:
    said = json.loads(reply.elicitation(7, URL, "abc", "Agree, please."))["error"]
    assert said["code"] == -32042
    assert said["data"]["elicitations"] == [
        {"mode": "url", "elicitationId": "abc", "url": URL, "message": "Agree, please."}
    ]


def test_the_newer_era_is_asked_by_a_result() -> None:
    said = json.loads(reply.input_required(7, URL, "Agree, please."))
    assert said["id"] == 7
    assert said["result"]["resultType"] == "input_required"
    (asked,) = said["result"]["inputRequests"].values()
    assert asked == {"method": "elicitation/create", "params": {"mode": "url", "url": URL, "message": "Agree, please."}}
    assert "elicitationId" not in asked["params"]


@pytest.mark.parametrize("action", ["accept", "decline", "cancel"])
def test_what_the_user_made_of_it_comes_back(action: str) -> None:
    (key,) = json.loads(reply.input_required(7, URL, "x"))["result"]["inputRequests"]
    assert reply.consent_answer({"inputResponses": {key: {"action": action}}}) == action


@pytest.mark.parametrize(
    "params",
    [
        {},
        {"inputResponses": []},
        {"inputResponses": {"other": {"action": "accept"}}},
        {"inputResponses": {reply.CONSENT: 1}},
    ],
)
def test_nothing_else_is_an_answer(params: dict[str, Any]) -> None:
    assert reply.consent_answer(params) is None


def test_an_answer_to_us_is_not_the_servers() -> None:
    params = {"name": "a", "inputResponses": {reply.CONSENT: {"action": "accept"}, "theirs": {"action": "decline"}}}
    assert reply.without_consent(params) == {"name": "a", "inputResponses": {"theirs": {"action": "decline"}}}
    assert reply.without_consent({"name": "a", "inputResponses": {reply.CONSENT: {}}}) == {"name": "a"}
    others: dict[str, object] = {"name": "a", "inputResponses": {"theirs": {}}}
    assert reply.without_consent(others) is others
