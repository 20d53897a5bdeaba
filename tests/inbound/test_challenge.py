"""What a refused caller is told about the token that it takes."""

import re
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.errors import InsufficientScope, NotPermitted, RateLimited, TokenExpired, TokenMissing
from sidecar.identity.idps import Common, issuer
from sidecar.identity.issuer import Issuer
from sidecar.identity.principal import Kind, Principal
from sidecar.inbound.challenge import asked, challenge, named, refused
from sidecar.policy.capability import Who

METADATA = "https://agent.example/.well-known/oauth-protected-resource"
ALICE = Principal("https://idp.example", "", "alice", "shop", Kind.USER, groups=frozenset({"sales"}))


def scoped(*scopes: str, **more: Any) -> Who:
    return Who(scopes=frozenset(scopes), **more)


SALES, CHAT, BOOK = Who(groups=frozenset({"sales"})), scoped("chat"), scoped("book", "book.all")


@pytest.mark.parametrize(
    ("who", "scopes"),
    [
        (Who(), set()),
        (SALES, set()),
        (BOOK, {"book", "book.all"}),
        (Who(any_of=(CHAT, SALES)), {"chat"}),
        (scoped("chat", all_of=(Who(any_of=(BOOK, SALES)),)), {"chat", "book", "book.all"}),
        (scoped("chat", none_of=(scoped("guest"),)), {"chat"}),
        (scoped("two words", 'quoted"', "line\r\nX-Evil: 1", "", "fine"), {"fine"}),
    ],
)
def test_the_scopes_of_a_condition_are_those_that_let_someone_in(who: Who, scopes: set[str]) -> None:
    assert named(who) == scopes


@pytest.mark.parametrize(
    ("who", "held", "scopes"),
    [
        (CHAT, (), ("chat",)),
        (BOOK, ("chat",), ("book", "book.all")),
        (Who(groups=frozenset({"sales"}), all_of=(CHAT, BOOK)), ("chat",), ("book", "book.all", "chat")),
        (Who(any_of=(CHAT, Who(groups=frozenset({"ops"})))), (), ("chat",)),
        (scoped("chat", none_of=(scoped("guest"),)), (), ("chat",)),
    ],
)
def test_who_lacks_scopes_alone_is_told_which(who: Who, held: tuple[str, ...], scopes: tuple[str, ...]) -> None:
    principal = replace(ALICE, scopes=frozenset(held))
    refusal = refused(who, principal, "inbound.who: scopes: none of those", None)
    assert isinstance(refusal, InsufficientScope)
    assert (refusal.scopes, refusal.code, refusal.status) == (scopes, "not_permitted", 403)
    assert refusal.reason == "inbound.who: scopes: none of those"
    assert who.met(replace(principal, scopes=principal.scopes | set(scopes)))


@pytest.mark.parametrize(
    ("who", "held"),
    [
        (Who(groups=frozenset({"ops"})), ()),
        (scoped("chat", groups=frozenset({"ops"})), ()),
        (scoped("chat", none_of=(scoped("guest"),)), ("guest",)),
        (scoped("two words"), ()),
    ],
)
def test_who_lacks_more_is_told_nothing_of_scopes(who: Who, held: tuple[str, ...]) -> None:
    refusal = refused(who, replace(ALICE, scopes=frozenset(held)), "inbound.who: groups: none of ops", None)
    assert type(refusal) is NotPermitted
    assert challenge(refusal, ("chat",), METADATA) is None


def configured(name: str, kind: str, **own: Any) -> Issuer:
    return issuer(name, kind, own, Common())


STAFF = configured(
    "staff", "entra", tenant=("4f2d0000-0000-0000-0000-000000000000",), audience=("9b1e", "api://travel")
)
BY_ID = configured("by-id", "entra", tenant=("4f2d0000-0000-0000-0000-000000000000",), audience=("9b1e",))
SHOP = configured("shop", "oidc", issuer="https://idp.example", audience=("travel",))


@pytest.mark.parametrize(
    ("issuers", "form"),
    [
        ((), "chat"),
        ((SHOP,), "chat"),
        ((STAFF,), "api://travel/chat"),
        ((BY_ID,), "9b1e/chat"),
        ((STAFF, SHOP), "chat"),
        ((STAFF, BY_ID), "chat"),
    ],
)
def test_scopes_are_named_as_the_issuer_wants_to_be_asked(issuers: tuple[Issuer, ...], form: str) -> None:
    assert asked({"chat"}, issuers) == (form,)


def test_a_principal_is_sent_to_its_own_issuer() -> None:
    refusal = refused(CHAT, ALICE, "scopes", STAFF)
    assert isinstance(refusal, InsufficientScope)
    assert refusal.scopes == ("api://travel/chat",)


@pytest.mark.parametrize(
    ("refusal", "said"),
    [
        (TokenMissing(), f'Bearer scope="a b", resource_metadata="{METADATA}"'),
        (
            TokenExpired(),
            'Bearer error="invalid_token", error_description="The bearer token has expired.", scope="a b", '
            f'resource_metadata="{METADATA}"',
        ),
        (
            InsufficientScope.of(("c",), "inbound.who: scopes"),
            'Bearer error="insufficient_scope", error_description="The bearer token lacks a scope.", scope="c", '
            f'resource_metadata="{METADATA}"',
        ),
        (NotPermitted(), None),
        (RateLimited(), None),
    ],
    ids=["missing", "expired", "insufficient", "not-permitted", "rate-limited"],
)
def test_a_challenge_says_what_to_ask_for_and_where(refusal: Any, said: str | None) -> None:
    assert challenge(refusal, ("a", "b"), METADATA) == said


def test_a_challenge_says_no_more_than_is_known() -> None:
    assert challenge(TokenMissing(), (), None) == "Bearer"
    assert challenge(InsufficientScope.of(("c",), ""), (), None) == (
        'Bearer error="insufficient_scope", error_description="The bearer token lacks a scope.", scope="c"'
    )


@given(st.frozensets(st.text(), max_size=4))
def test_no_scope_of_a_configuration_breaks_the_header(scopes: frozenset[str]) -> None:
    said = challenge(TokenMissing(), asked(named(Who(scopes=scopes)), (SHOP,)), METADATA)
    assert said is not None
    assert re.fullmatch(r'Bearer (scope="[\x21\x23-\x5b\x5d-\x7e ]+", )?resource_metadata="[^"]+"', said)
