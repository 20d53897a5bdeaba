"""The SDK asks the identity API, and says what it was told."""

import json
import socketserver
import threading
from pathlib import Path
from typing import Any

import pytest

from sidecar import sdk
from sidecar.sdk.api import IdentityApi
from tests.sdk.answering import Api, Asked
from tests.sdk.handles import HANDLES

ALICE, LONGER = HANDLES[:2]
DOCUMENT = {
    "id": "p_1",
    "subject": "alice",
    "issuer": "okta",
    "issuer_url": "https://acme.okta.com",
    "kind": "user",
    "tenant": None,
    "client": None,
    "name": "Alice",
    "email": None,
    "groups": ["sales"],
    "roles": [],
    "scopes": [],
}


def test_a_call_of_which_only_the_handle_is_known_asks_once(api: Api) -> None:
    api.say("/v1/principal", DOCUMENT)
    with sdk.invocation(ALICE):
        assert sdk.principal().name == sdk.principal().name == "Alice"
        assert sdk.principal().groups == frozenset({"sales"})
    assert api.asked == [("GET", "/v1/principal", ALICE, None)]


def test_what_the_headers_said_can_be_asked_for_whole(api: Api) -> None:
    api.say("/v1/principal", DOCUMENT)
    said = {
        "X-Identity-Principal": "p_1",
        "X-Identity-Subject": "alice",
        "X-Identity-Issuer": "okta",
        "X-Identity-Kind": "user",
        "X-Identity-Truncated": "X-Identity-Groups",
        "X-Identity-Invocation": ALICE,
    }
    with sdk.invocation(said):
        assert sdk.principal().truncated == frozenset({"groups"})
        assert sdk.principal(ask=True).groups == frozenset({"sales"})
        assert sdk.principal().truncated == frozenset()
    assert len(api.asked) == 1


def test_a_detached_handle_is_good_for_work_that_goes_on(api: Api) -> None:
    api.say("/v1/invocation/detach", {"handle": LONGER, "expires_at": 1_800_000_000})
    with sdk.invocation(ALICE):
        detached = sdk.detach(600)
    assert detached == sdk.Detached(LONGER, 1_800_000_000.0)
    assert api.asked == [("POST", "/v1/invocation/detach", ALICE, {"seconds": 600})]
    with sdk.invocation(detached.handle):
        assert sdk.handle() == LONGER


def test_a_refusal_says_which_it_is_and_what_to_do(api: Api) -> None:
    problem = {
        "code": "invocation_invalid",
        "title": "The invocation is not open.",
        "status": 401,
        "detail": "Use the handle of one that is.",
        "trace_id": "ab" * 16,
    }
    api.say("/v1/principal", problem, 401)
    with sdk.invocation(ALICE), pytest.raises(sdk.Refused, match=r"invocation_invalid: .* Use the handle") as caught:
        sdk.principal()
    refused = caught.value
    assert (refused.status, refused.code, refused.trace_id) == (401, "invocation_invalid", "ab" * 16)
    assert ALICE not in str(refused)


@pytest.mark.parametrize("said", [b"<html>", b"[]", b"", b"\xff", {"hello": "world"}, {"groups": 1}])
def test_what_answers_something_else_is_not_the_sidecar(api: Api, said: object) -> None:
    api.say("/v1/principal", said)
    api.say("/v1/invocation/detach", said)
    with sdk.invocation(ALICE):
        with pytest.raises(sdk.Unreachable):
            sdk.principal()
        with pytest.raises(sdk.Unreachable):
            sdk.detach(1)


def test_a_sidecar_that_is_away_is_said_to_be(monkeypatch: pytest.MonkeyPatch) -> None:
    with Api() as gone:
        monkeypatch.setenv("SIDECAR_URL", f"http://127.0.0.1:{gone.server_port}")
    with sdk.invocation(ALICE), pytest.raises(sdk.Unreachable, match="doesn't answer at http://127"):
        sdk.principal()


def test_a_sidecar_on_a_unix_socket_is_asked_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class OnSocket(socketserver.UnixStreamServer):
        def get_request(self) -> tuple[Any, Any]:
            return super().get_request()[0], ("", 0)

    class Answers(Asked):
        def _answer(self) -> None:
            answer = json.dumps(DOCUMENT | {"name": self.headers["X-Identity-Invocation"][-4:]}).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        do_GET = _answer  # noqa: N815 - http.server's name

    path = str(tmp_path / "api.sock")
    monkeypatch.setenv("SIDECAR_URL", f"unix:{path}")
    with sdk.invocation(ALICE), pytest.raises(sdk.Unreachable):
        sdk.principal()
    with OnSocket(path, Answers) as served:
        thread = threading.Thread(target=served.handle_request)
        thread.start()
        with sdk.invocation(ALICE):
            assert sdk.principal().name == ALICE[-4:]
        thread.join()


# consent

SESSION = "s" * 43
AGREE = {"authorization_url": f"https://accounts.example.com/connect/{SESSION}", "session": SESSION}


def test_a_question_to_the_user_says_where_it_is_asked(api: Api) -> None:
    api.refuse("/v1/token", 403, "consent_required", **AGREE)
    with pytest.raises(sdk.ConsentRequired, match=r"^consent_required: No\. Do something else\.") as caught:
        IdentityApi().token(ALICE, "google", ())
    required = caught.value
    assert (required.url, required.session) == (AGREE["authorization_url"], SESSION)
    assert (required.status, required.code, required.trace_id) == (403, "consent_required", "ab" * 16)
    assert isinstance(required, sdk.Refused)
    assert SESSION not in str(required) + repr(required)


@pytest.mark.parametrize(
    "changed",
    [
        {"authorization_url": f"https://accounts.example.com/connect/{'t' * 43}"},
        {"authorization_url": "javascript:alert(1)"},
        {"authorization_url": f"http://accounts.example.com/connect/{SESSION}"},
        {"authorization_url": ""},
        {"session": ""},
        {"session": "../evil", "authorization_url": "https://accounts.example.com/connect/../evil"},
    ],
)
def test_nobody_is_sent_to_a_page_that_is_not_the_sidecars(api: Api, changed: dict[str, str]) -> None:
    api.refuse("/v1/token", 403, "consent_required", **AGREE | changed)
    with pytest.raises(sdk.Unreachable, match="isn't the sidecar's own"):
        IdentityApi().token(ALICE, "google", ())


def test_what_answers_with_no_secret_is_not_the_sidecar(api: Api) -> None:
    for said in ({}, {"access_token": None}, {"access_token": ""}, {"access_token": ["a"]}):
        api.say("/v1/token", said)
        with pytest.raises(sdk.Unreachable, match="no access_token"):
            IdentityApi().token(ALICE, "google", ())


def test_what_names_other_tools_or_says_more_than_yes_is_not_the_sidecar(api: Api) -> None:
    for said in ({}, {"tools": "travel/a"}, {"tools": ["travel/other"]}, {"tools": [1]}):
        api.say("/v1/tools/shown", said)
        with pytest.raises(sdk.Unreachable, match="other tools"):
            IdentityApi().shown(ALICE, ["travel/a"])
    api.say("/v1/tools/check", {})
    with pytest.raises(sdk.Unreachable, match="says more"):
        IdentityApi().check(ALICE, "travel/a", {})
