"""PyGithub, which asks with requests."""

from github import Auth, Github


def call(url: str, key: str) -> str:
    with Github(auth=Auth.Token(key), base_url=url, retry=None) as client:
        return str(client.get_user().login)
