"""Slack, Zoom, Discord, X."""

from sidecar.oauth.catalog import Entry, entry
from sidecar.oauth.provider import Provider


def known(type: str, **settings: object) -> Entry:  # noqa: A002 - the configuration's word
    return entry(Provider("one", type, "principal", client_id="c", **settings))  # type: ignore[arg-type]


def test_slacks_user_and_bot_are_asked_for_apart() -> None:
    user, bot = known("slack"), known("slack", as_app=True)
    assert (user.scope_parameter, bot.scope_parameter) == ("user_scope", "scope")
    assert user.reads is not bot.reads
    assert not user.pkce


def test_x_wants_pkce_and_basic() -> None:
    one = known("x")
    assert (one.pkce, one.client_auth) == (True, "basic")
    assert "offline.access" in one.always


def test_zoom_grants_what_its_app_has() -> None:
    assert not known("zoom").scoped


def test_discord_is_asked_who_the_user_is() -> None:
    assert known("discord").always == {"identify"}
