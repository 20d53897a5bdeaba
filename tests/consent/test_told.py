"""What those who run an agent say to users who are asked."""

from dataclasses import replace

from sidecar.consent.told import told
from sidecar.oauth.catalog import entry
from sidecar.oauth.provider import Provider
from sidecar.policy.capability import Capability, Who
from tests.consent.test_sessions import ALICE

GOOGLE = Provider("google", "google", "principal", client_id="c")
SHORT, SCOPE = next((short, scope.name) for short, scope in entry(GOOGLE).scopes.items() if short != scope.name)
SAYS = Capability("read", Who(), provider="google", scopes=frozenset({SHORT}), consent_text="Travel plans your trips.")


def test_a_capability_that_the_question_is_about_is_told_of() -> None:
    assert told([SAYS])(ALICE, GOOGLE, frozenset({SCOPE})) == ("Travel plans your trips.",)
    assert told([SAYS, replace(SAYS, name="again")])(ALICE, GOOGLE, frozenset({SCOPE})) == ("Travel plans your trips.",)
    assert told([replace(SAYS, scopes=frozenset())])(ALICE, GOOGLE, frozenset({SCOPE})) == ("Travel plans your trips.",)


def test_others_are_not() -> None:
    for other in (
        replace(SAYS, consent_text=None),
        replace(SAYS, provider="slack"),
        replace(SAYS, scopes=frozenset({"another"})),
        replace(SAYS, who=Who(issuer=frozenset({"another"}))),
    ):
        assert told([other])(ALICE, GOOGLE, frozenset({SCOPE})) == ()


def test_scopes_of_a_provider_that_nobody_knows_are_compared_as_they_are() -> None:
    own = Provider("own", "oauth2", "principal")
    says = replace(SAYS, provider="own", scopes=frozenset({"a"}))
    assert told([says])(ALICE, own, frozenset({"a", "b"})) == ("Travel plans your trips.",)
    assert told([says])(ALICE, own, frozenset({"b"})) == ()
