"""``POST /v1/token`` and ``POST /v1/api-key``: a provider's secret itself, where it may be handed out."""

from collections.abc import Mapping
from typing import Any

from sidecar.api import body, record
from sidecar.api.asked import Asked
from sidecar.errors import BadRequest, InvocationInvalid, NotPermitted, ProviderUnknown
from sidecar.invocation.caller import Agent
from sidecar.invocation.invocation import Invocation
from sidecar.oauth.credential import Ask, Credential
from sidecar.oauth.provider import CATALOGUE, Provider
from sidecar.policy.decision import Access, Decision

_KEY, _AWS = "api_key", "aws"
_ELSEWHERE = {
    _KEY: "That provider has an API key: ask for it by POST /v1/api-key.",
    _AWS: "That provider has AWS credentials: ask for them by GET /v1/aws/credentials.",
}


class OtherCall(BadRequest):
    title = "That provider's secret is asked for by another call."


async def token(asked: Asked) -> Mapping[str, Any]:
    caller = asked.identify()
    wanted = body.read(asked.body, {"provider": body.PROVIDER, "scopes": body.SCOPES, "force": body.FORCE})
    provider = _provider(asked, wanted["provider"])
    asked.scopes = _named(provider, frozenset(wanted["scopes"]))
    if (mend := _ELSEWHERE.get(provider.type)) is not None:
        raise OtherCall(f"the provider is of type {provider.type}", mend=mend)
    credential = await _credential(asked, caller, provider, force=wanted["force"])
    record.vended(asked, credential.scopes)
    return {
        "access_token": credential.token.reveal(),
        "token_type": credential.token_type,
        "expires_at": None if credential.expires is None else int(credential.expires),
        "scopes": sorted(credential.scopes),
    }


async def api_key(asked: Asked) -> Mapping[str, Any]:
    caller = asked.identify()
    provider = _provider(asked, body.read(asked.body, {"provider": body.PROVIDER})["provider"])
    if provider.type != _KEY:
        mend = _ELSEWHERE.get(provider.type, "That provider gives tokens: ask for one by POST /v1/token.")
        raise OtherCall(f"the provider is of type {provider.type}", mend=mend)
    credential = await _credential(asked, caller, provider, force=False)
    record.vended(asked, ())
    return {"api_key": credential.token.reveal()}


def permit(asked: Asked, caller: Invocation | Agent, provider: Provider, scopes: frozenset[str]) -> Decision:
    """Raise ``NotPermitted`` unless a capability allows *caller* to have *scopes* of *provider*."""
    surroundings = asked.surroundings
    principal = caller.principal if isinstance(caller, Invocation) else None
    access = Access(principal, provider=provider.name, scopes=scopes)
    decision = asked.decision = surroundings.policy.decide(access, surroundings.clock())
    if not decision.allowed:
        why = f"{decision.nearest}: {decision.failed}" if decision.nearest else "no capability allows it"
        raise NotPermitted(why, mend=f"Not permitted. {why}." if surroundings.explains else None)
    return decision


def _named(provider: Provider, scopes: frozenset[str]) -> frozenset[str]:
    """In the provider's form, in which capabilities have them."""
    if not scopes or provider.type not in CATALOGUE:
        return scopes
    from sidecar.oauth.catalog import named

    return named(provider, scopes)


def _provider(asked: Asked, name: str) -> Provider:
    """The provider, if it hands out. Raise ``ProviderUnknown`` or ``NotPermitted``."""
    provider = asked.provider = asked.surroundings.providers.get(name)
    if provider is None:
        raise ProviderUnknown("no provider has the name that was asked for")
    if not provider.hand_out:
        raise NotPermitted(
            f"the provider {name} is attach-only",
            mend="That provider is attach-only: its credential is attached to calls on its routes, and handed out only"
            " where the configuration says hand_out: true.",
        )
    return provider


async def _credential(asked: Asked, caller: Invocation | Agent, provider: Provider, *, force: bool) -> Credential:
    """Raise a ``Refusal``."""
    invocation = caller if isinstance(caller, Invocation) else None
    if invocation is None and provider.acts_as != "agent":
        raise NotPermitted(
            f"the provider {provider.name} acts for principals, and this is the agent's own call",
            mend="Send the handle of the invocation that you ask for.",
        )
    allowed = permit(asked, caller, provider, asked.scopes)
    # A server that is asked for no scope gives what it likes (RFC 6749, section 3.3), often everything.
    asked.scopes = asked.scopes or allowed.scopes
    ask = Ask(
        principal=invocation.principal if invocation is not None else None,
        scopes=asked.scopes,
        invocation=invocation.id if invocation is not None else b"",
        trace_id=asked.trace_id,
        span_id=asked.span_id,
        force=force,
    )
    source = asked.surroundings.sources[provider.name]
    credential = source.ready(ask)
    if credential is None:
        credential = await source.obtain(ask)
        if invocation is not None and not asked.surroundings.invocations.living(invocation):
            raise InvocationInvalid("the invocation ended while its credential was being got")
    if not isinstance(credential, Credential):
        raise NotPermitted(f"the provider {provider.name} signs requests", mend="Call its routes: requests are signed.")
    if not credential.scopes <= asked.scopes:
        # A server may grant more than was asked for: that too takes a capability.
        permit(asked, caller, provider, credential.scopes)
    return credential
