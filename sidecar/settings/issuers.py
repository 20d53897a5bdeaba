"""``issuers``: what each type is configured with, from ``identity.idps``, and how a table becomes an issuer."""

from collections.abc import Mapping
from typing import Any

from sidecar.identity.idps import IDPS, Common, IssuerProblem, IssuerProblems, KeyShape, issuer
from sidecar.identity.issuer import ASYMMETRIC, Issuer, Login, TokenUse
from sidecar.identity.places import GROUPS
from sidecar.identity.principal import Kind
from sidecar.settings.problem import Misfit, Misfits
from sidecar.settings.reading import At
from sidecar.settings.sections import REQUIRED, Key, List, Named, OneOrMore, Section, Typed
from sidecar.settings.shapes import Shape, Word
from sidecar.settings.who import CLAIM, ClaimValue
from sidecar.settings.words import HTTPS, HTTPS_QUERY, IDENTIFIER, ISSUER, NAME, SECRET, SPAN, TEXT

LOGIN = Section(
    Login,
    {
        "client_id": Key(IDENTIFIER, REQUIRED, "The client that users sign in with."),
        "client_secret": Key(SECRET, None, "Its secret; none for a public client."),
        "scopes": Key(List(IDENTIFIER, "a list of scopes", least=1), ["openid"], "What the sign-in asks for."),
    },
)

COMMON: Mapping[str, Key] = {
    "jwks_url": Key(HTTPS_QUERY, None, "Where the keys are, instead of discovery."),
    "algorithms": Key(
        List(Word(*sorted(ASYMMETRIC)), "a list of algorithms", least=1),
        None,
        "The signatures that are accepted.",
        shown="`[RS256, PS256, ES256, EdDSA]`",
    ),
    "leeway": Key(SPAN, None, "How far clocks may differ, for exp, nbf and iat.", shown="`30s`"),
    "require": Key(
        Named(OneOrMore(ClaimValue()), "a table of claims and the values that they must have", CLAIM),
        None,
        "Claims that every token must have, and the values that will do.",
        shown="`{}`",
    ),
    "kind": Key(
        Word(*Kind),
        None,
        "What its principals are, instead of telling by each token's marks.",
        shown="told by the type's own marks",
    ),
    "token_use": Key(Word(*TokenUse), None, "Which tokens are accepted.", shown="`access`"),
    "clients": Key(
        List(IDENTIFIER, "a list of client ids", least=1), None, "The clients whose tokens are accepted.", shown="all"
    ),
    "login": Key(LOGIN, None, "How its users sign in on the consent pages."),
}
"""What may be said of an issuer of any type."""

SAYS: Mapping[str, str] = {
    "region": "The user pool's AWS region.",
    "user_pool_id": "The user pool's id.",
    "client_ids": "The app clients whose tokens are accepted; access tokens carry no audience.",
    "domain": "The tenant's host name.",
    "authorization_server": "The custom authorization server's id; Okta alone can validate the org server's tokens.",
    "audience": "What `aud` must hold; of a list one.",
    "tenant": "One tenant id, a list of them, or `organizations` together with `tenants`.",
    "tenants": "With `tenant: organizations`: the tenant ids that are let in.",
    "issuer": "The issuer's URL, exactly as in `iss`.",
    "claims": "Part of the principal → the claim, or the path to it, that holds it.",
    "groups": "Who says which groups a user is in beyond the 200 that Entra names in a token: nobody (`token`), or "
    "Microsoft Graph, asked by the client of `login`.",
    "url": "The other sidecar's public URL.",
    "issuers": "The configured issuers that it may speak for.",
}


_NAMED: Mapping[str, Shape] = {
    "issuer": HTTPS,
    "url": HTTPS,
    "issuers": List(ISSUER, "a list of issuers", least=1),
    "groups": Word(*GROUPS),
}
"""Own keys that have a shape of their own."""
_SHAPES: Mapping[KeyShape, Shape] = {
    KeyShape.TEXT: TEXT,
    KeyShape.TEXTS: OneOrMore(TEXT, tuple),
    KeyShape.MAPPING: Named(TEXT, "a table of texts", TEXT),
}


class IssuerSection(Section):
    """One type's keys. ``identity.idps``, which gets what could be read, says what is missing and what doesn't fit."""

    def __init__(self, type: str) -> None:  # noqa: A002 - the configuration's word
        idp = IDPS[type]
        own = {
            name: Key(
                _NAMED.get(name, _SHAPES[shape]),
                REQUIRED if name in idp.required else idp.defaults.get(name),
                SAYS[name],
            )
            for name, shape in idp.keys.items()
        }
        super().__init__(self._issuer, {"type": Key(Word(type), REQUIRED, "Which it is."), **own, **COMMON}, named=True)

    def missing(self, name: str, key: Key, at: At) -> None:
        """Said by ``idps``, which knows where to find it."""

    def instead(self, key: Key) -> Any:
        return None

    def _issuer(self, name: str, type: str, **values: Any) -> Issuer:  # noqa: A002
        common = Common(**{key: values.pop(key) for key in COMMON})
        own = {key: value for key, value in values.items() if value is not None}
        try:
            return issuer(name, type, own, common)
        except IssuerProblem as problem:
            raise Misfits((_misfit(problem),)) from None
        except IssuerProblems as problems:
            raise Misfits(tuple(map(_misfit, problems.problems))) from None


def _misfit(problem: IssuerProblem) -> Misfit:
    return Misfit(problem.what, problem.mend[:1].upper() + problem.mend[1:], problem.key or "")


TYPES: Mapping[str, Section] = {name: IssuerSection(name) for name in IDPS}
ISSUERS = Named(Typed(TYPES, "a table with a type and its keys"), "a table of issuers", NAME)
