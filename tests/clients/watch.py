"""What has come of a client's calls: at its API, and in the sidecar's record."""

import time
from collections.abc import Sequence

from tests.child import TICK
from tests.clients.apis import APIS, PLACEHOLDER
from tests.clients.cases import Client
from tests.running import Running
from tests.world import Seen, World

OURS = ("proxy-authorization", "proxy-connection", "x-identity")
"""How headers begin that are for the sidecar alone."""
RECORDED_SECONDS = 5.0


class Watch:
    """Since it was made."""

    def __init__(self, world: World, sidecar: Running, client: Client) -> None:
        self._world, self._sidecar, self._api = world, sidecar, client.api
        self._before, self._recorded = len(world.requests), len(self._attached())

    @property
    def seen(self) -> Sequence[Seen]:
        return self._world.requests[self._before :]

    def credentials_are_real(self, *given: str, baggage: Sequence[str] = ()) -> None:
        """Every request has the real one, *baggage*, and nothing of the sidecar's or of what the client was *given*."""
        api = APIS[self._api]
        header, real = api.real
        assert self.seen
        for request in self.seen:
            assert request.host == api.host
            assert [value.startswith(real) for value in request.values(header)] == [True]
            assert not [name for name, _ in request.headers if name.lower().startswith(OURS)]
            assert request.values("baggage") == [*baggage]
            whole = f"{request.target} {request.headers} {request.body.decode('latin-1')}"
            assert not [secret for secret in (PLACEHOLDER, "identity.", *given) if secret in whole]

    def callers(self) -> set[str]:
        """For whom the credentials were attached, one for each request: subjects, ``agent``."""
        deadline = time.monotonic() + RECORDED_SECONDS
        while len(found := self._attached()[self._recorded :]) < len(self.seen) and time.monotonic() < deadline:
            time.sleep(TICK)
        assert len(found) == len(self.seen)
        return set(found)

    def _attached(self) -> list[str]:
        return [
            str(event["attributes"].get("identity.principal.subject", "agent"))
            for event in self._sidecar.events()
            if event["name"] == "identity.credential_attached" and event["attributes"]["identity.route"] == self._api
        ]
