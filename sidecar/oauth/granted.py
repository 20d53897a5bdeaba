"""The source of credentials that users granted."""

from collections.abc import Callable

from sidecar.oauth.broker import Broker
from sidecar.oauth.credential import Ask, Credential


class Granted:
    """A ``Source``."""

    fills = frozenset({b"authorization"})
    parameter = b""

    def __init__(self, broker: Broker) -> None:
        self.broker = broker

    def ready(self, ask: Ask) -> Credential | None:
        return self.broker.ready(ask)

    async def obtain(self, ask: Ask) -> Credential:
        return await self.broker.credential(ask)

    def forget(self, meant: Callable[[str], bool]) -> int:
        return self.broker.forget(lambda owner: meant(owner.id))

    def close(self) -> None:
        self.broker.close()
