"""How the rest of the sidecar asks a user: a link, and what came of it."""

from collections.abc import Callable

from sidecar.consent import record
from sidecar.consent.question import possible
from sidecar.consent.sessions import Origin, Status
from sidecar.consent.surroundings import Surroundings
from sidecar.errors import NotPermitted, Refusal
from sidecar.identity.principal import Kind, Principal
from sidecar.oauth.provider import Provider
from sidecar.vault.grant import Owner

_NOBODY = "Only users can be asked. Let providers.{0} act as the agent, or call it for a user."
_NO_WAY = "Nobody can be asked: give issuers.{0} a login, or name your application's page in consent.return_urls."


class Asking:
    """``surroundings`` is called each time: a reload exchanges them."""

    def __init__(self, surroundings: Callable[[], Surroundings]) -> None:
        self._surroundings = surroundings

    def begin(
        self,
        principal: Principal,
        provider: Provider,
        scopes: frozenset[str],
        invocation: bytes,
        trace_id: bytes = b"",
        span_id: bytes = b"",
    ) -> tuple[str, str]:
        """The URL that *principal* has to open so as to grant *scopes* (in the provider's form), and the session's id.
        *invocation*: the id of the one that asks. Raise ``NotPermitted`` where no consent is possible, ``RateLimited``
        where it has too many open questions, and ``AuditUnavailable``."""
        surroundings = self._surroundings()
        if principal.kind is not Kind.USER:
            raise NotPermitted(f"a {principal.kind} can't be asked", mend=_NOBODY.format(provider.name))
        if not possible(surroundings.issuers.get(principal.issuer), surroundings.return_urls):
            raise NotPermitted("neither a sign-in nor a return URL", mend=_NO_WAY.format(principal.issuer))
        origin = Origin(invocation, trace_id, span_id)
        session = surroundings.sessions.begin(principal, provider.name, scopes, origin)
        if session.origin is origin:  # not asked before
            try:
                record.requested(surroundings, session)
            except Refusal:
                surroundings.sessions.drop(lambda each: each is session)
                raise
        surroundings.wishes.note(Owner.of_principal(principal), provider.name, scopes, surroundings.clock())
        return surroundings.place.url("connect", session.id), session.id

    def status(self, principal: Principal, session_id: str) -> Status:
        """What came of it, to *principal* alone."""
        return self._surroundings().sessions.status(principal, session_id)
