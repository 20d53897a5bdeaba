"""Users' grants to test with: a provider that rotates refresh tokens and ends a grant when a spent one comes back,
users who can be asked, and a vault."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

from sidecar.identity.principal import Kind, Principal
from sidecar.oauth.broker import Broker
from sidecar.oauth.credential import Ask
from sidecar.oauth.provider import Provider
from sidecar.oauth.surroundings import Surroundings
from sidecar.secret import Secret
from sidecar.vault.grant import At, Grant, Owner, Place
from sidecar.vault.memory import MemoryStore
from sidecar.vault.store import Store
from sidecar.vault.vault import Vault
from sidecar.wire.http import Request, Response
from tests.oauth.surrounding import NOW, Surround
from tests.vault.vaults import opened

ALICE = Principal("https://idp.example", "", "alice", "shop", Kind.USER)
BOB = Principal("https://idp.example", "", "bob", "shop", Kind.USER)
AS = "https://as.example.com"
MAIL, READ = "mail.read", "calendar.read"


def custom(**settings: Any) -> Provider:
    usual = {
        "client_id": "c",
        "client_secret": Secret("hunter2"),
        "authorize_url": f"{AS}/authorize",
        "token_url": f"{AS}/token",
        "revoke_url": f"{AS}/revoke",
    }
    return Provider("crm", "oauth2", "principal", **{**usual, **settings})


class Family:
    """The token endpoint of one grant after another: refresh token ``r-NAME-N`` gives ``r-NAME-N+1``; a spent one ends
    the whole grant (RFC 9700, section 4.14.2)."""

    def __init__(self, *, rotates: bool = True, seconds: float = 0.0, lifetime: int | None = 3600) -> None:
        self.rotates, self.seconds, self.lifetime = rotates, seconds, lifetime
        self.refresh_lifetime: int | None = None
        self.number: dict[str, int] = {}
        self.dead: set[str] = set()
        self.calls: list[str] = []
        self.instead: Response | None = None
        """What is answered whatever is asked."""

    async def __call__(self, request: Request) -> Response:
        as_json = request.headers.get("Content-Type") == "application/json"
        form = json.loads(request.body) if as_json else dict(parse_qsl(request.body.decode()))
        self.calls.append(form.get("refresh_token", ""))
        await asyncio.sleep(self.seconds)
        if self.instead is not None:
            return self.instead
        if request.url.endswith("/revoke"):
            return Response(200, {}, b"")
        _, name, number = form["refresh_token"].split("-")
        if name in self.dead or (self.rotates and int(number) != self.number.get(name, 0)):
            self.dead.add(name)
            return said({"error": "invalid_grant"}, 400)
        count = self.number[name] = self.number.get(name, 0) + 1
        given: dict[str, Any] = {"access_token": f"a-{name}-{count}", "token_type": "Bearer"}
        if self.lifetime is not None:
            given["expires_in"] = self.lifetime
        if self.rotates:
            given["refresh_token"] = f"r-{name}-{count}"
        if self.refresh_lifetime is not None:
            given["refresh_token_expires_in"] = self.refresh_lifetime
        return said(given)


def said(body: Any, status: int = 200) -> Response:
    return Response(status, {}, json.dumps(body).encode())


@dataclass
class Asked:
    """How users are asked: links that name what is asked for."""

    asked: list[tuple[Principal, frozenset[str], bytes]] = field(default_factory=list)
    fault: Exception | None = None

    def begin(
        self,
        principal: Principal,
        provider: Provider,
        scopes: frozenset[str],
        invocation: bytes,
        trace_id: bytes,
        span_id: bytes,
    ) -> tuple[str, str]:
        if self.fault is not None:
            raise self.fault
        self.asked.append((principal, scopes, invocation))
        return f"https://accounts.example/connect/{len(self.asked)}", str(len(self.asked))


@dataclass
class Stage:
    vault: Vault
    broker: Broker
    surround: Surround
    family: Family
    consents: Asked
    dead: list[tuple[str, frozenset[str], str]]
    provider: Provider

    async def grant(self, *scopes: str, name: str = "one", who: Principal = ALICE, **changes: Any) -> Grant:
        """One that was given now: refresh token ``r-NAME-0``."""
        usual: dict[str, Any] = {
            "account": "1",
            "label": "alice@example.com",
            "refresh_token": Secret(f"r-{name}-0"),
            "access_token": Secret(f"a-{name}-0"),
            "token_type": "Bearer",
            "expires": self.surround.now + 3600,
            "since": self.surround.now,
            "used": None,
            "used_by": "",
        }
        at = changes.pop("at", At(AS, "c"))
        place = Place(Owner.of_principal(who), at, frozenset(scopes))
        return await self.vault.put(Grant(place=place, **{**usual, **changes}))

    async def token(self, *scopes: str, who: Principal = ALICE, **more: Any) -> str:
        credential = await self.broker.credential(asking(*scopes, who=who, **more))
        return credential.token.reveal()

    async def kept(self, who: Principal = ALICE) -> list[Grant]:
        return await self.vault.of(Owner.of_principal(who))


def asking(*scopes: str, who: Principal | None = ALICE, **more: Any) -> Ask:
    return Ask(who, frozenset(scopes), b"invocation", b"trace", b"span", **more)


def broker_of(
    provider: Provider,
    vault: Vault,
    surroundings: Surroundings,
    consents: Asked | None,
    dead: list[Any],
    *,
    shared: bool = False,
) -> Broker:
    return Broker(
        provider,
        surroundings,
        vault=vault,
        namespace="",
        shared=shared,
        consents=consents,
        dead=lambda provider, _ask, scopes, why: dead.append((provider.name, scopes, why)),
    )


@asynccontextmanager
async def stage(
    folder: Path,
    provider: Provider | None = None,
    family: Family | None = None,
    store: Store | None = None,
    **changes: Any,
) -> AsyncIterator[Stage]:
    given, family, consents = provider or custom(), family or Family(), Asked()
    surround, dead = Surround(family), list[Any]()
    async with (
        asyncio.timeout(40),
        opened(store or MemoryStore(), folder) as vault,
        asyncio.TaskGroup() as tasks,
    ):
        broker = broker_of(given, vault, surround.surroundings(tasks, **changes), consents, dead)
        yield Stage(vault, broker, surround, family, consents, dead, given)
        broker.close()


__all__ = ["AS", "BOB", "MAIL", "NOW", "READ", "Family", "Stage", "asking", "broker_of", "custom", "said", "stage"]
