"""The sandbox: an OAuth provider with a page on which users agree, and a calendar behind it."""

import base64
import hashlib
import time
from collections.abc import AsyncIterator
from urllib.parse import parse_qs, urlsplit

import aiohttp
import pytest

from sidecar.demo.provider import LIFETIME, Sandbox
from sidecar.demo.server import serving

BACK = "http://127.0.0.1:8082/callback/calendar"
VERIFIER = "v" * 43
CHALLENGE = base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).rstrip(b"=").decode()
ASK = {
    "response_type": "code",
    "client_id": "sidecar",
    "redirect_uri": BACK,
    "state": "the-state",
    "scope": "openid email offline_access calendar.read calendar.write",
    "code_challenge": CHALLENGE,
    "code_challenge_method": "S256",
    "nonce": "the-nonce",
    "login_hint": "alice@example.com",
}


class Scene:
    moved = 0.0
    url: str
    client: aiohttp.ClientSession

    def __init__(self) -> None:
        self.sandbox = Sandbox(lambda: time.time() + self.moved)

    async def decide(self, decision: str = "allow", *scopes: str, account: str = "alice") -> dict[str, str]:
        """What the browser is sent back with."""
        form = [("decision", decision), ("account", account), *(("scope", scope) for scope in scopes)]
        async with self.client.post(
            f"{self.url}/authorize", params=ASK, data=aiohttp.FormData(form), allow_redirects=False
        ) as answer:
            assert answer.status == 303
            assert answer.headers["Location"].startswith(BACK + "?")
            return {name: values[0] for name, values in parse_qs(urlsplit(answer.headers["Location"]).query).items()}

    async def token(self, **form: str) -> tuple[int, dict[str, str]]:
        async with self.client.post(f"{self.url}/token", data=form) as answer:
            return answer.status, await answer.json()

    async def redeem(self, code: str, /, **changes: str) -> tuple[int, dict[str, str]]:
        form = {"grant_type": "authorization_code", "code": code, "redirect_uri": BACK, "code_verifier": VERIFIER}
        return await self.token(**{**form, **changes})

    async def events(self, token: str) -> int:
        async with self.client.get(
            f"{self.url}/calendar/events", headers={"Authorization": f"Bearer {token}"}
        ) as answer:
            return answer.status


@pytest.fixture
async def scene() -> AsyncIterator[Scene]:
    scene = Scene()
    async with serving(scene.sandbox.application()) as scene.url, aiohttp.ClientSession() as scene.client:
        yield scene


async def test_its_tokens_can_be_named(scene: Scene) -> None:
    back = await scene.decide("allow", "calendar.read")
    assert (back["state"], back["iss"]) == ("the-state", scene.url)
    status, said = await scene.redeem(back["code"])
    assert status == 200
    assert said["access_token"] == "sandbox-access-alice-1"
    assert said["refresh_token"] == "sandbox-refresh-alice-1"
    assert said["scope"] == "openid email offline_access calendar.read"
    assert await scene.events(said["access_token"]) == 200
    assert scene.sandbox.asked == ["alice"]
    _, again = await scene.token(grant_type="refresh_token", refresh_token=said["refresh_token"])
    assert again["access_token"] == "sandbox-access-alice-2"


async def test_a_code_is_good_once_for_its_verifier_and_redirect_uri(scene: Scene) -> None:
    for changes in ({"code_verifier": "w" * 43}, {"redirect_uri": BACK + "/x"}, {"code": "made-up"}):
        code = (await scene.decide("allow", "calendar.read"))["code"]
        assert await scene.redeem(code, **changes) == (400, {"error": "invalid_grant"})
    code = (await scene.decide("allow", "calendar.read"))["code"]
    assert (await scene.redeem(code))[0] == 200
    assert (await scene.redeem(code))[0] == 400


async def test_users_may_say_no_or_grant_less(scene: Scene) -> None:
    assert (await scene.decide("deny"))["error"] == "access_denied"
    assert (await scene.decide("allow", account="nobody"))["error"] == "access_denied"
    _, said = await scene.redeem((await scene.decide("allow", "calendar.write", "payroll"))["code"])
    assert said["scope"] == "openid email offline_access calendar.write"
    assert await scene.events(said["access_token"]) == 403


async def test_a_refresh_token_that_comes_twice_ends_the_grant(scene: Scene) -> None:
    _, said = await scene.redeem((await scene.decide("allow", "calendar.read"))["code"])
    _, new = await scene.token(grant_type="refresh_token", refresh_token=said["refresh_token"])
    assert (await scene.token(grant_type="refresh_token", refresh_token=said["refresh_token"]))[0] == 400
    assert (await scene.token(grant_type="refresh_token", refresh_token=new["refresh_token"]))[0] == 400
    assert await scene.events(new["access_token"]) == 401


@pytest.mark.parametrize("which", ["refresh_token", "access_token"])
async def test_what_is_revoked_is_good_for_nothing(scene: Scene, which: str) -> None:
    _, said = await scene.redeem((await scene.decide("allow", "calendar.read"))["code"])
    async with scene.client.post(f"{scene.url}/revoke", data={"token": said[which]}) as answer:
        assert answer.status == 200
    assert await scene.events(said["access_token"]) == 401
    assert (await scene.token(grant_type="refresh_token", refresh_token=said["refresh_token"]))[0] == 400


async def test_an_access_token_ends(scene: Scene) -> None:
    _, said = await scene.redeem((await scene.decide("allow", "calendar.read"))["code"])
    scene.moved = LIFETIME
    assert await scene.events(said["access_token"]) == 401
    assert await scene.events("made-up") == 401


async def test_the_page_says_what_is_asked_for_and_shows_nothing_else(scene: Scene) -> None:
    evil = {**ASK, "state": '"><script>alert(1)</script>', "scope": "calendar.read <script>"}
    async with scene.client.get(f"{scene.url}/authorize", params=evil) as answer:
        page = await answer.text()
    assert "<script>" not in page
    assert "See your calendar" in page
    assert "Change your calendar" not in page
    assert 'value="alice" checked' in page


@pytest.mark.parametrize(
    "changes",
    [
        {"response_type": "token"},
        {"code_challenge_method": "plain"},
        {"code_challenge": ""},
        {"redirect_uri": "javascript:alert(1)"},
        {"redirect_uri": "https://[x"},
        {"redirect_uri": ""},
    ],
)
async def test_nobody_is_sent_anywhere_for_a_bad_request(scene: Scene, changes: dict[str, str]) -> None:
    async with scene.client.get(f"{scene.url}/authorize", params={**ASK, **changes}) as answer:
        assert answer.status == 400


async def test_it_says_what_it_can(scene: Scene) -> None:
    async with scene.client.get(f"{scene.url}/.well-known/oauth-authorization-server") as answer:
        said = await answer.json()
    assert said["issuer"] == scene.url
    assert "calendar.read" in said["scopes_supported"]
