"""From a token to a principal: nothing is let through, and nothing good is kept out."""

import itertools
from collections.abc import Mapping
from dataclasses import fields
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sidecar.errors import AudienceInvalid, ClaimMissing, IssuerUnknown, Refusal, SignatureInvalid, TokenKindInvalid
from sidecar.identity import token as jwt
from sidecar.identity.idps import Common, issuer
from sidecar.identity.issuer import Issuer, by_url
from sidecar.identity.principal import Kind, Principal
from sidecar.wire.strict import base64url, base64url_encode
from tests.identity.attacks.mint import MISSING, NOW, OKTA, OURS, Mint, fit
from tests.identity.attacks.table import ATTACKS, ROWS, SIBLINGS


@pytest.fixture(scope="module")
def mint() -> Mint:
    return Mint()


def admit(mint: Mint, token: bytes, name: str = "oidc", now: float = NOW) -> Principal:
    """What the front door does with a token, with the keys at hand."""
    one, issuers = fit(mint, name)
    parsed = jwt.unverified(token)
    chosen = jwt.select(parsed, issuers)
    assert chosen is one
    key = mint.keys(name).fit(parsed.header.get("kid"), parsed.header["alg"])
    if key is None:
        raise SignatureInvalid("no key")
    return jwt.verify(parsed, chosen, key, now)


@pytest.mark.parametrize("name", ATTACKS)
def test_an_attack_is_refused_with_its_code(name: str, mint: Mint) -> None:
    row = ATTACKS[name]
    token = row.make(mint)
    with pytest.raises(Refusal) as refused:
        admit(mint, token, row.issuer)
    assert refused.value.code == row.code, refused.value.reason
    for text in (refused.value.reason, refused.value.detail, str(refused.value)):
        assert "alice" not in text
        assert token.decode("latin-1")[:16] not in text or len(token) < 16


@pytest.mark.parametrize("name", SIBLINGS)
def test_the_sibling_of_an_attack_passes(name: str, mint: Mint) -> None:
    row = SIBLINGS[name]
    assert admit(mint, row.make(mint), row.issuer).issuer == row.issuer


def test_there_are_attacks_enough_each_with_its_own_name_and_siblings() -> None:
    assert len(ATTACKS) >= 150
    assert len(ATTACKS) + len(SIBLINGS) == len(ROWS)
    assert {row.family for row in ATTACKS.values()} == {row.family for row in SIBLINGS.values()}


def test_the_catalogues_token_refusals_are_all_reached() -> None:
    assert {row.code for row in ATTACKS.values()} == {
        *("token_malformed", "token_expired", "token_not_yet_valid", "signature_invalid", "issuer_unknown"),
        *("audience_invalid", "claim_missing", "token_kind_invalid", "too_large"),
    }


# Whatever arrives


@given(st.binary(max_size=200))
def test_no_bytes_do_anything_but_be_refused(token: bytes) -> None:
    with pytest.raises(Refusal):
        jwt.unverified(token)


_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
_names = st.sampled_from(
    [
        *("iss", "sub", "aud", "exp", "nbf", "iat", "azp", "client_id", "scope", "scp", "groups", "roles", "nonce"),
        *("typ", "tid", "oid", "ver", "idtyp", "cid", "uid", "token_use", "cnf", "events", "_claim_names", "hasgroups"),
        *("email", "email_verified", "name", "require", "permissions", "gty"),
    ]
)


@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    changes=st.dictionaries(_names, _json, max_size=4),
    header=st.dictionaries(st.sampled_from(["alg", "kid", "typ", "crit", "b64", "cty", "nonce"]), _json, max_size=2),
    kind=st.sampled_from(["oidc", "ids", "any", "clients", "required", "cognito", "okta", "entra"]),
)
def test_whatever_an_issuer_signs_is_verified_or_refused(
    mint: Mint, changes: dict[str, Any], header: dict[str, Any], kind: str
) -> None:
    makers = {"okta": mint.okta, "entra": mint.entra, "cognito": mint.cognito}
    claims = jwt.unverified(makers[kind]() if kind in makers else mint.token()).claims
    token = mint.rsa.mint({**claims, **changes}, header)
    try:
        principal = admit(mint, token, kind)
    except Refusal:
        return
    assert 1 <= len(principal.subject) <= 255
    assert principal.subject in [{**claims, **changes}.get(name) for name in ("sub", "uid", "oid")]
    assert str(principal.id).startswith("p_")


@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_a_changed_token_never_verifies_as_anybody_else(mint: Mint, data: st.DataObject) -> None:
    by = data.draw(st.sampled_from([mint.rsa, mint.ec, mint.ed]))
    token = mint.token(by=by)
    place = data.draw(st.integers(0, len(token) - 1))
    changed = token[:place] + bytes([data.draw(st.integers(0, 255))]) + token[place + data.draw(st.integers(0, 2)) :]
    try:
        principal = admit(mint, changed)
    except Refusal:
        return
    assert changed == token
    assert principal.subject == "alice"


@settings(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(changes=st.dictionaries(_names, _json, min_size=1, max_size=3))
def test_claims_changed_after_signing_never_verify(mint: Mint, changes: dict[str, Any]) -> None:
    if mint.claims(**changes) == mint.claims():
        return
    with pytest.raises(Refusal):
        admit(mint, mint.spliced(**changes))


@settings(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(now=st.floats(0, 4e9))
def test_a_token_is_good_from_nbf_to_exp_and_no_moment_else(mint: Mint, now: float) -> None:
    token = mint.token(nbf=NOW - 1000, iat=NOW - 1000, exp=NOW + 1000)
    good = NOW - 1030 <= now < NOW + 1030
    outcome = "good"
    try:
        admit(mint, token, now=now)
    except Refusal as refused:
        outcome = refused.code
    assert outcome == ("good" if good else "token_expired" if now > NOW else "token_not_yet_valid")


# What a principal is made of


def test_an_expired_token_is_refused_after_the_leeway_and_not_before(mint: Mint) -> None:
    token = mint.token(exp=NOW)
    assert admit(mint, token, now=NOW + 29.999).subject == "alice"
    with pytest.raises(Refusal):
        admit(mint, token, now=NOW + 30)


def test_without_leeway_a_token_ends_with_its_exp(mint: Mint) -> None:
    one = issuer("strict", "oidc", {"issuer": OURS, "audience": ("travel",)}, Common(leeway=timedelta(0)))
    parsed = jwt.unverified(mint.token(exp=NOW))
    with pytest.raises(Refusal) as refused:
        jwt.verify(parsed, one, mint.rsa.key(), NOW)
    assert refused.value.code == "token_expired"


def test_expires_is_the_tokens_own_exp(mint: Mint) -> None:
    assert jwt.expires(jwt.unverified(mint.token(exp=NOW + 5))) == NOW + 5
    with pytest.raises(ClaimMissing):
        jwt.expires(jwt.unverified(mint.token(exp=MISSING)))


@pytest.mark.parametrize(
    ("value", "email"),
    [
        *itertools.product((True, "true", "1", 1), ["a@b.example"]),
        *itertools.product((False, "false", None, MISSING, [], "yes", 0), [None]),
    ],
)
def test_only_a_verified_email_is_taken(mint: Mint, value: Any, email: str | None) -> None:
    assert admit(mint, mint.token(email="a@b.example", email_verified=value)).email == email


@pytest.mark.parametrize(
    ("groups", "expected"),
    [
        ("Domain Admins", {"Domain Admins"}),
        (["a", "b", "a"], {"a", "b"}),
        ([], set()),
        (None, set()),
        (MISSING, set()),
        ({"a": 1}, None),
        (["a", 1], None),
        (7, None),
    ],
)
def test_groups_are_taken_whole_or_are_unknown(mint: Mint, groups: Any, expected: set[str] | None) -> None:
    assert admit(mint, mint.token(groups=groups)).groups == expected


@pytest.mark.parametrize(
    ("elsewhere", "known"),
    [({"groups": "src1"}, False), ({"address": "src1"}, True), ({}, True), ("groups", True), (None, True)],
)
def test_groups_that_are_to_be_asked_for_elsewhere_are_unknown(mint: Mint, elsewhere: Any, known: bool) -> None:
    token = mint.token(groups=["a"], _claim_names=elsewhere)
    assert admit(mint, token).groups == ({"a"} if known else None)


def test_scopes_are_split_at_spaces_and_lists_are_not(mint: Mint) -> None:
    assert admit(mint, mint.token(scope="a  b")).scopes == {"a", "b"}
    assert admit(mint, mint.token(scp=["a b", "c"])).scopes == {"a b", "c"}


def test_the_name_is_a_text_or_nothing(mint: Mint) -> None:
    assert admit(mint, mint.token(name="Alice Liddell")).name == "Alice Liddell"
    assert admit(mint, mint.token(name=["Alice"])).name is None
    assert admit(mint, mint.token(name="")).name is None


def test_a_configured_kind_is_that_of_every_principal(mint: Mint) -> None:
    one = issuer("runs", "oidc", {"issuer": OURS, "audience": ("travel",)}, Common(kind=Kind.WORKFLOW))
    parsed = jwt.unverified(mint.token(sub="app"))
    assert jwt.verify(parsed, one, mint.rsa.key(), NOW).kind is Kind.WORKFLOW


def test_a_keycloak_user_who_takes_a_service_accounts_name_stays_a_user(mint: Mint) -> None:
    assert admit(mint, mint.token(preferred_username="service-account-app")).kind is Kind.SERVICE
    assert admit(mint, mint.token(preferred_username="service-account-app", sid="s1")).kind is Kind.USER
    assert admit(mint, mint.token(preferred_username="service-account-other")).kind is Kind.USER


def test_mutable_names_are_no_part_of_the_key(mint: Mint) -> None:
    one = admit(mint, mint.token(preferred_username="a", email="a@x.example", upn="a", name="A"))
    assert one.id == admit(mint, mint.token(preferred_username="b", email="b@x.example", upn="b", name="B")).id


def test_oktas_org_server_is_explained(mint: Mint) -> None:
    with pytest.raises(IssuerUnknown) as refused:
        jwt.select(jwt.unverified(mint.okta(iss="https://acme.okta.com")), fit(mint, "okta")[1])
    assert "custom authorization server" in refused.value.detail


def test_a_token_for_graph_is_explained(mint: Mint) -> None:
    with pytest.raises(Refusal) as refused:
        admit(mint, mint.entra({"nonce": "x"}), "entra")
    assert "Graph" in refused.value.detail


def test_an_id_tokens_client_is_azp_or_else_the_one_audience(mint: Mint) -> None:
    def client(**claims: Any) -> str | None:
        return admit(mint, mint.token(nonce="x", **claims), "ids").client

    assert client() == "app"
    assert client(azp=MISSING) == "travel"
    assert client(azp=MISSING, aud=["travel"]) == "travel"
    assert client(azp=MISSING, aud=["travel", "more"]) is None


def test_nobody_else_can_sign_for_an_issuer(mint: Mint) -> None:
    """With two issuers configured, each one's key is good for its own ``iss`` alone."""
    made = mint.issuers()
    issuers = by_url([made["oidc"], made["neighbour"]])
    parsed = jwt.unverified(mint.token(by=mint.neighbour, iss="https://n.example"))
    assert jwt.select(parsed, issuers).name == "neighbour"
    with pytest.raises(IssuerUnknown):
        jwt.verify(parsed, made["oidc"], mint.neighbour.key(), NOW)


def test_an_issuer_made_without_audience_and_clients_lets_nobody_in(mint: Mint) -> None:
    bare = Issuer("bare", "oidc", (OURS,))
    with pytest.raises(AudienceInvalid):
        jwt.verify(jwt.unverified(mint.token()), bare, mint.rsa.key(), NOW)


def test_a_key_confined_to_the_tenant_verifies_both_versions(mint: Mint) -> None:
    for confined in ("https://login.microsoftonline.com/{tenantid}/v2.0", mint.issuers()["entra"].urls[0]):
        key = mint.rsa.key(issuer=confined)
        one = mint.issuers()["entra"]
        for iss, version in zip(one.urls, ("2.0", "1.0"), strict=True):
            parsed = jwt.unverified(mint.entra(iss=iss, ver=version))
            assert jwt.verify(parsed, one, key, NOW).issuer_url == one.urls[0]


def test_the_size_limit_is_the_callers(mint: Mint) -> None:
    token = mint.token()
    assert jwt.unverified(token, len(token)).header["alg"] == "RS256"
    with pytest.raises(Refusal) as refused:
        jwt.unverified(token, len(token) - 1)
    assert refused.value.code == "too_large"


def test_what_is_unproved_prints_nothing(mint: Mint) -> None:
    parsed = jwt.unverified(mint.token(sub="alice"))
    assert "alice" not in repr(parsed)
    assert "RS256" not in repr(parsed)
    principal = admit(mint, mint.token(secret_claim="s3cret"))
    assert "s3cret" not in repr(principal)
    assert {one.name for one in fields(parsed)} == {"signed", "claims"}


def test_okta_is_configured_at_the_default_server(mint: Mint) -> None:
    assert mint.issuers()["okta"].urls == (OKTA,)


def test_another_spelling_of_the_same_bytes_is_no_token(mint: Mint) -> None:
    """A digest of the token stands for it, so there must be one spelling."""
    head, payload, signature = mint.token().split(b".")
    assert base64url_encode(base64url(payload)) == payload
    spellings: Mapping[str, bytes] = {
        "padded": signature + b"==",
        "shifted": signature[:-1] + bytes([signature[-1] + 1]),
    }
    for spelling in spellings.values():
        with pytest.raises(Refusal):
            admit(mint, b".".join((head, payload, spelling)))


def test_roles_are_read_where_nothing_else_is_mapped(mint: Mint) -> None:
    assert admit(mint, mint.token(roles=["planner"])).roles == {"planner"}
    assert admit(mint, mint.token(roles="Travel Planner")).roles == {"Travel Planner"}


def test_an_id_token_without_a_tenant_is_refused_for_what_it_is(mint: Mint) -> None:
    with pytest.raises(TokenKindInvalid):
        admit(mint, mint.entra(scp=MISSING, azp=MISSING, tid=MISSING), "entra")


# What isn't proved


@pytest.mark.parametrize("name", SIBLINGS)
def test_what_a_good_token_is_supposed_to_be_is_what_it_is(name: str, mint: Mint) -> None:
    row = SIBLINGS[name]
    parsed = jwt.unverified(row.make(mint))
    one = jwt.select(parsed, fit(mint, row.issuer)[1])
    assert jwt.supposed(parsed, one) == admit(mint, row.make(mint), row.issuer)
    assert not [*jwt.objections(parsed, one, NOW)]


@pytest.mark.parametrize("name", ATTACKS)
def test_what_an_attack_is_refused_for_is_objected_to_unless_it_takes_a_key(name: str, mint: Mint) -> None:
    row, objected = ATTACKS[name], []
    try:
        parsed = jwt.unverified(row.make(mint))
        one = jwt.select(parsed, fit(mint, row.issuer)[1])
        objected += [refusal.code for refusal in jwt.objections(parsed, one, NOW)]
        jwt.supposed(parsed, one)
    except Refusal as refusal:
        objected.append(refusal.code)
    assert row.code in objected or row.code == "signature_invalid"
