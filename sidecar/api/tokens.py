"""``POST /v1/token`` and ``POST /v1/api-key``: a provider's secret itself, where it may be handed out."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from sidecar.api import answer, body, record
from sidecar.api.asked import Asked
from sidecar.api.surroundings import Surroundings
from sidecar.errors import BadRequest, InvocationInvalid, NotPermitted, ProviderUnknown
from sidecar.invocation.caller import Agent
from sidecar.invocation.invocation import Invocation
from sidecar.oauth.credential import Ask, Credential, Signing, Source
from sidecar.oauth.provider import CATALOGUE, Provider
from sidecar.policy.decision import Access, Decision

_KEY, _AWS = "api_key", "aws"
_ELSEWHERE = {
    _KEY: "That provider has an API key: ask for it by POST /v1/api-key.",
    _AWS: "That provider has AWS credentials: ask for them by GET /v1/aws/credentials.",
}
_MOST_KNOWN = 4096
"""Sets of scopes of which it is known how the provider has them."""
_token_body = body.remembered({"provider": body.PROVIDER, "scopes": body.SCOPES, "force": body.FORCE})
_key_body = body.remembered({"provider": body.PROVIDER})


class OtherCall(BadRequest):
    title = "That provider's secret is asked for by another call."


async def token(asked: Asked) -> Mapping[str, Any]:
    wanted = _token(asked)
    return _token_document(_vended(asked, wanted, wanted.ready() or await _obtained(asked, wanted)))


async def api_key(asked: Asked) -> Mapping[str, Any]:
    wanted = _key(asked)
    return _key_document(_vended(asked, wanted, wanted.ready() or await _obtained(asked, wanted), scopes=False))


def token_at_once(asked: Asked) -> bytes | None:
    """The document of ``token``, where nobody has to be waited for; else ``None``. Raise a ``Refusal``."""
    wanted = _token(asked)
    given = wanted.ready()
    return None if given is None else _written(_vended(asked, wanted, given), "token", _token_document)


def api_key_at_once(asked: Asked) -> bytes | None:
    """The document of ``api_key``, where nobody has to be waited for; else ``None``. Raise a ``Refusal``."""
    wanted = _key(asked)
    given = wanted.ready()
    return None if given is None else _written(_vended(asked, wanted, given, scopes=False), "api_key", _key_document)


def permit(asked: Asked, caller: Invocation | Agent, provider: Provider, scopes: frozenset[str]) -> Decision:
    """Raise ``NotPermitted`` unless a capability allows *caller* to have *scopes* of *provider*."""
    surroundings = asked.surroundings
    principal = caller.principal if isinstance(caller, Invocation) else None
    access = Access(principal, provider=provider.name, scopes=scopes)
    decision = asked.decision = surroundings.policy.decide(access, surroundings.clock())
    if not decision.allowed:
        raise NotPermitted(decision.why, mend=f"Not permitted. {decision.why}." if surroundings.explains else None)
    return decision


@dataclass(slots=True)  # not frozen: a frozen one takes thrice as long to make
class _Wanted:
    """A secret that may be had."""

    caller: Invocation | Agent
    provider: Provider
    source: Source
    ask: Ask

    def ready(self) -> Credential | Signing | None:
        """Raise a ``Refusal``."""
        return self.source.ready(self.ask)


def _token(asked: Asked) -> _Wanted:
    """The token that is *asked* for. Raise a ``Refusal`` where it may not be had."""
    caller = asked.identify()
    wanted = _token_body(asked.body)
    provider = _provider(asked, wanted["provider"])
    asked.scopes = _named(asked.surroundings, provider, frozenset(wanted["scopes"]))
    if (mend := _ELSEWHERE.get(provider.type)) is not None:
        raise OtherCall(f"the provider is of type {provider.type}", mend=mend)
    return _wanted(asked, caller, provider, force=wanted["force"])


def _key(asked: Asked) -> _Wanted:
    """The key that is *asked* for. Raise a ``Refusal`` where it may not be had."""
    caller = asked.identify()
    provider = _provider(asked, _key_body(asked.body)["provider"])
    if provider.type != _KEY:
        mend = _ELSEWHERE.get(provider.type, "That provider gives tokens: ask for one by POST /v1/token.")
        raise OtherCall(f"the provider is of type {provider.type}", mend=mend)
    return _wanted(asked, caller, provider, force=False)


def _vended(asked: Asked, wanted: _Wanted, given: Credential | Signing, *, scopes: bool = True) -> Credential:
    """What is *given*, recorded, if it may be handed out; *scopes*: it has some. Raise a ``Refusal``."""
    credential = _allowed(asked, wanted, given)
    record.vended(asked, credential.scopes if scopes else frozenset())
    return credential


def _token_document(credential: Credential) -> Mapping[str, Any]:
    return {
        "access_token": credential.token.reveal(),
        "token_type": credential.token_type,
        "expires_at": None if credential.expires is None else int(credential.expires),
        "scopes": sorted(credential.scopes),
    }


def _key_document(credential: Credential) -> Mapping[str, Any]:
    return {"api_key": credential.token.reveal()}


def _written(credential: Credential, what: str, document: Callable[[Credential], Mapping[str, Any]]) -> bytes:
    found = credential.written.get(what)
    if found is None:
        found = credential.written[what] = answer.document(document(credential))
    return found


def _named(surroundings: Surroundings, provider: Provider, scopes: frozenset[str]) -> frozenset[str]:
    """In the provider's form, in which capabilities have them."""
    if not scopes or provider.type not in CATALOGUE:
        return scopes
    key, known = (provider.name, scopes), surroundings.scopes
    found = known.get(key)
    if found is None:
        from sidecar.oauth.catalog import named

        if len(known) >= _MOST_KNOWN:
            known.clear()
        found = known[key] = named(provider, scopes)
    return found


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


def _wanted(asked: Asked, caller: Invocation | Agent, provider: Provider, *, force: bool) -> _Wanted:
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
    return _Wanted(caller, provider, asked.surroundings.sources[provider.name], ask)


async def _obtained(asked: Asked, wanted: _Wanted) -> Credential | Signing:
    """Raise a ``Refusal``."""
    credential = await wanted.source.obtain(wanted.ask)
    caller = wanted.caller
    if isinstance(caller, Invocation) and not asked.surroundings.invocations.living(caller):
        raise InvocationInvalid("the invocation ended while its credential was being got")
    return credential


def _allowed(asked: Asked, wanted: _Wanted, given: Credential | Signing) -> Credential:
    """What is *given*, if it may be handed out. Raise ``NotPermitted``."""
    name = wanted.provider.name
    if not isinstance(given, Credential):
        raise NotPermitted(f"the provider {name} signs requests", mend="Call its routes: requests are signed.")
    if not given.scopes <= asked.scopes:
        # A server may grant more than was asked for: that too takes a capability.
        permit(asked, wanted.caller, wanted.provider, given.scopes)
    return given
