"""Issuers as they stand in a file; what their types make of it is ``identity.idps``'s to test."""

from datetime import timedelta

import pytest

from sidecar.identity.idps import IDPS
from sidecar.identity.issuer import Login, TokenUse
from sidecar.identity.principal import Kind
from sidecar.secret import Secret
from sidecar.settings.issuers import COMMON, SAYS, TYPES
from tests.settings.conftest import Read, Wrong

OKTA = "type: okta, domain: acme.okta.com, audience: 'api://travel'"


def test_an_issuer_is_what_its_type_makes_of_its_keys(read: Read) -> None:
    issuer = read(f"issuers: {{okta: {{{OKTA}}}}}").issuers["okta"]
    assert (issuer.name, issuer.type) == ("okta", "okta")
    assert issuer.urls == ("https://acme.okta.com/oauth2/default",)
    assert issuer.audiences == {"api://travel"}


def test_what_goes_with_every_type_is_read(read: Read) -> None:
    issuer = read(
        f"""
issuers:
  okta: {{{OKTA}, jwks_url: 'https://keys.example.com/jwks?x=y', algorithms: [ES256], leeway: 5s, kind: workflow,
    token_use: any, clients: [web], require: {{plan: [gold, 7], verified: true}},
    login: {{client_id: app, client_secret: {{env: SECRET}}}}}}
""",
        {"SECRET": "hunter2"},
    ).issuers["okta"]
    assert issuer.jwks_url == "https://keys.example.com/jwks?x=y"
    assert issuer.algorithms == {"ES256"}
    assert issuer.leeway == timedelta(seconds=5)
    assert (issuer.kind, issuer.token_use) == (Kind.WORKFLOW, TokenUse.ANY)
    assert issuer.clients == {"web"}
    assert issuer.require == {"plan": {"gold", "7"}, "verified": {"true"}}
    assert issuer.login == Login("app", Secret("hunter2"), ("openid",))


def test_texts_may_be_lists_and_texts_may_be_elsewhere(read: Read) -> None:
    text = "issuers: {x: {type: oidc, issuer: {env: ISSUER}, audience: [a, {env: AUDIENCE}], claims: {roles: r/s}}}"
    issuer = read(text, {"ISSUER": "https://id.example.com/", "AUDIENCE": "b"}).issuers["x"]
    assert issuer.urls == ("https://id.example.com/",)
    assert issuer.audiences == {"a", "b"}
    assert issuer.claims.roles == ("r/s",)


def test_every_key_of_every_type_is_explained() -> None:
    for idp in IDPS.values():
        assert idp.keys.keys() <= SAYS.keys()
        assert not idp.keys.keys() & COMMON.keys()
    assert TYPES.keys() == IDPS.keys()


@pytest.mark.parametrize(
    ("text", "path", "what", "mend"),
    [
        ("{domain: a}", "x.type", "is missing", "Say which it is: cognito, okta, auth0, entra, oidc, sidecar."),
        (
            "{type: otka}",
            "x.type",
            "is not one of cognito, okta, auth0, entra, oidc, sidecar",
            'Did you mean "okta"?',
        ),
        ("[]", "x", "is a list, not a table with a type and its keys", "Write it like  {type: cognito}"),
        ("{type: okta, domain: acme.okta.com}", "x.audience", "is missing", IDPS["okta"].hints["audience"]),
        (f"{{{OKTA}, issuer: a}}", "x.issuer", "is not a key here", None),
        (f"{{{OKTA}, audience: []}}", "x.audience", "stands here again; it is given in line 2 already", None),
        ("{type: okta, domain: acme.okta.com, audience: []}", "x.audience", "is an empty list", None),
        ("{type: okta, domain: 'https://acme', audience: a}", "x.domain", "is not a host name", None),
        (
            f"{{{OKTA}, algorithms: [HS256]}}",
            "x.algorithms[0]",
            "is not one of ES256, ES384, ES512, EdDSA, PS256, PS384, PS512, RS256, RS384, RS512",
            'Did you mean "RS256"?',
        ),
        (f"{{{OKTA}, algorithms: []}}", "x.algorithms", "is an empty list", None),
        (f"{{{OKTA}, leeway: 2m}}", "x.leeway", "is out of range", "Use 0s to 60s"),
        (
            f"{{{OKTA}, leeway: 30}}",
            "x.leeway",
            "what is given is to YAML an integer, not a duration, such as 30s",
            None,
        ),
        (f"{{{OKTA}, kind: human}}", "x.kind", "is not one of user, service, workflow", None),
        (f"{{{OKTA}, token_use: refresh}}", "x.token_use", "is not one of access, id, any", None),
        (
            f"{{{OKTA}, jwks_url: 'http://keys.example.com'}}",
            "x.jwks_url",
            "is not https",
            "Use https.",
        ),
        (f"{{{OKTA}, require: {{plan: []}}}}", "x.require.plan", "is an empty list", None),
        (f"{{{OKTA}, login: {{}}}}", "x.login.client_id", "is missing", "Set  client_id: my-agent"),
        ("{type: oidc, audience: a}", "x.issuer", "is missing", None),
        (
            "{type: oidc, issuer: 'https://a.example', claims: {sub: x}, audience: a}",
            "x.claims.sub",
            "is not part of a principal",
            None,
        ),
        (
            "{type: oidc, issuer: 'http://a.example', audience: a}",
            "x.issuer",
            "is not https",
            "Use https.",
        ),
        (
            "{type: oidc, issuer: 'http://127.0.0.1:1', audience: a}",
            "x.issuer",
            "is not https",
            "Use https. On loopback, http will do with  development: true",
        ),
        (
            "{type: oidc, issuer: 'https://token.actions.githubusercontent.com', audience: a}",
            "x.require",
            "is missing, and anyone can get a token of this issuer",
            "Name a claim that only your own tokens have, e.g.  require: {repository_owner: acme}",
        ),
        (
            "{type: cognito, region: eu-central-1, user_pool_id: us-east-1_a, client_ids: a}",
            "x.user_pool_id",
            "is not in the region",
            None,
        ),
        (
            "{type: sidecar, url: 'https://a.example', issuers: [y]}",
            "x.issuers[0]",
            "is not an issuer",
            "Known: x.",
        ),
        ("{type: sidecar, url: 'https://a.example'}", "x.issuers", "is missing", IDPS["sidecar"].hints["issuers"]),
        ("{type: sidecar, url: 'https://a.example', issuers: []}", "x.issuers", "is an empty list", None),
        (
            "{type: sidecar, url: 'https://a.example', issuers: [x]}",
            "x.issuers[0]",
            "names x, which is a sidecar and has no users",
            "Name the issuers whose users come through it, wherever they were first let in.",
        ),
        (
            "{type: sidecar, url: 'http://a.example', issuers: [x]}",
            "x.url",
            "is not https",
            "Use https.",
        ),
        (
            "{type: sidecar, url: 'https://a.example', issuers: [x], token_use: any}",
            "x.token_use",
            "has no meaning for a sidecar",
            "Leave it out: a sidecar has no users of its own",
        ),
    ],
)
def test_an_issuer_that_does_not_fit_is_reported(
    wrong: Wrong, text: str, path: str, what: str, mend: str | None
) -> None:
    (problem,) = wrong(f"issuers: {{x: {text}}}")
    assert (problem.path, problem.line, problem.what) == (f"issuers.{path}", 2, what)
    assert mend in (None, problem.mend)


def test_all_that_is_wrong_with_an_issuer_is_reported_at_once(wrong: Wrong) -> None:
    problems = wrong(
        "issuers:\n  x:\n    type: cognito\n    region: Mars\n    user_pool_id: a\n    leeway: x\n    clients: []"
    )
    assert [(problem.path, problem.line) for problem in problems] == [
        ("issuers.x.client_ids", 3),
        ("issuers.x.region", 5),
        ("issuers.x.user_pool_id", 6),
        ("issuers.x.leeway", 7),
        ("issuers.x.clients", 8),
    ]


def test_http_on_loopback_is_for_development(read: Read) -> None:
    text = """
issuers: {x: {type: oidc, issuer: 'http://localhost:9000', audience: a, jwks_url: 'http://[::1]:9000/jwks'}}
inbound: {listen: '127.0.0.1:8080'}
health: {listen: '127.0.0.1:9090'}
development: true
"""
    assert read(text).issuers["x"].urls == ("http://localhost:9000",)


def test_an_issuer_whose_value_is_absent_is_not_judged(read: Read) -> None:
    text = """
issuers: {x: {type: okta, domain: {env: DOMAIN}, audience: a}, y: {type: oidc, issuer: {env: URL}, audience: a}}
inbound: {who: {issuer: x}}
"""
    settings = read(text, strict=False)
    assert settings.notes[:2] == (
        "issuers.x.domain needs the variable DOMAIN, which is not set",
        "issuers.y.issuer needs the variable URL, which is not set",
    )


def test_another_sidecar_is_an_issuer_for_those_of_whom_it_was_told(read: Read) -> None:
    text = f"""
issuers:
  planner: {{type: sidecar, url: 'https://planner.example.com/', issuers: [okta], require: {{act/sub: planner}}}}
  okta: {{{OKTA}}}
"""
    settings = read(text)
    planner = settings.issuers["planner"]
    assert planner.speaks_for == {"https://acme.okta.com/oauth2/default": "okta"}
    assert planner.audiences == {"travel-agent"}
    assert planner.jwks_url == "https://planner.example.com/.well-known/identity-sidecar/jwks.json"
    assert planner.require == {"act/sub": {"planner"}}
    assert not [note for note in settings.notes if "yet" in note]
