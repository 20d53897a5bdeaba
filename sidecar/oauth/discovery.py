"""Where an authorization server's token endpoint is, as its metadata says, remembered for an hour."""

from http import HTTPStatus

from sidecar.errors import ProviderRefused
from sidecar.oauth import client, messages, metadata
from sidecar.oauth.metadata import Endpoint
from sidecar.oauth.surroundings import Surroundings
from sidecar.wire.http import Request

DISCOVERED_SECONDS = 3600.0


class Discovery:
    """One issuer's."""

    def __init__(self, provider: str, key: str, issuer: str, surroundings: Surroundings) -> None:
        """*key* of the provider's configuration names *issuer*."""
        self._provider, self._key, self._issuer, self._surroundings = provider, key, issuer, surroundings
        self._found: Endpoint | None = None
        self._until = float("-inf")

    async def endpoint(self) -> Endpoint:
        """Raise a ``Refusal``."""
        clock = self._surroundings.clock
        if self._found is not None and clock() < self._until:
            return self._found
        status = 0
        for url in metadata.urls(self._issuer):
            answer = await client.fetched(
                self._surroundings, Request(url, most=messages.MOST_BYTES), self._provider, "metadata"
            )
            if (refusal := messages.overtaxed(answer, self._provider, "metadata", clock())) is not None:
                raise refusal
            if answer.status == HTTPStatus.OK:
                self._found = metadata.token_endpoint(answer.body, self._provider, self._issuer)
                self._until = clock() + DISCOVERED_SECONDS
                return self._found
            status = answer.status
        mend = (
            f"Check providers.{self._provider}.{self._key}, or set token_url: there is no metadata of an OAuth server."
        )
        raise ProviderRefused(f"{self._provider}: the metadata was answered with status {status}", mend=mend)

    def forget(self) -> None:
        """It may have moved."""
        self._until = float("-inf")
