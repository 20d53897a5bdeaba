"""What is known of providers, held against the routes."""

import pytest

from tests.settings.conftest import Read

PROVIDERS = """\
issuers: {x: {type: okta, domain: acme.okta.com, audience: a}}
development: true
inbound: {listen: "127.0.0.1:0"}
health: {listen: "127.0.0.1:0"}
providers:
  google: {type: google, client_id: c, client_secret: {env: SECRET}}
  code: {type: github, client_id: c, client_secret: {env: SECRET}, domain: git.acme.example}
  office: {type: microsoft, client_id: c, client_secret: {env: SECRET}}
  crm: {type: salesforce, client_id: c, client_secret: {env: SECRET}}
egress:
  routes:
"""


def notes(read: Read, route: str) -> list[str]:
    found = read(f"{PROVIDERS}    one: {{{route}}}\n", {"SECRET": "s"}).notes
    return [note for note in found if "takes what" in note or "several resources" in note]


@pytest.mark.parametrize(
    "route",
    [
        'url: "https://www.googleapis.com/calendar", provider: google',
        'url: "https://gmail.googleapis.com", provider: google',
        'url: "https://git.acme.example/api/v3", provider: code',
        'url: "https://acme.my.salesforce.com/services", provider: crm',
        'url: "https://graph.microsoft.com", provider: office, scopes: [Mail.Read, Mail.Send, openid]',
        'url: "https://gateway.acme.example", provider: google, private: true',
        'url: "http://127.0.0.1:9000", provider: google, private: true',
        'url: "https://gateway.acme.example"',
    ],
)
def test_nothing_is_said_about_what_is_usual(read: Read, route: str) -> None:
    assert notes(read, route) == []


@pytest.mark.parametrize(
    ("provider", "host", "type"),
    [
        ("google", "googleapis.com.evil.example", "google"),
        ("google", "evilgoogleapis.com", "google"),
        ("code", "api.github.com", "github"),
    ],
)
def test_a_credential_that_goes_to_somebody_else_is_remarked_upon(
    read: Read,
    provider: str,
    host: str,
    type: str,  # noqa: A002 - the configuration's word
) -> None:
    (note,) = notes(read, f'url: "https://{host}", provider: {provider}')
    assert note == f"egress.routes.one takes what {provider} gives to {host}, which isn't {type}'s"


def test_scopes_that_no_one_token_covers_are_remarked_upon(read: Read) -> None:
    scopes = '[Mail.Read, "https://management.azure.com/user_impersonation"]'
    (note,) = notes(read, f'url: "https://graph.microsoft.com", provider: office, scopes: {scopes}')
    assert note == "egress.routes.one needs scopes of several resources, and a token of office is for one"
