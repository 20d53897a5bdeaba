"""The catalogue of refusals: a stable ``code``, a ``status``, a public ``title`` and what to do next (RFC 9457).

A refusal carries three texts. ``title`` and ``mend`` go to whoever asked, so neither ever quotes what they sent.
``reason`` goes to the record and the log alone: it says which condition failed, and it too never holds a token, a
handle or a secret.
"""

from collections.abc import Mapping
from typing import ClassVar


class Refusal(Exception):
    """What the sidecar answers instead of passing a request on."""

    code: ClassVar[str] = "internal"
    status: ClassVar[int] = 500
    title: ClassVar[str] = "The sidecar failed."
    mend: ClassVar[str] = "Nothing that you sent caused this; the trace id finds it in the sidecar's log."
    closes: ClassVar[bool] = False
    """The connection that it is answered on ends with it."""
    extra: Mapping[str, str] = {}
    """More members of the answer (RFC 9457, section 3.2)."""

    def __init__(self, reason: str = "", *, mend: str | None = None, retry_after: int | None = None) -> None:
        super().__init__(reason or self.title)
        self.reason = reason or self.title
        self.detail = self.mend if mend is None else mend
        self.retry_after = retry_after


# 400: what was sent could be read in two ways, or not at all.


class BadRequest(Refusal):
    code, status = "bad_request", 400
    title = "The request is not well-formed HTTP/1.1."
    mend = "Send exactly one reading: one Host, one length, no control characters, a target that belongs here."


class AmbiguousCredentials(Refusal):
    code, status = "ambiguous_credentials", 400
    title = "More than one credential was sent."
    mend = "Send exactly one Authorization header."


class HandleAstray(AmbiguousCredentials):
    title = "A live handle stands where none belongs."
    mend = "Send the handle where it is taken out again: X-Identity-Invocation, the proxy's user or the credential."


class PathAmbiguous(Refusal):
    code, status = "path_ambiguous", 400
    title = "The path can be read in two ways."
    mend = "Send the path without dot segments, and without encoding the characters that select a rule."


# 401: the caller is not known.


class Unauthenticated(Refusal):
    """Its response carries ``WWW-Authenticate``; ``error`` is RFC 6750's word, or none where no token was sent."""

    status = 401
    error: ClassVar[str | None] = "invalid_token"


class TokenMissing(Unauthenticated):
    code, error = "token_missing", None
    title = "A bearer token is required."
    mend = "Send the header  Authorization: Bearer <JWT>  with an access token of one of the configured issuers."


class TokenMalformed(Unauthenticated):
    code = "token_malformed"
    title = "The bearer token is not a JWT that can be read."
    mend = "Send a signed JWT. Opaque tokens are not accepted: ask the issuer for a JWT, usually by naming an audience."


class TokenExpired(Unauthenticated):
    code = "token_expired"
    title = "The bearer token has expired."
    mend = "Get a new access token and send the request again."


class TokenSpent(TokenExpired):
    """It was good for one call, and that has been made."""

    title = "The bearer token has been used already."
    mend = "Call again by the caller's own sidecar: it makes a new assertion for each call."


class TokenNotYetValid(Unauthenticated):
    code = "token_not_yet_valid"
    title = "The bearer token is not valid yet."
    mend = "Check the clocks of the issuer and of this machine, or wait until the token's nbf and iat have passed."


class SignatureInvalid(Unauthenticated):
    code = "signature_invalid"
    title = "The bearer token's signature does not hold."
    mend = "Send the token unchanged, signed by the issuer with a key of its published JWKS and an allowed algorithm."


class IssuerUnknown(Unauthenticated):
    code = "issuer_unknown"
    title = "The bearer token's issuer is not configured here."
    mend = "Use a token of a configured issuer; its iss must be equal to the configured one, character by character."


class AudienceInvalid(Unauthenticated):
    code = "audience_invalid"
    title = "The bearer token was issued for someone else."
    mend = "Ask the issuer for a token with this agent's audience (or client)."


class ClaimMissing(Unauthenticated):
    code = "claim_missing"
    title = "The bearer token lacks a claim, or has another value than is required."
    mend = "Ask the issuer to add the claim; which one is in the sidecar's record under the trace id."


class TokenKindInvalid(Unauthenticated):
    code = "token_kind_invalid"
    title = "The bearer token is of another kind than is accepted here."
    mend = "Send an access token: not an ID, refresh, logout, DPoP or transaction token."


class InvocationMissing(Unauthenticated):
    code, error = "invocation_missing", None
    title = "The call names no invocation."
    mend = "Send the invocation's handle (the header X-Identity-Invocation that the agent was given)."


class InvocationInvalid(Unauthenticated):
    code = "invocation_invalid"
    title = "The invocation is not open."
    mend = "Use the handle of an invocation that is still open; it ends with its response."


class ProxyInvocationMissing(InvocationMissing):
    """Of a proxied request (RFC 9110, section 15.5.8)."""

    status = 407
    mend = "Give the handle in X-Identity-Invocation; the agent's own is in the file token of run.dir."

    @classmethod
    def at(cls, listener: str, reason: str) -> "ProxyInvocationMissing":
        """*listener*: the proxy's ``host:port``; empty where a proxy's URL can't say it. With an empty password some
        clients send no user."""
        place = f"as the proxy's user, http://<handle>:x@{listener}, or " if listener else ""
        return cls(reason, mend=cls.mend.replace("the handle in", f"the handle {place}in"))


class ProxyInvocationInvalid(InvocationInvalid):
    """Of a proxied request (RFC 9110, section 15.5.8)."""

    status = 407


# 403: known, and not allowed.


class NotPermitted(Refusal):
    code, status = "not_permitted", 403
    title = "That is not permitted."
    mend = "Ask whoever runs this agent; the trace id finds the reason in the record."


class InsufficientScope(NotPermitted):
    """All that is lacking is a scope of the caller's token (RFC 6750, section 3.1)."""

    title = "The bearer token lacks a scope."
    mend = "Get an access token with the scope that the header WWW-Authenticate names, and send the request again."
    scopes: tuple[str, ...] = ()

    @classmethod
    def of(cls, scopes: tuple[str, ...], reason: str) -> "InsufficientScope":
        """*scopes*: as they are asked for."""
        refusal = cls(reason)
        refusal.scopes = scopes
        return refusal


class ConsentRequired(Refusal):
    code, status = "consent_required", 403
    title = "The user has not agreed to this yet."
    mend = "Open authorization_url as the user, agree, and call again."

    @classmethod
    def at(cls, authorization_url: str, session: str, reason: str) -> "ConsentRequired":
        """With where the user agrees, and the session by which an agent finds out whether they have."""
        refusal = cls(reason)
        refusal.extra = {"authorization_url": authorization_url, "session": session}
        return refusal


class ToolDenied(Refusal):
    code, status = "tool_denied", 403
    title = "That tool is not permitted."
    mend = "Call only the tools that are listed for this principal."


class DestinationDenied(Refusal):
    code, status = "destination_denied", 403
    title = "That destination is not permitted."
    mend = "Declare a route for it under egress.routes."


class OriginRefused(Refusal):
    code, status = "origin_refused", 403
    title = "Requests from browsers are not answered here."
    mend = "Call from the agent's own process, without Origin or Sec-Fetch-Site, to 127.0.0.1 or localhost."


# 404, 409, 413, 421, 429, 431


class ProviderUnknown(Refusal):
    code, status = "provider_unknown", 404
    title = "No provider has that name."
    mend = "Use a name from the configuration's providers."


class RouteUnknown(Refusal):
    code, status = "route_unknown", 404
    title = "No route has that name."
    mend = "Use a name from the configuration's egress.routes."


class SessionUnknown(Refusal):
    """To an MCP client it is what a server says of a session that has ended (2025-11-25, "Session Management")."""

    code, status = "session_unknown", 404
    title = "No session of yours has that id."
    mend = "Begin a new session: send initialize without Mcp-Session-Id."


class InvocationAmbiguous(Refusal):
    code, status = "invocation_ambiguous", 409
    title = "It cannot be told whose call this is."
    mend = "Send the handle of one invocation."


class TooLarge(Refusal):
    """Of a token or a body; of a request head it is ``HeadTooLarge``."""

    code, status = "too_large", 413
    title = "What was sent is larger than is accepted."
    mend = "Send less; the limits are the configuration's inbound.limits."


class HeadTooLarge(TooLarge):
    status = 431
    title = "The request head is larger than is accepted."
    mend = "Send fewer or shorter headers."

    @classmethod
    def of(cls, most: int, key: str) -> "HeadTooLarge":
        """*most*: in bytes; *key*: of the configuration's, which sets it, if one does."""
        mend = f"Send fewer or shorter headers; the limit is the configuration's {key}." if key else None
        return cls(f"a head of more than {most} bytes", mend=mend)


class InvocationMismatch(Refusal):
    code, status, closes = "invocation_mismatch", 421, True
    title = "The connection belongs to another invocation."
    mend = "Open one connection per invocation."


class RateLimited(Refusal):
    code, status = "rate_limited", 429
    title = "Too many requests."
    mend = "Wait as Retry-After says, then send again."


# 5xx: someone else is away, or we are.


class Internal(Refusal):
    code, status = "internal", 500


class AgentUnreachable(Refusal):
    code, status = "agent_unreachable", 502
    title = "The agent does not answer."
    mend = "Check that the agent runs and listens where agent.url says, then send the request again."


class ProviderUnreachable(Refusal):
    code, status = "provider_unreachable", 502
    title = "The provider does not answer."
    mend = "Try again; if it persists, check the provider's status and the route's url."


class ProviderRefused(ProviderUnreachable):
    title = "The provider gave no credential."
    mend = "Check the provider's configuration; what it said is in the sidecar's record under the trace id."


class GrantDead(ProviderRefused):
    """The provider doesn't honour the grant any more (``invalid_grant``): only the user's agreement mends that."""

    title = "The provider no longer honours the user's agreement."
    mend = "Have the user connect the account again."


class InteractionRequired(ProviderRefused):
    """The grant holds, but the provider wants to see the user before it gives this token."""

    title = "The provider wants the user to sign in again."
    mend = "Have the user connect the account again."


class IssuerUnreachable(Refusal):
    code, status = "issuer_unreachable", 503
    title = "The issuer's keys could not be fetched yet."
    mend = "Send the request again shortly; if it persists, check that the sidecar reaches the issuer's JWKS."


class VaultUnavailable(Refusal):
    code, status = "vault_unavailable", 503
    title = "The vault is not available."
    mend = "Send the request again shortly; the vault's state is in the sidecar's log."


class AuditUnavailable(Refusal):
    code, status = "audit_unavailable", 503
    title = "The event journal cannot take this request's event."
    mend = "Send the request again shortly; if it persists, check the space and the rights of state.dir."


class Overloaded(Refusal):
    code, status = "overloaded", 503
    title = "The sidecar has as many requests as it accepts."
    mend = "Wait as Retry-After says, then send again."


class TurnMissed(Overloaded):
    title = "The agent serves one call at a time, and others were first."


class Timeout(Refusal):
    code, status = "timeout", 504
    title = "The agent took too long."
    mend = "Send the request again, or raise the configuration's inbound.timeouts."


class ProviderTimeout(Timeout):
    title = "The provider took too long."
    mend = "Send the request again, or raise the time limits of the route or egress.timeouts."
