"""What is known of providers, held against the routes."""

import pytest

from tests.settings.conftest import Read, Wrong

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


GOOGLE = "https://www.googleapis.com/auth"


@pytest.mark.parametrize(
    ("scopes", "mend"),
    [
        ("[calendar.readonly]", None),
        (f'[openid, email, mail, "{GOOGLE}/calendar", "{GOOGLE}/calendar.readonly"]', None),
        (f'["{GOOGLE}/whatever.there.may.be"]', None),
        ("[calendar.readonli]", 'Did you mean "calendar.readonly"?'),
        ("[calendar, xyzzy]", "Known: bigquery.readonly, calendar,"),
    ],
)
@pytest.mark.parametrize("place", ["route", "capability"])
def test_a_scope_that_google_is_certain_not_to_have_is_a_problem(
    wrong: Wrong, scopes: str, mend: str | None, place: str
) -> None:
    route = f"{PROVIDERS}    one: {{url: 'https://www.googleapis.com', provider: google%s}}\n"
    capability = "capabilities: {c: {who: any, provider: google%s}}"
    said = f", scopes: {scopes}"
    text = route % said + capability % "" if place == "route" else route % "" + capability % said
    found = wrong(text, {"SECRET": "s"})
    assert len(found) == (mend is not None)
    for problem in found:
        path, line = ("egress.routes.one", 13) if place == "route" else ("capabilities.c", 14)
        assert (problem.path, problem.line) == (f"{path}.scopes", line)
        assert problem.what.endswith("which is no scope of google")
        assert mend is not None
        assert problem.mend.startswith(mend)


@pytest.mark.parametrize(
    ("provider", "scopes", "note"),
    [
        ("code", "[repo, 'read:org']", None),
        ("code", "['read:orgg']", 'Did you mean "read:org"?'),
        ("code", "[xyzzy]", "; or write the provider's own name."),
        ("office", "[Mail.Read, offline_access, 'https://graph.microsoft.com/mail.read']", None),
        ("office", "[Mail.Reed]", 'Did you mean "Mail.Read"?'),
        ("google", f'["{GOOGLE}/calendar.readonli"]', 'calendar.readonly"?'),
    ],
)
def test_a_scope_that_nobody_has_heard_of_is_noted_with_its_line(
    read: Read, provider: str, scopes: str, note: str | None
) -> None:
    text = PROVIDERS.replace("egress:\n  routes:\n", "") + f"capabilities: {{c: {{who: any, provider: {provider}, "
    notes = read(f"{text}scopes: {scopes}}}}}", {"SECRET": "s"}).notes
    said = [one for one in notes if "is not known of" in one]
    assert len(said) == (note is not None)
    for one in said:
        assert one.startswith("line 11: capabilities.c.scopes holds ")
        assert note is not None
        assert one.endswith(note)
