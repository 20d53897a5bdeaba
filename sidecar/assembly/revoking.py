"""All of one principal ended at once, and grants given back, as an operator asks for it."""

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from sidecar.assembly.granting import Connected
from sidecar.assembly.ground import Ground
from sidecar.assembly.house import House
from sidecar.events import Attribute, Event, Name, Value
from sidecar.identity.principal import Kind
from sidecar.inbound.door import Visit
from sidecar.journal.subjects import HASHED
from sidecar.oauth.credential import Personal, Source
from sidecar.relay.passage import Passage, Peer
from sidecar.relay.relay import Relay

if TYPE_CHECKING:
    from sidecar.ops.revocation import Ended
    from sidecar.vault.grant import Grant

_BY = "by the operator"


class Revoking:
    """A principal is named by its id, or as the record calls it."""

    def __init__(
        self,
        ground: Ground,
        *,
        house: Callable[[], House],
        sources: Callable[[], Mapping[str, Source]],
        inbound: Callable[[], Relay],
    ) -> None:
        """*house* and *sources* are those of the configuration that is in force, *inbound* is where calls come in."""
        self._ground, self._house, self._sources, self._inbound = ground, house, sources, inbound

    def commands(self) -> Any:
        """Routes for the control socket."""
        from sidecar.ops.revocation import Revoking as Asked
        from sidecar.ops.revocation import routes

        return routes(Asked(self.end, self._ground.blocked.keep_out, self._record, self._disconnect))

    def end(self, principal: str) -> "Ended":
        """What was verified before what is open: who is cut off comes back at once, and is looked at anew."""
        from sidecar.ops.revocation import Ended

        meant, ground = self._meant(principal), self._ground

        def theirs(_peer: Peer, passage: Passage | None) -> bool:
            return isinstance(passage, Visit) and passage.principal is not None and meant(passage.principal.id)

        house = self._house()
        if house.directory is not None:
            house.directory.forget(meant)
        tokens = house.verifier.drop(lambda one: meant(one.id))
        invocations = ground.invocations.end_all(lambda one: meant(one.id))
        calls = self._inbound().stop_where(theirs)
        credentials = sum(each.forget(meant) for each in self._sources().values() if isinstance(each, Personal))
        sign_ins = ground.consenting.forget(meant) if ground.consenting is not None else 0
        return Ended(tokens, invocations, calls, credentials, sign_ins)

    async def disconnect(self, grants: "Sequence[Grant]") -> "list[tuple[Grant, bool]]":
        """Revoke *grants*; each, with whether its provider has revoked it. First nobody finds them any more, then their
        providers are told. Raise a ``Refusal``: what came before is given back."""
        ground, connected, gone = self._ground, Connected(self._ground), list["Grant"]()
        try:
            for grant in grants:
                ground.journal.record(self._event(Name.GRANT_REVOKED, self._of_grant(grant, connected)))
                gone.append(await ground.keeping.vault().remove(grant) or grant)
                connected.drop(grant)
        finally:
            told = await asyncio.gather(*map(connected.give_back, gone))
        return list(zip(gone, told, strict=True))

    async def _disconnect(self, principal: str) -> "list[tuple[Grant, bool]]":
        meant, vault = self._meant(principal), self._ground.keeping.vault()
        return await self.disconnect([grant async for grant in vault.all() if meant(grant.place.owner.id)])

    def _meant(self, principal: str) -> Callable[[str], bool]:
        name = self._ground.subjects.name
        return lambda each: principal in (each, name("principal", each))

    # for the record

    def _record(self, principal: str, ended: "Ended") -> None:
        """Raise ``AuditUnavailable``."""
        known = principal.startswith(HASHED)
        attributes: dict[str, Value] = {
            Attribute.PRINCIPAL_ID: principal if known else self._ground.subjects.name("principal", principal),
            Attribute.OUTCOME: "revoked",
            Attribute.REASON: _BY,
            Attribute.COUNT: ended.invocations,
        }
        self._ground.journal.record(self._event(Name.PRINCIPAL_REVOKED, attributes))

    def _of_grant(self, grant: "Grant", connected: Connected) -> dict[str, Value]:
        owner, provider = grant.place.owner, connected.provider_of(grant)
        issuers = self._house().settings.issuers.values()
        issuer = next((each.name for each in issuers if owner.issuer_url in each.urls), owner.issuer_url)
        return {
            **self._ground.subjects.called(owner.id, owner.subject, owner.tenant, issuer, Kind.USER),
            Attribute.PROVIDER: provider.name if provider is not None else grant.place.at.server,
            Attribute.SCOPES: tuple(sorted(grant.place.scopes)),
            Attribute.OUTCOME: "revoked",
            Attribute.REASON: _BY,
        }

    def _event(self, name: Name, attributes: dict[str, Value]) -> bytes:
        """In a trace of its own: no call has brought it about."""
        ids = self._ground.ids
        return Event(name, time.time_ns(), ids.trace().decode(), ids.span().decode(), attributes).encode()
