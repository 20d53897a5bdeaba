"""A call from one agent to the next: what a sidecar says of the principal behind it, made and read.

The caller's sidecar signs an assertion (``typ: agent-call+jwt``) that is good for one call to one agent:

    iss        its public URL                  aud   the next agent's name, alone
    sub        the principal's id              jti   accepted once
    iat, exp   at most 60 seconds apart        act   the agents so far, the caller first (RFC 8693, section 4.1)
    principal  issuer (its URL), tenant, subject, kind, client, groups, roles, scopes

The next one believes it of those issuers alone that it was told of, and calls each by its own name for it. The
principal is the same one in both, by its original issuer, tenant and subject.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from sidecar.errors import (
    AudienceInvalid,
    ClaimMissing,
    IssuerUnknown,
    NotPermitted,
    TokenKindInvalid,
    TokenMalformed,
)
from sidecar.identity import claims as read
from sidecar.identity.issuer import Issuer
from sidecar.identity.principal import Kind, Principal

TYP = "agent-call+jwt"
SECONDS = 30
"""How long one is good."""
MOST_SECONDS = 60
"""How long one may be good that is accepted."""
MOST_ACTORS = 8
MOST_PRINCIPAL = 4096
"""Of what is said of the principal, in bytes of JSON."""


# Made


def assertion(
    principal: Principal, *, issuer: str, audience: str, agent: str, actors: Sequence[str], jti: str, now: float
) -> dict[str, Any]:
    """The claims by which *agent*, whose sidecar's public URL is *issuer*, calls the agent *audience* for *principal*.
    *actors* are the agents so far, the last one first.

    Raise ``NotPermitted`` for a chain that is too long, and for a principal of whom too much is known: only groups may
    be left out, since rules know groups that are unknown.
    """
    chain = (agent, *actors)
    if len(chain) > MOST_ACTORS:
        mend = f"Call fewer agents in a row: at most {MOST_ACTORS} may act one for the other."
        raise NotPermitted(f"the chain of agents has {len(chain)} members", mend=mend)
    issued = int(now)
    return {
        "iss": issuer,
        "aud": audience,
        "sub": principal.id,
        "iat": issued,
        "exp": issued + SECONDS,
        "jti": jti,
        "act": _nested(chain),
        "principal": _described(principal),
    }


def _nested(chain: Sequence[str]) -> dict[str, Any]:
    act: dict[str, Any] = {}
    for agent in reversed(chain):
        act = {"sub": agent, "act": act} if act else {"sub": agent}
    return act


def _described(principal: Principal) -> dict[str, Any]:
    whole = {
        "issuer": principal.issuer_url,
        "tenant": principal.tenant,
        "subject": principal.subject,
        "kind": principal.kind.value,
        "client": principal.client,
        "roles": sorted(principal.roles),
        "scopes": sorted(principal.scopes),
    }
    described = {name: value for name, value in whole.items() if value}
    if _size(described) > MOST_PRINCIPAL:
        mend = "Have the principal's issuer name fewer roles and scopes in its tokens: they don't fit into a call."
        raise NotPermitted(f"what is known of the principal has more than {MOST_PRINCIPAL} bytes", mend=mend)
    groups = None if principal.groups is None else sorted(principal.groups)
    if groups is None or _size({**described, "groups": groups}) > MOST_PRINCIPAL:
        return {**described, "groups_unknown": True}
    return {**described, "groups": groups} if groups else described


def _size(value: Mapping[str, Any]) -> int:
    return len(json.dumps(value, separators=(",", ":")))


# Read


def principal(header: Mapping[str, Any], claims: Mapping[str, Any], issuer: Issuer) -> Principal:
    """The principal for whom the sidecar *issuer* speaks; signature and times have been checked. Raise a refusal.

    Whether its ``jti`` is new is for ``keyring.once``.
    """
    if header.get("typ") != TYP:
        raise TokenKindInvalid(f"it comes from a sidecar, and its typ is not {TYP}", mend=_ASK)
    _short(claims)
    if not isinstance(claims.get("aud"), str) or claims["aud"] not in issuer.audiences:
        raise AudienceInvalid("aud is not this agent's name, alone", mend=_AUDIENCE)
    read.needed(claims, "jti")
    actors = _chain(claims.get("act"))
    described = claims.get("principal")
    if not isinstance(described, dict):
        raise ClaimMissing("the claim principal is missing, or no object")
    for path, values in issuer.require.items():
        if not read.holds(claims, path, values):
            raise ClaimMissing(f"the claim {path} has none of the values that the issuer's require names")
    return _principal(claims, described, issuer, actors)


_ASK = "Call by the caller's own sidecar, on a route whose provider is of type agent: each call needs an assertion."
_AUDIENCE = "Set audience of the caller's provider (type agent) to this agent's agent.name."


def _short(claims: Mapping[str, Any]) -> None:
    issued, expires = read.instant(claims, "iat"), read.instant(claims, "exp")
    if issued is None or expires is None:
        raise ClaimMissing("the claim iat or exp is missing")
    if not 0 < expires - issued <= MOST_SECONDS:
        raise ClaimMissing(f"exp is not at most {MOST_SECONDS} s behind iat")


def _chain(act: object) -> tuple[str, ...]:
    """The agents that ``act`` nests, the outermost first."""
    actors: list[str] = []
    while act is not None:
        if not isinstance(act, dict):
            raise TokenMalformed("act is not an object")
        if len(actors) == MOST_ACTORS:
            raise TokenMalformed(f"act nests more than {MOST_ACTORS} agents")
        actors.append(read.needed(act, "sub"))
        if "act" in act and act["act"] is None:
            raise TokenMalformed("act is not an object")
        act = act.get("act")
    if not actors:
        raise ClaimMissing("the claim act is missing")
    return tuple(actors)


def _principal(
    claims: Mapping[str, Any], described: Mapping[str, Any], issuer: Issuer, actors: tuple[str, ...]
) -> Principal:
    url = described.get("issuer")
    name = issuer.speaks_for.get(url) if isinstance(url, str) else None
    if name is None or not isinstance(url, str):
        mend = f"Name the user's issuer in issuers.{issuer.name}.issuers, where {issuer.name} may speak for its users."
        raise IssuerUnknown(f"{issuer.name} speaks for an issuer that it may not speak for", mend=mend)
    tenant = read.identifier(described, "tenant") or ""
    if issuer.tenants.get(url, tenant) != tenant:
        raise ClaimMissing("the principal's tenant is not that of its issuer")
    client = read.identifier(described, "client")
    if issuer.clients and client not in issuer.clients:
        raise AudienceInvalid("the principal's client is none of the issuer's clients")
    found = Principal(
        issuer_url=url,
        tenant=tenant,
        subject=read.needed(described, "subject"),
        issuer=name,
        kind=issuer.kind or _kind(described.get("kind")),
        client=client,
        groups=None if described.get("groups_unknown") is True else _names(described, "groups"),
        roles=_names(described, "roles"),
        scopes=_names(described, "scopes"),
        # Its own iss and sub are not those of the principal's token: a rule that names one must not take them for it.
        claims={name: claims[name] for name in ("act", "principal")},
        actors=actors,
        via=issuer.name,
    )
    if claims.get("sub") != found.id:
        raise TokenMalformed("sub is not the id of the principal that it describes")
    return found


def _kind(value: object) -> Kind:
    if not isinstance(value, str) or value not in tuple(Kind):
        raise TokenMalformed("the principal's kind is none that there is")
    return Kind(value)


def _names(described: Mapping[str, Any], name: str) -> frozenset[str]:
    value = described.get(name, [])
    if not isinstance(value, list) or not all(isinstance(one, str) and one for one in value):
        raise TokenMalformed(f"the principal's {name} are not a list of texts")
    return frozenset(value)
