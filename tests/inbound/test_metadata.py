"""What the sidecar says of itself on the agent's address."""

import json
from collections.abc import AsyncIterator
from dataclasses import replace

import aiohttp
import pytest
from aiohttp import web

from sidecar.inbound.metadata import JWKS, PROTECTED_RESOURCE, Resource, application, document, metadata_url

RESOURCE = Resource("https://agent.example/api/", "travel-agent", ("https://a.example", "https://b.example"))


@pytest.mark.parametrize(
    ("public_url", "where"),
    [
        ("https://agent.example", "https://agent.example/.well-known/oauth-protected-resource"),
        ("https://agent.example/", "https://agent.example/.well-known/oauth-protected-resource"),
        ("https://agent.example:8443/api/v1", "https://agent.example:8443/.well-known/oauth-protected-resource/api/v1"),
        ("https://agent.example/api/", "https://agent.example/.well-known/oauth-protected-resource/api"),
    ],
)
def test_the_document_is_between_host_and_path(public_url: str, where: str) -> None:
    assert metadata_url(public_url) == where


def test_the_document_says_who_issues_tokens_and_how_they_are_sent() -> None:
    assert document(RESOURCE, "") == {
        "resource": "https://agent.example/api/",
        "resource_name": "travel-agent",
        "authorization_servers": ["https://a.example", "https://b.example"],
        "bearer_methods_supported": ["header"],
        "jwks_uri": "https://agent.example/.well-known/identity-sidecar/jwks.json",
    }


def test_the_document_names_scopes_where_there_are_some_to_ask_for() -> None:
    assert document(replace(RESOURCE, scopes=("book", "chat")), "/mcp")["scopes_supported"] == ["book", "chat"]


@pytest.mark.parametrize(
    ("behind", "resource"),
    [
        ("", "https://agent.example/api/"),
        ("/", "https://agent.example/api/"),
        ("/api", "https://agent.example/api"),
        ("/other/mcp", "https://agent.example/other/mcp"),
    ],
)
def test_a_resource_below_is_named_as_it_was_asked_for(behind: str, resource: str) -> None:
    """A client compares it with what it asked for (RFC 9728, section 3.3)."""
    assert document(RESOURCE, behind)["resource"] == resource


@pytest.fixture
async def served() -> AsyncIterator[aiohttp.ClientSession]:
    runner = web.AppRunner(application(RESOURCE, lambda: {"keys": [{"kid": "one"}]}))
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    async with aiohttp.ClientSession(f"http://127.0.0.1:{runner.addresses[0][1]}") as session:
        yield session
    await runner.cleanup()


async def test_both_documents_are_open_to_all(served: aiohttp.ClientSession) -> None:
    for path, expected in (
        (PROTECTED_RESOURCE, document(RESOURCE, "")),
        (PROTECTED_RESOURCE + "/", document(RESOURCE, "")),
        (PROTECTED_RESOURCE + "/other/mcp", document(RESOURCE, "/other/mcp")),
        (JWKS, {"keys": [{"kid": "one"}]}),
    ):
        async with served.get(path) as response:
            assert response.status == 200
            assert response.headers["Access-Control-Allow-Origin"] == "*"
            assert response.content_type == "application/json"
            assert json.loads(await response.text()) == expected


async def test_nothing_else_is_served_and_nothing_is_changed(served: aiohttp.ClientSession) -> None:
    async with served.get("/.well-known/other") as response:
        assert response.status == 404
    async with served.post(PROTECTED_RESOURCE) as response:
        assert response.status == 405
