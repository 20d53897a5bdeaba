"""Whose account a grant is for."""

import base64
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar import errors
from sidecar.errors import ProviderRefused, Refusal
from sidecar.oauth import account
from sidecar.oauth.catalog import entry
from sidecar.oauth.metadata import Endpoint
from sidecar.oauth.provider import Provider
from sidecar.secret import Secret
from sidecar.wire.http import Response
from tests.oauth.recorded import Case, Recorded, cases, id_token, recorded

NOW = 1795515001.0
TOKEN = Secret("the-access-token")
ISSUER = "https://as.example.com"
TENANT = "4f2d0000-0000-0000-0000-000000000000"
OIDC = Provider("crm", "oauth2", "principal", client_id="the-client", client_secret=Secret("s"), discovery=ISSUER)
ENTRY = entry(OIDC, Endpoint(f"{ISSUER}/t", ISSUER, f"{ISSUER}/a", None, frozenset({"openid", "email"})))
CLAIMS: dict[str, Any] = {"iss": ISSUER, "aud": "the-client", "sub": "248289761001", "email": "alice@example.com"}
CLAIMS |= {"exp": NOW + 600, "nonce": "n"}


def told(token: object, nonce: str | None = "n") -> account.Account:
    found = account.in_answer(ENTRY, OIDC, {"id_token": token}, NOW, nonce)
    assert found is not None
    return found


@pytest.mark.parametrize("case", [*cases("account")], ids=str)
def test_the_provider_is_asked_whose_account_it_is(case: Case) -> None:
    one = case.of
    if "gives" in case.said:
        found = account.in_call(one.entry, one.provider, case.answer, NOW)
        assert (found.id, found.label) == (case.said["gives"]["id"], case.said["gives"]["label"])
        assert "alice" not in repr(found)
        return
    with pytest.raises(Refusal) as refused:
        account.in_call(one.entry, one.provider, case.answer, NOW)
    assert type(refused.value) is getattr(errors, case.said["raises"])
    assert "providers.one" in refused.value.detail
    assert case.said.get("mends", "") in refused.value.detail


@pytest.mark.parametrize("one", recorded(), ids=lambda one: one.name)
def test_it_is_asked_with_the_token_or_with_the_clients_proof(one: Recorded) -> None:
    request, whose = account.request(one.entry, one.provider, TOKEN), one.entry.whose
    assert whose is not None
    if whose.told not in ("call", "introspection"):
        assert request is None
        return
    assert request is not None
    assert request.url == whose.url
    assert "the-access-token" not in repr(request)
    if whose.told == "introspection":
        assert b"token=the-access-token" in request.body
        assert b"client_secret=the-secret" in request.body
        return
    assert request.headers["Authorization"] == "Bearer the-access-token"
    assert request.method == whose.method
    assert (request.headers.get("Content-Type") == "application/json") == bool(request.body)


@pytest.mark.parametrize(("status", "raises"), [(503, errors.ProviderUnreachable), (429, errors.RateLimited)])
def test_an_answer_that_is_late_is_told_from_none(status: int, raises: type[Refusal]) -> None:
    (one,) = (one for one in recorded() if one.name == "github")
    with pytest.raises(raises):
        account.in_call(one.entry, one.provider, Response(status, {}, b""), NOW)


def test_an_id_token_says_whose_account_it_is() -> None:
    found = told(id_token(CLAIMS))
    assert (found.id, found.label) == ("248289761001", "alice@example.com")
    assert told(id_token({**CLAIMS, "aud": ["another", "the-client"]}), None).id == "248289761001"
    assert told(id_token({**CLAIMS, "email": None, "name": "Alice"})).label == "Alice"
    assert told(id_token({**CLAIMS, "email": "", "exp": NOW - 59})).label == "248289761001"


@pytest.mark.parametrize(
    ("changed", "claim"),
    [
        ({"iss": "https://other.example.com"}, "iss"),
        ({"iss": None}, "iss"),
        ({"aud": "another"}, "aud"),
        ({"aud": ["another"]}, "aud"),
        ({"aud": None}, "aud"),
        ({"aud": {"the-client": 1}}, "aud"),
        ({"exp": NOW - 60}, "exp"),
        ({"exp": True}, "exp"),
        ({"exp": "soon"}, "exp"),
        ({"nonce": "another"}, "nonce"),
        ({"nonce": None}, "nonce"),
    ],
)
def test_an_id_token_that_is_not_for_this_flow_is_refused(changed: dict[str, Any], claim: str) -> None:
    with pytest.raises(ProviderRefused, match=f"ID token's {claim} "):
        told(id_token({**CLAIMS, **changed}))


@pytest.mark.parametrize("sub", [None, "", " ", "a\nb", ["a"], True, "x" * 513])
def test_an_account_without_a_name_that_can_be_kept_is_refused(sub: object) -> None:
    with pytest.raises(ProviderRefused, match="whose account"):
        told(id_token({**CLAIMS, "sub": sub}))


def test_a_label_is_a_strangers_text() -> None:
    assert told(id_token({**CLAIMS, "email": "x" * 900})).label == "x" * 200
    assert told(id_token({**CLAIMS, "email": "a\u202eb@example.com"})).label == "248289761001"


@pytest.mark.parametrize("iss", [TENANT, "5f2d0000-0000-0000-0000-000000000000"])
def test_any_tenants_token_has_its_own_tenants_issuer(iss: str) -> None:
    provider = Provider("one", "microsoft", "principal", client_id="the-client")
    claims = {**CLAIMS, "iss": f"https://login.microsoftonline.com/{iss}/v2.0", "tid": TENANT, "oid": "o", "nonce": "n"}
    said = {"id_token": id_token(claims)}
    if iss == TENANT:
        found = account.in_answer(entry(provider), provider, said, NOW, "n")
        assert found == account.Account(f"{TENANT}/o", "alice@example.com")
        return
    with pytest.raises(ProviderRefused, match="iss"):
        account.in_answer(entry(provider), provider, said, NOW, "n")


@pytest.mark.parametrize("tenant", ["x/../y", "{tenantid}", "", 7])
def test_a_tenant_that_is_none_is_put_nowhere(tenant: object) -> None:
    provider = Provider("one", "microsoft", "principal", client_id="the-client")
    claims = {**CLAIMS, "iss": f"https://login.microsoftonline.com/{tenant}/v2.0", "tid": tenant, "oid": "o"}
    with pytest.raises(ProviderRefused):
        account.in_answer(entry(provider), provider, {"id_token": id_token(claims)}, NOW, "n")


def test_where_nobody_says_it_nothing_is_asked() -> None:
    provider = Provider("crm", "oauth2", "principal", authorize_url=f"{ISSUER}/a", token_url=f"{ISSUER}/t")
    assert account.in_answer(entry(provider), provider, {"id_token": "x"}, NOW, None) is None
    assert account.request(entry(provider), provider, TOKEN) is None


@given(st.none() | st.integers() | st.text() | st.text("e30.", max_size=12) | st.binary().map(base64.b64encode))
def test_whatever_stands_for_an_id_token_is_refused(token: object) -> None:
    with pytest.raises(ProviderRefused):
        told(token)


@given(st.binary(max_size=80) | st.dictionaries(st.text(), st.text()).map(lambda said: json.dumps(said).encode()))
def test_whatever_says_whose_account_it_is_is_an_account_or_a_refusal(body: bytes) -> None:
    for one in recorded():
        try:
            assert account.in_call(one.entry, one.provider, Response(200, {}, body), NOW).id
        except Refusal:
            continue
