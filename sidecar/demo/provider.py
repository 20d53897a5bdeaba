"""The demo's sandbox: an OAuth provider with a page on which users agree, and a calendar behind it.

It asks nobody for a password and knows every client: that is what makes it a sandbox. Its tokens are numbered, so that
examples and tests can name them: the first that alice grants is ``sandbox-access-alice-1``. What it checks is what a
provider has to: PKCE (RFC 7636), the redirect URI, that a code and a refresh token are spent once.
"""

import base64
import hashlib
import json
import secrets
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from html import escape
from typing import Any
from urllib.parse import urlencode, urlsplit

import jwt
from aiohttp import web

LIFETIME = 300
"""Seconds that an access token is good for."""
SCOPES: Mapping[str, str] = {"calendar.read": "See your calendar", "calendar.write": "Change your calendar"}
ACCOUNTS = ("alice", "bob")
EVENTS = ("09:30 stand-up", "11:00 tea with the March Hare")
_ALWAYS = ("openid", "email", "offline_access")


@dataclass(frozen=True, slots=True)
class _Grant:
    account: str
    scopes: tuple[str, ...]
    client_id: str
    family: str
    """Of all tokens that came of one consent."""


@dataclass(frozen=True, slots=True)
class _Code:
    grant: _Grant
    redirect_uri: str
    challenge: str
    nonce: str | None


@dataclass(slots=True)
class Sandbox:
    """*clock* gives epoch seconds."""

    clock: Callable[[], float]
    asked: list[str] = field(default_factory=list)
    """Whose calendar was read, call by call."""
    _codes: dict[str, _Code] = field(default_factory=dict, repr=False)
    _access: dict[str, tuple[_Grant, float]] = field(default_factory=dict, repr=False)
    _refresh: dict[str, _Grant] = field(default_factory=dict, repr=False)
    _spent: dict[str, str] = field(default_factory=dict, repr=False)
    _count: Counter[str] = field(default_factory=Counter, repr=False)
    _key: bytes = field(default_factory=lambda: secrets.token_bytes(32), repr=False)

    def application(self) -> web.Application:
        """Its URL is the one under which it is asked."""
        app = web.Application()
        app.add_routes(
            [
                web.get("/.well-known/oauth-authorization-server", self._metadata),
                web.get("/authorize", self._page),
                web.post("/authorize", self._decide),
                web.post("/token", self._token),
                web.post("/revoke", self._revoke),
                web.get("/calendar/events", self._events),
            ]
        )
        return app

    async def _metadata(self, request: web.Request) -> web.Response:
        url = _url(request)
        return web.json_response(
            {
                "issuer": url,
                "authorization_endpoint": f"{url}/authorize",
                "token_endpoint": f"{url}/token",
                "revocation_endpoint": f"{url}/revoke",
                "scopes_supported": [*_ALWAYS, *SCOPES],
                "response_types_supported": ["code"],
                "code_challenge_methods_supported": ["S256"],
                "authorization_response_iss_parameter_supported": True,
            }
        )

    # the page

    async def _page(self, request: web.Request) -> web.Response:
        asked = _asked(request)
        scopes = [scope for scope in asked.get("scope", "").split(" ") if scope in SCOPES]
        hint = asked.get("login_hint", "").partition("@")[0]
        accounts = "".join(
            f'<label><input type="radio" name="account" value="{name}"{" checked" if name == hint else ""} required> '
            f"{name}@sandbox.example</label>"
            for name in ACCOUNTS
        )
        boxes = "".join(
            f'<label><input type="checkbox" name="scope" value="{scope}" checked> {SCOPES[scope]}</label>'
            for scope in scopes
        )
        body = _PAGE.format(action=escape(request.rel_url.raw_path_qs, quote=True), accounts=accounts, scopes=boxes)
        return web.Response(text=body, content_type="text/html", headers={"Cache-Control": "no-store"})

    async def _decide(self, request: web.Request) -> web.Response:
        asked, form = _asked(request), await request.post()
        back = {"state": asked.get("state", ""), "iss": _url(request)}
        account = str(form.get("account"))
        if form.get("decision") != "allow" or account not in ACCOUNTS:
            return _sent(asked["redirect_uri"], {**back, "error": "access_denied"})
        ticked = tuple(str(scope) for scope in form.getall("scope", []) if scope in asked.get("scope", "").split(" "))
        code = f"sandbox-code-{self._number('code')}-{secrets.token_hex(8)}"
        grant = _Grant(account, ticked, asked.get("client_id", ""), secrets.token_hex(8))
        self._codes[code] = _Code(grant, asked["redirect_uri"], asked["code_challenge"], asked.get("nonce"))
        return _sent(asked["redirect_uri"], {**back, "code": code})

    # the token endpoint

    async def _token(self, request: web.Request) -> web.Response:
        form = {name: str(value) for name, value in (await request.post()).items()}
        if form.get("grant_type") == "refresh_token":
            return self._refreshed(form.get("refresh_token", ""))
        code = self._codes.pop(form.get("code", ""), None)
        if code is None or form.get("redirect_uri") != code.redirect_uri or not _proves(form, code.challenge):
            return _refused("invalid_grant")
        granted = self._granted(code.grant)
        now = int(self.clock())
        claims = {"iss": _url(request), "sub": code.grant.account, "aud": code.grant.client_id, "iat": now}
        claims |= {"exp": now + LIFETIME, "email": f"{code.grant.account}@sandbox.example", "nonce": code.nonce}
        # Who reads it got it from here, over a connection to here: nobody looks at its signature.
        granted["id_token"] = jwt.encode(claims, self._key, "HS256")
        return web.json_response(granted, headers={"Cache-Control": "no-store"})

    def _refreshed(self, token: str) -> web.Response:
        grant = self._refresh.pop(token, None)
        if grant is None:
            self._end(self._spent.get(token))  # it was stolen, from one of two
            return _refused("invalid_grant")
        self._spent[token] = grant.family
        return web.json_response(self._granted(grant), headers={"Cache-Control": "no-store"})

    def _granted(self, grant: _Grant) -> dict[str, Any]:
        number = self._number(grant.account)
        access, refresh = f"sandbox-access-{grant.account}-{number}", f"sandbox-refresh-{grant.account}-{number}"
        self._access[access] = grant, self.clock() + LIFETIME
        self._refresh[refresh] = grant
        return {
            "access_token": access,
            "refresh_token": refresh,
            "token_type": "Bearer",
            "expires_in": LIFETIME,
            "scope": " ".join((*_ALWAYS, *grant.scopes)),
        }

    async def _revoke(self, request: web.Request) -> web.Response:
        token = str((await request.post()).get("token"))
        held = self._access.get(token)
        grant = self._refresh.get(token) or (held[0] if held is not None else None)
        self._end(grant.family if grant is not None else None)
        return web.json_response({})

    def _end(self, family: str | None) -> None:
        self._access = {token: held for token, held in self._access.items() if held[0].family != family}
        self._refresh = {token: grant for token, grant in self._refresh.items() if grant.family != family}

    def _number(self, of: str) -> int:
        self._count[of] += 1
        return self._count[of]

    # the API behind it

    async def _events(self, request: web.Request) -> web.Response:
        token = request.headers.get("Authorization", "").removeprefix("Bearer ")
        grant, expires = self._access.get(token, (None, 0.0))
        if grant is None or self.clock() >= expires:
            return web.json_response({"error": "invalid_token"}, status=401)
        if "calendar.read" not in grant.scopes:
            return web.json_response({"error": "insufficient_scope"}, status=403)
        self.asked.append(grant.account)
        return web.Response(
            text=json.dumps({"calendar_of": grant.account, "events": EVENTS}), content_type="application/json"
        )


def _asked(request: web.Request) -> Mapping[str, str]:
    """The authorization request (RFC 6749, section 4.1.1). Raise ``HTTPBadRequest``: nobody is sent anywhere for a bad
    one."""
    asked = dict(request.query)
    try:
        target = urlsplit(asked.get("redirect_uri", ""))
    except ValueError:
        target = urlsplit("")
    good = target.scheme in ("http", "https") and target.hostname is not None
    if not good or asked.get("response_type") != "code" or asked.get("code_challenge_method") != "S256":
        raise web.HTTPBadRequest(text="This is no authorization request with PKCE (S256).\n")
    if not asked.get("code_challenge"):
        raise web.HTTPBadRequest(text="The code_challenge is missing.\n")
    return asked


def _proves(form: Mapping[str, str], challenge: str) -> bool:
    digest = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode() == challenge


def _sent(redirect_uri: str, answer: Mapping[str, str]) -> web.Response:
    separator = "&" if urlsplit(redirect_uri).query else "?"
    return web.Response(status=303, headers={"Location": f"{redirect_uri}{separator}{urlencode(answer)}"})


def _refused(error: str) -> web.Response:
    return web.json_response({"error": error}, status=400)


def _url(request: web.Request) -> str:
    return f"http://{request.host}"


_PAGE = """<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>Sandbox Calendar</title>
<style>
:root {{ color-scheme: light dark; }}
body {{ font: 100%/1.6 system-ui, sans-serif; max-width: 26rem; margin: 10vh auto; padding: 0 1.25rem; }}
fieldset {{ border: 0; padding: 0; margin: 1.5rem 0; }}
legend {{ font-weight: 600; padding: 0; }}
label {{ display: block; padding: 0.25rem 0; }}
button {{ font: inherit; padding: 0.6rem 1.25rem; border-radius: 0.6rem; border: 1px solid; margin-right: 0.5rem; }}
</style></head>
<body><main><h1>Sandbox Calendar</h1>
<p>An agent would like to use your calendar.</p>
<form method="post" action="{action}">
<fieldset><legend>Whose?</legend>{accounts}</fieldset>
<fieldset><legend>What for?</legend>{scopes}</fieldset>
<button name="decision" value="allow">Allow</button><button name="decision" value="deny" formnovalidate>Deny</button>
</form></main></body></html>
"""
