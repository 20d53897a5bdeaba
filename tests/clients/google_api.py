"""google-api-python-client, which asks with httplib2."""

import google_auth_httplib2
import httplib2
from google.oauth2.credentials import Credentials
from googleapiclient.discovery import build


def call(url: str, key: str) -> str:
    with build("drive", "v3", **(_based(url, key) if url.startswith("http:") else _usual(key))) as service:
        return str(service.about().get(fields="user").execute()["user"]["displayName"])


def _usual(key: str) -> dict[str, object]:
    return {"credentials": Credentials(key)}


def _based(url: str, key: str) -> dict[str, object]:
    """Without PySocks httplib2 refuses to go anywhere over plain http once it has seen ``HTTP_PROXY``."""
    straight = httplib2.Http(proxy_info=None)
    return {
        "http": google_auth_httplib2.AuthorizedHttp(Credentials(key), straight),
        "client_options": {"api_endpoint": url},
    }
