"""Atlassian, HubSpot, Notion, Salesforce."""

from sidecar.oauth.catalog import Entry, entry
from sidecar.oauth.provider import Provider


def known(type: str, domain: str | None = None) -> Entry:  # noqa: A002 - the configuration's word
    return entry(Provider("one", type, "principal", client_id="c", domain=domain))


def test_atlassian_takes_a_spent_refresh_token_for_ten_minutes() -> None:
    one = known("atlassian")
    assert (one.renewal.rotates, one.renewal.grace, one.renewal.idle) == (True, 600.0, 90 * 86400.0)
    assert one.parameters["audience"] == "api.atlassian.com"


def test_hubspot_is_asked_where_it_will_still_answer_next_year() -> None:
    assert known("hubspot").token_url == "https://api.hubapi.com/oauth/2026-03/token"


def test_notion_wants_json_and_basic_and_its_version() -> None:
    one = known("notion")
    assert (one.body, one.client_auth, one.scoped) == ("json", "basic", False)
    assert "Notion-Version" in one.headers
    assert one.revocation is not None
    assert one.revocation.body == "json"


def test_salesforce_is_one_of_many_installations() -> None:
    assert known("salesforce").token_url == "https://login.salesforce.com/services/oauth2/token"
    assert known("salesforce", "test.salesforce.com").authorize_url.startswith("https://test.salesforce.com/services/")
    assert known("salesforce", "acme.my.salesforce.com").server == "https://acme.my.salesforce.com"
