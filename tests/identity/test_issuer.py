"""Issuers are found by the one name that a token bears."""

from typing import Any

import pytest

from sidecar.identity.idps import Common, issuer
from sidecar.identity.issuer import ASYMMETRIC, SIDECAR, Claims, Issuer, Login, by_url, introduced
from sidecar.secret import Secret

OKTA = issuer("okta", "okta", {"domain": "acme.okta.com", "audience": ("a",)}, Common())


def test_an_issuer_is_found_by_each_of_its_urls() -> None:
    one, other = (
        Issuer("one", "oidc", ("https://a.example", "https://b.example")),
        Issuer("o", "oidc", ("https://c.example",)),
    )
    assert by_url([one, other]) == {"https://a.example": one, "https://b.example": one, "https://c.example": other}


def test_two_issuers_that_accept_the_same_tokens_are_a_mistake() -> None:
    with pytest.raises(ValueError, match="one and other accept the same iss"):
        by_url([Issuer("other", "oidc", ("https://a.example",)), Issuer("one", "oidc", ("https://a.example",))])


def test_two_authorization_servers_of_one_domain_share_what_they_refuse() -> None:
    own: dict[str, Any] = {"domain": "acme.okta.com", "audience": ("a",), "authorization_server": "aus1"}
    found = by_url([OKTA, issuer("second", "okta", own, Common())])
    assert found["https://acme.okta.com"] is OKTA
    assert set(found) == {OKTA.urls[0], "https://acme.okta.com/oauth2/aus1", "https://acme.okta.com"}


def test_an_issuer_that_is_configured_is_not_refused_for_a_neighbours_sake() -> None:
    org = Issuer("org", "oidc", ("https://acme.okta.com",))
    assert by_url([OKTA, org])["https://acme.okta.com"] is org


def test_the_canonical_url_is_the_first_unless_another_is_named() -> None:
    one = Issuer("one", "entra", ("https://a", "https://b", "https://c"), canonical={"https://c": "https://c"})
    assert [one.canonical_url(url) for url in one.urls] == ["https://a", "https://a", "https://c"]


def test_no_symmetric_algorithm_can_be_allowed() -> None:
    assert not {alg for alg in ASYMMETRIC if alg.startswith("HS") or alg.lower() == "none"}


def test_an_issuer_prints_no_secret() -> None:
    one = Issuer("one", "oidc", ("https://a",), login=Login("app", Secret("hunter2")), claims=Claims())
    assert "hunter2" not in repr(one)


def test_a_sidecar_is_told_by_which_urls_it_may_speak_for_whom() -> None:
    tenants = tuple(f"4f2d0000-0000-4000-8000-00000000000{letter}" for letter in "ab")
    staff = issuer("staff", "entra", {"tenant": tenants, "audience": ("a",)}, Common())
    own: dict[str, Any] = {"url": "https://planner.example.com/", "issuers": ("okta", "staff", "planner", "nobody")}
    planner = issuer("planner", "sidecar", own, Common())
    found = introduced({"planner": planner, "okta": OKTA, "staff": staff}, "travel")
    assert (found["okta"], found["staff"]) == (OKTA, staff)
    urls = [f"https://login.microsoftonline.com/{tenant}/v2.0" for tenant in tenants]
    assert found["planner"].speaks_for == {OKTA.urls[0]: "okta", urls[0]: "staff", urls[1]: "staff"}
    assert found["planner"].tenants == dict(zip(urls, tenants, strict=True))
    assert found["planner"].audiences == {"travel"}


def test_a_sidecar_signs_with_one_algorithm_and_publishes_its_key_itself() -> None:
    one = issuer("planner", SIDECAR, {"url": "https://planner.example.com/base/", "issuers": ("okta",)}, Common())
    assert one.urls == ("https://planner.example.com/base", "https://planner.example.com/base/")
    assert one.jwks_url == "https://planner.example.com/base/.well-known/identity-sidecar/jwks.json"
    assert one.discovery_url is None
    assert one.algorithms == {"ES256"}
    assert not one.speaks_for
