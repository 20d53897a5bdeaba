"""The texts that keys are made of, as shapes: names, durations, addresses, URLs, paths, credentials."""

from collections.abc import Callable
from pathlib import Path

from sidecar.settings import addresses, credentials, measures, messages
from sidecar.settings.problem import Misfit
from sidecar.settings.reading import At
from sidecar.settings.settings import PolicyFile
from sidecar.settings.shapes import Text
from sidecar.wire.endpoint import Endpoint, Unix

_MOST_SOCKET_PATH = 107
"""Bytes of a unix socket's path: ``sun_path`` has 108 with the NUL at its end (unix(7))."""


def _rooted(endpoint: Endpoint, at: At) -> Endpoint:
    if not isinstance(endpoint, Unix):
        return endpoint
    path = at.reading.source.rooted(endpoint.path)
    if len(bytes(path)) > _MOST_SOCKET_PATH:
        raise Misfit(f"is longer than {_MOST_SOCKET_PATH} bytes as a path", "Put the socket at a shorter path.")
    return Unix(path)


def _folder(path: Path, at: At) -> Path:
    return at.reading.source.rooted(path)


def _existing(path: Path, at: At) -> Path:
    return at.reading.source.existing(str(path))


def _policy(path: Path, at: At) -> PolicyFile:
    source = at.reading.source
    return PolicyFile(source.rooted(path), source.file(str(path)))


def _https(text: str, at: At) -> str:
    """``https``; ``http`` on loopback in development."""
    url = addresses.taken(text)
    if url.scheme == "https" or (at.reading.development and addresses.loopback(url.host)):
        return text
    mend = "Use https. On loopback, http will do with  development: true"
    raise Misfit("is not https", mend if addresses.loopback(url.host) else "Use https.")


def refers(kind: str) -> Callable[[str, At], str]:
    """For a name of one of *kind*, which is looked up when the whole file has been read."""

    def remember(name: str, at: At) -> str:
        at.reading.refer(at, kind, name)
        return name

    return remember


_NAME = "[A-Za-z0-9][A-Za-z0-9._-]{0,63}"
NAME = Text("a name of up to 64 letters, digits, - _ and .", "name", pattern=_NAME)
ISSUER = Text("the name of an issuer", "okta", pattern=_NAME, finish=refers("issuers"))
PROVIDER = Text("the name of a provider", "google", pattern=_NAME, finish=refers("providers"))
ROUTE = Text("the name of a route", "calendar", pattern=_NAME, finish=refers("egress.routes"))
IDENTIFIER = Text("a name without spaces", "my-agent", pattern="[!-~]{1,255}")
TEXT = Text("a text of up to 255 characters", "text", pattern=r"[^\x00-\x1f\x7f]{1,255}")
SENTENCES = Text("a text of up to 1000 characters", "Read your calendar.", pattern=r"[^\x00-\x09\x0b-\x1f\x7f]{1,1000}")

DURATION = Text("a duration, such as 30s", "30s", measures.duration, form=measures.DURATION)
POSITIVE = Text("a duration above zero, such as 30s", "30s", measures.positive, form=measures.DURATION)
SPAN = Text("a duration, such as 30s", "30s", measures.span, form=measures.DURATION)

LISTEN = Text("host:port or unix:/path", "127.0.0.1:8080", addresses.listen, form=addresses.LISTEN, finish=_rooted)
AGENT_URL = Text(
    "http://host:port or unix:/path",
    "http://127.0.0.1:8000",
    addresses.agent_url,
    form=addresses.AGENT_URL,
    finish=_rooted,
)
WEB = Text("an http or https URL", "https://agent.example.com", addresses.url, form=addresses.URL)
HTTPS = Text("an https URL", "https://host.example.com/path", addresses.url, form=addresses.URL, finish=_https)
HTTPS_QUERY = Text(
    "an https URL", "https://host.example.com/path", addresses.url_with_query, form=addresses.URL, finish=_https
)
HOST = Text("a host name", "host.example.com", addresses.host, form=addresses.HOST)
ADDRESS = Text("an IP address", "10.0.0.1", addresses.address, form="[0-9A-Fa-f:.]+")
NETWORK = Text(
    "a network such as 10.0.0.0/8, or an IP address", "10.0.0.0/8", addresses.network, form="[0-9A-Fa-f:.]+(/[0-9]+)?"
)
PATH = Text("a path, or a prefix that ends with /", "/healthz", messages.path, form=messages.PATH)
METHOD = Text("an HTTP method", "GET", messages.method, form=messages.METHOD)
HEADER = Text("the name of a header", "X-Api-Key", messages.header, form=messages.HEADER)

FOLDER = Text("a folder", "/var/lib/sidecar", Path, finish=_folder)
POLICY = Text("a file of Cedar policies", "/etc/sidecar/own.cedar", Path, finish=_policy)
FILE = Text("a file", "/etc/sidecar/file.pem", Path, finish=_existing)

SECRET = Text("a secret on one line", "{env: NAME}", credentials.secret, secret=True)
STATE_KEY = Text(
    "32 bytes in base64, or awskms:…, or vault:…",
    "{env: STATE_KEY}",
    credentials.state_key,
    form=credentials.STATE_KEY,
    secret=True,
)
VAULT_URL = Text(
    "sqlite:PATH or postgresql://…", "{env: VAULT_URL}", credentials.vault_url, form=credentials.VAULT_URL, secret=True
)
AGENT_TOKEN = Text(
    "16 to 256 letters, digits, - . _ and ~",
    "{env: AGENT_TOKEN}",
    credentials.agent_token,
    form=credentials.AGENT_TOKEN,
    secret=True,
)


def size_between(least: str, most: str) -> Text:
    between = measures.SizeBetween(least, most)
    return Text(f"a size from {least} to {most}", least, between, form=measures.SIZE)
