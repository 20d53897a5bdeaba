"""HTTP clients as agents have them, whose connections all invocations share."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import httpx
import requests

from tests.journeys.calling import PREFIX, SECONDS, Call, Calling, Reply

BROKEN = (aiohttp.ClientError, httpx.TransportError, requests.RequestException)
Send = Callable[[Call, str], Awaitable[Reply]]


@asynccontextmanager
async def pools(calling: Calling, egress: str, bundle: Path) -> AsyncIterator[dict[str, Send]]:
    """By name: what sends a call by a way, ``PREFIX`` or through the proxy."""
    trust = ssl.create_default_context(cafile=str(bundle))

    def url(call: Call, way: str) -> str:
        return f"{egress}/to/{call.route}{call.path}" if way == PREFIX else calling.judge.url(call.route) + call.path

    def fields(call: Call) -> dict[str, str]:
        calling.made[call.serial] = call
        return {name: value.strip() for name, _, value in (line.partition(":") for line in call.fields)}

    def body(call: Call) -> bytes | None:
        return call.text.rstrip(b"\n") if call.body else None

    def method(call: Call) -> str:
        return "POST" if call.body else "GET"

    async with (
        aiohttp.ClientSession() as session,
        httpx.AsyncClient(verify=trust, trust_env=False, timeout=SECONDS) as direct,
        httpx.AsyncClient(verify=trust, trust_env=False, proxy=egress, timeout=SECONDS) as proxied,
    ):

        async def by_aiohttp(call: Call, way: str) -> Reply:
            proxy = None if way == PREFIX else egress
            sent = session.request(
                method(call), url(call, way), headers=fields(call), data=body(call), proxy=proxy, ssl=trust
            )
            async with sent as answer:
                return Reply(answer.status, answer.headers.get("Sidecar-Error", ""), await answer.read(), closes=False)

        async def by_httpx(call: Call, way: str) -> Reply:
            client = direct if way == PREFIX else proxied
            answer = await client.request(method(call), url(call, way), headers=fields(call), content=body(call))
            code = answer.headers.get("Sidecar-Error", "")
            return Reply(answer.status_code, code, answer.content, closes=False)

        with requests.Session() as blocking:
            blocking.verify = str(bundle)
            blocking.trust_env = False

            async def by_requests(call: Call, way: str) -> Reply:
                proxies = {} if way == PREFIX else {"http": egress, "https": egress}
                answer = await asyncio.to_thread(
                    blocking.request,
                    method(call),
                    url(call, way),
                    headers=fields(call),
                    data=body(call),
                    proxies=proxies,
                )
                code = answer.headers.get("Sidecar-Error", "")
                return Reply(answer.status_code, code, answer.content, closes=False)

            yield {"aiohttp": by_aiohttp, "httpx": by_httpx, "requests": by_requests}
