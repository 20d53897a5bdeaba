"""Which grant: the table, whose order is the vault's."""

from dataclasses import replace
from typing import Any

import pytest

from sidecar.errors import NotPermitted
from sidecar.oauth import choice
from sidecar.oauth.catalog import entry
from sidecar.oauth.provider import Provider
from sidecar.secret import Secret
from sidecar.vault.grant import Grant
from tests.oauth.granting import custom
from tests.vault.grants import ALICE, grant

NOW = 1_795_000_000.0
CRM = entry(custom())
A, B = frozenset({"a"}), frozenset({"b"})


def one(*scopes: str, **changes: Any) -> Grant:
    return replace(grant(ALICE, *scopes), **{"expires": NOW + 3600, **changes})


def test_those_are_enough_that_cover_what_is_wanted() -> None:
    grants = [one("a"), one("a", "b"), one("b", dead="invalid_grant")]
    assert choice.enough(CRM, grants, A) == grants[:2]
    assert choice.enough(CRM, grants, B) == grants[1:]
    assert choice.enough(CRM, grants, frozenset()) == grants
    assert choice.enough(CRM, grants, A | B | {"c"}) == []


def test_where_permissions_are_no_scopes_any_grant_is_enough() -> None:
    app = entry(Provider("g", "github", "principal", client_id="Iv1.abc", client_secret=Secret("s")))
    grants = [one("x")]
    assert choice.enough(app, grants, A) == grants


TOKEN = grant(ALICE, "a").access_token


@pytest.mark.parametrize(
    ("given", "before", "good"),
    [
        (one("a"), None, True),
        (one("a", expires=None), None, True),
        (one("a", expires=NOW + 5.1), None, True),
        (one("a", expires=NOW + 5.0), None, False),
        (one("a", expires=NOW - 1), None, False),
        (one("a", access_token=None), None, False),
        (one("a"), TOKEN, False),
        (one("a"), Secret("another"), True),
    ],
)
def test_a_token_is_good_until_shortly_before_its_end_unless_it_is_the_one_that_will_not_do(
    given: Grant, before: Secret | None, good: bool
) -> None:
    assert choice.good(given, before, NOW) is good
    assert (choice.chosen([given], before, NOW) is given) is True  # it can be renewed
    fixed = replace(given, refresh_token=None)
    assert (choice.chosen([fixed], before, NOW) is fixed) is good
    assert choice.chosen([replace(given, dead="invalid_grant")], before, NOW) is None


def test_why_none_is_used_is_said() -> None:
    dead = one("a", dead="invalid_grant")
    assert choice.why([dead], [dead]) == "invalid_grant"
    assert "nothing to renew it with" in choice.why([one("a")], [one("a")])
    assert "less" in choice.why([], [one("a")])
    assert "nothing" in choice.why([], [])


def test_a_token_is_for_one_resource_where_the_provider_has_it_so() -> None:
    microsoft = entry(Provider("m", "microsoft", "principal", client_id="c", client_secret=Secret("s")))
    mail, files, vault = (
        "https://graph.microsoft.com/Mail.Read",
        "https://graph.microsoft.com/Files.Read",
        "https://vault.azure.net/user_impersonation",
    )
    several = one(mail, files, vault)
    assert choice.part(microsoft, frozenset({mail}), several) == {mail, files}
    assert choice.part(microsoft, frozenset({vault}), several) == {vault}
    assert choice.part(microsoft, frozenset({mail}), one(mail, files)) == frozenset()
    assert choice.part(CRM, A, one("a", "b")) == frozenset()
    with pytest.raises(NotPermitted):
        choice.part(microsoft, frozenset({mail, vault}), several)
