"""What an agent may reach, and with what: ``providers``, ``egress.routes`` and ``capabilities``."""

from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any

from sidecar.egress.route import Route
from sidecar.oauth.provider import TYPES, Provider
from sidecar.policy.capability import Capability
from sidecar.settings.problem import Misfit
from sidecar.settings.shapes import Either, Flag, Text, Word
from sidecar.settings.shelves import REQUIRED, Key, List, Named, Section, Typed
from sidecar.settings.who import ClaimValue, OneOrMore, WhoShape
from sidecar.settings.words import (
    AUDIENCE,
    HEADER,
    HOST,
    HTTPS,
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

METHODS = List(METHOD, "a list of HTTP methods", least=1)
PATHS = List(PATH, "a list of paths", least=1)
SCOPES = List(AUDIENCE, "a list of scopes")

PROVIDER_KEYS: Mapping[str, Key] = {
    "client_id": Key(AUDIENCE, None, "The client's id at the provider."),
    "client_secret": Key(SECRET, None, "The client's secret."),
    "client_auth": Key(
        Word("basic", "post", "private_key_jwt"), "basic", "How the client proves itself at the token endpoint."
    ),
    "grant": Key(Word("authorization_code", "client_credentials"), "authorization_code", "How a token is got."),
    "discovery": Key(
        HTTPS, None, "The authorization server's issuer URL, of which the endpoints are learned (RFC 8414)."
    ),
    "authorize_url": Key(HTTPS, None, "The authorization endpoint."),
    "token_url": Key(HTTPS, None, "The token endpoint."),
    "revoke_url": Key(HTTPS, None, "The revocation endpoint."),
    "url": Key(HTTPS, None, "Where the sandbox is; none: the demo's own."),
    "domain": Key(HOST, None, "The host name of an installation of one's own."),
    "tenant": Key(AUDIENCE, None, "The Entra tenant that signs in."),
    "key": Key(SECRET, None, "The API key."),
    "header": Key(HEADER, None, "The header that it fills, instead of Authorization."),
    "query": Key(AUDIENCE, None, "The query parameter that it fills."),
    "basic": Key(
        Either(Flag(), TEXT),
        False,
        "`true`: Basic with the key as user name; a text: that user name, and the key as password.",
    ),
    "prefix": Key(TEXT, "", "What stands before the key in the header, such as `Token `."),
    "token": Key(SECRET, None, "The bearer token."),
    "role_arn": Key(
        Text(
            "a role's ARN",
            "arn:aws:iam::123456789012:role/name",
            pattern=r"arn:aws[a-z-]*:iam::[0-9]{12}:role/[\w+=,.@/-]{1,512}",
        ),
        None,
        "The role that is assumed.",
    ),
    "source": Key(Word("web_identity", "assume_role", "ambient"), None, "Where the credentials come from."),
    "region": Key(
        Text("an AWS region", "eu-central-1", pattern="[a-z]{2}(-[a-z]+)+-[0-9]"),
        None,
        "The region that requests are signed for.",
    ),
    "service": Key(
        Text("an AWS service's signing name", "s3", pattern="[a-z0-9-]{1,64}"),
        None,
        "The service that requests are signed for.",
    ),
    "session_tags": Key(Flag(), False, "Whether sessions carry the principal as tags."),
    "audience": Key(AUDIENCE, None, "Whom the token is for; with `agent`: the next agent's name."),
    "resource": Key(HTTPS, None, "The resource that the token is for (RFC 8707)."),
    "standard": Key(Word("rfc8693", "entra_obo", "rfc7523", "id_jag"), None, "How tokens are exchanged."),
}
"""Every key that some type of provider has; ``oauth.provider.TYPES`` says which has which."""


class ProviderSection(Section):
    def __init__(self, type: str) -> None:  # noqa: A002 - the configuration's word
        spec = TYPES[type]
        keys = {"type": Key(Word(type), REQUIRED, "The type.")}
        for name, key in PROVIDER_KEYS.items():
            if name in spec.required:
                keys[name] = key._replace(default=REQUIRED)
            elif name in spec.allowed:
                keys[name] = key
        keys["acts_as"] = Key(
            Word("principal", "agent"),
            None,
            "Whose credential it is: each principal's own, or the agent's for all.",
            shown=f"`{spec.acts_as}`" + (", `agent` with `client_credentials`" if type == "oauth2" else ""),
        )
        keys["hand_out"] = Key(
            Flag(),
            False,
            "Whether the agent may have the credential itself, instead of having it attached to its calls.",
        )
        super().__init__(_provider, keys, named=True)


def _provider(**given: Any) -> Provider:
    if given["acts_as"] is None:
        given["acts_as"] = "agent" if given.get("grant") == "client_credentials" else TYPES[given["type"]].acts_as
    provider = Provider(**given)
    for wrong, misfit in _together(provider):
        if wrong:
            raise misfit
    return provider


def _together(provider: Provider) -> Iterator[tuple[bool, Misfit]]:
    """What may be wrong with the keys together."""
    if provider.type == "oauth2":
        authorize = provider.grant == "authorization_code" and not provider.authorize_url
        incomplete = not provider.discovery and (authorize or not provider.token_url)
        needs = (
            "discovery, or authorize_url and token_url"
            if provider.grant == "authorization_code"
            else "discovery, or token_url"
        )
        yield incomplete, Misfit("doesn't say where the authorization server is", f"Set  {needs}.")
        secret = provider.client_secret is None and provider.client_auth != "private_key_jwt"
        yield (
            secret,
            Misfit("is missing", "Set  client_secret: {env: NAME}, or client_auth: private_key_jwt.", "client_secret"),
        )
        own = provider.grant == "client_credentials" and provider.acts_as == "principal"
        yield (
            own,
            Misfit(
                "is principal, but client credentials are the agent's own",
                "Remove it, or set  acts_as: agent",
                "acts_as",
            ),
        )
    if provider.type == "api_key":
        places = [name for name in ("header", "query", "basic") if getattr(provider, name)]
        yield len(places) > 1, Misfit(f"fills {' and '.join(places)}", "Keep one of header, query and basic.")
        yield (
            bool(provider.prefix) and places not in ([], ["header"]),
            Misfit("stands before a header's value alone", "Remove prefix.", "prefix"),
        )
    if provider.type == "aws":
        roleless = provider.source != "ambient" and provider.role_arn is None
        yield roleless, Misfit("is missing", "Set  role_arn: arn:aws:iam::…, or source: ambient", "role_arn")
    if provider.type in ("api_key", "bearer", "aws"):
        mine = provider.acts_as == "principal"
        yield (
            mine,
            Misfit(
                f"is principal, but this {provider.type} is the same for all",
                "Remove it, or set  acts_as: agent",
                "acts_as",
            ),
        )


PROVIDERS = Named(Typed({type: ProviderSection(type) for type in TYPES}, "a provider"), "a table of providers", NAME)

_TIMES = ("connect", "first_byte", "idle", "turn", "drain", "head")


def _times(**given: float | None) -> Mapping[str, float]:
    return MappingProxyType({name: seconds for name, seconds in given.items() if seconds is not None})


def _route(scopes: tuple[str, ...], methods: tuple[str, ...] | None, **given: Any) -> Route:
    return Route(scopes=frozenset(scopes), methods=None if methods is None else frozenset(methods), **given)


ROUTES = Named(
    Section(
        _route,
        {
            "url": Key(WEB, REQUIRED, "Where it leads: scheme, host and port are matched exactly, a path is a prefix."),
            "provider": Key(PROVIDER, None, "Whose credential is attached."),
            "scopes": Key(SCOPES, [], "The scopes that the credential needs."),
            "methods": Key(METHODS, None, "The methods that it takes.", shown="all"),
            "paths": Key(PATHS, None, "The paths that it takes, below `url`.", shown="all"),
            "private": Key(
                Either(Flag(), List(NETWORK, "a list of networks", least=1)),
                False,
                "Whether it may lead to private addresses, or to which.",
            ),
            "insecure": Key(Flag(), False, "Whether the credential may go over plain http to another machine."),
            "unattended": Key(
                Flag(), False, "Whether the agent may call it without a handle; the provider must act as the agent."
            ),
            "mcp": Key(Flag(), False, "Whether it is an MCP server, whose tools capabilities name."),
            "timeouts": Key(
                Section(_times, {name: Key(POSITIVE, None, "As in `egress.timeouts`.") for name in _TIMES}),
                {},
                "Time limits of its own.",
            ),
        },
        named=True,
    ),
    "a table of routes",
    NAME,
)


def _capability(
    name: str, scopes: tuple[str, ...], routes: tuple[str, ...], tools: tuple[str, ...], **given: Any
) -> Capability:
    if given["provider"] is None and not routes and not tools:
        raise Misfit("allows nothing", "Name a provider, routes or tools.")
    if scopes and given["provider"] is None:
        raise Misfit("belong to no provider", "Set  provider: NAME", "scopes")
    methods = given.pop("methods")
    return Capability(
        name,
        scopes=frozenset(scopes),
        routes=frozenset(routes),
        tools=frozenset(tools),
        methods=None if methods is None else frozenset(methods),
        **given,
    )


TOOL = Text(
    "a tool: route/tool, or its bare name where there is one MCP route",
    "travel/list_events",
    pattern="([A-Za-z0-9][A-Za-z0-9._-]{0,63}/)?[A-Za-z0-9_.*-]{1,128}",
)
HOURS = Text(
    "hours: [DAYS] HH:MM-HH:MM [ZONE]",
    "mon-fri 08:00-18:00 Europe/Berlin",
    pattern=r"((mon|tue|wed|thu|fri|sat|sun)(-(mon|tue|wed|thu|fri|sat|sun))? )?([01][0-9]|2[0-3]):[0-5][0-9]-([01][0-9]|2[0-4]):[0-5][0-9]( [A-Za-z0-9_+/-]{1,64})?",
)

CAPABILITIES = Named(
    Section(
        _capability,
        {
            "who": Key(WhoShape(agent=True), REQUIRED, "Who has it."),
            "provider": Key(PROVIDER, None, "The provider whose credential it allows."),
            "scopes": Key(SCOPES, [], "The provider's scopes that it allows."),
            "routes": Key(List(ROUTE, "a list of routes"), [], "The routes that it allows."),
            "methods": Key(METHODS, None, "The methods that it allows on them.", shown="all"),
            "paths": Key(PATHS, None, "The paths that it allows on them.", shown="all"),
            "tools": Key(List(TOOL, "a list of tools"), [], "The tools that it allows: `route/tool`."),
            "arguments": Key(
                Named(OneOrMore(ClaimValue()), "a table of arguments and the values that they may have", TEXT),
                {},
                "What the tools' arguments may be.",
            ),
            "hours": Key(OneOrMore(HOURS, tuple), None, "When it holds.", shown="always"),
            "consent_text": Key(SENTENCES, None, "What users read when they are asked, in plain words."),
        },
        named=True,
    ),
    "a table of capabilities",
    NAME,
)
