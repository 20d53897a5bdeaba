from sidecar.identity.principal import Kind, Principal
from sidecar.secret import Secret
from sidecar.vault.grant import At, Grant, Owner, Place

ALICE = Principal("https://idp.example", "acme", "alice", "okta", Kind.USER)


def test_an_owner_is_the_principals_key_alone() -> None:
    renamed = Principal("https://idp.example", "acme", "alice", "another name", Kind.USER, email="a@acme.example")

    assert Owner.of_principal(ALICE) == Owner.of_principal(renamed) == Owner("https://idp.example", "acme", "alice")


def test_a_grant_shows_no_token_and_lives_until_somebody_says_why_not() -> None:
    place = Place(Owner.of_principal(ALICE), At("https://accounts.example", "client"), frozenset({"mail"}))
    grant = Grant(place, "1", "alice", Secret("hunter2"), Secret("hunter3"), "Bearer", None, 0.0, None, "")

    assert "hunter" not in repr(grant)
    assert grant.alive
    assert not Grant(place, "1", "alice", None, None, "Bearer", None, 0.0, None, "", dead="revoked").alive
