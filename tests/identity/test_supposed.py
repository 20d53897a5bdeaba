"""Claims without a token: the same mapping as the front door's, and nothing proved."""

from collections.abc import Mapping
from typing import Any

import pytest

from sidecar.errors import ClaimMissing, IssuerUnknown, Refusal
from sidecar.identity import call
from sidecar.identity.idps import Common, issuer
from sidecar.identity.issuer import Issuer, introduced
from sidecar.identity.principal import Kind, Principal
from sidecar.identity.supposed import of_claims
from sidecar.identity.token import objections, supposed

NOW = 1_790_000_000.0
ONE, TWO = "4f2d0000-0000-0000-0000-000000000001", "4f2d0000-0000-0000-0000-000000000002"
ISSUERS: Mapping[str, Issuer] = introduced(
    {
        "okta": issuer("okta", "okta", {"domain": "acme.okta.com", "audience": ("api://travel",)}, Common()),
        "staff": issuer("staff", "entra", {"tenant": (ONE,), "audience": ("travel",)}, Common()),
        "partners": issuer(
            "partners",
            "entra",
            {"tenant": ("organizations",), "tenants": (ONE[:-1] + "8", TWO), "audience": ("travel",)},
            Common(),
        ),
        "planner": issuer("planner", "sidecar", {"url": "https://planner.example.com", "issuers": ("okta",)}, Common()),
    },
    "travel",
)
OKTA = "https://acme.okta.com/oauth2/default"


def principal(claims: Mapping[str, Any], name: str | None = None) -> Principal:
    return supposed(*of_claims(claims, ISSUERS, name))


@pytest.mark.parametrize(
    ("claims", "name"),
    [
        ({"iss": OKTA, "sub": "alice@acme.example", "uid": "00u1", "cid": "app", "groups": ["sales"]}, None),
        ({"sub": "alice@acme.example", "uid": "00u1", "groups": ["sales"]}, "okta"),
        ({"uid": "00u1", "groups": ["sales"]}, "okta"),
    ],
)
def test_claims_are_read_through_their_issuers_mapping(claims: Mapping[str, Any], name: str | None) -> None:
    found = principal(claims, name)
    assert (found.issuer, found.issuer_url, found.subject, found.kind) == ("okta", OKTA, "00u1", Kind.USER)
    assert found.groups == frozenset({"sales"})


def test_a_service_is_told_by_the_same_marks_as_at_the_front_door() -> None:
    assert principal({"sub": "job", "cid": "job"}, "okta").kind is Kind.SERVICE


@pytest.mark.parametrize(
    ("claims", "name", "tenant"),
    [
        ({"oid": "1", "scp": "x"}, "staff", ""),
        ({"oid": "1", "tid": ONE, "scp": "x"}, "staff", ONE),
        ({"oid": "1", "tid": TWO, "scp": "x"}, "partners", TWO),
        ({"oid": "1", "tid": TWO, "iss": f"https://sts.windows.net/{TWO}/", "scp": "x"}, None, TWO),
    ],
)
def test_of_several_iss_the_tenant_tells_which(claims: Mapping[str, Any], name: str | None, tenant: str) -> None:
    found = principal(claims, name)
    assert found.tenant == tenant
    assert tenant in found.issuer_url


@pytest.mark.parametrize(
    ("claims", "name", "refusal", "mend"),
    [
        ({"sub": "a"}, None, IssuerUnknown, "okta, staff"),
        ({"sub": "a", "iss": 7}, None, IssuerUnknown, "okta, staff"),
        ({"sub": "a", "iss": "https://evil.example"}, None, IssuerUnknown, "okta, staff"),
        ({"sub": "a"}, "oktta", IssuerUnknown, "okta, staff"),
        ({"sub": "a", "iss": OKTA}, "staff", IssuerUnknown, ONE),
        ({"sub": "a", "iss": "https://acme.okta.com"}, None, IssuerUnknown, "custom authorization server"),
        ({"oid": "a"}, "partners", ClaimMissing, TWO),
        ({"oid": "a", "tid": ONE}, "partners", ClaimMissing, TWO),
        ({"sub": "a", "groups": []}, "okta", Refusal, ""),  # neither a user's (uid) nor a service's (cid)
        ({"groups": ["sales"]}, "staff", ClaimMissing, ""),
    ],
)
def test_claims_that_are_nobodys_are_refused(
    claims: Mapping[str, Any], name: str | None, refusal: type[Refusal], mend: str
) -> None:
    with pytest.raises(refusal) as refused:
        principal(claims, name)
    assert mend in refused.value.detail


def test_whom_another_sidecar_speaks_for_is_read_as_at_the_front_door() -> None:
    described = {"issuer": OKTA, "subject": "00u1", "kind": "user", "groups": ["sales"]}
    sub = principal({"uid": "00u1"}, "okta").id
    claims = {"sub": sub, "aud": "travel", "jti": "1", "iat": NOW, "exp": NOW + call.SECONDS, "act": {"sub": "planner"}}
    found = principal({**claims, "principal": described}, "planner")
    assert (found.issuer, found.via, found.actors) == ("okta", "planner", ("planner",))
    assert found.groups == frozenset({"sales"})
    token, one = of_claims({**claims, "principal": described}, ISSUERS, "planner")
    assert [refusal.code for refusal in objections(token, one, NOW + 999)] == ["token_expired"]
