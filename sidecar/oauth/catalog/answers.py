"""What providers answer in words of their own, brought into RFC 6749's (``Entry.reads``). Pure, and total.

An error that means what ``invalid_grant`` means becomes that, where the provider says so in so many words: it alone
ends a grant. A word that could mean something else besides stays as it is.
"""

from collections.abc import Mapping

from sidecar.oauth.catalog.entry import Members

_BUSY = "temporarily_unavailable"


def commas(members: Members) -> Members:
    """Scopes are separated by commas."""
    scope = members.get("scope")
    return {**members, "scope": scope.replace(",", " ")} if isinstance(scope, str) else members


def _meaning(errors: Mapping[str, str], members: Members, error: object) -> Members:
    """*members* with *error* in RFC 6749's words, as far as they are known."""
    return {**members, "error": errors.get(error, error) if isinstance(error, str) else error}


# GitHub: errors with 200; scopes come with commas though they are asked for with spaces. What a GitHub App may isn't
# a matter of scopes, and its tokens (``ghu_``) come with an empty one.

_GITHUB: Mapping[str, str] = {
    "bad_refresh_token": "invalid_grant",
    "bad_verification_code": "invalid_grant",
    "incorrect_client_credentials": "invalid_client",
    "redirect_uri_mismatch": "invalid_request",
    "unverified_user_email": "access_denied",
    "application_suspended": "unauthorized_client",
}


def github(members: Members) -> Members:
    if "error" in members:
        return _meaning(_GITHUB, members, members["error"])
    token = members.get("access_token")
    if isinstance(token, str) and token.startswith("ghu_"):
        return {name: value for name, value in members.items() if name != "scope"}
    return commas(members)


# Slack: 200 with ok: false; the user's token inside authed_user when it comes with a code, at the top when it comes
# with a refresh token; the bot's always at the top. The one that wasn't asked for is left alone.

_SLACK: Mapping[str, str] = {
    "invalid_refresh_token": "invalid_grant",
    "token_revoked": "invalid_grant",
    "account_inactive": "invalid_grant",
    "invalid_code": "invalid_grant",
    "code_already_used": "invalid_grant",
    "bad_client_secret": "invalid_client",
    "invalid_client_id": "invalid_client",
    "bad_redirect_uri": "invalid_request",
    "oauth_authorization_url_mismatch": "invalid_request",
    "invalid_grant_type": "unsupported_grant_type",
    "invalid_scope": "invalid_scope",
    "no_scopes": "invalid_scope",
    "no_user_scopes": "invalid_scope",
    "ratelimited": "slow_down",
    "internal_error": _BUSY,
    "fatal_error": _BUSY,
    "service_unavailable": _BUSY,
    "request_timeout": _BUSY,
    "team_added_to_org": _BUSY,
}


def slack_user(members: Members) -> Members:
    return _slack(members, "user")


def slack_bot(members: Members) -> Members:
    return _slack(members, "bot")


def _slack(members: Members, kind: str) -> Members:
    if members.get("ok") is not True:
        return _meaning(_SLACK, members, members.get("error"))
    nested = members.get("authed_user")
    said: Members = members
    if kind == "user" and isinstance(nested, Mapping) and "access_token" in nested:
        said = nested
    if said.get("token_type") != kind:
        return {}
    names = ("access_token", "refresh_token", "expires_in", "scope")
    return commas({name: said[name] for name in names if name in said})


# HubSpot: a status in words where there is no error (its OAuth v1; both since 2026).

_HUBSPOT: Mapping[str, str] = {
    "BAD_REFRESH_TOKEN": "invalid_grant",
    "BAD_AUTH_CODE": "invalid_grant",
    "BAD_CLIENT_ID": "invalid_client",
    "BAD_CLIENT_SECRET": "invalid_client",
    "BAD_REDIRECT_URI": "invalid_request",
    "BAD_GRANT_TYPE": "unsupported_grant_type",
}


def hubspot(members: Members) -> Members:
    if "error" not in members and isinstance(members.get("status"), str):
        return _meaning(_HUBSPOT, members, members["status"])
    scopes = members.get("scopes")
    return {**members, "scope": scopes} if isinstance(scopes, list) and "scope" not in members else members


# Notion: errors of its API's form.

_NOTION: Mapping[str, str] = {
    "unauthorized": "invalid_client",
    "validation_error": "invalid_request",
    "invalid_json": "invalid_request",
    "rate_limited": "slow_down",
    "internal_server_error": _BUSY,
    "service_unavailable": _BUSY,
}


def notion(members: Members) -> Members:
    if members.get("object") == "error" and "error" not in members:
        return _meaning(_NOTION, members, members.get("code"))
    return members


# Those that say invalid_grant by another code and always the same sentence. A sentence that they change makes it an
# error of its own again: nothing is lost by that but the user being asked later.

_SENTENCES: Mapping[tuple[str, str], str] = {
    ("invalid_request", "Value passed for the token was invalid."): "invalid_grant",  # X
    ("invalid_request", "Value passed for the authorization code was invalid."): "invalid_grant",  # X
    ("invalid_request", "Invalid Token!"): "invalid_grant",  # Zoom
    ("unauthorized_client", "refresh_token is invalid"): "invalid_grant",  # Atlassian, with 403
    ("unknown_error", "retry your request"): _BUSY,  # Salesforce
}


def sentences(members: Members) -> Members:
    error = members.get("error")
    said = members.get("error_description", members.get("reason"))
    if not isinstance(error, str) or not isinstance(said, str):
        return members
    return {**members, "error": _SENTENCES.get((error, said), error)}
