"""A small real OpenID issuer on loopback: discovery, a key set, tokens that it signs, and its ways of failing."""

import asyncio
import json
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any, Self

from aiohttp import web

from sidecar.identity.idps import Common, issuer
from sidecar.identity.issuer import Issuer
from sidecar.relay.fetch import fetcher, trust
from sidecar.wire.http import Fetch
from tests.minting import Signer, signer

AUDIENCE = "travel"


def fetch() -> Fetch:
    """The sidecar's own way of fetching."""
    return fetcher(tls=lambda: trust(None), resolve={})


class Idp:
    """``async with Idp.start() as idp`` starts it; ``idp.token(sub="alice")`` is an access token for ``AUDIENCE``."""

    def __init__(self, alg: str, clock: Callable[[], float]) -> None:
        self.alg, self._clock = alg, clock
        self.signers = [signer(alg)]
        """The published keys; the last one signs."""
        self.requests: Counter[str] = Counter()
        """How often ``discovery`` and ``jwks`` were asked for."""
        self.body: bytes | None = None
        """What is served as the key set instead of it."""
        self.status = 200
        self.metadata: dict[str, Any] = {}
        """Members of the discovery document that are changed."""
        self.headers: dict[str, str] = {}
        self.seconds = 0.0
        """How long an answer takes."""
        self._runner: web.AppRunner
        self._site: web.TCPSite
        self.port = 0

    @classmethod
    @asynccontextmanager
    async def start(cls, alg: str = "RS256", *, clock: Callable[[], float] = time.time) -> AsyncIterator[Self]:
        idp = cls(alg, clock)
        app = web.Application()
        app.router.add_get("/.well-known/openid-configuration", idp._discovery)
        app.router.add_get("/jwks", idp._jwks)
        idp._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await idp._runner.setup()
        try:
            await idp.up()
            yield idp
        finally:
            await idp._runner.cleanup()

    @property
    def url(self) -> str:
        """The issuer, as it stands in ``iss``."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def jwks_url(self) -> str:
        return f"{self.url}/jwks"

    def issuer(self, name: str = "idp", common: Common | None = None, **own: Any) -> Issuer:
        """This issuer as the sidecar's configuration has it."""
        return issuer(name, "oidc", {"issuer": self.url, "audience": (AUDIENCE,), **own}, common or Common())

    def claims(self, **claims: Any) -> dict[str, Any]:
        """A good token's claims with *claims* changed; ``None`` leaves one out."""
        now = int(self._clock())
        usual = {"iss": self.url, "sub": "alice", "aud": AUDIENCE, "iat": now, "exp": now + 300, "azp": "app"}
        return {name: value for name, value in {**usual, **claims}.items() if value is not None}

    def token(self, *, by: Signer | None = None, header: dict[str, Any] | None = None, **claims: Any) -> str:
        """Signed by the newest key, or *by* another one; *header* and *claims* change what is usual."""
        return (by or self.signers[-1]).mint(self.claims(**claims), header).decode()

    def rotate(self, *, drop: bool = True, alg: str | None = None) -> Signer:
        """A new key signs from now on; the old ones are withdrawn, or with ``drop=False`` stay published."""
        self.signers = [*([] if drop else self.signers), signer(alg or self.alg)]
        return self.signers[-1]

    async def down(self) -> None:
        """Stop listening: connections are refused."""
        await self._site.stop()

    async def up(self) -> None:
        """Listen, after ``down`` on the same port."""
        self._site = web.TCPSite(self._runner, "127.0.0.1", self.port, reuse_address=True)
        await self._site.start()
        self.port = self._runner.addresses[0][1]

    async def _discovery(self, _: web.Request) -> web.Response:
        self.requests["discovery"] += 1
        return await self._answer({"issuer": self.url, "jwks_uri": self.jwks_url, **self.metadata})

    async def _jwks(self, _: web.Request) -> web.Response:
        self.requests["jwks"] += 1
        return await self._answer({"keys": [one.jwk() for one in self.signers]}, self.body)

    async def _answer(self, document: dict[str, Any], instead: bytes | None = None) -> web.Response:
        body = json.dumps(document).encode() if instead is None else instead
        await asyncio.sleep(self.seconds)
        return web.Response(body=body, status=self.status, headers=self.headers, content_type="application/json")
