"""Slack, Zoom, Discord, X: where people talk."""

from collections.abc import Mapping

from sidecar.oauth.catalog import answers
from sidecar.oauth.catalog.entry import Entry, Maker, Renewal, Revocation, Whose, plain
from sidecar.oauth.provider import Provider

_DAY = 86400.0

_SLACK = plain(
    {
        "channels:read": "see your public channels",
        "channels:history": "read messages in public channels",
        "groups:read": "see your private channels",
        "groups:history": "read messages in private channels",
        "im:read": "see whom you write to directly",
        "im:history": "read direct messages",
        "mpim:read": "see your group messages",
        "mpim:history": "read group messages",
        "chat:write": "write messages",
        "search:read": "search messages and files",
        "users:read": "see the people of the workspace",
        "users:read.email": "see the email addresses of the workspace's people",
        "users.profile:read": "see people's profiles",
        "files:read": "see files",
        "files:write": "put up and delete files",
        "reactions:read": "see reactions",
        "reactions:write": "react to messages",
        "reminders:read": "see reminders",
        "reminders:write": "set reminders",
        "team:read": "see the workspace's name",
        "app_mentions:read": "read messages that mention the app",
        "canvases:write": "write canvases",
    }
)


def _slack(provider: Provider) -> Entry:
    # One grant is one token, the user's or the bot's: neither is asked for beside the other, so each refresh token is
    # spent in one place.
    return Entry(
        type="slack",
        authorize_url="https://slack.com/oauth/v2/authorize",
        token_url="https://slack.com/api/oauth.v2.access",
        revocation=Revocation("https://slack.com/api/auth.revoke", proof="bearer", parameter="", ends="access"),
        separator=",",
        scope_parameter="scope" if provider.as_app else "user_scope",
        pkce=False,  # it makes the client a public one, which has no secret
        client_auth="basic",
        reads=answers.slack_bot if provider.as_app else answers.slack_user,
        whose=Whose(
            "answer",
            "team.id|enterprise.id bot_user_id" if provider.as_app else "team.id|enterprise.id authed_user.id",
            "team.name|enterprise.name",
        ),
        renewal=Renewal(
            rotates=True,
            dies="Slack ends grants when the app is removed from the workspace, the user is deactivated, or the token "
            "is revoked.",
        ),
        scopes=_SLACK,
        domains=("slack.com",),
    )


def _zoom(_provider: Provider) -> Entry:
    return Entry(
        type="zoom",
        authorize_url="https://zoom.us/oauth/authorize",
        token_url="https://zoom.us/oauth/token",
        revocation=Revocation("https://zoom.us/oauth/revoke", ends="access"),
        scoped=False,  # those that the app has are granted
        client_auth="basic",
        reads=answers.sentences,
        whose=Whose(
            "call", "account_id id", "email|display_name", "https://api.zoom.us/v2/users/me", needs="user:read:user"
        ),
        renewal=Renewal(
            rotates=True,
            idle=90 * _DAY,
            dies="Zoom ends grants after 90 days without use, and when the app is removed.",
        ),
        scopes=plain(
            {
                "user:read": "see your profile",
                "user:read:user": "see your profile",
                "meeting:read": "see your meetings",
                "meeting:read:meeting": "see your meetings",
                "meeting:read:list_meetings": "see the list of your meetings",
                "meeting:write": "set up and change your meetings",
                "meeting:write:meeting": "set up meetings",
                "recording:read": "see your recordings",
                "cloud_recording:read:list_user_recordings": "see your recordings",
            }
        ),
        domains=("zoom.us",),
    )


def _discord(_provider: Provider) -> Entry:
    at = "https://discord.com/api/oauth2/token"
    return Entry(
        type="discord",
        authorize_url="https://discord.com/oauth2/authorize",
        token_url=at,
        revocation=Revocation(f"{at}/revoke"),
        always=frozenset({"identify"}),
        pkce=False,
        whose=Whose("call", "id", "username", "https://discord.com/api/users/@me"),
        renewal=Renewal(rotates=True, dies="Discord ends grants when the user removes the app."),
        scopes=plain(
            {
                "identify": "see your name and picture",
                "email": "see your email address",
                "guilds": "see the servers you are in",
                "guilds.members.read": "see what you are in your servers",
                "guilds.join": "join servers for you",
                "connections": "see the accounts that you have linked",
                "messages.read": "read messages in your client",
                "bot": "put its bot into your servers",
            }
        ),
        domains=("discord.com",),
    )


def _x(_provider: Provider) -> Entry:
    at = "https://api.twitter.com/2/oauth2"
    return Entry(
        type="x",
        authorize_url="https://x.com/i/oauth2/authorize",
        token_url=f"{at}/token",
        revocation=Revocation(f"{at}/revoke"),
        always=frozenset({"offline.access", "users.read", "tweet.read"}),
        client_auth="basic",
        reads=answers.sentences,
        whose=Whose("call", "data.id", "data.username", "https://api.twitter.com/2/users/me"),
        renewal=Renewal(
            rotates=True,
            idle=182 * _DAY,
            dies="X ends grants after 6 months without use, and when the user removes it.",
        ),
        scopes=plain(
            {
                "tweet.read": "read the posts that you can see",
                "tweet.write": "post as you",
                "tweet.moderate.write": "hide replies to your posts",
                "users.read": "see the profiles that you can see",
                "users.email": "see your email address",
                "follows.read": "see whom you follow",
                "follows.write": "follow people for you",
                "like.read": "see what you like",
                "like.write": "like posts for you",
                "bookmark.read": "see your bookmarks",
                "bookmark.write": "set bookmarks for you",
                "list.read": "see your lists",
                "list.write": "change your lists",
                "dm.read": "read your direct messages",
                "dm.write": "write direct messages as you",
                "media.write": "put up pictures and videos for you",
            }
        ),
        domains=("x.com", "twitter.com"),
    )


MAKERS: Mapping[str, Maker] = {"slack": _slack, "zoom": _zoom, "discord": _discord, "x": _x}
