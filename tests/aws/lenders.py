"""What lends AWS keys beside a container or an instance, as small real HTTP servers: ECS, EKS Pod Identity, IMDSv2."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Self

from aiohttp import web

LENT = {
    "AccessKeyId": "ASIALENT123456789012",
    "SecretAccessKey": "lent/secret+key",
    "Token": "lent-token==",
    "Expiration": "2026-11-24T18:00:00Z",
}


class Lender:
    """``async with Lender.start() as lender``; ``lender.url`` is its base. The container's document is at
    ``/v2/credentials/1``, wanting ``token`` where one is set; instance metadata is below ``/latest``."""

    def __init__(self) -> None:
        self.token: str | None = None
        self.role: str | None = "travel-instance"
        self.status = 200
        self.document: Any = dict(LENT)
        self.requests: list[tuple[str, str]] = []
        self.url = ""

    @classmethod
    @asynccontextmanager
    async def start(cls) -> AsyncIterator[Self]:
        lender = cls()
        app = web.Application()
        app.router.add_get("/v2/credentials/1", lender._container)
        app.router.add_put("/latest/api/token", lender._session)
        app.router.add_get("/latest/meta-data/iam/security-credentials/{role:.*}", lender._instance)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        lender.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        try:
            yield lender
        finally:
            await runner.cleanup()

    def _answer(self) -> web.Response:
        text = self.document if isinstance(self.document, str) else json.dumps(self.document)
        return web.Response(text=text, status=self.status)

    async def _container(self, request: web.Request) -> web.Response:
        self.requests.append((request.method, request.path))
        if self.token is not None and request.headers.get("Authorization") != self.token:
            return web.Response(status=401)
        return self._answer()

    async def _session(self, request: web.Request) -> web.Response:
        self.requests.append((request.method, request.path))
        if not 1 <= int(request.headers["X-aws-ec2-metadata-token-ttl-seconds"]) <= 21600:
            return web.Response(status=400)
        return web.Response(text="imds-session==")

    async def _instance(self, request: web.Request) -> web.Response:
        self.requests.append((request.method, request.path))
        if request.headers.get("X-aws-ec2-metadata-token") != "imds-session==":
            return web.Response(status=401)
        role = request.match_info["role"]
        if not role:
            return web.Response(text=self.role) if self.role is not None else web.Response(status=404)
        return self._answer() if role == self.role else web.Response(status=404)
