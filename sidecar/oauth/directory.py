"""The groups of users whose tokens say that there are some, and not which (Entra's overage): asked of Microsoft Graph,
once for all who wait, and known for some minutes.

What can't be told now is unknown, and never taken for none.
"""

import asyncio
from collections.abc import Callable
from http import HTTPStatus

from sidecar.errors import ProviderRefused, Refusal
from sidecar.identity.issuer import Issuer
from sidecar.identity.principal import Kind, Principal
from sidecar.oauth import graph, messages
from sidecar.oauth.kept import Held, Kept, held, late
from sidecar.secret import Secret
from sidecar.wire.http import Fetch, Late, Request, Response, Unreachable

SECONDS = 3.0
"""How long a caller waits for their groups at most."""
LIFE_SECONDS = 600.0
"""How long they are known. Ahead of that they are asked for anew, while they are used."""
MOST_USERS = 1000
MOST_PAGES = 50


class Directory:
    def __init__(
        self, fetch: Fetch, *, clock: Callable[[], float], tasks: asyncio.TaskGroup, seconds: float = SECONDS
    ) -> None:
        """*clock* gives epoch seconds; *tasks* owns what goes on when nobody waits for it; *seconds* is what asking may
        take in all."""
        self._fetch, self._clock, self._seconds = fetch, clock, seconds
        self._tokens: Kept[tuple[str, str], Secret] = Kept("Microsoft Graph", clock=clock, tasks=tasks, seconds=seconds)
        self._groups: Kept[str, frozenset[str]] = Kept(
            "Microsoft Graph", clock=clock, tasks=tasks, seconds=seconds, most=MOST_USERS
        )

    async def groups(self, issuer: Issuer, principal: Principal) -> frozenset[str] | None:
        """The ids of the groups that *principal* is in; ``None``: they can't be told."""
        if principal.kind is not Kind.USER:
            return None
        try:
            return await self._groups.obtain(principal.id, lambda: self._ask(issuer, principal))
        except Refusal:  # which has been logged
            return None

    def forget(self, meant: Callable[[str], bool]) -> None:
        """What is known of principals whose id is *meant* is asked for anew."""
        self._groups.drop(meant)

    def close(self) -> None:
        for kept in (self._groups, self._tokens):
            kept.close()

    async def _ask(self, issuer: Issuer, principal: Principal) -> Held[frozenset[str]]:
        tenant = principal.tenant
        bearer = await self._tokens.obtain((issuer.name, tenant), lambda: self._token(issuer, tenant))
        found, request = set[str](), graph.member_groups(principal.subject, bearer, self._seconds)
        for _ in range(MOST_PAGES):
            answer = await self._call(request, issuer.name)
            if answer.status == HTTPStatus.UNAUTHORIZED:  # its secret was exchanged, or its consent taken back
                self._tokens.drop(lambda key: key == (issuer.name, tenant))
            some, page = graph.groups(answer, issuer.name, self._clock())
            found |= some
            if page is None:
                break
            request = graph.following(page, bearer, self._seconds)
        else:
            raise ProviderRefused(f"{issuer.name}: Microsoft Graph's answer has no end")
        if not found:
            raise ProviderRefused(f"{issuer.name}: Microsoft Graph knows no group of a user who has too many to tell")
        return held(frozenset(found), self._clock(), LIFE_SECONDS)

    async def _token(self, issuer: Issuer, tenant: str) -> Held[Secret]:
        if issuer.login is None:
            raise ProviderRefused(f"{issuer.name}: there is no login to ask Microsoft Graph with")
        answer = await self._call(graph.token(issuer.name, issuer.login, tenant, self._seconds), issuer.name)
        now = self._clock()
        granted = messages.granted(answer, issuer.name, now)
        return held(granted.token, now, granted.lifetime)

    async def _call(self, request: Request, name: str) -> Response:
        try:
            return await self._fetch(request)
        except Late as error:
            raise late(name) from error
        except Unreachable as error:
            raise ProviderRefused(f"{name}: Microsoft Graph can't be reached: {error}") from error
