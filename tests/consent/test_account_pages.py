"""The user's own page, as it is read."""

from sidecar.consent.account_pages import Choice, Connection, disconnect, overview, sign_in
from sidecar.consent.frame import Signed
from sidecar.consent.pages import Form

FORM, SIGNED = Form("/x", "t"), Signed("Alice", "/o", "t")
GOOGLE = Connection("Google", "alice@acme.example", ("see your calendars",), "1 May 2026", "", "/d")


def test_one_issuer_needs_no_name_and_several_do() -> None:
    assert ">Sign in</button>" in sign_in("agent", [Choice("okta", FORM)]).body
    both = sign_in("agent", [Choice("okta", FORM), Choice("staff", FORM)]).body
    assert "Sign in with okta" in both
    assert "Sign in with staff" in both


def test_an_account_without_a_name_is_the_users() -> None:
    nameless = Connection("Notion", "", (), "1 May 2026", "", "/d")
    page = overview("agent", [nameless], [], SIGNED).body
    assert "Your account" in page
    assert "use your account" in page


def test_buttons_say_what_they_end() -> None:
    assert 'Disconnect<span class="hide"> Google</span>' in overview("agent", [GOOGLE], [], SIGNED).body


def test_before_it_ends_it_is_said_for_whom() -> None:
    assert "alice@acme.example" in disconnect("agent", "Google", ["alice@acme.example"], FORM, "/accounts", SIGNED).body
    assert "your account" in disconnect("agent", "Google", [], FORM, "/accounts", SIGNED).body
