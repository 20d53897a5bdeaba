"""Scopes by short names and by providers' own."""

import pytest

from tests.settings.conftest import Read

PROVIDERS = """\
providers:
  google: {type: google, client_id: c, client_secret: {env: SECRET}}
  crm: {type: oauth2, token_url: "https://as.example.com/t", grant: client_credentials, client_id: c,
        client_secret: {env: SECRET}}
"""
READONLY, UNHEARD = (f"https://www.googleapis.com/auth/{name}" for name in ("calendar.readonly", "unheard"))


@pytest.mark.parametrize(
    ("route", "capability"), [("calendar.readonly", f'"{READONLY}"'), (f'"{READONLY}"', "calendar.readonly")]
)
def test_short_names_and_the_providers_own_are_equal(read: Read, route: str, capability: str) -> None:
    settings = read(
        PROVIDERS
        + f"""\
egress:
  routes:
    calendar: {{url: "https://www.googleapis.com/calendar", provider: google, scopes: [{route}]}}
    crm: {{url: "https://crm.example.com", provider: crm, scopes: [calendar.readonly]}}
    plain: {{url: "https://plain.example.com"}}
capabilities:
  look: {{who: any, provider: google, scopes: [{capability}, "{UNHEARD}"], routes: [calendar]}}
  sell: {{who: any, provider: crm, scopes: [calendar.readonly], routes: [crm]}}
  call: {{who: any, routes: [plain]}}
""",
        {"SECRET": "s"},
    )
    routes, capabilities = settings.egress.routes, settings.capabilities
    assert routes["calendar"].scopes == {READONLY}
    assert capabilities["look"].scopes == {READONLY, UNHEARD}
    assert routes["crm"].scopes == capabilities["sell"].scopes == {"calendar.readonly"}
    assert routes["plain"].scopes == capabilities["call"].scopes == frozenset()
    assert not any("doesn't open" in note for note in settings.notes)


def test_scopes_of_a_provider_that_there_is_not_are_left_to_be_reported(read: Read) -> None:
    text = PROVIDERS + 'egress: {routes: {a: {url: "https://a.example.com", provider: gogle, scopes: [calendar]}}}\n'
    with pytest.raises(Exception, match="gogle"):
        read(text, {"SECRET": "s"})
