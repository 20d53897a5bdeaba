"""A user of the ``mcp`` package's client signs in to a server: ``python -m tests.clients.mcp.sign_in PLAN``.

PLAN is ``{"url", "mode", "person", "client", "tokens"?}``; *client* is how it is known to the issuer, *tokens* what it
has from before. Prints what it asked the issuer for, each time, and what came of the visit. The person's browser is
played: the issuer's pages are filled in.
"""

import asyncio
import json
import re
import sys
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qs, urljoin, urlsplit

from httpx2 import AsyncClient
from mcp.client import Client
from mcp.client.auth import OAuthClientProvider
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.auth import AuthorizationCodeResult, OAuthClientInformationFull, OAuthClientMetadata, OAuthToken


class Memory:
    """What the client keeps."""

    def __init__(self, plan: Mapping[str, Any]) -> None:
        self._client = OAuthClientInformationFull.model_validate(plan["client"])
        self.tokens = OAuthToken.model_validate(plan["tokens"]) if "tokens" in plan else None

    async def get_tokens(self) -> OAuthToken | None:
        return self.tokens

    async def set_tokens(self, tokens: OAuthToken) -> None:
        self.tokens = tokens

    async def get_client_info(self) -> OAuthClientInformationFull:
        return self._client

    async def set_client_info(self, client_info: OAuthClientInformationFull) -> None:
        raise AssertionError("it was to be known to the issuer already")


class Browser:
    """A person's, at the issuer's login and consent pages."""

    def __init__(self, person: str, callback: str) -> None:
        self._person, self._callback = person, callback
        self.asked: list[dict[str, str]] = []
        self._back: dict[str, str] = {}

    async def open(self, url: str) -> None:
        self.asked.append(_query(url))
        async with AsyncClient() as http:
            answer = await http.get(url)
            for _ in range(20):
                where = answer.headers.get("location")
                if where is None:
                    action = re.search(r'<form[^>]* action="([^"]+)"', answer.text)
                    assert action is not None, answer.text
                    answer = await http.post(urljoin(url, action[1]), data=self._answers(answer.text))
                elif where.startswith(self._callback):
                    self._back = _query(where)
                    return
                else:
                    url = urljoin(url, where)
                    answer = await http.get(url)
        raise AssertionError("the login never came back to the application")

    async def came_back(self) -> AuthorizationCodeResult:
        back = self._back
        return AuthorizationCodeResult(code=back["code"], state=back["state"], iss=back.get("iss"))

    def _answers(self, page: str) -> dict[str, str]:
        if 'value="login"' in page:
            return {"prompt": "login", "login": self._person, "password": "any"}
        return {"prompt": "consent"}


def _query(url: str) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}


async def signed_in(plan: Mapping[str, Any]) -> dict[str, Any]:
    callback = plan["client"]["redirect_uris"][0]
    memory, browser = Memory(plan), Browser(plan["person"], callback)
    provider = OAuthClientProvider(
        plan["url"],
        OAuthClientMetadata(client_name="a visitor", redirect_uris=[callback]),
        memory,
        browser.open,
        browser.came_back,
    )
    async with (
        AsyncClient(auth=provider) as http,
        Client(streamable_http_client(plan["url"], http_client=http), mode=plan["mode"]) as client,
    ):
        tools = await client.list_tools()
        told = await client.call_tool("look_up", {})
        return {
            "asked": [{name: asked.get(name) for name in ("scope", "resource")} for asked in browser.asked],
            "version": client.protocol_version,
            "tools": [tool.name for tool in tools.tools],
            "told": told.content[0].text,
        }


if __name__ == "__main__":
    sys.stdout.write(json.dumps(asyncio.run(signed_in(json.loads(sys.argv[1])))))
