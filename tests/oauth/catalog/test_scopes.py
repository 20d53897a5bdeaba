"""Scopes by their names, in words, and those that are missing."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.oauth.catalog import MAKERS, Entry, entry
from sidecar.oauth.catalog.scopes import apart, covered, missing, named, resource, words
from sidecar.oauth.provider import Provider

G, M = "https://www.googleapis.com/auth/", "https://graph.microsoft.com/"
AZURE = "https://management.azure.com/user_impersonation"


def known(type: str) -> Entry:  # noqa: A002 - the configuration's word
    return entry(Provider("one", type, "principal", client_id="c"))


@pytest.mark.parametrize(
    ("type", "given", "provider"),
    [
        ("google", "calendar.readonly", f"{G}calendar.readonly"),
        ("google", f"{G}calendar.readonly", f"{G}calendar.readonly"),
        ("google", "mail", "https://mail.google.com/"),
        ("google", "email", f"{G}userinfo.email"),
        ("google", f"{G}unheard.of", f"{G}unheard.of"),
        ("microsoft", "Mail.Read", f"{M}Mail.Read"),
        ("microsoft", "mail.read", f"{M}Mail.Read"),
        ("microsoft", f"{M}MAIL.READ", f"{M}Mail.Read"),
        ("microsoft", "Unheard.Of", f"{M}Unheard.Of"),
        ("microsoft", AZURE, AZURE),
        ("microsoft", "offline_access", "offline_access"),
        ("github", "repo", "repo"),
        ("slack", "chat:write", "chat:write"),
        ("salesforce", "offline_access", "refresh_token"),
    ],
)
def test_a_short_name_and_the_providers_own_are_one(type: str, given: str, provider: str) -> None:  # noqa: A002
    assert named(known(type), [given]) == {provider}


@given(st.sampled_from(sorted(MAKERS)), st.sets(st.text("aBc:/._-", min_size=1, max_size=12), max_size=5))
def test_to_name_them_twice_is_to_name_them_once(type: str, scopes: set[str]) -> None:  # noqa: A002
    one = known(type)
    once = named(one, {*scopes, *one.scopes})
    assert named(one, once) == once
    assert not missing(one, scopes, once)


@pytest.mark.parametrize(
    ("type", "asked", "granted", "lacking"),
    [
        ("github", "repo read:user", "repo user", ""),
        ("github", "read:org", "admin:org", ""),
        ("github", "repo", "public_repo", "repo"),
        ("google", "calendar.readonly gmail.send", "calendar.readonly", f"{G}gmail.send"),
        ("google", "calendar.readonly", "calendar", f"{G}calendar.readonly"),
        ("google", "openid email", "", ""),
        ("microsoft", "Mail.Read", "mail.read", ""),
        ("microsoft", "offline_access Mail.Read", "Mail.Read", ""),
        ("microsoft", f"{M}.default", "User.Read", ""),
        ("microsoft", "https://management.azure.com/.default", "User.Read", "https://management.azure.com/.default"),
        ("gitlab", "read_api read_user", "api", ""),
        ("slack", "chat:write search:read", "chat:write", "search:read"),
        ("salesforce", "api", "full", ""),
    ],
)
def test_what_was_granted_is_compared_with_what_was_asked(
    type: str,  # noqa: A002 - the configuration's word
    asked: str,
    granted: str,
    lacking: str,
) -> None:
    assert missing(known(type), asked.split(), granted.split()) == set(lacking.split())


def test_what_a_scope_includes_includes_more() -> None:
    assert covered(known("github"), ["admin:org"]) == {"admin:org", "write:org", "read:org"}


def test_one_token_is_for_one_resource_where_the_provider_says_so() -> None:
    one = known("microsoft")
    assert apart(one, ["Mail.Read", "Mail.Send", AZURE, "openid"]) == (
        frozenset({f"{M}Mail.Read", f"{M}Mail.Send", "openid"}),
        frozenset({AZURE, "openid"}),
    )
    assert apart(one, ["openid"]) == (frozenset({"openid"}),)
    assert apart(known("google"), ["calendar", "gmail.send"]) == (frozenset({f"{G}calendar", f"{G}gmail.send"}),)
    assert (resource(one, AZURE), resource(one, "openid")) == ("https://management.azure.com", "")
    assert resource(known("google"), f"{G}calendar") == ""


def test_scopes_have_words_where_somebody_has_said_them() -> None:
    assert words(known("google"), "gmail.send") == words(known("google"), f"{G}gmail.send") == "send mail as you"
    assert words(known("microsoft"), "mail.send") == "send mail as you"
    assert words(known("google"), "unheard.of") is None
