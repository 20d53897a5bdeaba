"""What a refused caller is told about the token that it takes (RFC 6750, section 3; RFC 9728, section 5.1). Pure.

A client that knows how, an MCP client for one, signs its user in by it: the metadata name the issuer, the scopes what
to ask there. All scopes that ``inbound.who`` names are told, though of a list one will do: which of them an issuer
gives to whom, nobody here knows.
"""

import re
from collections.abc import Iterable
from dataclasses import replace

from sidecar.errors import InsufficientScope, NotPermitted, Refusal, Unauthenticated
from sidecar.identity.issuer import Issuer
from sidecar.identity.principal import Principal
from sidecar.policy.capability import Who

_SCOPE = re.compile(r"[\x21\x23-\x5b\x5d-\x7e]+")  # RFC 6749, section 3.3
_ENTRA = "entra"


def named(who: Who) -> frozenset[str]:
    """Every scope by which somebody may be let in: not what stands behind ``not``, nor what can't be a scope."""
    own = frozenset(scope for scope in who.scopes or () if _SCOPE.fullmatch(scope))
    return own.union(*(named(below) for below in (*who.any_of, *who.all_of)))


def asked(scopes: Iterable[str], issuers: Iterable[Issuer]) -> tuple[str, ...]:
    """*scopes* as a client asks *issuers* for them.

    Entra's tokens name them without the API that they are of, and it wants to be asked with it. Where it is not the
    only issuer, they stand as tokens have them.
    """
    ours = {_api(issuer) if issuer.type == _ENTRA else "" for issuer in issuers}
    before = ours.pop() if len(ours) == 1 else ""
    return tuple(sorted(before + scope for scope in scopes))


def _api(issuer: Issuer) -> str:
    """``api://travel/``: by a URI before an id, which will do as well."""
    named = sorted(issuer.audiences, key=lambda audience: ("://" not in audience, audience))
    return f"{named[0].removesuffix('/')}/" if named else ""


def refused(who: Who, principal: Principal, reason: str, issuer: Issuer | None) -> NotPermitted:
    """The refusal of *principal*, of *issuer*, who may not call the agent for that *reason*. Where *who* asks for
    scopes and nothing else is lacking, it names them."""
    scopes = named(who)
    if not scopes or who.met(principal) or not who.met(replace(principal, scopes=principal.scopes | scopes)):
        return NotPermitted(reason)
    return InsufficientScope.of(asked(scopes, () if issuer is None else (issuer,)), reason)


def challenge(refusal: Refusal, scopes: Iterable[str], metadata: str | None) -> str | None:
    """The value of ``WWW-Authenticate``, where *refusal* takes one. *scopes* is what a caller is asked for of whom
    nothing is known, *metadata* the URL of the resource's (RFC 9728)."""
    said = []
    if isinstance(refusal, InsufficientScope):
        said, scopes = [f'error="insufficient_scope", error_description="{refusal.title}"'], refusal.scopes
    elif not isinstance(refusal, Unauthenticated):
        return None
    elif refusal.error is not None:
        said = [f'error="{refusal.error}", error_description="{refusal.title}"']
    if scopes:
        said.append(f'scope="{" ".join(scopes)}"')
    if metadata is not None:
        said.append(f'resource_metadata="{metadata}"')
    return "Bearer" + (" " + ", ".join(said) if said else "")
