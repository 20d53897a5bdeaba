"""What users answered, for the record: in the trace of the call for which they were asked."""

from collections.abc import Iterable

from sidecar.consent.sessions import Session
from sidecar.consent.surroundings import Surroundings
from sidecar.events import Attribute, Event, Name, Value
from sidecar.identity.principal import Principal


def requested(surroundings: Surroundings, session: Session) -> None:
    """Raise ``AuditUnavailable``; so does all of the below."""
    _of_session(surroundings, session, Name.CONSENT_REQUESTED, session.scopes, "requested")


def granted(surroundings: Surroundings, session: Session, scopes: Iterable[str], *, whole: bool) -> None:
    _of_session(surroundings, session, Name.CONSENT_GRANTED, scopes, "granted" if whole else "partial")


def denied(surroundings: Surroundings, session: Session, reason: str) -> None:
    _of_session(surroundings, session, Name.CONSENT_DENIED, session.scopes, "denied", reason)


def replaced(surroundings: Surroundings, session: Session, scopes: Iterable[str]) -> None:
    """The user decided for another account: what they granted of the one before is given back."""
    reason = "by the user: another account was connected"
    _of_session(surroundings, session, Name.GRANT_REVOKED, scopes, "revoked", reason)


def disconnected(
    surroundings: Surroundings, principal: Principal, provider: str, scopes: Iterable[str], trace_id: str, span_id: str
) -> None:
    attributes: dict[str, Value] = {
        **surroundings.subjects(principal),
        Attribute.PROVIDER: provider,
        Attribute.SCOPES: tuple(sorted(scopes)),
        Attribute.OUTCOME: "revoked",
        Attribute.REASON: "by the user",
    }
    _record(surroundings, Name.GRANT_REVOKED, trace_id, span_id, attributes)


def _of_session(
    surroundings: Surroundings, session: Session, name: str, scopes: Iterable[str], outcome: str, reason: str = ""
) -> None:
    attributes: dict[str, Value] = {
        **surroundings.subjects(session.principal),
        Attribute.PROVIDER: session.provider,
        Attribute.SCOPES: tuple(sorted(scopes)),
        Attribute.OUTCOME: outcome,
    }
    if reason:
        attributes[Attribute.REASON] = reason
    origin = session.origin
    if origin.invocation:
        attributes[Attribute.INVOCATION_ID] = origin.invocation.decode()
    _record(surroundings, name, origin.trace_id.decode(), origin.span_id.decode(), attributes)


def _record(surroundings: Surroundings, name: str, trace_id: str, span_id: str, attributes: dict[str, Value]) -> None:
    event = Event(name, int(surroundings.clock() * 1e9), trace_id, span_id, attributes)
    surroundings.journal.record(event.encode())
