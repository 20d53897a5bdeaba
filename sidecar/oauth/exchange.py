"""A caller's token given for another one: the messages, built and read.

rfc8693     token exchange (RFC 8693): subject the caller, actor the agent
entra_obo   Entra's on-behalf-of flow
rfc7523     the caller's token as an authorization grant (RFC 7523, section 2.1)
id_jag      the identity assertion grant (draft-ietf-oauth-identity-assertion-authz-grant): the caller's issuer
            exchanges the token for an assertion, by which the resource's own authorization server gives one
"""

from collections.abc import Mapping
from http import HTTPStatus

from sidecar.errors import NotPermitted, ProviderRefused
from sidecar.oauth import messages
from sidecar.oauth.messages import Granted
from sidecar.oauth.provider import Provider
from sidecar.secret import Secret
from sidecar.wire.http import Response
from sidecar.wire.strict import json_object

EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange"
BEARER = "urn:ietf:params:oauth:grant-type:jwt-bearer"
ID_JAG = "id_jag"
_TOKEN_TYPE = "urn:ietf:params:oauth:token-type:"  # noqa: S105 - how the names of types begin
_ID_JAG_TYPE = f"{_TOKEN_TYPE}id-jag"
ACTOR_SECONDS = 60

_REFUSES_CALLER = frozenset(
    {"invalid_grant", "access_denied", "consent_required", "interaction_required", "login_required"}
)
"""What a server says where it is the caller's token, or the caller, that it gives nothing for: RFC 6749, section 5.2;
OpenID Connect Core, section 3.1.2.6, whose words Entra uses here."""


def grant_type(provider: Provider) -> str:
    return EXCHANGE if provider.standard in ("rfc8693", ID_JAG) else BEARER


def actor(agent: str, issuer: str, audience: str, jti: str, now: float) -> dict[str, object]:
    """The claims by which the sidecar at *issuer* says that it is *agent* that acts (RFC 8693, section 2.1)."""
    issued = int(now)
    return {"iss": issuer, "sub": agent, "aud": audience, "jti": jti, "iat": issued, "exp": issued + ACTOR_SECONDS}


def form(provider: Provider, subject: Secret, scopes: frozenset[str], actor_token: str | None) -> dict[str, str]:
    """What is asked for *subject*, the caller's token."""
    asked = {"grant_type": grant_type(provider), **_subject(provider, subject)}
    if asked["grant_type"] == EXCHANGE and actor_token is not None:
        asked |= {"actor_token": actor_token, "actor_token_type": f"{_TOKEN_TYPE}jwt"}
    asked |= {name: value for name in ("audience", "resource") if (value := getattr(provider, name)) is not None}
    if scopes:
        asked["scope"] = " ".join(sorted(scopes))
    return asked


def _subject(provider: Provider, subject: Secret) -> Mapping[str, str]:
    if provider.standard == "entra_obo":
        return {"assertion": subject.reveal(), "requested_token_use": "on_behalf_of"}
    if provider.standard == "rfc7523":
        return {"assertion": subject.reveal()}
    # Which type of token is wanted is said of an assertion alone: some servers refuse any word on it.
    wanted = {"requested_token_type": _ID_JAG_TYPE} if provider.standard == ID_JAG else {}
    kind = provider.subject_token or ("id_token" if provider.standard == ID_JAG else "access_token")
    return {**wanted, "subject_token": subject.reveal(), "subject_token_type": _TOKEN_TYPE + kind}


def redeemed(assertion: Secret) -> dict[str, str]:
    """What the resource's authorization server is asked; the assertion itself holds scopes and resource."""
    return {"grant_type": BEARER, "assertion": assertion.reveal()}


def granted(answer: Response, provider: str, now: float, grant: str) -> Granted:
    """The token that *answer* gives. Raise a ``Refusal``: ``NotPermitted`` where it is the caller's token that nothing
    is given for."""
    _refuse(answer, provider)
    return messages.granted(answer, provider, now, grant)


def asserted(answer: Response, provider: str, now: float) -> Secret:
    """The assertion that *answer* gives. Raise as ``granted`` does."""
    _refuse(answer, provider)
    given = messages.granted(answer, provider, now, EXCHANGE, "n_a")  # it is no access token (RFC 8693, 2.2.1)
    if json_object(answer.body).get("issued_token_type") != _ID_JAG_TYPE:
        mend = f"Check providers.{provider}: the issuer gives another token than an identity assertion (id-jag)."
        raise ProviderRefused(f"{provider}: what was issued is no id-jag", mend=mend)
    return given.token


def _refuse(answer: Response, provider: str) -> None:
    if answer.status == HTTPStatus.TOO_MANY_REQUESTS or answer.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return
    error = _error(answer)
    if error not in _REFUSES_CALLER:
        return
    raise NotPermitted(
        f"{provider}: {error} for the caller's token (status {answer.status})",
        mend=f"Have the caller sign in again, and agree at the provider {provider} if it asks for that: it gives"
        " nothing for the token that the agent was called with.",
    )


def _error(answer: Response) -> str:
    try:
        error = json_object(answer.body).get("error")
    except ValueError:
        return ""
    return error if isinstance(error, str) else ""
