"""The world as sources of credentials find it in a test: a token endpoint that is a function, a clock that moves."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from sidecar.oauth.credential import Ask
from sidecar.oauth.provider import Provider
from sidecar.oauth.surroundings import Surroundings
from sidecar.wire.http import Request, Response, Unreachable

NOW = 1795515001.0


@dataclass
class Surround:
    """``surround.surroundings(tasks)`` is what a source is made with; what it asked for is kept."""

    says: Callable[[Request], Response | Awaitable[Response]] | None = None
    now: float = NOW
    requests: list[Request] = field(default_factory=list)
    signed: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    refreshed: list[tuple[str, Ask, frozenset[str]]] = field(default_factory=list)
    drawn: int = 0

    async def fetch(self, request: Request) -> Response:
        self.requests.append(request)
        if self.says is None:
            raise Unreachable("nothing is there")
        answer = self.says(request)
        return answer if isinstance(answer, Response) else await answer

    def random(self, count: int) -> bytes:
        self.drawn += 1
        return self.drawn.to_bytes(count, "big")

    def sign(self, typ: str, claims: Mapping[str, object]) -> str:
        self.signed.append((typ, dict(claims)))
        return f"signed.{len(self.signed)}.{typ}"

    def tell(self, provider: Provider, ask: Ask, scopes: frozenset[str]) -> None:
        self.refreshed.append((provider.name, ask, scopes))

    def surroundings(self, tasks: asyncio.TaskGroup, **changes: Any) -> Surroundings:
        usual = Surroundings(
            fetch=self.fetch,
            clock=lambda: self.now,
            random=self.random,
            tasks=tasks,
            signer=lambda: self,
            agent="travel-agent",
            public_url="https://travel.example.com",
            refreshed=self.tell,
        )
        return replace(usual, **changes)
