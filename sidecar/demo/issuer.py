"""The demo's OpenID provider: discovery, JWKS, and tokens for two people. Its keys live as long as the demo.

It hands a token to whoever asks, in anyone's name: that is what makes it a demo. A sidecar trusts it only where
``development: true`` is set, which keeps every listener on loopback.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import jwt
from aiohttp import web
from cryptography.hazmat.primitives.asymmetric import ec, rsa

AUDIENCE = "demo-agent"
LIFETIME = 300
"""Seconds that a token is good for, if nothing else is asked."""


@dataclass(frozen=True, slots=True)
class Person:
    subject: str
    name: str
    email: str
    groups: tuple[str, ...]
    scope: str
    algorithm: str
    """What this person's tokens are signed with; both kinds are published in one JWKS."""


ALICE = Person("alice", "Alice Liddell", "alice@example.com", ("sales", "everyone"), "calendar.read chat", "RS256")
BOB = Person("bob", "Bob Núñez", "bob@example.com", ("engineering", "everyone"), "chat", "ES256")
PEOPLE = {person.subject: person for person in (ALICE, BOB)}


class Issuer:
    """Signs with one RSA and one EC key. *clock* gives epoch seconds."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._keys: Mapping[str, rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey] = {
            "RS256": rsa.generate_private_key(public_exponent=65537, key_size=2048),
            "ES256": ec.generate_private_key(ec.SECP256R1()),
        }

    def token(self, url: str, person: Person, *, audience: str = AUDIENCE, seconds: int = LIFETIME) -> str:
        """An access token of the issuer at *url*, good for *seconds* from now; below zero, it expired so long ago."""
        now = int(self._clock())
        claims = {
            "iss": url,
            "sub": person.subject,
            "aud": audience,
            "azp": "demo-app",
            "iat": now + min(seconds, 0) - 1,
            "exp": now + seconds,
            "name": person.name,
            "email": person.email,
            "email_verified": True,
            "groups": list(person.groups),
            "scope": person.scope,
        }
        key = self._keys[person.algorithm]
        return jwt.encode(claims, key, person.algorithm, headers={"kid": f"demo-{person.algorithm}"})

    def id_token(self, url: str, person: Person, client_id: str, nonce: str) -> str:
        """What says to a client that *person* has signed in (OpenID Connect Core, section 2)."""
        now = int(self._clock())
        claims = {"iss": url, "sub": person.subject, "aud": client_id, "iat": now, "exp": now + LIFETIME}
        claims |= {"nonce": nonce, "name": person.name, "email": person.email, "email_verified": True}
        key = self._keys[person.algorithm]
        return jwt.encode(claims, key, person.algorithm, headers={"kid": f"demo-{person.algorithm}"})

    def keys(self) -> dict[str, list[dict[str, Any]]]:
        """The JWKS (RFC 7517): public halves alone."""
        return {
            "keys": [
                _public(key) | {"kid": f"demo-{algorithm}", "alg": algorithm, "use": "sig"}
                for algorithm, key in self._keys.items()
            ]
        }


def _public(key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey) -> dict[str, Any]:
    if isinstance(key, rsa.RSAPrivateKey):
        return jwt.algorithms.RSAAlgorithm.to_jwk(key.public_key(), as_dict=True)
    return jwt.algorithms.ECAlgorithm.to_jwk(key.public_key(), as_dict=True)


Redeem = Callable[[web.Request], Awaitable[web.Response]]


def application(
    issuer: Issuer, *, redeem: Redeem | None = None, sign_in: Sequence[web.RouteDef] = ()
) -> web.Application:
    """Serve *issuer* as an OpenID provider; its URL is the one under which it is asked.

    ``GET /token/alice`` answers with a bare token, made for ``$(curl -s …)``; ``?seconds=`` and ``?audience=`` vary it.
    ``POST /token`` is the OAuth form of the same (RFC 6749, section 4.3): ``grant_type=password`` and ``username``.
    *sign_in* are the routes of a page on which people sign in, and *redeem* takes the codes that they get there
    (``demo.login``).
    """
    endpoints = _Endpoints(issuer, redeem)
    app = web.Application()
    app.add_routes(
        [
            web.get("/.well-known/openid-configuration", endpoints.discovery),
            web.get("/jwks", endpoints.jwks),
            web.get("/token/{person}", endpoints.bare),
            web.post("/token", endpoints.oauth),
            *sign_in,
        ]
    )
    return app


_SIGN_IN = {
    "grant_types_supported": ["authorization_code", "password"],
    "response_types_supported": ["code"],
    "code_challenge_methods_supported": ["S256"],
    "authorization_response_iss_parameter_supported": True,
}


class _Endpoints:
    def __init__(self, issuer: Issuer, redeem: Redeem | None) -> None:
        self._issuer, self._redeem = issuer, redeem

    async def discovery(self, request: web.Request) -> web.Response:
        url = _url(request)
        document = {
            "issuer": url,
            "jwks_uri": f"{url}/jwks",
            "token_endpoint": f"{url}/token",
            "grant_types_supported": ["password"],
            "response_types_supported": [],
            **(_SIGN_IN | {"authorization_endpoint": f"{url}/authorize"} if self._redeem is not None else {}),
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["RS256", "ES256"],
        }
        return web.json_response(document)

    async def jwks(self, _request: web.Request) -> web.Response:
        return web.json_response(self._issuer.keys(), headers={"Cache-Control": "max-age=600"})

    async def bare(self, request: web.Request) -> web.Response:
        person = PEOPLE.get(request.match_info["person"])
        if person is None:
            raise web.HTTPNotFound(text=f"The demo knows {' and '.join(PEOPLE)}.\n")
        try:
            seconds = int(request.query.get("seconds", LIFETIME))
        except ValueError:
            raise web.HTTPBadRequest(text="seconds is a whole number.\n") from None
        audience = request.query.get("audience", AUDIENCE)
        return web.Response(text=self._issuer.token(_url(request), person, audience=audience, seconds=seconds))

    async def oauth(self, request: web.Request) -> web.Response:
        form = await request.post()
        person = PEOPLE.get(str(form.get("username")))
        if form.get("grant_type") == "authorization_code" and self._redeem is not None:
            return await self._redeem(request)
        if form.get("grant_type") != "password":
            return web.json_response({"error": "unsupported_grant_type"}, status=400)
        if person is None:
            return web.json_response({"error": "invalid_grant"}, status=400)
        token = self._issuer.token(_url(request), person)
        answer = {"access_token": token, "token_type": "Bearer", "expires_in": LIFETIME, "scope": person.scope}
        return web.json_response(answer, headers={"Cache-Control": "no-store"})


def _url(request: web.Request) -> str:
    return f"http://{request.host}"
