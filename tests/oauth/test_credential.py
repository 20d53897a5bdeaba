"""What is said of a credential, and by whom it is asked, shows no secret."""

from sidecar.oauth.credential import Ask, Credential, Outgoing
from sidecar.secret import Secret


def test_nothing_of_a_credential_shows() -> None:
    credential = Credential(Secret("hunter2"), lines=b"Authorization: hunter2\r\n", query=b"key=hunter2")
    assert "hunter2" not in repr(credential) + str(credential)


def test_what_goes_out_is_not_shown_with_its_headers() -> None:
    outgoing = Outgoing("GET", "https", "api.example.com", "/", (("Cookie", "hunter2"),))
    assert "hunter2" not in repr(outgoing)


def test_who_asks_is_the_agent_unless_a_principal_is_named() -> None:
    ask = Ask(None)
    assert (ask.principal, ask.scopes, ask.force, ask.actors) == (None, frozenset(), False, ())
