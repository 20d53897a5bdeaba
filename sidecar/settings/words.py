"""The texts that keys are made of, as shapes: names, durations, addresses, URLs, paths, secrets."""

from collections.abc import Callable
from pathlib import Path

from sidecar.settings import values
from sidecar.settings.problem import Misfit
from sidecar.settings.reading import At
from sidecar.settings.shapes import Text
from sidecar.wire.endpoint import Endpoint, Unix


def _rooted(endpoint: Endpoint, at: At) -> Endpoint:
    return Unix(at.reading.source.rooted(endpoint.path)) if isinstance(endpoint, Unix) else endpoint


def _folder(path: Path, at: At) -> Path:
    return at.reading.source.rooted(path)


def _existing(path: Path, at: At) -> Path:
    return at.reading.source.existing(str(path))


def _https(text: str, at: At) -> str:
    url = values.taken(text)
    if url.scheme == "http" and not (at.reading.development and values.loopback(url.host)):
        mend = "Use https. On loopback, http will do with  development: true."
        raise Misfit("is not https", mend)
    return text


def refers(kind: str) -> Callable[[str, At], str]:
    """For a name of one of *kind*, which is looked up when the whole file has been read."""

    def remember(name: str, at: At) -> str:
        at.reading.refer(at, kind, name)
        return name

    return remember


NAME = Text(
    "a name of letters, digits, - _ and . that begins with a letter or a digit",
    "name",
    pattern="[A-Za-z0-9][A-Za-z0-9._-]{0,63}",
)
ISSUER = Text("the name of an issuer", "okta", pattern=NAME.pattern, finish=refers("issuers"))
PROVIDER = Text("the name of a provider", "google", pattern=NAME.pattern, finish=refers("providers"))
ROUTE = Text("the name of a route", "calendar", pattern=NAME.pattern, finish=refers("egress.routes"))
AUDIENCE = Text("a name of 1 to 255 visible characters without spaces", "my-agent", pattern="[!-~]{1,255}")
TEXT = Text("a text of 1 to 255 characters", "text", pattern=r"[^\x00-\x1f\x7f]{1,255}")
SENTENCES = Text("a text of 1 to 1000 characters", "Read your calendar", pattern=r"[^\x00-\x09\x0b-\x1f\x7f]{1,1000}")

DURATION = Text("a duration, such as 30s", "30s", values.duration)
POSITIVE = Text("a duration above zero, such as 30s", "30s", values.positive)
SPAN = Text("a duration, such as 30s", "30s", values.span)
SIZE = Text("a size, such as 32KiB", "32KiB", values.size)

LISTEN = Text("an address to listen on: host:port or unix:/path", "127.0.0.1:8080", values.listen, finish=_rooted)
AGENT_URL = Text(
    "where the agent listens: http://host:port or unix:/path", "http://127.0.0.1:8000", values.agent_url, finish=_rooted
)
WEB = Text("an http or https URL", "https://agent.example.com", values.url)
HTTPS = Text("an https URL", "https://host.example.com/path", values.url, finish=_https)
HTTPS_QUERY = Text("an https URL", "https://host.example.com/path", values.url_with_query, finish=_https)
HOST = Text("a host name", "host.example.com", values.host)
ADDRESS = Text("an IP address", "10.0.0.1", values.address)
NETWORK = Text("a network in CIDR form, or an IP address", "10.0.0.0/8", values.network)
PATH = Text("a path, or a prefix that ends with /", "/healthz", values.path)
METHOD = Text("an HTTP method", "GET", values.method)
HEADER = Text("the name of a header", "X-Api-Key", values.header)

FOLDER = Text("a folder", "/var/lib/sidecar", values.file_path, finish=_folder)
FILE = Text("a file", "/etc/sidecar/file.pem", values.file_path, finish=_existing)

SECRET = Text("a secret, on one line", "{env: NAME}", values.secret, secret=True)
STATE_KEY = Text("32 bytes in base64, or awskms:…, or vault:…", "{env: STATE_KEY}", values.state_key, secret=True)
VAULT_URL = Text("sqlite:PATH or postgresql://…", "{env: VAULT_URL}", values.vault_url, secret=True)
AGENT_TOKEN = Text(
    "a secret of 16 to 256 letters, digits, - . _ and ~", "{env: AGENT_TOKEN}", values.agent_token, secret=True
)
