"""``providers``: what each type is configured with, from ``oauth.provider``, and what doesn't go together."""

from collections.abc import Iterator, Mapping
from typing import Any

from sidecar.oauth.provider import TYPES, Provider, by_users
from sidecar.settings.problem import Misfit, Misfits
from sidecar.settings.sections import REQUIRED, Key, Named, Section, Typed
from sidecar.settings.shapes import Either, Flag, Text, Word
from sidecar.settings.words import HEADER, HOST, HTTPS, IDENTIFIER, NAME, SECRET, TEXT

PROVIDER_KEYS: Mapping[str, Key] = {
    "client_id": Key(IDENTIFIER, None, "The client's id at the provider."),
    "client_secret": Key(SECRET, None, "The client's secret."),
    "client_auth": Key(
        Word("basic", "post", "private_key_jwt"),
        "basic",
        "How the client proves itself: by its secret, or by the sidecar's own key.",
    ),
    "grant": Key(
        Word("authorization_code", "client_credentials"),
        "authorization_code",
        "How tokens are got: each user grants them, or they are the agent's own.",
    ),
    "discovery": Key(HTTPS, None, "The authorization server's issuer URL, where its endpoints are learned (RFC 8414)."),
    "authorize_url": Key(HTTPS, None, "The authorization endpoint."),
    "token_url": Key(HTTPS, None, "The token endpoint."),
    "revoke_url": Key(HTTPS, None, "The revocation endpoint."),
    "url": Key(HTTPS, None, "Where the sandbox is.", shown="the demo's own"),
    "domain": Key(HOST, None, "The host name of an installation of one's own."),
    "tenant": Key(IDENTIFIER, None, "The Entra tenant that users sign in at."),
    "as_app": Key(Flag(), False, "Whether tokens act as the app (Slack's bot) instead of the user who connects it."),
    "key": Key(SECRET, None, "The API key."),
    "header": Key(HEADER, None, "The header that it fills.", shown="`Authorization`"),
    "query": Key(IDENTIFIER, None, "The query parameter that it fills instead."),
    "basic": Key(
        Either(Flag(), TEXT),
        False,
        "Basic authentication: `true`: the key is the user name; a text is the user name, the key its password.",
    ),
    "prefix": Key(
        TEXT, None, "What stands before the key in the header, such as `Token`; a space follows a letter or digit."
    ),
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
    "source": Key(
        Word("web_identity", "assume_role", "ambient"),
        None,
        "Where the credentials come from.",
        shown="`web_identity` where `AWS_WEB_IDENTITY_TOKEN_FILE` is set, else `assume_role`",
    ),
    "region": Key(
        Text("an AWS region", "eu-central-1", pattern="[a-z]{2,4}(-[a-z]+)+-[0-9]{1,2}"),
        None,
        "What requests are signed for, and whose STS is asked.",
        shown="the client's own signature says it, or the host; of STS: `AWS_REGION`",
    ),
    "service": Key(
        Text("the signing name of an AWS service", "s3", pattern="[a-z0-9-]{1,64}"),
        None,
        "What requests are signed for.",
        shown="the client's own signature says it, or the host",
    ),
    "session_tags": Key(Flag(), False, "Whether sessions are tagged with who is behind; it takes `sts:TagSession`."),
    "audience": Key(IDENTIFIER, None, "Whom tokens are for; of `agent`: the next agent's name."),
    "resource": Key(HTTPS, None, "The resource that tokens are for (RFC 8707)."),
    "standard": Key(
        Word("rfc8693", "entra_obo", "rfc7523", "id_jag"), None, "How the caller's token is exchanged for another."
    ),
    "actor": Key(
        Word("token", "client"),
        None,
        "How the agent is named in an exchange: by a token that the sidecar signs, or as the client alone.",
        shown="`token` where `inbound.public_url` is set: there its key is found",
    ),
    "subject_token": Key(
        Word("access_token", "id_token", "jwt"),
        None,
        "Which type of token callers bring.",
        shown="`access_token`; with `id_jag`: `id_token`",
    ),
    "resource_token_url": Key(
        HTTPS,
        None,
        "With `id_jag`: the token endpoint of the resource's authorization server.",
        shown="learned at `audience`, its issuer URL",
    ),
    "resource_client_id": Key(
        IDENTIFIER, None, "With `id_jag`: the client's id there.", shown="the same as `client_id`, with its secret"
    ),
    "resource_client_secret": Key(SECRET, None, "The secret of `resource_client_id`."),
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
    if provider.type == "exchange":
        yield from _exchange(provider)
    if provider.type == "api_key":
        yield from _api_key(provider)
    if provider.type == "aws":
        yield from _aws(provider)
    if provider.type in ("api_key", "bearer"):
        yield from _unfit(provider)
    yield from _whose(provider)


def _whose(provider: Provider) -> Iterator[Misfit]:
    """Whose credential it is."""
    if provider.acts_as == "agent" and by_users(provider):
        yield Misfit("is agent, but it is users who grant it", "Remove it: it is principal.", "acts_as", ("grant",))
    if provider.acts_as == "agent" and provider.type == "agent":
        yield Misfit("is agent, but the next agent is called for a principal", "Remove it: it is principal.", "acts_as")
    if provider.acts_as == "principal" and TYPES[provider.type].acts_as == "agent":
        yield Misfit("is principal, but the credential is the same for all", "Remove it: it is agent.", "acts_as")


def _oauth2(provider: Provider) -> Iterator[Misfit]:
    user = provider.grant == "authorization_code"
    if not provider.discovery and not (provider.token_url and (provider.authorize_url or not user)):
        mend = f"Set  discovery, or  {'authorize_url and token_url' if user else 'token_url'}."
        yield Misfit("doesn't say where the authorization server is", mend)
    yield from _client(provider)
    if not user and provider.acts_as == "principal":
        yield Misfit(
            "is principal, but client credentials are the agent's", "Remove it: it is agent.", "acts_as", ("grant",)
        )


def _client(provider: Provider) -> Iterator[Misfit]:
    """How it proves itself."""
    if provider.client_secret is None and provider.client_auth != "private_key_jwt":
        mend = "Set  client_secret: {env: NAME}, or  client_auth: private_key_jwt"
        yield Misfit("is missing", mend, "client_secret", ("client_auth",))
    if provider.client_secret is not None and provider.client_auth == "private_key_jwt":
        mend = "Remove it: the sidecar's own key signs; the provider gets its public half."
        yield Misfit("has no use with private_key_jwt", mend, "client_secret", ("client_auth",))


def _exchange(provider: Provider) -> Iterator[Misfit]:
    jag = provider.standard == "id_jag"
    if not (provider.token_url or provider.discovery or (provider.standard == "entra_obo" and provider.tenant)):
        mend = f"Set  {'tenant' if provider.standard == 'entra_obo' else 'discovery'}, or  token_url."
        yield Misfit("doesn't say where the authorization server is", mend, about=("standard",))
    if provider.acts_as == "agent":
        yield Misfit("is agent, but it is a caller's token that is exchanged", "Remove it: it is principal.", "acts_as")
    yield from _client(provider)
    if jag and not provider.audience:
        mend = "Set  audience: the issuer URL of the resource's authorization server."
        yield Misfit("is missing", mend, "audience", ("standard",))
    if jag and not (provider.resource_token_url or str(provider.audience).startswith(("https://", "http://"))):
        mend = "Set it: audience isn't a URL where it could be learned."
        yield Misfit("is missing", mend, "resource_token_url", ("audience",))
    for name in ("resource_token_url", "resource_client_id", "resource_client_secret"):
        if getattr(provider, name) and not jag:
            yield Misfit("has no use without id_jag", "Remove it.", name, ("standard",))
    if provider.resource_client_secret and not provider.resource_client_id:
        mend = "Set  resource_client_id: it is that client's secret."
        yield Misfit("is missing", mend, "resource_client_id", ("resource_client_secret",))


def _api_key(provider: Provider) -> Iterator[Misfit]:
    places = [name for name in ("header", "query", "basic") if getattr(provider, name)]
    if len(places) > 1:
        yield Misfit(f"fills {' and '.join(places)}", "Keep one of header, query and basic.")
    elif provider.prefix and places not in ([], ["header"]):
        yield Misfit("stands before a header's value alone", "Remove it.", "prefix", ("basic", "query"))


def _aws(provider: Provider) -> Iterator[Misfit]:
    if provider.source != "ambient" and provider.role_arn is None:
        yield Misfit("is missing", "Set  role_arn: arn:aws:iam::…, or  source: ambient", "role_arn", ("source",))
    if provider.source == "ambient":
        for name in ("role_arn", "session_tags"):
            if getattr(provider, name):
                mend = "Remove it, or set  source: assume_role"
                yield Misfit("belongs to sessions, and ambient keys sign as they are", mend, name, ("source",))


def _unfit(provider: Provider) -> Iterator[Misfit]:
    """What a header can't carry. Nothing of the secret is said."""
    key = "key" if provider.type == "api_key" else "token"
    secret = getattr(provider, key)
    if secret is None:
        return
    if not provider.query and not provider.basic and not secret.reveal().isascii():
        yield Misfit("holds a character that a header can't carry", "Give it in plain ASCII.", key)
    if provider.basic is True and ":" in secret.reveal():
        mend = "Give the password alone, and the user name as  basic: NAME"
        yield Misfit("holds a colon, which no user name has", mend, key, ("basic",))
    if isinstance(provider.basic, str) and ":" in provider.basic:
        yield Misfit(
            "holds a colon, which no user name has", "Give the user name alone; the key is its password.", "basic"
        )


PROVIDER_TYPES: Mapping[str, Section] = {name: ProviderSection(name) for name in TYPES}
PROVIDERS = Named(Typed(PROVIDER_TYPES, "a table with a type and its keys"), "a table of providers", NAME)
