"""Answers in providers' own words. Whole ones are in ``providers/``."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.oauth.catalog import MAKERS, answers, entry
from sidecar.oauth.catalog.entry import Reads
from sidecar.oauth.provider import Provider

READS = (
    answers.commas, answers.github, answers.slack_user, answers.slack_bot, answers.hubspot, answers.notion,
    answers.sentences,
)  # fmt: skip
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda below: st.lists(below, max_size=2) | st.dictionaries(st.text(max_size=8), below, max_size=2),
    max_leaves=5,
)
NAMES = st.sampled_from([
    "ok", "error", "error_description", "reason", "scope", "scopes", "access_token", "token_type", "authed_user",
    "status", "object", "code",
])  # fmt: skip


@pytest.mark.parametrize("reads", READS, ids=lambda reads: reads.__name__)
@given(members=st.dictionaries(NAMES, ANYTHING, max_size=6))
def test_whatever_the_members_are_some_come_back_and_none_is_changed(reads: Reads, members: dict[str, Any]) -> None:
    before = dict(members)
    assert isinstance(reads(members), dict)
    assert members == before


@given(error=st.text(max_size=20), members=st.dictionaries(NAMES, ANYTHING, max_size=4))
def test_no_error_becomes_the_end_of_a_grant_by_chance(error: str, members: dict[str, Any]) -> None:
    known = {"invalid_grant", "bad_refresh_token", "bad_verification_code", "invalid_refresh_token", "token_revoked",
             "account_inactive", "invalid_code", "code_already_used", "BAD_REFRESH_TOKEN", "BAD_AUTH_CODE"}  # fmt: skip
    for reads in READS:
        said = reads({**members, "error": error})
        assert said.get("error") != "invalid_grant" or error in known


def test_commas_are_no_separators_where_nobody_says_so() -> None:
    commas = {answers.commas, answers.github, answers.slack_user}
    for type_ in MAKERS:
        one = entry(Provider("one", type_, "principal", client_id="c"))
        assert (one.reads in commas) == (type_ in {"figma", "linear", "github", "slack"})


def test_slacks_two_tokens_are_never_taken_for_each_other() -> None:
    both = {"ok": True, "access_token": "bots", "token_type": "bot", "authed_user": {"access_token": "users"}}
    both["authed_user"] |= {"token_type": "user"}  # type: ignore[operator]
    assert answers.slack_user(both)["access_token"] == "users"
    assert answers.slack_bot(both)["access_token"] == "bots"
    assert answers.slack_bot({**both, "token_type": "user"}) == {}
    assert answers.slack_user({**both, "authed_user": {"id": "U1"}}) == {}


def test_hubspots_list_of_scopes_stands_for_the_one_that_is_missing() -> None:
    assert answers.hubspot({"scopes": ["a"]})["scope"] == ["a"]
    assert answers.hubspot({"scopes": ["a"], "scope": "b"})["scope"] == "b"
    assert "scope" not in answers.hubspot({"scopes": "a"})


def test_an_error_of_the_standards_counts_more_than_ones_own() -> None:
    assert (
        answers.notion({"object": "error", "error": "invalid_grant", "code": "unauthorized"})["error"]
        == "invalid_grant"
    )
    assert answers.hubspot({"status": "BAD_CLIENT_ID", "error": "invalid_grant"})["error"] == "invalid_grant"
    assert answers.notion({"object": "page", "code": "unauthorized"}).get("error") is None
