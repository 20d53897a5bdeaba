"""What the sidecar writes into headers and documents is what an agent reads out of them."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.identity import principal as ours
from sidecar.inbound.headers import principal_lines
from sidecar.sdk.identity import Principal, of_document, of_headers

LEAST = {
    "x-identity-principal": "p_1",
    "x-identity-subject": "alice",
    "x-identity-issuer": "okta",
    "x-identity-kind": "user",
}

texts = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=40)
several = st.frozensets(texts, max_size=6)


def headers(lines: bytes) -> dict[str, str]:
    """As a server hands them on: lower-case names, values as latin-1."""
    pairs = (line.partition(": ") for line in lines.decode("latin-1").split("\r\n") if line)
    return {name.lower(): value for name, _, value in pairs}


@given(
    st.builds(
        ours.Principal,
        issuer_url=st.just("https://id.example.com"),
        tenant=st.text(st.characters(exclude_categories=["Cs"]), max_size=10),
        subject=texts,
        issuer=texts,
        kind=st.sampled_from(ours.Kind),
        client=st.none() | texts,
        name=st.none() | texts,
        email=st.none() | texts,
        groups=st.none() | several,
        roles=several,
        scopes=several,
    )
)
def test_whatever_the_sidecar_writes_is_read_back_as_it_was(principal: ours.Principal) -> None:
    assert of_headers(headers(principal_lines(principal))) == Principal(
        id=principal.id,
        subject=principal.subject,
        issuer=principal.issuer,
        kind=principal.kind,
        tenant=principal.tenant or None,
        client=principal.client,
        name=principal.name,
        email=principal.email,
        groups=principal.groups,
        roles=principal.roles,
        scopes=principal.scopes,
    )


def test_what_was_cut_is_named_as_the_fields_are() -> None:
    long = ours.Principal(
        issuer_url="https://id.example.com",
        tenant="",
        subject="alice",
        issuer="okta",
        kind=ours.Kind.USER,
        name="n" * 2000,
        groups=frozenset(f"group-{number:04}" for number in range(2000)),
    )
    read = of_headers(headers(principal_lines(long)))
    assert read is not None
    assert read.name is None
    assert read.truncated == {"name", "groups"}
    assert read.groups is not None
    assert read.groups < (long.groups or frozenset())


@pytest.mark.parametrize("missing", LEAST)
def test_without_all_that_every_principal_has_there_is_none(missing: str) -> None:
    assert of_headers(LEAST) == Principal("p_1", "alice", "okta", "user")
    assert of_headers({name: value for name, value in LEAST.items() if name != missing}) is None
    assert of_headers(LEAST | {missing: ""}) is None


def test_groups_that_are_unknown_are_not_none() -> None:
    unknown = of_headers(LEAST | {"x-identity-groups-unknown": "true"})
    assert unknown == replace(Principal("p_1", "alice", "okta", "user"), groups=None)


def test_a_list_is_split_before_it_is_decoded() -> None:
    read = of_headers(LEAST | {"x-identity-groups": "sales%2C north,Domain%20Admins,100%25,,"})
    assert read is not None
    assert sorted(read.groups or ()) == ["100%", "Domain Admins", "sales, north"]


@given(st.dictionaries(st.sampled_from([*LEAST, "x-identity-groups", "x-identity-name"]), st.text(max_size=30)))
def test_no_headers_do_anything_but_name_someone_or_no_one(given_headers: dict[str, str]) -> None:
    read = of_headers(given_headers)
    assert (read is None) == any(not given_headers.get(name) for name in LEAST)


def test_the_identity_apis_document_says_the_same() -> None:
    document = {
        "id": "p_1",
        "subject": "alice",
        "issuer": "okta",
        "issuer_url": "https://acme.okta.com",
        "kind": "user",
        "tenant": None,
        "client": "web",
        "name": "Alice",
        "email": None,
        "groups": None,
        "groups_unknown": True,
        "roles": ["admin"],
        "scopes": ["chat"],
        "actors": [],
    }
    assert of_document(document) == Principal(
        "p_1", "alice", "okta", "user", None, "web", "Alice", None, None, frozenset({"admin"}), frozenset({"chat"})
    )


@pytest.mark.parametrize("document", [{}, {"id": "p_1"}])
def test_another_document_is_no_principal(document: dict[str, str]) -> None:
    with pytest.raises(KeyError):
        of_document(document)
