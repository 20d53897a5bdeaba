"""Microsoft Graph's word on a user's groups, where a token of Entra's says that there are too many to name. Pure.

Entra's own pointer (``_claim_sources``) leads to the retired Azure AD Graph, so it isn't followed. ``getMemberGroups``
is transitive and answers in one piece, up to 11,000 ids:
https://learn.microsoft.com/graph/api/directoryobject-getmembergroups
"""

import json
from http import HTTPStatus
from urllib.parse import quote

from sidecar.errors import ProviderRefused
from sidecar.identity.issuer import Login
from sidecar.oauth import messages
from sidecar.oauth.provider import Provider
from sidecar.secret import Secret
from sidecar.wire.http import Request, Response
from sidecar.wire.strict import json_object

HOST = "https://graph.microsoft.com/"
_TOKEN = "https://login.microsoftonline.com/{}/oauth2/v2.0/token"  # noqa: S105 - an endpoint
_ALL = frozenset({f"{HOST}.default"})
_MOST_BYTES = 2 << 20
_LONGEST, _LONGEST_CODE = 255, 64


def token(name: str, login: Login, tenant: str, seconds: float) -> Request:
    """Ask for a token of *login*'s client (RFC 6749, section 4.4) in *tenant*: ``messages.granted`` reads the answer.
    *name* is the issuer's."""
    client = Provider(
        name, "oauth2", "agent", client_id=login.client_id, client_secret=login.client_secret, client_auth="post"
    )
    return messages.token_request(client, _TOKEN.format(quote(tenant, safe="")), _ALL, None, seconds)


def member_groups(user: str, bearer: Secret, seconds: float) -> Request:
    """Ask for the ids of all groups that *user* (``oid``) is a member of."""
    headers = {
        "Authorization": f"Bearer {bearer.reveal()}",
        "Accept": "application/json",
        "Content-Type": "application/json",
    }
    body = json.dumps({"securityEnabledOnly": False}).encode()
    url = f"{HOST}v1.0/users/{quote(user, safe='')}/getMemberGroups"
    return Request(url, "POST", headers, body, seconds, _MOST_BYTES)


def following(page: str, bearer: Secret, seconds: float) -> Request:
    """Ask for what *page*, of an answer, leads to."""
    headers = {"Authorization": f"Bearer {bearer.reveal()}", "Accept": "application/json"}
    return Request(page, "GET", headers, b"", seconds, _MOST_BYTES)


def groups(answer: Response, name: str, now: float) -> tuple[frozenset[str], str | None]:
    """The ids in an answer, and the URL of the next page, if there is one. Raise a ``Refusal``: what can be read in
    part is read not at all, for a group that is missing is one that a user isn't in."""
    if (refusal := messages.overtaxed(answer, name, "Microsoft Graph", now)) is not None:
        raise refusal
    said = _members(answer.body)
    if answer.status != HTTPStatus.OK:
        raise _refused(answer, said, name)
    value, page = said.get("value"), said.get("@odata.nextLink")
    if not isinstance(value, list) or not all(isinstance(each, str) and 0 < len(each) <= _LONGEST for each in value):
        raise ProviderRefused(f"{name}: Microsoft Graph's answer is no list of groups")
    if page is not None and not (isinstance(page, str) and page.startswith(HOST) and page.isprintable()):
        raise ProviderRefused(f"{name}: Microsoft Graph's answer goes on elsewhere")
    return frozenset(value), page


def _members(body: bytes) -> dict[str, object]:
    try:
        return json_object(body)
    except ValueError:
        return {}


def _refused(answer: Response, said: dict[str, object], name: str) -> ProviderRefused:
    error = said.get("error")
    code = error.get("code") if isinstance(error, dict) else None
    fits = isinstance(code, str) and code.replace("_", "").isalnum() and len(code) <= _LONGEST_CODE
    mend = (
        "Give the client of login the application permissions GroupMember.Read.All and User.ReadBasic.All of "
        "Microsoft Graph, with an administrator's consent in the user's tenant."
    )
    return ProviderRefused(
        f"{name}: Microsoft Graph answered {answer.status} ({code if fits else 'no code'}). {mend}", mend=mend
    )
