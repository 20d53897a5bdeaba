"""What a user has granted, as credentials for calls."""

from typing import Protocol

from sidecar.identity.principal import Principal
from sidecar.oauth.provider import Provider


class Consents(Protocol):
    """How a user is asked (``consent``)."""

    def begin(
        self, principal: Principal, provider: Provider, scopes: frozenset[str], invocation: bytes
    ) -> tuple[str, str]:
        """The URL that *principal* has to open so as to grant *scopes* of *provider*, and the session's id.
        *invocation*: the id of the one that asks, empty for none. Raise ``NotPermitted`` where no consent is
        possible."""
