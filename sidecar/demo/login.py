"""Signing in at the demo's OpenID provider, as the consent pages need it: a page on which one says who one is, a code,
and the ID token for it (OpenID Connect Core, section 3.1; PKCE, RFC 7636)."""

import base64
import hashlib
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from html import escape
from urllib.parse import urlencode, urlsplit

from aiohttp import web

from sidecar.demo.issuer import PEOPLE, Issuer, Person


@dataclass(frozen=True, slots=True)
class _Code:
    person: Person
    asked: Mapping[str, str]


class Login:
    """Routes beside those of ``issuer.application``."""

    def __init__(self, issuer: Issuer) -> None:
        self._issuer = issuer
        self._codes: dict[str, _Code] = {}

    def routes(self) -> list[web.RouteDef]:
        return [web.get("/authorize", self._page), web.post("/authorize", self._sign_in)]

    async def _page(self, request: web.Request) -> web.Response:
        _asked(request)
        buttons = "".join(
            f'<p><button name="person" value="{person.subject}">{escape(person.name)}</button></p>'
            for person in PEOPLE.values()
        )
        page = _PAGE.format(action=escape(request.rel_url.raw_path_qs, quote=True), buttons=buttons)
        return web.Response(text=page, content_type="text/html", headers={"Cache-Control": "no-store"})

    async def _sign_in(self, request: web.Request) -> web.Response:
        asked = _asked(request)
        person = PEOPLE.get(str((await request.post()).get("person")))
        if person is None:
            raise web.HTTPBadRequest(text=f"The demo knows {' and '.join(PEOPLE)}.\n")
        code = secrets.token_hex(16)
        self._codes[code] = _Code(person, asked)
        back = {"code": code, "state": asked.get("state", ""), "iss": f"http://{request.host}"}
        return web.Response(status=303, headers={"Location": f"{asked['redirect_uri']}?{urlencode(back)}"})

    async def redeem(self, request: web.Request) -> web.Response:
        """``POST /token`` with a code."""
        form = {name: str(value) for name, value in (await request.post()).items()}
        held = self._codes.pop(form.get("code", ""), None)
        if held is None or not _holds(form, held.asked):
            return web.json_response({"error": "invalid_grant"}, status=400)
        client, nonce = held.asked.get("client_id", ""), held.asked.get("nonce", "")
        url = f"http://{request.host}"
        answer = {
            "access_token": self._issuer.token(url, held.person, audience=client),
            "id_token": self._issuer.id_token(url, held.person, client, nonce),
            "token_type": "Bearer",
        }
        return web.json_response(answer, headers={"Cache-Control": "no-store"})


def _asked(request: web.Request) -> Mapping[str, str]:
    """The authorization request. Raise ``HTTPBadRequest``: the demo sends nobody off this machine."""
    asked = dict(request.query)
    try:
        target = urlsplit(asked.get("redirect_uri", ""))
    except ValueError:
        target = urlsplit("")
    if target.hostname != "127.0.0.1" or target.scheme != "http" or asked.get("code_challenge_method") != "S256":
        raise web.HTTPBadRequest(text="This is no sign-in with PKCE (S256) for a page on this machine.\n")
    return asked


def _holds(form: Mapping[str, str], asked: Mapping[str, str]) -> bool:
    digest = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
    proof = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
    return proof == asked.get("code_challenge") and form.get("redirect_uri") == asked.get("redirect_uri")


_PAGE = """<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>Demo sign-in</title>
<style>
:root {{ color-scheme: light dark; }}
body {{ font: 100%/1.6 system-ui, sans-serif; max-width: 26rem; margin: 10vh auto; padding: 0 1.25rem; }}
button {{ font: inherit; padding: 0.6rem 1.25rem; border-radius: 0.6rem; border: 1px solid; width: 100%; }}
</style></head>
<body><main><h1>Who are you?</h1><p>The demo believes whatever you say.</p>
<form method="post" action="{action}">{buttons}</form></main></body></html>
"""
