import re

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


def test_an_owner_and_a_place_have_ids_that_operators_can_write() -> None:
    owner = Owner.of_principal(ALICE)
    place = Place(owner, At("https://accounts.example", "client"), frozenset({"a", "b"}))

    assert owner.id == ALICE.id
    assert place.id == Place(owner, place.at, frozenset({"b", "a"})).id
    assert len({place.id, Place(owner, place.at, frozenset({"a"})).id, Place(owner, place.at, frozenset()).id}) == 3
    assert re.fullmatch("g_[a-z2-7]{32}", place.id)
