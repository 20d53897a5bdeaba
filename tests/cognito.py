"""Moto's Cognito as a counterpart: its pools, users and tokens, asked for over HTTP as AWS's own client would."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import aiohttp

from tests.child import child
from tests.counterparts import missing
from tests.oidc_provider import Tokens

REGION = "us-east-1"
PASSWORD = "Correct-horse-7-battery"
# Moto doesn't check the signature: it reads the service and the region out of it.
AUTHORIZATION = (
    f"AWS4-HMAC-SHA256 Credential=AKIAEXAMPLE/20260101/{REGION}/cognito-idp/aws4_request, "
    "SignedHeaders=host, Signature=0"
)


@dataclass(frozen=True, slots=True)
class Pool:
    id: str
    client: str
    jwks_url: str

    @property
    def issuer(self) -> str:
        """What its tokens name, wherever moto listens."""
        return f"https://cognito-idp.{REGION}.amazonaws.com/{self.id}"


@dataclass(frozen=True, slots=True)
class Cognito:
    url: str

    async def _call(self, operation: str, **body: Any) -> dict[str, Any]:
        headers = {
            "Authorization": AUTHORIZATION,
            "Content-Type": "application/x-amz-json-1.1",
            "X-Amz-Target": f"AWSCognitoIdentityProviderService.{operation}",
        }
        async with (
            aiohttp.ClientSession() as session,
            session.post(self.url + "/", json=body, headers=headers) as response,
        ):
            assert response.status == 200, await response.text()
            answer: dict[str, Any] = await response.json(content_type=None)
            return answer

    async def pool(self, name: str = "travellers") -> Pool:
        """A new pool with one app client."""
        pool = (await self._call("CreateUserPool", PoolName=name))["UserPool"]["Id"]
        flows = ["ALLOW_USER_PASSWORD_AUTH", "ALLOW_REFRESH_TOKEN_AUTH"]
        client = await self._call("CreateUserPoolClient", UserPoolId=pool, ClientName="app", ExplicitAuthFlows=flows)
        return Pool(pool, client["UserPoolClient"]["ClientId"], f"{self.url}/{pool}/.well-known/jwks.json")

    async def login(self, pool: Pool, person: str, *groups: str) -> Tokens:
        """A new user, in *groups*, and the tokens of a sign-in with a password."""
        who = {"UserPoolId": pool.id, "Username": person}
        email = [{"Name": "email", "Value": f"{person}@example.com"}]
        await self._call("AdminCreateUser", **who, UserAttributes=email, MessageAction="SUPPRESS")
        await self._call("AdminSetUserPassword", **who, Password=PASSWORD, Permanent=True)
        for group in groups:
            await self._call("CreateGroup", UserPoolId=pool.id, GroupName=group)
            await self._call("AdminAddUserToGroup", **who, GroupName=group)
        given = {"USERNAME": person, "PASSWORD": PASSWORD}
        answer = await self._call(
            "InitiateAuth", ClientId=pool.client, AuthFlow="USER_PASSWORD_AUTH", AuthParameters=given
        )
        tokens = answer["AuthenticationResult"]
        return Tokens(tokens["AccessToken"], tokens["IdToken"])


@contextmanager
def cognito(folder: Path) -> Iterator[Cognito]:
    """Start ``moto_server``; all pools of all moto servers share one key, which is published with moto."""
    if find_spec("moto") is None:
        missing("moto: install requirements/test.lock")
    argv = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", "0"]
    with child(argv, folder, "moto") as process:
        yield Cognito(process.said(r"Running on (http://127\.0\.0\.1:\d+)")[1])
