"""What the agent may believe: which names are ours, and a principal as header lines."""

import string
from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.identity.principal import Kind, Principal
from sidecar.inbound.headers import (
    MOST_ADDED,
    forged,
    forwarded_lines,
    forwarding,
    item,
    ours,
    principal_lines,
    value,
)
from tests.fuzzing import examples

FOR_THE_REST = 1024


def principal(**more: object) -> Principal:
    usual: dict[str, object] = {"issuer_url": "https://a", "tenant": "", "subject": "alice", "issuer": "shop"}
    return Principal(**{**usual, "kind": Kind.USER, **more})  # type: ignore[arg-type]  # fields by name


def said(lines: bytes) -> dict[str, str]:
    """The lines as a mapping; none may come twice."""
    assert lines.endswith(b"\r\n")
    pairs = [
        (line.split(": ", 1)[0], line.split(": ", 1)[1])
        for line in lines.decode("ascii").removesuffix("\r\n").split("\r\n")
    ]
    assert len({name.lower() for name, _ in pairs}) == len(pairs)
    return dict(pairs)


@pytest.mark.parametrize(
    "name", [b"x-identity-a", b"X_Identity_A", b"x-identity-", b"remote_user", b"X-Pomerium-x", b"x_real_ip"]
)
def test_a_name_that_says_who_someone_is_is_forged(name: bytes) -> None:
    assert forged(name)


@pytest.mark.parametrize(
    "name",
    [b"x-identity", b"xx-identity-a", b"remote-users", b"authorization", b"x-forwarded-for", b"x-real-ip", b"a_b"],
)
def test_other_names_are_not(name: bytes) -> None:
    assert not forged(name)


def test_the_sidecars_names_in_answers() -> None:
    assert all(map(ours, [b"X-Identity-A", b"x_identity_a", b"Sidecar-Error", b"sidecar_error", b"x-trace-id"]))
    assert not any(map(ours, [b"x-identity", b"sidecar-errors", b"trace-id", b"x-trace-ids"]))


def test_forwarding_names() -> None:
    assert all(map(forwarding, [b"x-forwarded-for", b"forwarded", b"x-real-ip", b"x-forwarded-port"]))
    assert not any(map(forwarding, [b"x-forwarded-user", b"x-forwarded", b"via"]))


@pytest.mark.parametrize(
    ("text", "as_value", "as_item"),
    [
        ("alice", "alice", "alice"),
        ("Domain Admins", "Domain%20Admins", "Domain%20Admins"),
        ("a,b", "a,b", "a%2Cb"),
        ("100%", "100%25", "100%25"),
        ("a%2Cb", "a%252Cb", "a%252Cb"),
        ("Zoë", "Zo%C3%AB", "Zo%C3%AB"),
        ("a\r\nX-Identity-Name: b", "a%0D%0AX-Identity-Name:%20b", "a%0D%0AX-Identity-Name:%20b"),
        ("\x00\x7f\t", "%00%7F%09", "%00%7F%09"),
        ("auth0|1", "auth0|1", "auth0|1"),
        ("\ud800", "?", "?"),
        ("", "", ""),
    ],
)
def test_values_are_visible_ascii(text: str, as_value: str, as_item: str) -> None:
    assert (value(text), item(text)) == (as_value, as_item)


def test_a_principal_in_full() -> None:
    alice = principal(
        tenant="t 1",
        client="app",
        name="Alice Ä",
        email="alice@shop.example",
        groups=frozenset({"b,c", "a"}),
        roles=frozenset({"admin"}),
        scopes=frozenset({"write", "read"}),
    )
    assert said(principal_lines(alice, extra=["X-Identity-Assertion: x.y.z"])) == {
        "X-Identity-Principal": alice.id,
        "X-Identity-Subject": "alice",
        "X-Identity-Issuer": "shop",
        "X-Identity-Kind": "user",
        "X-Identity-Tenant": "t%201",
        "X-Identity-Client": "app",
        "X-Identity-Name": "Alice%20%C3%84",
        "X-Identity-Email": "alice@shop.example",
        "X-Identity-Groups": "a,b%2Cc",
        "X-Identity-Roles": "admin",
        "X-Identity-Scopes": "read,write",
        "X-Identity-Assertion": "x.y.z",
    }


def test_a_principal_of_which_little_is_known() -> None:
    assert set(said(principal_lines(principal()))) == {
        f"X-Identity-{name}" for name in ("Principal", "Subject", "Issuer", "Kind")
    }


def test_groups_that_are_not_known_are_said_to_be_unknown_and_never_none() -> None:
    lines = said(principal_lines(principal(groups=None), {"groups": frozenset("a"), "roles": frozenset()}))
    assert lines["X-Identity-Groups-Unknown"] == "true"
    assert "X-Identity-Groups" not in lines


def test_only_named_groups_and_roles_are_sent_where_that_is_asked_for() -> None:
    alice = principal(groups=frozenset("abc"), roles=frozenset("rst"), scopes=frozenset("xyz"))
    lines = said(principal_lines(alice, {"groups": frozenset("bcd"), "roles": frozenset("q")}))
    assert (lines["X-Identity-Groups"], lines["X-Identity-Scopes"]) == ("b,c", "x,y,z")
    assert "X-Identity-Roles" not in lines
    assert "X-Identity-Truncated" not in lines


def test_what_is_too_long_is_cut_at_an_items_end_and_named() -> None:
    many = frozenset(f"group-{number:05}" for number in range(2000))
    lines = said(principal_lines(principal(groups=many, name="n" * 2000)))
    kept = lines["X-Identity-Groups"].split(",")
    assert kept == sorted(many)[: len(kept)]
    assert len(kept) > 400
    assert lines["X-Identity-Truncated"] == "X-Identity-Name,X-Identity-Groups"


def test_a_list_of_which_nothing_fits_is_left_out_and_named() -> None:
    lines = said(principal_lines(principal(scopes=frozenset({"s" * 9000}))))
    assert "X-Identity-Scopes" not in lines
    assert lines["X-Identity-Truncated"] == "X-Identity-Scopes"


def test_tools_are_said_where_there_are_some_to_be_had() -> None:
    assert "X-Identity-Tools" not in said(principal_lines(principal()))
    assert said(principal_lines(principal(), tools=()))["X-Identity-Tools"] == ""
    tools = ("travel/list_events", "desk/a,b", "desk/é")
    assert (
        said(principal_lines(principal(), tools=tools))["X-Identity-Tools"]
        == "desk/a%2Cb,desk/%C3%A9,travel/list_events"
    )


def test_tools_are_cut_before_groups_crowd_them_out() -> None:
    groups = frozenset(f"group-{number:05}" for number in range(2000))
    tools = tuple(f"desk/tool-{number:03}" for number in range(100))
    lines = said(principal_lines(principal(groups=groups), tools=tools))
    assert lines["X-Identity-Tools"].split(",") == sorted(tools)
    assert lines["X-Identity-Truncated"] == "X-Identity-Groups"
    lines = said(principal_lines(principal(), tools=tools * 10 + tuple(f"{tool}{'x' * 80}" for tool in tools)))
    assert lines["X-Identity-Truncated"] == "X-Identity-Tools"
    assert set(lines["X-Identity-Tools"].split(",")) < {*tools, *(f"{tool}{'x' * 80}" for tool in tools)}


_text = st.text(max_size=300)
_long = st.one_of(_text, st.sampled_from(["", "x" * 900, "ü" * 400, "\U0001f600" * 255, "," * 1000, "y" * 9000]))
_subject = st.text(st.characters(exclude_categories=["Cc", "Cs"]), min_size=1, max_size=255) | st.sampled_from(
    ["\U0001f600" * 255, "%" * 255]
)
_several = st.frozensets(_text, max_size=6) | st.integers(0, 3000).map(lambda n: frozenset(f"{i}:ä" for i in range(n)))
_principals = st.builds(
    principal,
    tenant=_long,
    subject=_subject,
    kind=st.sampled_from(Kind),
    client=st.none() | _long,
    name=st.none() | _long,
    email=st.none() | _long,
    groups=st.none() | _several,
    roles=_several,
    scopes=_several,
)


def _round(text: str) -> str:
    """What is left of *text* on the way through UTF-8."""
    return text.encode("utf-8", "replace").decode()


@examples(200)
@given(_principals, st.none() | _several.map(lambda names: names - {""}))
def test_any_principal_becomes_visible_lines_within_the_bound_and_is_read_back(
    who: Principal, tools: frozenset[str] | None
) -> None:
    data = principal_lines(who, tools=tools)
    assert len(data) <= MOST_ADDED - FOR_THE_REST
    lines = said(data)
    visible = set(string.printable) - set(string.whitespace)
    assert all(set(text) <= visible for text in lines.values())
    cut = lines.get("X-Identity-Truncated", "").split(",")
    for name, text in (("Subject", who.subject), ("Client", who.client), ("Name", who.name), ("Email", who.email)):
        if text and f"X-Identity-{name}" not in cut:
            assert unquote(lines[f"X-Identity-{name}"]) == _round(text)
        else:
            assert f"X-Identity-{name}" not in lines
    for name, several in (("Groups", who.groups), ("Roles", who.roles), ("Scopes", who.scopes), ("Tools", tools)):
        header = f"X-Identity-{name}"
        read = [unquote(each) for each in lines[header].split(",")] if header in lines and several else []
        wanted = [_round(each) for each in sorted(several or ())]
        assert read == wanted or (header in cut and read == wanted[: len(read)])


# forwarding


def test_forwarding_is_set_afresh() -> None:
    assert forwarded_lines("10.0.0.1", "https", b"agent:8080", {}) == (
        b"X-Forwarded-For: 10.0.0.1\r\nX-Forwarded-Proto: https\r\nX-Forwarded-Host: agent:8080\r\n"
        b'Forwarded: for=10.0.0.1;host="agent:8080";proto=https\r\n'
    )


def test_an_address_of_the_newer_kind_is_quoted() -> None:
    lines = forwarded_lines("fe80::1%eth0", "http", b"[::1]", {})
    assert b'Forwarded: for="[fe80::1]";host="[::1]";proto=http\r\n' in lines


def test_a_peer_without_an_address_is_unknown() -> None:
    lines = forwarded_lines("", "http", b"a", {})
    assert b"X-Forwarded-For" not in lines
    assert b'Forwarded: for=unknown;host="a";proto=http\r\n' in lines
    assert b"for=unknown" in forwarded_lines("no-address", "http", b"a", {})


def test_what_a_trusted_proxy_said_is_continued() -> None:
    before = {
        b"x-forwarded-for": [b"1.1.1.1", b"2.2.2.2, 3.3.3.3"],
        b"x-forwarded-proto": [b"https"],
        b"x-forwarded-host": [b"public.example"],
        b"forwarded": [b"for=1.1.1.1"],
    }
    assert forwarded_lines("10.0.0.1", "http", b"agent", before) == (
        b"X-Forwarded-For: 1.1.1.1, 2.2.2.2, 3.3.3.3, 10.0.0.1\r\n"
        b"X-Forwarded-Proto: https\r\nX-Forwarded-Host: public.example\r\n"
        b'Forwarded: for=1.1.1.1, for=10.0.0.1;host="agent";proto=http\r\n'
    )
    assert forwarded_lines("", "http", b"agent", before).startswith(b"X-Forwarded-For: 1.1.1.1, 2.2.2.2, 3.3.3.3\r\n")
