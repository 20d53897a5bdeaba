"""google-auth's AuthorizedSession, which is one of requests."""

from google.auth.transport.requests import AuthorizedSession
from google.oauth2.credentials import Credentials


def call(url: str, key: str) -> str:
    with AuthorizedSession(Credentials(key)) as session:
        answer = session.get(f"{url}/drive/v3/about", params={"fields": "user"})
        answer.raise_for_status()
        return str(answer.json()["user"]["displayName"])
