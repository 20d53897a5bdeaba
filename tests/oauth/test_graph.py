"""Microsoft Graph's messages about a user's groups: asked as documented, read in whole or not at all."""

import json
from typing import Any
from urllib.parse import parse_qs

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.errors import ProviderRefused, ProviderUnreachable, RateLimited, Refusal
from sidecar.identity.issuer import Login
from sidecar.oauth import graph
from sidecar.secret import Secret
from sidecar.wire.http import Response

NOW = 1_795_515_001.0
TENANT, ALICE = "4f2d0000-0000-4000-8000-00000000000a", "01d00000-0000-4000-8000-000000000001"
STAFF, SALES = "0f0f0000-0000-4000-8000-000000000001", "0f0f0000-0000-4000-8000-000000000002"


def said(body: Any, status: int = 200, **headers: str) -> Response:
    return Response(status, headers, body if isinstance(body, bytes) else json.dumps(body).encode())


def test_the_logins_own_client_asks_for_a_token_in_the_users_tenant() -> None:
    request = graph.token("staff", Login("the-client", Secret("hunter2")), TENANT, 3.0)
    assert (request.method, request.url) == ("POST", f"https://login.microsoftonline.com/{TENANT}/oauth2/v2.0/token")
    assert parse_qs(request.body.decode()) == {
        "grant_type": ["client_credentials"],
        "client_id": ["the-client"],
        "client_secret": ["hunter2"],
        "scope": ["https://graph.microsoft.com/.default"],
    }
    assert "hunter2" not in repr(request)


def test_all_groups_are_asked_for_nested_ones_among_them() -> None:
    request = graph.member_groups(ALICE, Secret("bearer"), 3.0)
    assert (request.method, request.url) == (
        "POST",
        f"https://graph.microsoft.com/v1.0/users/{ALICE}/getMemberGroups",
    )
    assert json.loads(request.body) == {"securityEnabledOnly": False}
    assert request.headers["Authorization"] == "Bearer bearer"
    assert graph.member_groups("a/../b?c", Secret("x"), 3.0).url.endswith("/users/a%2F..%2Fb%3Fc/getMemberGroups")


def test_an_answer_is_a_list_and_may_go_on() -> None:
    assert graph.groups(said({"value": [STAFF, SALES, STAFF]}), "staff", NOW) == (frozenset({STAFF, SALES}), None)
    page = "https://graph.microsoft.com/v1.0/next?$skiptoken=x"
    assert graph.groups(said({"value": [STAFF], "@odata.nextLink": page}), "staff", NOW) == (frozenset({STAFF}), page)
    assert graph.following(page, Secret("b"), 3.0).url == page


@pytest.mark.parametrize(
    ("answer", "raises"),
    [
        (said({}), ProviderRefused),
        (said({"value": None}), ProviderRefused),
        (said({"value": {"a": "b"}}), ProviderRefused),
        (said({"value": [STAFF, 7]}), ProviderRefused),
        (said({"value": [STAFF, ""]}), ProviderRefused),
        (said({"value": [STAFF, "x" * 256]}), ProviderRefused),
        (said(b"<html>"), ProviderRefused),
        (said({"value": [STAFF], "@odata.nextLink": "https://evil.example/"}), ProviderRefused),
        (said({"value": [STAFF], "@odata.nextLink": "https://graph.microsoft.com.evil.example/"}), ProviderRefused),
        (said({"value": [STAFF], "@odata.nextLink": 7}), ProviderRefused),
        (said({"value": [STAFF]}, 202), ProviderRefused),
        (said({"error": {"code": "Directory_ResultSizeLimitExceeded"}}, 400), ProviderRefused),
        (said({"error": {"code": "Authorization_RequestDenied"}}, 403), ProviderRefused),
        (said({"error": {"code": "Request_ResourceNotFound"}}, 404), ProviderRefused),
        (said({}, 429, **{"retry-after": "7"}), RateLimited),
        (said(b"", 503), ProviderUnreachable),
    ],
)
def test_what_is_no_whole_list_is_none_at_all(answer: Response, raises: type[Refusal]) -> None:
    with pytest.raises(raises):
        graph.groups(answer, "staff", NOW)


def test_a_permission_that_is_missing_is_named() -> None:
    with pytest.raises(ProviderRefused) as refused:
        graph.groups(said({"error": {"code": "Authorization_RequestDenied", "message": "secret"}}, 403), "staff", NOW)
    assert "staff: Microsoft Graph answered 403 (Authorization_RequestDenied)" in refused.value.reason
    assert "GroupMember.Read.All and User.ReadBasic.All" in refused.value.reason
    assert "secret" not in refused.value.reason
    with pytest.raises(ProviderRefused, match="no code"):
        graph.groups(said({"error": {"code": "<script>"}}, 403), "staff", NOW)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: (
        st.lists(inner) | st.dictionaries(st.sampled_from(["value", "error", "code", "@odata.nextLink"]), inner)
    ),
    max_leaves=8,
)


@given(JSON | st.binary(), st.integers(200, 599))
def test_whatever_it_answers_is_a_list_or_refused(body: Any, status: int) -> None:
    try:
        found, page = graph.groups(said(body, status), "staff", NOW)
    except Refusal:
        return
    assert "" not in found
    assert page is None or page.startswith(graph.HOST)
