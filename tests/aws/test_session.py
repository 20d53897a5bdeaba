"""What sessions at AWS are called and tagged with."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.aws.session import AGENT, Behind, behind, name, tags
from sidecar.identity.principal import Kind, Principal
from sidecar.oauth.credential import Ask

NAME = re.compile(r"[A-Za-z0-9_+=,.@-]{2,64}")
TAG = re.compile(r"[A-Za-z0-9 _.:/=+@-]{1,256}")
ALICE = Principal("https://id.example.com", "acme", "alice@example.com", "okta", Kind.USER, email="alice@example.com")
INVOCATION = b"00f067aa0ba902b7"


def test_a_principals_session_is_called_by_its_id_and_the_invocation() -> None:
    assert name(behind(Ask(ALICE, invocation=INVOCATION)), "travel-agent") == f"{ALICE.id}.00f067aa0ba902b7"


def test_it_fits_into_what_sts_allows() -> None:
    assert NAME.fullmatch(name(behind(Ask(ALICE, invocation=INVOCATION)), "travel-agent"))
    assert NAME.fullmatch(name(behind(Ask(ALICE)), "travel-agent"))


def test_the_agents_own_session_is_called_as_the_agent_whatever_it_works_on() -> None:
    who = behind(Ask(None, invocation=INVOCATION))
    assert who is AGENT
    assert name(who, "travel-agent") == "travel-agent"


@pytest.mark.parametrize(
    ("agent", "session"),
    [("travel agent/1", "travel-agent-1"), ("a", "a-"), ("ä", "--"), ("x" * 70, "x" * 64), ("a\r\nb", "a-b")],
)
def test_an_agents_name_is_brought_into_the_form_that_sts_allows(agent: str, session: str) -> None:
    assert name(AGENT, agent) == session


@given(st.text(min_size=1), st.text(max_size=200), st.binary(max_size=8))
def test_any_agent_and_any_principal_have_a_name_that_sts_allows(agent: str, subject: str, invocation: bytes) -> None:
    assert NAME.fullmatch(name(AGENT, agent))
    principal = Principal("https://id.example.com", "", subject, "okta", Kind.SERVICE)
    assert NAME.fullmatch(name(behind(Ask(principal, invocation=invocation.hex().encode())), agent))


def test_tags_say_in_parts_who_is_behind() -> None:
    assert tags(behind(Ask(ALICE, invocation=INVOCATION)), "travel-agent") == {
        "identity.agent": "travel-agent",
        "identity.principal": ALICE.id,
        "identity.invocation": "00f067aa0ba902b7",
        "identity.kind": "user",
        "identity.issuer": "okta",
        "identity.tenant": "acme",
    }


def test_the_agents_own_session_claims_no_principal() -> None:
    assert tags(AGENT, "travel-agent") == {"identity.agent": "travel-agent"}


def test_no_subject_and_no_email_goes_to_aws() -> None:
    who = behind(Ask(ALICE, invocation=INVOCATION))
    assert "alice" not in name(who, "a") + str(tags(who, "a"))


@given(tenant=st.text(max_size=300))
def test_a_value_that_aws_would_not_take_is_left_out_and_never_changed(tenant: str) -> None:
    written = tags(Behind("p_1", "i", "user", "okta", tenant), "agent").get("identity.tenant")
    assert written == (tenant if TAG.fullmatch(tenant) else None)
