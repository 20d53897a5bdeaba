"""Groups and roles in the record: whole lists or none, and never an email address."""

from sidecar.identity.principal import Kind, Principal
from sidecar.journal.memberships import MOST, memberships

GROUPS, ROLES = "identity.principal.groups", "identity.principal.roles"
NAMED = {"groups": frozenset({"sales", "ops"}), "roles": frozenset[str]()}


def alice(groups: frozenset[str] | None, *roles: str) -> Principal:
    return Principal("https://id.example.com", "", "alice", "okta", Kind.USER, groups=groups, roles=frozenset(roles))


def test_of_some_only_those_are_told_that_the_configuration_names() -> None:
    assert memberships(alice(frozenset({"sales", "secret"}), "admin"), NAMED) == {GROUPS: ("sales",), ROLES: ()}


def test_of_all_each_is_told_but_what_may_be_an_email_address() -> None:
    said = memberships(alice(frozenset({"b", "a", "team@acme.example"}), "admin"), None)
    assert said == {GROUPS: ("a", "b"), ROLES: ("admin",)}


def test_a_list_that_is_unknown_or_too_long_is_left_out() -> None:
    assert memberships(alice(None), None) == {ROLES: ()}
    many = frozenset(str(number) for number in range(MOST + 1))
    assert memberships(alice(many), None) == {ROLES: ()}
    assert GROUPS in memberships(alice(many), NAMED)
    assert memberships(alice(frozenset({"x" * 1100})), None) == {ROLES: ()}
    assert memberships(alice(frozenset({"ü" * 200})), None) == {ROLES: ()}
