"""Each kind of issuer: what may be configured, and that its tokens become the principals that they are."""

import json
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from sidecar.errors import Refusal
from sidecar.identity import token as jwt
from sidecar.identity.idps import IDPS, Common, IssuerProblem, IssuerProblems, KeyShape, issuer
from sidecar.identity.issuer import Issuer, Login, TokenUse, by_url
from sidecar.identity.principal import Kind, Principal
from tests.minting import Signer, signer

SAMPLES = {path.stem: json.loads(path.read_text()) for path in (Path(__file__).parent / "idps").glob("*.json")}
NOW = 1795515001.0
TENANT, OTHER_TENANT = "4f2d0000-0000-4000-8000-00000000000a", "4f2d0000-0000-4000-8000-00000000000b"
OWN: Mapping[str, Mapping[str, Any]] = {
    "cognito": {"region": "eu-central-1", "user_pool_id": "eu-central-1_abc", "client_ids": ("client",)},
    "okta": {"domain": "acme.okta.com", "audience": ("api://travel",)},
    "auth0": {"domain": "acme.eu.auth0.com", "audience": ("https://travel.example/",)},
    "entra": {"tenant": (TENANT,), "audience": ("api://travel",)},
    "oidc": {"issuer": "https://op.example.com", "audience": ("travel",)},
}


@pytest.fixture(scope="module")
def signing() -> Signer:
    return signer()


def configured(sample: Mapping[str, Any]) -> Issuer:
    """The sample's issuer, its own keys as the settings would give them."""
    own = {key: tuple(value) if isinstance(value, list) else value for key, value in sample["own"].items()}
    common = sample["common"]
    return issuer(
        "sample",
        sample["type"],
        own,
        Common(
            token_use=TokenUse(common["token_use"]) if "token_use" in common else None,
            kind=Kind(common["kind"]) if "kind" in common else None,
            clients=tuple(common["clients"]) if "clients" in common else None,
            require={claim: frozenset(values) for claim, values in common.get("require", {}).items()} or None,
        ),
    )


def verified(sample: Mapping[str, Any], signing: Signer, now: float = NOW) -> Principal:
    one = configured(sample)
    parsed = jwt.unverified(signing.mint(sample["claims"], sample["header"]))
    assert jwt.select(parsed, by_url([one])) is one
    return jwt.verify(parsed, one, signing.key(), now)


@pytest.mark.parametrize("name", SAMPLES)
def test_a_sample_token_becomes_its_principal(name: str, signing: Signer) -> None:
    sample = SAMPLES[name]
    expected = {
        key: frozenset(value) if isinstance(value, list) else value for key, value in sample["principal"].items()
    }
    principal = verified(sample, signing)
    assert {key: getattr(principal, key) for key in expected} == expected
    assert principal.issuer == "sample"
    assert principal.claims == sample["claims"]


def test_every_type_of_issuer_has_a_sample() -> None:
    assert {sample["type"] for sample in SAMPLES.values()} == set(IDPS) - {"sidecar"}  # test_call.py's


@pytest.mark.parametrize("name", SAMPLES)
def test_a_sample_token_is_refused_once_it_has_expired(name: str, signing: Signer) -> None:
    with pytest.raises(Refusal) as refused:
        verified(SAMPLES[name], signing, SAMPLES[name]["claims"]["exp"] + 31)
    assert refused.value.code == "token_expired"


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("cognito-access", "cognito-access-multi-region"),
        ("cognito-access", "cognito-id"),
        ("okta-user", "okta-id"),
        ("auth0-user", "auth0-user-rfc9068"),
        ("auth0-user", "auth0-id"),
        ("entra-v1-user", "entra-v2-user"),
        ("entra-v2-user", "entra-organizations"),
        ("keycloak-user", "keycloak-id"),
    ],
)
def test_one_user_is_one_principal_whatever_token_is_sent(one: str, other: str, signing: Signer) -> None:
    assert verified(SAMPLES[one], signing).id == verified(SAMPLES[other], signing).id


def test_samples_of_different_subjects_are_different_principals(signing: Signer) -> None:
    principals = {verified(sample, signing) for sample in SAMPLES.values()}
    keys = {(one.issuer_url, one.tenant, one.subject) for one in principals}
    assert len({one.id for one in principals}) == len(keys)


@pytest.mark.parametrize("type_", OWN)
def test_the_least_configuration_of_a_type_is_enough(type_: str) -> None:
    made = issuer("mine", type_, OWN[type_], Common())
    assert (made.name, made.type, made.token_use) == ("mine", type_, TokenUse.ACCESS)
    assert made.leeway == timedelta(seconds=30)
    assert made.discovery_url is not None
    assert made.discovery_url.endswith("/.well-known/openid-configuration")
    assert not {alg for alg in made.algorithms if alg.startswith("HS") or alg == "none"}


@pytest.mark.parametrize("type_", OWN)
def test_each_required_key_is_missed_by_name(type_: str) -> None:
    for key in IDPS[type_].required:
        problems = said(type_, {name: value for name, value in OWN[type_].items() if name != key}, Common())
        assert [(problem.key, problem.what) for problem in problems] == [(key, "is missing")]


@pytest.mark.parametrize("type_", OWN)
def test_a_types_keys_have_shapes(type_: str) -> None:
    idp = IDPS[type_]
    assert idp.required <= idp.keys.keys()
    assert set(OWN[type_]) <= idp.keys.keys()
    assert all(isinstance(OWN[type_][key], tuple) == (idp.keys[key] is KeyShape.TEXTS) for key in OWN[type_])


def test_what_is_common_to_all_types_is_taken_over() -> None:
    login = Login("app")
    common = Common(
        jwks_url="https://keys.example.com/jwks?appid=1",
        algorithms=("ES256",),
        leeway=timedelta(seconds=5),
        require={"org": frozenset({"acme"})},
        kind=Kind.SERVICE,
        token_use=TokenUse.ANY,
        clients=("web",),
        login=login,
    )
    made = issuer("mine", "oidc", OWN["oidc"], common)
    assert made.jwks_url == "https://keys.example.com/jwks?appid=1"
    assert made.algorithms == {"ES256"}
    assert made.leeway == timedelta(seconds=5)
    assert made.require == {"org": frozenset({"acme"})}
    assert (made.kind, made.token_use, made.login) == (Kind.SERVICE, TokenUse.ANY, login)
    assert made.clients == {"web"}


def test_no_leeway_is_none_and_not_the_default() -> None:
    assert issuer("mine", "oidc", OWN["oidc"], Common(leeway=timedelta(0))).leeway == timedelta(0)


def test_a_single_entra_tenant_is_discovered_at_home_and_several_by_the_template() -> None:
    one = issuer("mine", "entra", OWN["entra"], Common())
    assert one.discovery_url == f"https://login.microsoftonline.com/{TENANT}/v2.0/.well-known/openid-configuration"
    assert one.metadata_issuer is None
    several = issuer("mine", "entra", {**OWN["entra"], "tenant": (TENANT, OTHER_TENANT)}, Common())
    assert (
        several.discovery_url == "https://login.microsoftonline.com/organizations/v2.0/.well-known/openid-configuration"
    )
    assert several.metadata_issuer == "https://login.microsoftonline.com/{tenantid}/v2.0"


def test_a_tenants_canonical_url_does_not_depend_on_the_order_of_the_list() -> None:
    made = [
        issuer("mine", "entra", {**OWN["entra"], "tenant": tenants}, Common())
        for tenants in ((TENANT, OTHER_TENANT), (OTHER_TENANT, TENANT), (OTHER_TENANT,))
    ]
    for version in (
        f"https://sts.windows.net/{OTHER_TENANT}/",
        f"https://login.microsoftonline.com/{OTHER_TENANT}/v2.0",
    ):
        canonical = {one.canonical_url(version) for one in made}
        assert canonical == {f"https://login.microsoftonline.com/{OTHER_TENANT}/v2.0"}


def test_clients_narrow_cognitos_client_ids() -> None:
    own = {**OWN["cognito"], "client_ids": ("a", "b")}
    assert issuer("mine", "cognito", own, Common(clients=("b", "c"))).clients == {"b"}


def said(type_: str, own: Mapping[str, Any], common: Common) -> tuple[IssuerProblem, ...]:
    try:
        issuer("mine", type_, own, common)
    except IssuerProblem as one:
        return (one,)
    except IssuerProblems as several:
        return several.problems
    raise AssertionError("nothing was wrong")


GITHUB_URL = "https://token.actions.githubusercontent.com"
GITHUB: Mapping[str, Any] = {"issuer": GITHUB_URL, "audience": ("travel",)}
CONSUMERS = "9188040d-6c67-4c5b-b112-36a304b66dad"
WRONG: Mapping[str, tuple[str, Mapping[str, Any], Common, str | None]] = {
    "a type that there is not": ("saml", {}, Common(), "type"),
    "a domain with a scheme": ("okta", {"domain": "https://acme.okta.com"}, Common(), "domain"),
    "a domain with a path": ("auth0", {"domain": "acme.auth0.com/"}, Common(), "domain"),
    "a domain in capitals": ("auth0", {"domain": "Acme.auth0.com"}, Common(), "domain"),
    "a domain without a dot": ("auth0", {"domain": "acme"}, Common(), "domain"),
    "a region that is none": ("cognito", {"region": "frankfurt"}, Common(), "region"),
    "a pool of another region": ("cognito", {"user_pool_id": "us-east-1_abc"}, Common(), "user_pool_id"),
    "a pool id that is none": ("cognito", {"user_pool_id": "eu-central-1"}, Common(), "user_pool_id"),
    "no client ids": ("cognito", {"client_ids": ()}, Common(), "client_ids"),
    "an empty client id": ("cognito", {"client_ids": ("",)}, Common(), "client_ids"),
    "clients that no pool client is": ("cognito", {}, Common(clients=("other",)), "clients"),
    "an authorization server by URL": ("okta", {"authorization_server": "oauth2/x"}, Common(), "authorization_server"),
    "an empty audience": ("okta", {"audience": ()}, Common(), "audience"),
    "a tenant by domain": ("entra", {"tenant": ("acme.onmicrosoft.com",)}, Common(), "tenant"),
    "every tenant of the world": ("entra", {"tenant": ("common",)}, Common(), "tenant"),
    "organizations without tenants": ("entra", {"tenant": ("organizations",)}, Common(), "tenants"),
    "tenants beside a tenant": ("entra", {"tenants": (OTHER_TENANT,)}, Common(), "tenants"),
    "organizations with a tenant that is none": (
        "entra", {"tenant": ("organizations",), "tenants": ("acme",)}, Common(), "tenants"
    ),
    "personal accounts without require": ("entra", {"tenant": (TENANT, CONSUMERS)}, Common(), "require"),
    "an issuer that is no URL": ("oidc", {"issuer": "op.example.com"}, Common(), "issuer"),
    "an issuer with a query": ("oidc", {"issuer": "https://op.example.com/?a=b"}, Common(), "issuer"),
    "an issuer with an empty query": ("oidc", {"issuer": "https://op.example.com?"}, Common(), "issuer"),
    "an issuer with a fragment": ("oidc", {"issuer": "https://op.example.com/#a"}, Common(), "issuer"),
    "an issuer with a user": ("oidc", {"issuer": "https://a@op.example.com"}, Common(), "issuer"),
    "an issuer with a space": ("oidc", {"issuer": "https://op.example.com/a b"}, Common(), "issuer"),
    "an issuer with an odd port": ("oidc", {"issuer": "https://op.example.com:x"}, Common(), "issuer"),
    "an issuer without a host": ("oidc", {"issuer": "https://"}, Common(), "issuer"),
    "an issuer over another protocol": ("oidc", {"issuer": "ftp://op.example.com"}, Common(), "issuer"),
    "an issuer over http": ("oidc", {"issuer": "http://op.example.com"}, Common(), "issuer"),
    "an issuer whose name looks local": ("oidc", {"issuer": "http://localhost.evil.example"}, Common(), "issuer"),
    "keys over http": ("oidc", {}, Common(jwks_url="http://keys.example.com"), "jwks_url"),
    "keys nowhere": ("oidc", {}, Common(jwks_url="keys"), "jwks_url"),
    "okta's org server": ("oidc", {"issuer": "https://acme.okta.com"}, Common(), "issuer"),
    "anyone's runs": ("oidc", GITHUB, Common(), "require"),
    "anyone's runs, with what all of them have": (
        "oidc", GITHUB, Common(require={"aud": frozenset({"travel"}), "iss": frozenset({GITHUB_URL})}), "require"
    ),
    "a claims entry that is none": ("oidc", {"claims": {"role": "roles"}}, Common(), "claims.role"),
    "a claims entry without a path": ("oidc", {"claims": {"roles": " "}}, Common(), "claims.roles"),
    "a symmetric algorithm": ("oidc", {}, Common(algorithms=("RS256", "HS256")), "algorithms"),
    "no algorithm": ("oidc", {}, Common(algorithms=("none",)), "algorithms"),
    "an empty list of algorithms": ("oidc", {}, Common(algorithms=()), "algorithms"),
    "an empty list of clients": ("oidc", {}, Common(clients=()), "clients"),
    "a leeway of minutes": ("oidc", {}, Common(leeway=timedelta(minutes=5)), "leeway"),
    "a leeway below zero": ("oidc", {}, Common(leeway=timedelta(seconds=-1)), "leeway"),
    "a required claim without a value": ("oidc", {}, Common(require={"org": frozenset()}), "require.org"),
    "a required value without a claim": ("oidc", {}, Common(require={"": frozenset({"x"})}), "require."),
}  # fmt: skip


@pytest.mark.parametrize("name", WRONG)
def test_what_is_wrong_is_said_with_its_key_and_its_mend(name: str) -> None:
    type_, own, common, key = WRONG[name]
    problems = said(type_, {**OWN.get(type_, {}), **own}, common)
    assert [problem.key for problem in problems] == [key]
    assert problems[0].what
    assert problems[0].mend


def test_an_issuer_without_audience_and_clients_is_refused() -> None:
    (problem,) = said("oidc", {"issuer": "https://op.example.com"}, Common())
    assert (problem.key, problem.what) == ("audience", "is missing")


def test_all_problems_are_said_at_once() -> None:
    problems = said("cognito", {"region": "x"}, Common(algorithms=("HS256",), leeway=timedelta(hours=1)))
    assert {problem.key for problem in problems} == {"client_ids", "user_pool_id", "region", "algorithms", "leeway"}


def test_problems_read_as_a_sentence() -> None:
    (problem,) = said("cognito", {**OWN["cognito"], "user_pool_id": "us-east-1_a"}, Common())
    assert str(problem) == "user_pool_id is not in the region: a pool's id begins with its region: check both"
    several = IssuerProblems((problem, IssuerProblem(None, "is odd", "mend it")))
    assert str(several) == f"{problem}; issuer is odd: mend it"


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::1]"])
def test_http_is_well_formed_on_loopback(host: str) -> None:
    made = issuer("mine", "oidc", {"issuer": f"http://{host}:8000/realms/a", "audience": ("travel",)}, Common())
    assert made.urls == (f"http://{host}:8000/realms/a",)


def test_the_slash_at_an_issuers_end_counts_in_iss_and_not_in_discovery() -> None:
    made = issuer("mine", "auth0", OWN["auth0"], Common())
    assert made.urls == ("https://acme.eu.auth0.com/",)
    assert made.discovery_url == "https://acme.eu.auth0.com/.well-known/openid-configuration"


def test_personal_accounts_come_in_with_a_require() -> None:
    own = {**OWN["entra"], "tenant": (CONSUMERS,)}
    assert issuer("mine", "entra", own, Common(require={"oid": frozenset({"me"})})).tenants


def test_okta_behind_a_domain_of_ones_own_is_configured_as_okta() -> None:
    made = issuer(
        "mine", "okta", {**OWN["okta"], "domain": "id.acme.example", "authorization_server": "aus1"}, Common()
    )
    assert made.urls == ("https://id.acme.example/oauth2/aus1",)


def test_a_generic_issuer_on_okta_with_an_authorization_server_is_well_formed() -> None:
    own: Mapping[str, Any] = {"issuer": "https://acme.okta.com/oauth2/default", "audience": ("travel",)}
    assert issuer("mine", "oidc", own, Common()).urls == ("https://acme.okta.com/oauth2/default",)


@pytest.mark.parametrize(
    ("own", "common", "key", "what"),
    [
        ({"issuers": ("okta",)}, {}, "url", "is missing"),
        ({"url": "https://planner.example.com"}, {}, "issuers", "is missing"),
        ({"url": "https://planner.example.com", "issuers": ()}, {}, "issuers", "is empty"),
        ({"url": "http://planner.example.com", "issuers": ("okta",)}, {}, "url", "is not https"),
        ({"url": "planner", "issuers": ("okta",)}, {}, "url", "is not an absolute URL"),
        (
            {"url": "https://planner.example.com", "issuers": ("okta",)},
            {"token_use": TokenUse.ID},
            "token_use",
            "has no meaning for a sidecar",
        ),
        (
            {"url": "https://planner.example.com", "issuers": ("okta",)},
            {"login": Login("app")},
            "login",
            "has no meaning for a sidecar",
        ),
    ],
)
def test_what_is_wrong_with_a_sidecar_is_said(own: dict[str, Any], common: dict[str, Any], key: str, what: str) -> None:
    (problem,) = said("sidecar", own, Common(**common))
    assert (problem.key, problem.what) == (key, what)
