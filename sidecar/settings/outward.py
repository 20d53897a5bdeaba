"""What an agent may reach, and with what: ``providers``, ``egress.routes`` and ``capabilities``."""

from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any

from sidecar.egress.route import Route
from sidecar.oauth.provider import TYPES, Provider
from sidecar.policy.capability import Capability
from sidecar.policy.hours import EXAMPLE, FORM, Hours, Unreadable
from sidecar.settings.problem import Misfit, Misfits
from sidecar.settings.reading import At
from sidecar.settings.sections import REQUIRED, Key, List, Named, OneOrMore, Section, Typed
from sidecar.settings.shapes import Either, Flag, Text, Word
from sidecar.settings.who import ClaimValue, WhoShape
from sidecar.settings.words import (
    HEADER,
    HOST,
    HTTPS,
    IDENTIFIER,
    METHOD,
    NAME,
    NETWORK,
    PATH,
    POSITIVE,
    PROVIDER,
    ROUTE,
    SECRET,
    SENTENCES,
    TEXT,
    WEB,
)

METHODS = OneOrMore(METHOD)
PATHS = List(PATH, "a list of paths", least=1)
SCOPES = List(IDENTIFIER, "a list of scopes")

PROVIDER_KEYS: Mapping[str, Key] = {
    "client_id": Key(IDENTIFIER, None, "The client's id at the provider."),
    "client_secret": Key(SECRET, None, "The client's secret."),
    "client_auth": Key(Word("basic", "post", "private_key_jwt"), "basic", "How the client proves itself."),
    "grant": Key(Word("authorization_code", "client_credentials"), "authorization_code", "How tokens are got."),
    "discovery": Key(HTTPS, None, "The authorization server's issuer URL, where its endpoints are learned (RFC 8414)."),
    "authorize_url": Key(HTTPS, None, "The authorization endpoint."),
    "token_url": Key(HTTPS, None, "The token endpoint."),
    "revoke_url": Key(HTTPS, None, "The revocation endpoint."),
    "url": Key(HTTPS, None, "Where the sandbox is.", shown="the demo's own"),
    "domain": Key(HOST, None, "The host name of an installation of one's own."),
    "tenant": Key(IDENTIFIER, None, "The Entra tenant that users sign in at."),
    "key": Key(SECRET, None, "The API key."),
    "header": Key(HEADER, None, "The header that it fills.", shown="`Authorization`"),
    "query": Key(IDENTIFIER, None, "The query parameter that it fills instead."),
    "basic": Key(
        Either(Flag(), TEXT),
        False,
        "Basic authentication: `true`: the key is the user name; a text is the user name, the key its password.",
    ),
    "prefix": Key(TEXT, None, "What stands before the key in the header, such as `Token `."),
    "token": Key(SECRET, None, "The bearer token."),
    "role_arn": Key(
        Text(
            "the ARN of a role",
            "arn:aws:iam::123456789012:role/name",
            pattern=r"arn:aws[a-z-]*:iam::[0-9]{12}:role/[A-Za-z0-9_+=,.@/-]{1,512}",
        ),
        None,
        "The role that is assumed.",
    ),
    "source": Key(Word("web_identity", "assume_role", "ambient"), None, "Where the credentials come from."),
    "region": Key(
        Text("an AWS region", "eu-central-1", pattern="[a-z]{2}(-[a-z]+)+-[0-9]"), None, "What requests are signed for."
    ),
    "service": Key(
        Text("the signing name of an AWS service", "s3", pattern="[a-z0-9-]{1,64}"),
        None,
        "What requests are signed for.",
    ),
    "session_tags": Key(Flag(), False, "Whether sessions carry the principal as tags."),
    "audience": Key(IDENTIFIER, None, "Whom tokens are for; of `agent`: the next agent's name."),
    "resource": Key(HTTPS, None, "The resource that tokens are for (RFC 8707)."),
    "standard": Key(Word("rfc8693", "entra_obo", "rfc7523", "id_jag"), None, "How tokens are exchanged."),
}
"""Every key that some type of provider has; ``oauth.provider.TYPES`` says which has which."""


PROVIDER_COMMON: Mapping[str, Key] = {
    "acts_as": Key(
        Word("principal", "agent"),
        None,
        "Whose credential it is: each principal's own, or the agent's.",
        shown="`principal`; of `api_key`, `bearer`, `aws` and with `client_credentials`: `agent`",
    ),
    "hand_out": Key(
        Flag(), False, "Whether the agent may have the credential itself, not only have it attached to its calls."
    ),
}
"""What goes with every type."""


class ProviderSection(Section):
    """One type's keys."""

    def __init__(self, type: str) -> None:  # noqa: A002 - the configuration's word
        spec = TYPES[type]
        keys = {"type": Key(Word(type), REQUIRED, "Which it is.")}
        for name, key in PROVIDER_KEYS.items():
            if name in spec.required:
                keys[name] = key._replace(default=REQUIRED)
            elif name in spec.allowed:
                keys[name] = key
        super().__init__(_provider, {**keys, **PROVIDER_COMMON}, named=True)


def _provider(**given: Any) -> Provider:
    if given["acts_as"] is None:
        own = given.get("grant") == "client_credentials"
        given["acts_as"] = "agent" if own else TYPES[given["type"]].acts_as
    provider = Provider(**given)
    if wrong := tuple(_apart(provider)):
        raise Misfits(wrong)
    return provider


def _apart(provider: Provider) -> Iterator[Misfit]:
    """What doesn't go together."""
    if provider.type == "oauth2":
        yield from _oauth2(provider)
    if provider.type == "api_key":
        yield from _api_key(provider)
    if provider.type == "aws" and provider.source != "ambient" and provider.role_arn is None:
        yield Misfit("is missing", "Set  role_arn: arn:aws:iam::…, or  source: ambient", "role_arn", ("source",))
    if provider.acts_as == "principal" and TYPES[provider.type].acts_as == "agent":
        yield Misfit("is principal, but the credential is the same for all", "Remove it: it is agent.", "acts_as")


def _oauth2(provider: Provider) -> Iterator[Misfit]:
    user = provider.grant == "authorization_code"
    if not provider.discovery and not (provider.token_url and (provider.authorize_url or not user)):
        mend = f"Set  discovery, or  {'authorize_url and token_url' if user else 'token_url'}."
        yield Misfit("doesn't say where the authorization server is", mend)
    if provider.client_secret is None and provider.client_auth != "private_key_jwt":
        mend = "Set  client_secret: {env: NAME}, or  client_auth: private_key_jwt"
        yield Misfit("is missing", mend, "client_secret", ("client_auth",))
    if not user and provider.acts_as == "principal":
        yield Misfit(
            "is principal, but client credentials are the agent's", "Remove it: it is agent.", "acts_as", ("grant",)
        )


def _api_key(provider: Provider) -> Iterator[Misfit]:
    places = [name for name in ("header", "query", "basic") if getattr(provider, name)]
    if len(places) > 1:
        yield Misfit(f"fills {' and '.join(places)}", "Keep one of header, query and basic.")
    elif provider.prefix and places not in ([], ["header"]):
        yield Misfit("stands before a header's value alone", "Remove it.", "prefix", ("basic", "query"))


PROVIDER_TYPES: Mapping[str, Section] = {name: ProviderSection(name) for name in TYPES}
PROVIDERS = Named(Typed(PROVIDER_TYPES, "a table with a type and its keys"), "a table of providers", NAME)

_TIMES = {
    "head": "Until the agent's request head is complete.",
    "connect": "Until a connection is made.",
    "first_byte": "Until an answer begins.",
    "idle": "How long nothing may move.",
}


def _times(**given: float | None) -> Mapping[str, float]:
    return MappingProxyType({name: seconds for name, seconds in given.items() if seconds is not None})


def _route(scopes: tuple[str, ...], **given: Any) -> Route:
    return Route(scopes=frozenset(scopes), **given)


ROUTE_SECTION = Section(
    _route,
    {
        "url": Key(WEB, REQUIRED, "Where it leads: scheme, host and port match exactly, a path is a prefix."),
        "provider": Key(PROVIDER, None, "Whose credential is attached."),
        "scopes": Key(SCOPES, [], "The scopes that the credential needs."),
        "methods": Key(METHODS, None, "The methods that it takes.", shown="all"),
        "paths": Key(PATHS, None, "The paths that it takes.", shown="all"),
        "private": Key(
            Either(Flag(), List(NETWORK, "a list of networks", least=1)),
            False,
            "Whether it may lead to private addresses; a list: to those alone.",
        ),
        "insecure": Key(Flag(), False, "Whether the credential may go over plain http to another machine."),
        "unattended": Key(Flag(), False, "Whether calls need no handle; its provider must act as the agent."),
        "mcp": Key(Flag(), False, "Whether it is an MCP server.", now=False),
        "timeouts": Key(
            Section(
                _times,
                {name: Key(POSITIVE, None, says, shown="as in `egress.timeouts`") for name, says in _TIMES.items()},
            ),
            {},
            "Time limits of its own.",
        ),
    },
    named=True,
)
ROUTES = Named(ROUTE_SECTION, "a table of routes", NAME)


def _tool(text: str, at: At) -> str:
    route, slash, _ = text.partition("/")
    if slash:
        at.reading.refer(at, "egress.routes", route)
    return text


TOOL = Text(
    "a tool: route/tool, or a bare name where there is one MCP route",
    "travel/list_events",
    pattern="([A-Za-z0-9][A-Za-z0-9._-]{0,63}/)?[A-Za-z0-9_.*-][A-Za-z0-9_./*-]{0,127}",
    finish=_tool,
)


def _hours(text: str) -> Hours:
    try:
        return Hours.parse(text)
    except Unreadable as unreadable:
        raise Misfit(unreadable.what, unreadable.mend) from None


HOURS = Text(f"hours such as {EXAMPLE}", EXAMPLE, _hours, form=FORM)
ARGUMENTS = Named(OneOrMore(ClaimValue()), "a table of arguments and the values that will do", TEXT)


def _capability(scopes: tuple[str, ...], routes: tuple[str, ...], tools: tuple[str, ...], **given: Any) -> Capability:
    if given["provider"] is None and scopes:
        raise Misfits([Misfit("belong to no provider", "Set  provider: NAME", "scopes", ("provider",))])
    if given["provider"] is None and not routes and not tools:
        raise Misfits([Misfit("allows nothing", "Name a provider, routes or tools.")])
    return Capability(scopes=frozenset(scopes), routes=frozenset(routes), tools=frozenset(tools), **given)


CAPABILITY_SECTION = Section(
    _capability,
    {
        "who": Key(WhoShape(agent=True), REQUIRED, "Who has it."),
        "provider": Key(PROVIDER, None, "The provider whose credential it allows."),
        "scopes": Key(SCOPES, [], "The provider's scopes that it allows."),
        "routes": Key(List(ROUTE, "a list of routes"), [], "The routes that it allows."),
        "methods": Key(METHODS, None, "The methods that it allows on them.", shown="all"),
        "paths": Key(PATHS, None, "The paths that it allows on them.", shown="all"),
        "tools": Key(List(TOOL, "a list of tools"), [], "The tools that it allows.", now=False),
        "arguments": Key(ARGUMENTS, {}, "The values that arguments of the tools may have.", now=False),
        "hours": Key(OneOrMore(HOURS, tuple), [], "When it holds.", shown="always"),
        "consent_text": Key(SENTENCES, None, "What users are told when they are asked, in plain words.", now=False),
    },
    named=True,
)
CAPABILITIES = Named(CAPABILITY_SECTION, "a table of capabilities", NAME)
