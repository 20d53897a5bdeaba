"""``oidc-provider`` as a counterpart: a certified issuer that nobody here wrote, also in vendors' forms."""

import base64
import hashlib
import json
import re
import secrets
import socket
import ssl
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urljoin, urlsplit

import aiohttp
import trustme
from aiohttp.abc import AbstractResolver, ResolveResult
from typing_extensions import override

from tests.child import child
from tests.counterparts import NODE_FOLDER, missing, node

SECRET = "a client secret for tests, known to everyone"  # in oidc-provider.mjs too
CALLBACK = "https://app.example/callback"
HOSTS = ("dev-1.okta.com", "tenant.eu.auth0.com", "login.microsoftonline.com", "sts.windows.net")
ALGORITHMS = ("RS256", "ES256", "EdDSA")
"""Of the plain issuer's clients: each has tokens of its own kind."""
TENANTS = ("7e0a0000-0000-4000-8000-00000000000a", "7e0a0000-0000-4000-8000-00000000000b")


@dataclass(frozen=True, slots=True)
class Shape:
    """Where one form of issuer is reached, by the names that its clients know."""

    issuer: str
    authorize: str
    token: str
    resource: str
    service: str
    web: str


SHAPES = {
    "okta": Shape(
        "https://dev-1.okta.com/oauth2/default",
        "https://dev-1.okta.com/oauth2/default/v1/authorize",
        "https://dev-1.okta.com/oauth2/default/v1/token",
        "api://travel",
        "0oaservice",
        "0oaweb",
    ),
    "auth0": Shape(
        "https://tenant.eu.auth0.com/",
        "https://tenant.eu.auth0.com/authorize",
        "https://tenant.eu.auth0.com/oauth/token",
        "https://travel.example/",
        "aUtH0service",
        "aUtH0web",
    ),
    "entra": Shape(
        f"https://login.microsoftonline.com/{TENANTS[0]}/v2.0",
        f"https://login.microsoftonline.com/{TENANTS[0]}/oauth2/v2.0/authorize",
        f"https://login.microsoftonline.com/{TENANTS[0]}/oauth2/v2.0/token",
        "api://travel",
        "5e2c1ce0-0000-4000-8000-000000000001",
        "0eb00000-0000-4000-8000-000000000002",
    ),
    "entra-v1": Shape(
        f"https://sts.windows.net/{TENANTS[0]}/",
        f"https://sts.windows.net/{TENANTS[0]}/oauth2/authorize",
        f"https://sts.windows.net/{TENANTS[0]}/oauth2/token",
        "api://travel",
        "5e2c1ce0-0000-4000-8000-000000000001",
        "0eb00000-0000-4000-8000-000000000002",
    ),
}


def plain(issuer: str, algorithm: str) -> Shape:
    """The unreshaped issuer; its clients differ in the algorithm that their tokens are signed with."""
    return Shape(
        issuer,
        f"{issuer}/auth",
        f"{issuer}/token",
        "https://travel.example/",
        f"service-{algorithm}",
        f"web-{algorithm}",
    )


@dataclass(frozen=True, slots=True)
class Tokens:
    access: str
    id: str | None


class _Pinned(AbstractResolver):
    """Every name is the counterpart's address, like ``resolve`` in the sidecar's configuration."""

    def __init__(self, address: str, port: int) -> None:
        self._address, self._port = address, port

    @override
    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        return [
            ResolveResult(hostname=host, host=self._address, port=self._port, family=socket.AF_INET, proto=0, flags=0)
        ]

    @override
    async def close(self) -> None:
        """Nothing is held."""


@dataclass(frozen=True, slots=True)
class OidcProvider:
    plain: str
    """The plain issuer's URL, on loopback http; also where rotation is asked for."""
    address: str
    port: int
    """Where the TLS forms listen."""
    ca_file: Path | None

    @property
    def reached(self) -> dict[str, Any]:
        """What a sidecar's configuration says so that it finds the TLS forms under their real names."""
        return {"tls": {"ca_file": str(self.ca_file)}, "resolve": dict.fromkeys(HOSTS, self.address)}

    @asynccontextmanager
    async def _session(self) -> AsyncIterator[aiohttp.ClientSession]:
        context = ssl.create_default_context(cafile=self.ca_file) if self.ca_file else True
        connector = aiohttp.TCPConnector(ssl=context, resolver=_Pinned(self.address, self.port))
        jar = aiohttp.CookieJar(unsafe=True)
        async with aiohttp.ClientSession(connector=connector, cookie_jar=jar) as session:
            yield session

    async def service(self, shape: Shape, *, client: str | None = None, scope: str = "calendar.read") -> Tokens:
        """Client credentials."""
        form = {"grant_type": "client_credentials", "client_id": client or shape.service, "scope": scope}
        async with self._session() as session:
            return await self._tokens(session, shape, form)

    async def login(self, shape: Shape, person: str, *, scope: str = "openid calendar.read") -> Tokens:
        """Authorization code with PKCE, the provider's login and consent pages filled in as a browser would."""
        verifier = secrets.token_urlsafe(32)
        challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
        ask = {
            "client_id": shape.web,
            "response_type": "code",
            "redirect_uri": CALLBACK,
            "scope": scope,
            "resource": shape.resource,
            "code_challenge": challenge,
            "code_challenge_method": "S256",
            "nonce": secrets.token_urlsafe(8),
        }
        async with self._session() as session:
            code = await self._code(session, shape.authorize, ask, person)
            form = {"grant_type": "authorization_code", "client_id": shape.web, "code": code}
            return await self._tokens(session, shape, {**form, "redirect_uri": CALLBACK, "code_verifier": verifier})

    async def _code(self, session: aiohttp.ClientSession, url: str, ask: dict[str, str], person: str) -> str:
        """Follow redirects and answer pages until the provider sends the browser back to the application."""
        method, fields = "GET", ask
        for _ in range(20):
            sent = {"params": fields} if method == "GET" else {"data": fields}
            async with session.request(method, url, allow_redirects=False, **sent) as response:  # type: ignore[arg-type]  # a union of two keywords
                location, page = response.headers.get("Location"), await response.text()
                assert response.status in (200, 302, 303), page
            method, fields = "GET", {}
            if location is None:
                method, url, fields = "POST", _action(url, page), _answers(page, person)
            elif location.startswith(CALLBACK):
                code: str = parse_qs(urlsplit(location).query)["code"][0]
                return code
            else:
                url = urljoin(url, location)
        raise AssertionError("the login never came back to the application")

    async def _tokens(self, session: aiohttp.ClientSession, shape: Shape, form: dict[str, str]) -> Tokens:
        whole = {**form, "client_secret": SECRET, "resource": shape.resource}
        async with session.post(shape.token, data=whole) as response:
            body: dict[str, Any] = await response.json()
            assert response.status == 200, body.get("error_description")
        return Tokens(body["access_token"], body.get("id_token"))

    async def rotate(self, shape: str = "plain", *, drop: bool = False) -> None:
        """New keys sign from now on; the old ones stay published unless *drop*."""
        async with self._session() as session:
            url = f"{self.plain}/__rotate?shape={shape}{'&drop' if drop else ''}"
            async with session.post(url) as response:
                assert response.status == 200


def _action(url: str, page: str) -> str:
    found = re.search(r'<form[^>]* action="([^"]+)"', page)
    assert found is not None, page
    action: str = found[1]
    return urljoin(url, action)


def _answers(page: str, person: str) -> dict[str, str]:
    if 'value="login"' in page:
        return {"prompt": "login", "login": person, "password": "any"}
    return {"prompt": "consent"}


def loopback_address() -> str:
    """An address of this host alone, so that port 443 can be had by several test processes at once."""
    return ".".join(["127", *(str(1 + secrets.randbelow(250)) for _ in range(3))])


@contextmanager
def oidc_provider(
    folder: Path,
    shapes: Sequence[str] = ("plain",),
    *,
    ttl: int = 600,
    clients: Mapping[str, Any] | None = None,
    actors: Mapping[str, Any] | None = None,
    rotates: bool = False,
) -> Iterator[OidcProvider]:
    """Start it; the vendors' forms listen on port 443 of a loopback address of their own, with a CA made for them.
    *clients* are more of the plain issuer's, *actors* are whom it knows as agents, and *rotates* says that refresh
    tokens are good for once, as oidc-provider.mjs says."""
    options: dict[str, Any] = {"shapes": list(shapes), "ttl": ttl, "clients": dict(clients or {})}
    options |= {"actors": actors, "rotates": rotates}
    address, ca_file = "127.0.0.1", None
    if tuple(shapes) != ("plain",):
        address, ca_file = loopback_address(), folder / "issuers-ca.pem"
        _may_listen(address, 443)
        options["tls"] = {"host": address, "port": 443, **_certificate(folder, ca_file)}
    argv = [node("oidc-provider"), str(NODE_FOLDER / "oidc-provider.mjs"), json.dumps(options)]
    with child(argv, folder, "oidc-provider") as process:
        ready = json.loads(process.said(r'^\{"ready":.*\}$')[0])["ready"]
        yield OidcProvider(ready["plain"], address, ready.get("tls", 0), ca_file)


def _may_listen(address: str, port: int) -> None:
    with socket.socket() as trial:
        try:
            trial.bind((address, port))
        except PermissionError:
            missing("the right to listen on port 443, where issuers with real host names are")


def _certificate(folder: Path, ca_file: Path) -> dict[str, str]:
    authority = trustme.CA()
    authority.cert_pem.write_to_path(ca_file)
    leaf = authority.issue_cert(*HOSTS)
    cert, key = folder / "issuers.pem", folder / "issuers.key"
    leaf.private_key_pem.write_to_path(key)
    leaf.cert_chain_pems[0].write_to_path(cert)
    for more in leaf.cert_chain_pems[1:]:
        more.write_to_path(cert, append=True)
    return {"cert": str(cert), "key": str(key)}
