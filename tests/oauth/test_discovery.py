"""Where the token endpoint is: asked once an hour, and again after a failure."""

import asyncio
import json

import pytest

from sidecar.errors import ProviderRefused, ProviderUnreachable
from sidecar.oauth.discovery import Discovery
from sidecar.wire.http import Request, Response
from tests.oauth.surrounding import Surround

ISSUER = "https://as.example.com"


def metadata(request: Request) -> Response:
    return Response(200, {}, json.dumps({"issuer": ISSUER, "token_endpoint": f"{ISSUER}/token"}).encode())


async def test_it_is_remembered_for_an_hour_unless_it_is_to_be_forgotten() -> None:
    surround = Surround(metadata)
    async with asyncio.TaskGroup() as tasks:
        found = Discovery("crm", "discovery", ISSUER, surround.surroundings(tasks))
        for asked, seconds in ((1, 0), (1, 3599), (2, 1)):
            surround.now += seconds
            endpoint = await found.endpoint()
            assert (endpoint.url, endpoint.audience, len(surround.requests)) == (f"{ISSUER}/token", ISSUER, asked)
        found.forget()
        await found.endpoint()
        assert len(surround.requests) == 3


async def test_where_there_is_none_the_setting_that_leads_there_is_named() -> None:
    async with asyncio.TaskGroup() as tasks:
        surround = Surround(lambda _: Response(404, {}, b""))
        with pytest.raises(ProviderRefused) as refused:
            await Discovery("crm", "audience", ISSUER, surround.surroundings(tasks)).endpoint()
        assert "providers.crm.audience" in refused.value.detail
        assert len(surround.requests) == 2
        surround.says = lambda _: Response(503, {}, b"")
        with pytest.raises(ProviderUnreachable) as away:
            await Discovery("crm", "audience", ISSUER, surround.surroundings(tasks)).endpoint()
        assert away.value.retry_after == 1
