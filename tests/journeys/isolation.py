"""Where it is tried whether a call can be another's: a crowd, a judge, and the real sidecar between them."""

import random
import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import jwt

from tests.certificates import Certificates
from tests.idp import AUDIENCE, Idp
from tests.journeys.calling import LINGER, Calling
from tests.journeys.crowd import AGENT, Crowd
from tests.journeys.judge import ACCESS, CLOUD, HOSTS, KEY, KEYS, MACHINE, NEXT, PARAMETER, PLAIN, QUERY, Judge
from tests.running import Running, sidecar

PRINCIPALS = 50
PUBLIC = "https://travel.example"


@dataclass
class Stage:
    running: Running
    crowd: Crowd
    judge: Judge
    calling: Calling
    egress: str
    bundle: Path


def configured(
    crowd: Crowd, judge: Judge, idp: Idp, ca_file: Path, *, agent: Mapping[str, Any], **more: Any
) -> dict[str, Any]:
    way = {"private": True}
    secret = {"client_id": "travel", "client_secret": "secret", "token_url": f"{judge.url(MACHINE)}/token"}
    return {
        "agent": {"name": AUDIENCE, "url": f"http://127.0.0.1:{crowd.port}", "token": {"env": "AGENT_TOKEN"}, **agent},
        "inbound": {"public_url": PUBLIC},
        "issuers": {"shop": {"type": "oidc", "issuer": idp.url, "audience": AUDIENCE}},
        "invocation": {"baggage": True, "linger": f"{LINGER * 1000:.0f}ms"},
        "tls": {"ca_file": str(ca_file)},
        "resolve": dict.fromkeys(HOSTS.values(), "127.0.0.1"),
        "providers": {
            "next": {"type": "agent", "audience": "booking"},
            "key": {"type": "api_key", "key": KEY, "header": "x-api-key"},
            "parameter": {"type": "api_key", "key": PARAMETER, "query": "key"},
            "cloud": {"type": "aws", "source": "ambient", "region": "eu-west-1", "service": "execute-api"},
            "machine": {"type": "oauth2", "grant": "client_credentials", **secret},
        },
        "egress": {
            "routes": {
                NEXT: {"url": judge.url(NEXT), "provider": "next", **way},
                PLAIN: {"url": judge.url(PLAIN), "provider": "next", "insecure": True, **way},
                KEYS: {"url": judge.url(KEYS), "provider": "key", **way},
                QUERY: {"url": judge.url(QUERY), "provider": "parameter", **way},
                MACHINE: {"url": judge.url(MACHINE), "provider": "machine", **way},
                CLOUD: {"url": judge.url(CLOUD), "provider": "cloud", **way},
            }
        },
        "capabilities": {
            "users": {"who": {"kind": "user"}, "routes": [*HOSTS]},
            "own": {"who": "agent", "routes": [KEYS, QUERY, MACHINE, CLOUD]},
        },
        "audit": {"subjects": "plain"},
        **more,
    }


@asynccontextmanager
async def stage(folder: Path, *, agent: Mapping[str, Any] | None = None, **more: Any) -> AsyncIterator[Stage]:
    certificates, crowd = Certificates(), Crowd()
    keys: dict[str, Any] = {}
    checked: list[int] = [0]

    def verify(token: str) -> dict[str, Any]:
        """Every signature in the short form would be half of its time: one of eight is checked."""
        checked[0] += 1
        kid = jwt.get_unverified_header(token)["kid"]
        options: Any = {"verify_signature": checked[0] % 8 == 0, "require": ["exp", "iat", "aud", "iss", "jti"]}
        return jwt.decode(token, keys[kid], ["ES256"], audience="booking", issuer=PUBLIC, options=options)

    def alive(handle: bytes) -> bool:
        owner = crowd.handles.get(handle)
        return handle == AGENT.encode() or (owner is not None and not Calling.lately(owner))

    judge = await Judge(verify, alive).listen(certificates)
    ca_file = certificates.write(folder / "world.pem")
    try:
        async with crowd.agent(), Idp.start() as idp:
            environ = {"AGENT_TOKEN": AGENT, "AWS_ACCESS_KEY_ID": ACCESS, "AWS_SECRET_ACCESS_KEY": "secret"}
            given = configured(crowd, judge, idp, ca_file, agent=agent or {}, **more)
            async with sidecar(given, folder, env=environ) as running:
                crowd.inbound = running.port
                crowd.tokens = {f"user{number}": idp.token(sub=f"user{number}") for number in range(PRINCIPALS)}
                egress = running.listener("egress")
                bundle = running.state.parent / "run" / "ca-bundle.pem"
                async with aiohttp.ClientSession() as client, client.get(f"{egress}/v1/jwks.json") as answer:
                    for one in (await answer.json())["keys"]:
                        keys[one["kid"]] = jwt.PyJWK(one).key
                trust = ssl.create_default_context(cafile=str(bundle))
                calling = Calling(crowd, judge, int(egress.rsplit(":", 1)[1]), trust, random.Random())
                try:
                    yield Stage(running, crowd, judge, calling, egress, bundle)
                finally:
                    calling.close()
    finally:
        await judge.close()
