"""What users read."""

import pytest

from sidecar.consent.words import allowed, day, named, when
from sidecar.oauth.catalog import entry
from sidecar.oauth.provider import CATALOGUE, Provider

NOW = 1_795_516_435.0


@pytest.mark.parametrize(
    ("name", "kind", "shown"),
    [
        ("google", "google", "Google"),
        ("work", "google", "Google (work)"),
        ("travel-calendar", "oauth2", "Travel Calendar"),
    ],
)
def test_a_provider_is_called_as_users_know_it(name: str, kind: str, shown: str) -> None:
    assert named(Provider(name, kind, "principal")) == shown


@pytest.mark.parametrize("kind", [*CATALOGUE])
def test_every_provider_of_the_catalogue_has_a_name(kind: str) -> None:
    assert named(Provider(kind, kind, "principal")) != kind.title() or kind in {
        "google", "slack", "microsoft", "atlassian", "salesforce", "notion", "linear", "zoom", "dropbox", "spotify",
        "x", "discord", "figma", "box",
    }  # fmt: skip


def test_scopes_are_told_in_plain_words_and_those_of_the_sign_in_are_left_out() -> None:
    google = entry(Provider("google", "google", "principal", client_id="c"))
    short = next(iter(google.scopes.values()))
    assert allowed({short.name, "openid", "https://unknown.example/scope"} | google.always, google)[-1] == short.words
    assert "https://unknown.example/scope" in allowed({"https://unknown.example/scope"}, google)


@pytest.mark.parametrize(
    ("ago", "shown"),
    [
        (0, "just now"),
        (60, "1 minute ago"),
        (3599, "59 minutes ago"),
        (3600, "1 hour ago"),
        (90_000, "1 day ago"),
        (6.9 * 86400, "6 days ago"),
        (8 * 86400, "on 16 November 2026"),
    ],
)
def test_times_are_told_as_people_do(ago: float, shown: str) -> None:
    assert when(NOW - ago, NOW) == shown


def test_a_day_is_told_in_full() -> None:
    assert day(NOW) == "24 November 2026"
