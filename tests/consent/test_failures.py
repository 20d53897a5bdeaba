"""What can go wrong before a user's eyes."""

import pytest

from sidecar.consent.failures import FAILURES, page
from sidecar.consent.pages import Form


@pytest.mark.parametrize("name", [*FAILURES])
def test_each_says_what_happened_and_what_to_do(name: str) -> None:
    failure = FAILURES[name]
    shown = page(name, "/accounts", trace_id="4bf92f35")
    assert shown.status == failure.status
    assert failure.title in shown.body
    assert failure.happened in shown.body
    assert failure.do in shown.body
    assert ("4bf92f35" in shown.body) is failure.grave


def test_there_is_a_way_on() -> None:
    assert 'href="/connect/x"' in page("issuer", "/accounts", again="/connect/x").body
    assert 'href="https://app.example/"' in page("denied", "/accounts", back="https://app.example/").body
    assert "Sign in as someone else" in page("someone_else", "/accounts", again=Form("/connect/x", "t")).body
    assert 'href="/accounts"' in page("gone", "/accounts").body
