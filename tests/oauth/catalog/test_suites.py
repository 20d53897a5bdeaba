"""Google and Microsoft."""

import pytest

from sidecar.oauth.catalog import Entry, entry
from sidecar.oauth.provider import Provider

TENANT = "4f2d0000-0000-0000-0000-000000000000"


def microsoft(tenant: str | None) -> Entry:
    return entry(Provider("one", "microsoft", "principal", client_id="c", tenant=tenant))


def test_google_gives_a_refresh_token_for_offline_access_and_a_fresh_consent_alone() -> None:
    one = entry(Provider("one", "google", "principal", client_id="c"))
    assert dict(one.parameters) == {"access_type": "offline", "prompt": "consent"}
    assert not one.renewal.rotates
    assert "7 days" in one.renewal.dies


@pytest.mark.parametrize(
    ("tenant", "path", "issuer"),
    [
        (None, "common", "{tenantid}"),
        ("organizations", "organizations", "{tenantid}"),
        ("acme.onmicrosoft.com", "acme.onmicrosoft.com", "{tenantid}"),
        ("my-own-four-part-name", "my-own-four-part-name", "{tenantid}"),
        ("consumers", "consumers", "9188040d-6c67-4c5b-b112-36a304b66dad"),
        (TENANT, TENANT, TENANT),
    ],
)
def test_microsofts_issuer_is_known_where_the_tenant_is(tenant: str | None, path: str, issuer: str) -> None:
    one = microsoft(tenant)
    assert one.authorize_url == f"https://login.microsoftonline.com/{path}/oauth2/v2.0/authorize"
    assert one.token_url == f"https://login.microsoftonline.com/{path}/oauth2/v2.0/token"
    assert one.issuer == f"https://login.microsoftonline.com/{issuer}/v2.0"


def test_microsoft_has_no_way_to_give_a_grant_back() -> None:
    assert microsoft(None).revocation is None
    assert "offline_access" in microsoft(None).always
