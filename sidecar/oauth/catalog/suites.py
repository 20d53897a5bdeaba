"""Google and Microsoft: OpenID providers, whose ID token says whose account it is."""

import re
from collections.abc import Mapping
from types import MappingProxyType

from sidecar.oauth.catalog.entry import Entry, Maker, Renewal, Revocation, Scope, Whose, plain
from sidecar.oauth.provider import Provider

_DAY = 86400.0
_AUTH = "https://www.googleapis.com/auth/"

_GOOGLE: Mapping[str, Scope] = MappingProxyType(
    {
        **plain(
            {
                "calendar": "see, change and delete your calendars and their events",
                "calendar.readonly": "see your calendars and their events",
                "calendar.events": "see and change the events of your calendars",
                "calendar.events.readonly": "see the events of your calendars",
                "calendar.freebusy": "see when you are busy",
                "gmail.readonly": "read your mail",
                "gmail.send": "send mail as you",
                "gmail.compose": "write drafts, and send mail as you",
                "gmail.modify": "read, write and send mail as you, and move it to the trash",
                "gmail.labels": "see and change the labels of your mail",
                "gmail.metadata": "see whom you write to and when, without the text",
                "drive": "see, change and delete all your files in Drive",
                "drive.readonly": "read all your files in Drive",
                "drive.file": "see and change the files in Drive that you open or make with it",
                "drive.metadata.readonly": "see the names of your files in Drive",
                "documents": "see and change your documents",
                "documents.readonly": "read your documents",
                "spreadsheets": "see and change your spreadsheets",
                "spreadsheets.readonly": "read your spreadsheets",
                "presentations": "see and change your slides",
                "presentations.readonly": "read your slides",
                "forms.body.readonly": "see your forms",
                "forms.responses.readonly": "read the answers to your forms",
                "contacts": "see and change your contacts",
                "contacts.readonly": "see your contacts",
                "directory.readonly": "see the people of your organisation",
                "tasks": "see and change your tasks",
                "tasks.readonly": "see your tasks",
                "chat.messages": "read and write messages as you in Chat",
                "chat.messages.readonly": "read your messages in Chat",
                "youtube.readonly": "see your YouTube account",
                "bigquery.readonly": "read your data in BigQuery",
                "cloud-platform": "see, change and delete your data in Google Cloud",
                "userinfo.email": "see your email address",
                "userinfo.profile": "see your name and picture",
            },
            _AUTH,
        ),
        "mail": Scope("https://mail.google.com/", "read, write, send and delete your mail for good"),
        "openid": Scope("openid", "know which Google account is yours"),
    }
)


def _google(_provider: Provider) -> Entry:
    return Entry(
        type="google",
        issuer="https://accounts.google.com",
        authorize_url="https://accounts.google.com/o/oauth2/v2/auth",
        token_url="https://oauth2.googleapis.com/token",
        revocation=Revocation("https://oauth2.googleapis.com/revoke", proof="none"),
        always=frozenset({"openid", f"{_AUTH}userinfo.email"}),
        # Without both there is no refresh token, but at the very first consent.
        parameters=MappingProxyType({"access_type": "offline", "prompt": "consent"}),
        hint="login_hint",
        whose=Whose("id_token", "sub", "email"),
        renewal=Renewal(
            idle=182 * _DAY,
            dies="Google ends grants after 7 days while the app's publishing status is Testing and its user type "
            "External, after 6 months without use, when the user's password changes and Gmail is among the scopes, "
            "and the oldest beyond 100 of one user and client.",
        ),
        names=MappingProxyType({"email": f"{_AUTH}userinfo.email", "profile": f"{_AUTH}userinfo.profile"}),
        scopes=_GOOGLE,
        domains=("googleapis.com", "google.com"),
    )


_GRAPH = "https://graph.microsoft.com"
_MICROSOFT = plain(
    {
        "User.Read": "see your name and your profile",
        "User.ReadBasic.All": "see the names of your organisation's people",
        "User.Read.All": "see the profiles of your organisation's people",
        "Mail.Read": "read your mail",
        "Mail.ReadBasic": "see whom you write to and when, without the text",
        "Mail.ReadWrite": "read, change and delete your mail",
        "Mail.Send": "send mail as you",
        "Calendars.Read": "see your calendars",
        "Calendars.Read.Shared": "see your calendars and those shared with you",
        "Calendars.ReadWrite": "see and change your calendars",
        "Contacts.Read": "see your contacts",
        "Contacts.ReadWrite": "see and change your contacts",
        "People.Read": "see whom you work with",
        "Files.Read": "read your files",
        "Files.Read.All": "read all files that you can open",
        "Files.ReadWrite": "read, change and delete your files",
        "Files.ReadWrite.All": "read, change and delete all files that you can open",
        "Sites.Read.All": "read the SharePoint sites that you can open",
        "Sites.ReadWrite.All": "read and change the SharePoint sites that you can open",
        "Notes.Read": "read your notebooks",
        "Notes.ReadWrite": "read and change your notebooks",
        "Tasks.Read": "see your tasks",
        "Tasks.ReadWrite": "see and change your tasks",
        "Chat.Read": "read your chats in Teams",
        "Chat.ReadWrite": "read and write in your chats in Teams",
        "ChannelMessage.Send": "write to channels in Teams as you",
        "ChannelMessage.Read.All": "read the channels in Teams that you can open",
        "Team.ReadBasic.All": "see which teams you are in",
        "OnlineMeetings.ReadWrite": "see and set up your online meetings",
        "Presence.Read": "see whether you are there",
        "Group.Read.All": "see the groups that you can see",
        "Directory.Read.All": "see your organisation's directory",
    },
    f"{_GRAPH}/",
)

_GUID = re.compile("[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_CONSUMERS = "9188040d-6c67-4c5b-b112-36a304b66dad"
"""The tenant of personal accounts."""


def _microsoft(provider: Provider) -> Entry:
    tenant = provider.tenant or "common"
    at = f"https://login.microsoftonline.com/{tenant}/oauth2/v2.0"
    # A tenant may be named by a domain, or be any tenant: which it was is in the ID token alone.
    named = _CONSUMERS if tenant == "consumers" else tenant if _GUID.fullmatch(tenant) else ""
    return Entry(
        type="microsoft",
        issuer=f"https://login.microsoftonline.com/{named or '{tenantid}'}/v2.0",
        authorize_url=f"{at}/authorize",
        token_url=f"{at}/token",
        always=frozenset({"openid", "profile", "email", "offline_access"}),
        hint="login_hint",
        whose=Whose("id_token", "tid oid", "preferred_username|email"),
        renewal=Renewal(
            rotates=True,
            grace=90 * _DAY,  # the old one isn't revoked
            idle=90 * _DAY,
            dies="Microsoft ends grants when the password changes or an administrator revokes them, after 90 days "
            "without use, and after 24 hours where the redirect URI is registered as a single-page application's; the "
            "AADSTS number says which it was.",
        ),
        resource=_GRAPH,
        scopes=_MICROSOFT,
        domains=(
            "microsoft.com",
            "azure.com",
            "windows.net",
            "office.com",
            "sharepoint.com",
            "dynamics.com",
            "powerbi.com",
        ),
    )


MAKERS: Mapping[str, Maker] = {"google": _google, "microsoft": _microsoft}
