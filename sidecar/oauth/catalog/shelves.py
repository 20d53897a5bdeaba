"""Box, Dropbox, Spotify: where things are kept."""

from collections.abc import Mapping
from types import MappingProxyType

from sidecar.oauth.catalog.entry import Entry, Maker, Renewal, Revocation, Whose, plain
from sidecar.oauth.provider import Provider

_DAY = 86400.0


def _box(_provider: Provider) -> Entry:
    at = "https://api.box.com/oauth2"
    return Entry(
        type="box",
        authorize_url="https://account.box.com/api/oauth2/authorize",
        token_url=f"{at}/token",
        revocation=Revocation(f"{at}/revoke"),
        pkce=False,
        whose=Whose("call", "id", "login|name", "https://api.box.com/2.0/users/me"),
        renewal=Renewal(
            rotates=True,
            idle=60 * _DAY,
            dies="Box ends grants after 60 days without use, and when a spent refresh token is used again.",
        ),
        scopes=plain(
            {
                "root_readonly": "read all your files and folders",
                "root_readwrite": "read and change all your files and folders",
                "item_preview": "preview your files",
                "item_download": "download your files",
                "item_upload": "put up files",
                "item_delete": "delete your files",
                "item_share": "share your files",
                "manage_webhook": "be told when your files change",
            }
        ),
        implies=MappingProxyType({"root_readwrite": frozenset({"root_readonly"})}),
        domains=("box.com", "boxcloud.com"),
    )


def _dropbox(_provider: Provider) -> Entry:
    return Entry(
        type="dropbox",
        authorize_url="https://www.dropbox.com/oauth2/authorize",
        token_url="https://api.dropboxapi.com/oauth2/token",
        revocation=Revocation(
            "https://api.dropboxapi.com/2/auth/token/revoke", proof="bearer", parameter="", ends="access"
        ),
        always=frozenset({"account_info.read"}),
        parameters=MappingProxyType({"token_access_type": "offline"}),
        whose=Whose(
            "call",
            "account_id",
            "email|name.display_name",
            "https://api.dropboxapi.com/2/users/get_current_account",
            "POST",
        ),
        renewal=Renewal(dies="Dropbox ends grants when the user disconnects the app."),
        scopes=plain(
            {
                "account_info.read": "see your name and email address",
                "account_info.write": "change your account",
                "files.metadata.read": "see the names of your files and folders",
                "files.metadata.write": "change the properties of your files and folders",
                "files.content.read": "read your files",
                "files.content.write": "change and delete your files",
                "sharing.read": "see what you share, and with whom",
                "sharing.write": "share your files, and end it",
                "file_requests.read": "see your file requests",
                "file_requests.write": "make and change file requests",
                "contacts.read": "see your contacts",
            }
        ),
        domains=("dropboxapi.com", "dropbox.com"),
    )


def _spotify(_provider: Provider) -> Entry:
    return Entry(
        type="spotify",
        authorize_url="https://accounts.spotify.com/authorize",
        token_url="https://accounts.spotify.com/api/token",
        client_auth="basic",
        whose=Whose("call", "id", "email|display_name", "https://api.spotify.com/v1/me"),
        renewal=Renewal(dies="Spotify ends grants when the user removes the app."),
        scopes=plain(
            {
                "user-read-private": "see your subscription and country",
                "user-read-email": "see your email address",
                "user-library-read": "see what you have saved",
                "user-library-modify": "save things, and remove what you saved",
                "user-top-read": "see what you listen to most",
                "user-read-recently-played": "see what you have listened to",
                "user-read-playback-state": "see what plays where",
                "user-modify-playback-state": "play and stop music",
                "user-read-currently-playing": "see what you listen to now",
                "playlist-read-private": "see your private playlists",
                "playlist-read-collaborative": "see the playlists that you make with others",
                "playlist-modify-public": "change your public playlists",
                "playlist-modify-private": "change your private playlists",
                "user-follow-read": "see whom you follow",
                "user-follow-modify": "follow people for you",
            }
        ),
        domains=("spotify.com",),
    )


MAKERS: Mapping[str, Maker] = {"box": _box, "dropbox": _dropbox, "spotify": _spotify}
