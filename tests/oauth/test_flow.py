"""The authorization-code flow's messages, before every provider's recorded answers."""

import base64
import json
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlsplit

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sidecar import errors
from sidecar.errors import GrantDead, ProviderRefused, Refusal
from sidecar.oauth import flow
from sidecar.oauth.catalog import MAKERS, Entry, entry
from sidecar.oauth.flow import Tokens
from sidecar.oauth.metadata import Endpoint
from sidecar.oauth.provider import Provider
from sidecar.secret import Secret
from sidecar.vault.grant import At, Grant, Owner, Place
from sidecar.wire.http import Request, Response
from tests.oauth.recorded import CHALLENGE, NONCE, REDIRECT, VERIFIER, Case, Recorded, cases, recorded

NOW = 1795515001.0
OLD = Secret("the-old-one")
ISSUER = "https://as.example.com"


def custom(**settings: Any) -> Provider:
    usual: dict[str, Any] = {"client_id": "the client:1", "client_secret": Secret("s:e%c+r&t")}
    urls = {"authorize_url": f"{ISSUER}/authorize", "token_url": f"{ISSUER}/token"}
    return Provider("crm", "oauth2", "principal", **{**usual, **urls, **settings})


def asked(one: Entry, provider: Provider, *scopes: str, **more: Any) -> dict[str, str]:
    """The authorization request's parameters."""
    usual: dict[str, Any] = {"redirect_uri": REDIRECT, "state": "the-state", "verifier": VERIFIER}
    url = flow.authorize(one, provider, scopes=frozenset(scopes), **{**usual, **more})
    pairs = parse_qsl(urlsplit(url).query, strict_parsing=True, keep_blank_values=True)
    assert len(dict(pairs)) == len(pairs)
    return dict(pairs)


def form(request: Request) -> dict[str, str]:
    if request.headers.get("Content-Type") == "application/json":
        read: dict[str, str] = json.loads(request.body)
        return read
    fields = parse_qs(request.body.decode("ascii"), strict_parsing=bool(request.body), keep_blank_values=True)
    return {name: value for name, (value,) in fields.items()}


def basic(request: Request) -> str:
    scheme, _, pair = request.headers["Authorization"].partition(" ")
    assert scheme == "Basic"
    return base64.b64decode(pair).decode()


def grant(refresh: str | None = "the-refresh-token", access: str | None = "the-access-token") -> Grant:
    place = Place(Owner("https://idp.example.com", "", "alice"), At(ISSUER, "the-client"), frozenset({"a"}))
    old, now = (None if token is None else Secret(token) for token in (refresh, access))
    return Grant(place, "1", "alice", old, now, "Bearer", expires=None, since=NOW, used=None, used_by="")


def read(case: Case) -> Tokens:
    one = case.of
    if case.to == "code":
        return flow.granted(one.entry, one.provider, case.answer, one.asked, NOW, NONCE)
    return flow.refreshed(one.entry, one.provider, case.answer, one.asked, NOW, OLD)


def shown(tokens: Tokens) -> dict[str, Any]:
    """As a recording writes it."""
    refresh, account = tokens.refresh_token, tokens.account
    said: dict[str, Any] = {
        "access_token": tokens.access_token.reveal(),
        "refresh_token": None if refresh is None else refresh.reveal(),
        "lifetime": None if tokens.expires is None else tokens.expires - NOW,
        "scopes": sorted(tokens.scopes),
        "missing": sorted(tokens.missing),
    }
    more = {
        "refresh_lifetime": None if tokens.refresh_expires is None else tokens.refresh_expires - NOW,
        "account": None if account is None else [account.id, account.label],
    }
    return said | {name: value for name, value in more.items() if value is not None}


# every provider


def test_every_provider_of_the_catalogue_is_recorded() -> None:
    assert {one.provider.type for one in recorded()} == set(MAKERS)


@pytest.mark.parametrize("one", recorded(), ids=lambda one: one.name)
def test_a_recording_says_where_it_is_from_and_has_good_and_bad_answers(one: Recorded) -> None:
    assert len(one.said["about"]) > 40
    answers = one.said["answers"]
    assert any(case["to"] == "code" and "gives" in case for case in answers)
    assert one.name == "github" or any(case["to"] == "refresh" and "gives" in case for case in answers)
    assert sum("raises" in case for case in answers) >= 2
    whose, revocation = one.entry.whose, one.entry.revocation
    called = whose is not None and whose.told in ("call", "introspection")
    assert called == any(case["to"] == "account" for case in answers)
    if "-" not in one.name:
        assert (revocation is not None) == any(case["to"] == "revocation" for case in answers) or one.name == "figma"


@pytest.mark.parametrize("one", recorded(), ids=lambda one: one.name)
def test_users_are_sent_to_the_provider_with_what_it_needs(one: Recorded) -> None:
    sent = asked(one.entry, one.provider, *one.asked, nonce=NONCE, login_hint="alice@example.com")
    assert sent.pop("response_type") == "code"
    assert sent.pop("client_id") == one.provider.client_id
    assert (sent.pop("redirect_uri"), sent.pop("state")) == (REDIRECT, "the-state")
    assert sent.pop("code_challenge", CHALLENGE) == CHALLENGE
    assert sent.pop("nonce", NONCE) == NONCE
    assert sent == one.said["authorize"]
    assert not set(one.said.get("unsaid", ())) & set(sent)


@pytest.mark.parametrize("one", recorded(), ids=lambda one: one.name)
def test_the_code_is_spent_with_the_clients_proof_and_the_verifier(one: Recorded) -> None:
    request = flow.exchange(
        one.entry, one.provider, code="the-code", redirect_uri=REDIRECT, verifier=VERIFIER, scopes=one.asked
    )
    assert (request.url, request.method) == (one.entry.token_url, "POST")
    assert request.headers["Accept"] == "application/json"
    sent = form(request)
    assert (sent["grant_type"], sent["code"], sent["redirect_uri"]) == ("authorization_code", "the-code", REDIRECT)
    assert sent.get("code_verifier") == (VERIFIER if one.entry.pkce else None)
    proved(one, request, sent)


@pytest.mark.parametrize("one", recorded(), ids=lambda one: one.name)
def test_a_refresh_token_is_spent_with_the_clients_proof(one: Recorded) -> None:
    request = flow.refresh(one.entry, one.provider, OLD, one.asked)
    assert request.url == (one.entry.refresh_url or one.entry.token_url)
    sent = form(request)
    assert (sent["grant_type"], sent["refresh_token"]) == ("refresh_token", "the-old-one")
    assert ("scope" in sent) == bool(one.entry.resource)
    proved(one, request, sent)
    assert "the-old-one" not in repr(request)
    assert "the-secret" not in repr(request)


def proved(one: Recorded, request: Request, sent: Mapping[str, str]) -> None:
    if one.entry.client_auth == "basic":
        assert basic(request) == f"{one.provider.client_id}:the-secret"
        assert "client_secret" not in sent
    else:
        assert (sent["client_id"], sent["client_secret"]) == (one.provider.client_id, "the-secret")
        assert "Authorization" not in request.headers


@pytest.mark.parametrize("case", [*cases("code"), *cases("refresh")], ids=str)
def test_what_a_provider_answers_is_tokens_or_the_refusal_that_it_means(case: Case) -> None:
    if "gives" in case.said:
        assert shown(read(case)) == case.said["gives"]
        return
    with pytest.raises(Refusal) as refused:
        read(case)
    refusal = refused.value
    assert type(refusal) is getattr(errors, case.said["raises"])
    assert isinstance(refusal, GrantDead) == (case.said["raises"] == "GrantDead")
    assert case.said.get("because", "") in refusal.reason
    assert case.said.get("reason", "") in refusal.reason
    assert "made up" not in refusal.detail + refusal.reason
    assert "one" in refusal.reason


@pytest.mark.parametrize("case", [*cases("code"), *cases("refresh")], ids=str)
def test_no_token_is_in_any_text(case: Case) -> None:
    try:
        text = repr(read(case))
    except Refusal as refusal:
        text = f"{refusal!r}{refusal.reason}{refusal.detail}"
    for secret in ("made-up", "madeup", "the-old-one", "the-secret", "other", "alice"):
        assert secret not in text.replace("another", "")


# revocation


@pytest.mark.parametrize("one", recorded(), ids=lambda one: one.name)
def test_a_grant_is_given_back_as_the_provider_takes_it(one: Recorded) -> None:
    request = flow.revoke(one.entry, one.provider, grant())
    rule = one.entry.revocation
    if rule is None:
        assert request is None
        return
    assert request is not None
    assert request.method == rule.method
    assert "{" not in request.url
    token = "the-refresh-token" if rule.ends == "refresh" else "the-access-token"
    if rule.parameter:
        assert form(request)[rule.parameter] == token
    else:
        assert (request.headers["Authorization"], request.body) == (f"Bearer {token}", b"")
    assert token not in repr(request)
    assert flow.revoke(one.entry, one.provider, grant(None, None)) is None


def test_github_is_asked_with_the_clients_basic_proof_to_delete_the_whole_grant() -> None:
    (one,) = (one for one in recorded() if one.name == "github")
    request = flow.revoke(one.entry, one.provider, grant(None))
    assert request is not None
    assert (request.method, request.url) == ("DELETE", "https://api.github.com/applications/Ov23liMadeUp/grant")
    assert basic(request) == "Ov23liMadeUp:the-secret"
    assert json.loads(request.body) == {"access_token": "the-access-token"}


@pytest.mark.parametrize("case", [*cases("revocation")], ids=str)
def test_a_grant_is_gone_or_it_is_said_that_it_may_not_be(case: Case) -> None:
    one = case.of
    if "raises" not in case.said:
        flow.revoked(one.entry, one.provider, case.answer, NOW)
        return
    with pytest.raises(Refusal) as refused:
        flow.revoked(one.entry, one.provider, case.answer, NOW)
    assert type(refused.value) is getattr(errors, case.said["raises"])


@pytest.mark.parametrize(("status", "raises"), [(503, errors.ProviderUnreachable), (429, errors.RateLimited)])
def test_a_revocation_that_fails_for_now_is_told_from_one_that_is_refused(status: int, raises: type[Refusal]) -> None:
    provider = custom(revoke_url=f"{ISSUER}/revoke")
    with pytest.raises(raises):
        flow.revoked(entry(provider), provider, Response(status, {}, b""), NOW)


# any other


def test_a_query_that_the_authorization_endpoint_has_is_kept() -> None:
    provider = custom(authorize_url=f"{ISSUER}/authorize?realm=acme")
    sent = asked(entry(provider), provider, "a b")
    assert (sent["realm"], sent["scope"]) == ("acme", "a b")


def test_what_is_sent_is_percent_encoded() -> None:
    provider = custom()
    url = flow.authorize(
        entry(provider), provider, redirect_uri="https://a.example/?b=c&d", state="s&x=y", verifier=VERIFIER,
        scopes=frozenset({"a&b", "c"}),
    )  # fmt: skip
    assert "state=s%26x%3Dy" in url
    assert "redirect_uri=https%3A%2F%2Fa.example%2F%3Fb%3Dc%26d" in url
    assert "scope=a%26b%20c" in url


def test_audience_and_resource_go_along() -> None:
    provider = custom(audience="https://api.example.com", resource="https://api.example.com/v1")
    sent = asked(entry(provider), provider)
    assert (sent["audience"], sent["resource"]) == ("https://api.example.com", "https://api.example.com/v1")
    spent = form(flow.refresh(entry(provider), provider, OLD))
    assert spent["resource"] == "https://api.example.com/v1"
    assert "audience" not in spent


def test_a_client_with_a_key_proves_itself_by_an_assertion() -> None:
    provider = custom(client_auth="private_key_jwt", client_secret=None, revoke_url=f"{ISSUER}/revoke")
    one = entry(provider)
    for request in (
        flow.exchange(one, provider, code="c", redirect_uri=REDIRECT, verifier=VERIFIER, assertion="a.b.c"),
        flow.refresh(one, provider, OLD, assertion="a.b.c"),
        flow.revoke(one, provider, grant(), assertion="a.b.c"),
    ):
        assert request is not None
        assert form(request)["client_assertion"] == "a.b.c"
        assert "Authorization" not in request.headers


@pytest.mark.parametrize("error", ["invalid_client", "unauthorized_client", "invalid_scope", "access_denied", "what"])
def test_invalid_grant_alone_ends_a_grant(error: str) -> None:
    provider = custom()
    answer = Response(400, {}, json.dumps({"error": error}).encode())
    with pytest.raises(ProviderRefused) as refused:
        flow.refreshed(entry(provider), provider, answer, frozenset(), NOW, OLD)
    assert type(refused.value) is ProviderRefused


def test_a_status_that_is_a_servers_failure_ends_no_grant_whatever_it_says() -> None:
    provider = custom()
    answer = Response(500, {}, b'{"error": "invalid_grant"}')
    with pytest.raises(errors.ProviderUnreachable) as refused:
        flow.refreshed(entry(provider), provider, answer, frozenset(), NOW, OLD)
    assert type(refused.value) is errors.ProviderUnreachable


def test_a_spent_code_ends_no_grant() -> None:
    provider = custom()
    answer = Response(400, {}, b'{"error": "invalid_grant"}')
    with pytest.raises(ProviderRefused, match="invalid_grant") as refused:
        flow.granted(entry(provider), provider, answer, frozenset(), NOW)
    assert type(refused.value) is ProviderRefused
    assert "redirect URI" in refused.value.detail


# whatever it answers

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda below: st.lists(below, max_size=3) | st.dictionaries(st.text(max_size=10), below, max_size=3),
    max_leaves=8,
)
NAMES = st.sampled_from([
    "access_token", "refresh_token", "token_type", "expires_in", "scope", "scopes", "error", "error_description", "ok",
    "authed_user", "team", "status", "object", "code", "reason", "id_token", "id", "instance_url", "owner", "message",
    "refresh_token_expires_in",
])  # fmt: skip
WORDS = st.sampled_from([
    "bearer", "user", "bot", "invalid_grant", "BAD_REFRESH_TOKEN", "error", "a,b c", "3600", "ghu_x", True, 3600,
    "x.e30.y",
])  # fmt: skip
MEMBERS = st.dictionaries(NAMES, WORDS | JSON | st.dictionaries(NAMES, WORDS | JSON, max_size=4), max_size=8)
BODIES = st.binary(max_size=60) | MEMBERS.map(lambda members: json.dumps(members).encode())
FORM = "application/x-www-form-urlencoded"
SAFE = "k7Q-secret-9Zx"


@pytest.mark.parametrize("one", recorded(), ids=lambda one: one.name)
@settings(max_examples=30, deadline=None)
@given(data=st.data())
def test_whatever_a_provider_answers_is_tokens_or_a_refusal(one: Recorded, data: st.DataObject) -> None:
    status = data.draw(st.sampled_from([200, 200, 200, 201, 204, 302, 400, 401, 403, 404, 429, 500, 503]))
    kind = data.draw(st.sampled_from(["application/json", "text/html", FORM, ""]))
    answer = Response(status, {"content-type": kind}, data.draw(BODIES))
    reads: list[Callable[[], Tokens | None]] = [
        lambda: flow.granted(one.entry, one.provider, answer, one.asked, NOW, NONCE),
        lambda: flow.refreshed(one.entry, one.provider, answer, one.asked, NOW, OLD),
        lambda: flow.revoked(one.entry, one.provider, answer, NOW),
    ]
    for each in reads:
        try:
            tokens = each()
        except Refusal:
            continue
        if tokens is not None:
            assert tokens.access_token.reveal()
            assert tokens.refresh_token is None or tokens.refresh_token.reveal()


@pytest.mark.parametrize("one", recorded(), ids=lambda one: one.name)
@settings(max_examples=30, deadline=None)
@given(members=MEMBERS, where=NAMES, status=st.sampled_from([200, 400, 403]))
def test_a_token_in_an_answer_is_in_no_text_of_ours(
    one: Recorded, members: dict[str, Any], where: str, status: int
) -> None:
    body = json.dumps({**members, where: SAFE}).encode()
    answer = Response(status, {}, body)
    for refreshing in (False, True):
        try:
            if refreshing:
                tokens = flow.refreshed(one.entry, one.provider, answer, one.asked, NOW, Secret(SAFE))
            else:
                tokens = flow.granted(one.entry, one.provider, answer, one.asked, NOW, NONCE)
            text = "" if SAFE in tokens.scopes else repr(tokens)  # where it was sent as a scope
        except Refusal as refusal:
            text = f"{refusal!r}{refusal.reason}{refusal.detail}"
        assert SAFE not in text


def test_discovered_metadata_makes_an_entry() -> None:
    provider = custom(authorize_url=None, token_url=None, discovery=ISSUER)
    found = Endpoint(
        f"{ISSUER}/t", ISSUER, f"{ISSUER}/a", f"{ISSUER}/r", frozenset({"openid", "email", "offline_access", "x"}), True
    )
    sent = asked(entry(provider, found), provider, "x", nonce=NONCE)
    assert sent["scope"] == "email offline_access openid x"
    assert (sent["prompt"], sent["nonce"]) == ("consent", NONCE)
