"""``GET /v1/aws/credentials``: the agent's own identity at AWS, as its SDKs fetch it from beside a container."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qs

from sidecar.api import record, tokens
from sidecar.api.asked import Asked
from sidecar.api.body import BadBody
from sidecar.errors import NotPermitted
from sidecar.invocation.invocation import Invocation
from sidecar.oauth.credential import Ask


async def credentials(asked: Asked) -> Mapping[str, Any]:
    from sidecar.aws import Aws, chosen, document

    caller = asked.identify(bare=True)
    if isinstance(caller, Invocation):
        raise NotPermitted(
            "an invocation's handle",
            mend="These are the agent's own credentials: send the agent handle"
            " (AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE=/run/sidecar/token).",
        )
    surroundings = asked.surroundings
    provider = asked.provider = chosen(surroundings.providers.values(), _named(asked.query))
    tokens.permit(asked, caller, provider, frozenset())
    source = surroundings.sources[provider.name]
    if not isinstance(source, Aws):
        raise TypeError(f"the provider {provider.name} has the source of another type")
    keys = await source.lend(Ask(None, trace_id=asked.trace_id, span_id=asked.span_id))
    record.vended(asked, frozenset())
    return document(keys, surroundings.clock())


def _named(query: str) -> str | None:
    """The provider that ``?provider=`` names. Raise ``BadBody``."""
    named = parse_qs(query, keep_blank_values=True).get("provider", [])
    if len(named) > 1:
        raise BadBody("several providers in the query", mend="Name one provider: ?provider=NAME.")
    return named[0] if named else None
