"""GitHub, GitLab, Linear, Figma."""

import pytest

from sidecar.oauth.catalog import Entry, entry
from sidecar.oauth.provider import Provider


def known(type: str, client_id: str = "c", **settings: object) -> Entry:  # noqa: A002 - the configuration's word
    return entry(Provider("one", type, "principal", client_id=client_id, **settings))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("client_id", "app"), [("Iv1.8a61f9b3a7aba766", True), ("Iv23liMadeUp", True), ("Ov23liMadeUp", False), ("", False)]
)
def test_a_github_app_is_told_by_its_client_id(client_id: str, app: bool) -> None:
    one = known("github", client_id)
    assert one.scoped is not app
    assert one.renewal.rotates is app
    assert one.renewal.idle == (15_897_600.0 if app else None)


def test_a_github_of_ones_own_has_its_api_beside_it() -> None:
    one = known("github", domain="git.acme.example")
    assert one.token_url == "https://git.acme.example/login/oauth/access_token"
    assert one.whose is not None
    assert one.whose.url == "https://git.acme.example/api/v3/user"
    assert one.revocation is not None
    assert one.revocation.url == "https://git.acme.example/api/v3/applications/{client_id}/grant"
    assert one.domains == ("git.acme.example",)


def test_linear_acts_as_the_user_or_as_the_app() -> None:
    assert known("linear").parameters["actor"] == "user"
    assert known("linear", as_app=True).parameters["actor"] == "app"


def test_figma_renews_elsewhere() -> None:
    assert known("figma").refresh_url == "https://api.figma.com/v1/oauth/refresh"
