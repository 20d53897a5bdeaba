"""Our client at an authorization server: its proof, and what becomes of a call that comes to nothing."""

import asyncio

import pytest

from sidecar.errors import ProviderTimeout, ProviderUnreachable
from sidecar.oauth import client
from sidecar.oauth.provider import Provider
from sidecar.wire.http import Late, Request, Response, Unreachable
from tests.oauth.surrounding import NOW, Surround

CRM = Provider("crm", "oauth2", "agent", client_id="c", client_auth="private_key_jwt")


async def test_a_client_with_a_key_signs_a_proof_of_its_own_each_time() -> None:
    surround = Surround()
    async with asyncio.TaskGroup() as tasks:
        surroundings = surround.surroundings(tasks)
        proofs = [client.assertion(CRM, "https://as.example.com", surroundings) for _ in range(2)]
        assert client.assertion(Provider("crm", "oauth2", "agent", client_id="c"), "x", surroundings) is None
    assert proofs == ["signed.1.JWT", "signed.2.JWT"]
    (_, first), (_, second) = surround.signed
    assert (first["iss"], first["sub"], first["aud"]) == ("c", "c", "https://as.example.com")
    assert (first["iat"], first["jti"] == second["jti"]) == (int(NOW), False)


async def test_no_answer_is_the_providers_fault_and_says_what_was_asked() -> None:
    def fails(error: Exception) -> Surround:
        def says(_: Request) -> Response:
            raise error

        return Surround(says)

    async with asyncio.TaskGroup() as tasks:
        request = Request("https://as.example.com/token")
        with pytest.raises(ProviderTimeout):
            await client.fetched(fails(Late("10 s")).surroundings(tasks), request, "crm", "token endpoint")
        with pytest.raises(ProviderUnreachable, match="the metadata: refused") as refused:
            await client.fetched(fails(Unreachable("refused")).surroundings(tasks), request, "crm", "metadata")
        assert refused.value.retry_after == 1
        said = Response(200, {}, b"{}")
        assert await client.fetched(Surround(lambda _: said).surroundings(tasks), request, "crm", "x") is said
