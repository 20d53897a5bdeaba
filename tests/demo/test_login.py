"""Signing in at the demo's OpenID provider."""

import base64
import hashlib
import time
from collections.abc import AsyncIterator
from urllib.parse import parse_qs, urlsplit

import aiohttp
import jwt
import pytest

from sidecar.demo import issuer
from sidecar.demo.issuer import Issuer
from sidecar.demo.login import Login
from sidecar.demo.server import serving

BACK = "http://127.0.0.1:8082/login/demo"
VERIFIER = "v" * 43
ASK = {
    "response_type": "code",
    "client_id": "demo-pages",
    "redirect_uri": BACK,
    "state": "the-state",
    "nonce": "the-nonce",
    "code_challenge": base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).rstrip(b"=").decode(),
    "code_challenge_method": "S256",
}


class Scene:
    url: str
    client: aiohttp.ClientSession

    async def sign_in(self, person: str = "alice") -> dict[str, str]:
        async with self.client.post(
            f"{self.url}/authorize", params=ASK, data={"person": person}, allow_redirects=False
        ) as answer:
            assert answer.status == 303
            assert answer.headers["Location"].startswith(BACK + "?")
            return {name: values[0] for name, values in parse_qs(urlsplit(answer.headers["Location"]).query).items()}

    async def redeem(self, code: str, /, **changes: str) -> tuple[int, dict[str, str]]:
        form = {"grant_type": "authorization_code", "code": code, "redirect_uri": BACK, "code_verifier": VERIFIER}
        async with self.client.post(f"{self.url}/token", data={**form, **changes}) as answer:
            return answer.status, await answer.json()


@pytest.fixture
async def scene() -> AsyncIterator[Scene]:
    scene = Scene()
    signer = Issuer(time.time)
    login = Login(signer)
    app = issuer.application(signer, redeem=login.redeem, sign_in=login.routes())
    async with serving(app) as scene.url, aiohttp.ClientSession() as scene.client:
        yield scene


@pytest.mark.parametrize("person", ["alice", "bob"])
async def test_whoever_one_says_one_is_one_is(scene: Scene, person: str) -> None:
    back = await scene.sign_in(person)
    assert (back["state"], back["iss"]) == ("the-state", scene.url)
    status, said = await scene.redeem(back["code"])
    assert status == 200
    async with scene.client.get(f"{scene.url}/jwks") as answer:
        keys = jwt.PyJWKSet.from_dict(await answer.json())
    header = jwt.get_unverified_header(said["id_token"])
    claims = jwt.decode(
        said["id_token"], keys[header["kid"]].key, ["RS256", "ES256"], audience="demo-pages", issuer=scene.url
    )
    assert (claims["sub"], claims["nonce"]) == (person, "the-nonce")


async def test_a_code_is_good_once_and_for_its_verifier(scene: Scene) -> None:
    for changes in ({"code_verifier": "w" * 43}, {"redirect_uri": BACK + "/x"}, {"code": "made-up"}):
        assert (await scene.redeem((await scene.sign_in())["code"], **changes))[0] == 400
    code = (await scene.sign_in())["code"]
    assert (await scene.redeem(code))[0] == 200
    assert (await scene.redeem(code))[0] == 400


@pytest.mark.parametrize(
    "changes",
    [
        {"redirect_uri": "https://evil.example/"},
        {"redirect_uri": "http://[x"},
        {"redirect_uri": ""},
        {"code_challenge_method": "plain"},
    ],
)
async def test_nobody_is_sent_off_this_machine(scene: Scene, changes: dict[str, str]) -> None:
    for send in (scene.client.get, scene.client.post):
        async with send(f"{scene.url}/authorize", params={**ASK, **changes}) as answer:
            assert answer.status == 400


async def test_a_stranger_is_not_known(scene: Scene) -> None:
    async with scene.client.post(f"{scene.url}/authorize", params=ASK, data={"person": "mallory"}) as answer:
        assert answer.status == 400


async def test_the_page_shows_who_there_is(scene: Scene) -> None:
    async with scene.client.get(f"{scene.url}/authorize", params={**ASK, "state": '"><script>'}) as answer:
        page = await answer.text()
    assert "Alice Liddell" in page
    assert "<script>" not in page


async def test_discovery_leads_there(scene: Scene) -> None:
    async with scene.client.get(f"{scene.url}/.well-known/openid-configuration") as answer:
        document = await answer.json()
    assert document["authorization_endpoint"] == f"{scene.url}/authorize"
    assert document["authorization_response_iss_parameter_supported"] is True
