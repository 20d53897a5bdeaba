"""The clients: how each is started, and where it finds what it asks. One for each line of docs/reference/clients.md."""

import json
import re
import shutil
import subprocess
from base64 import b64encode
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from tests.clients.apis import APIS, PLACEHOLDER, REGION
from tests.counterparts import NODE_FOLDER, clients, missing, node


class Start(NamedTuple):
    """A process: its command, and its variables beside those of ``sidecar env``."""

    command: Sequence[str]
    variables: Mapping[str, str] = {}


Starts = Callable[[str, Sequence[str], Path], Sequence[Start]]
"""URL of the API, keys, an empty folder → the processes that make a call with each key. An empty key is none at all."""


@dataclass(frozen=True, slots=True)
class Client:
    """What one client is, and what it obeys."""

    name: str
    """As the documents call it."""
    api: str
    """Whom it asks; of ``apis.APIS``."""
    starts: Starts
    obeys: bool = True
    """Whether the variables of ``sidecar env`` are all that it needs."""
    bare: str = PLACEHOLDER
    """The key with which it asks as the agent itself."""
    agent: str = ""
    """The agent in whose process it can be, of ``test_baggage.AGENTS``; a program of its own is in none."""
    module: str = ""
    """By which that agent uses it."""
    bound: bool = True
    """Whether OpenTelemetry's instrumentation reaches it, so that ``baggage`` tells whose call it makes."""

    @property
    def id(self) -> str:
        """Its name, in words that can be typed."""
        return re.sub(r"\W+", "-", self.name).strip("-")

    @property
    def https(self) -> str:
        """Its API as the world knows it."""
        return f"https://{APIS[self.api].host}"


def python(name: str, api: str, module: str, *without: str, **more: Any) -> Client:
    """A module of this folder; as where nobody installed the packages *without*."""

    def starts(url: str, keys: Sequence[str], folder: Path) -> Sequence[Start]:
        lacking = [word for name in without for word in ("--without", name)]
        return [Start([str(clients() / "python"), "-m", "tests.clients.call", *lacking, module, url, *keys])]

    return Client(name, api, starts, agent="fastapi", module=module, **more)


def script(name: str, api: str, module: str, *, old: bool = False, **more: Any) -> Client:
    """A module of tests/node/clients, run by the locked Node, or by one that is *old*."""

    def starts(url: str, keys: Sequence[str], folder: Path) -> Sequence[Start]:
        program = old_node() if old else node("octokit")
        return [Start([program, str(NODE_FOLDER / "call.mjs"), module, url, *keys])]

    return Client(name, api, starts, agent="old node" if old else "node", module=module, **more)


def old_node() -> str:
    """The machine's own Node, where it is below 24: Debian's is."""
    found = shutil.which("node")
    said = subprocess.run([found, "--version"], capture_output=True, text=True, check=True).stdout if found else ""
    if found is None or int(said.removeprefix("v").partition(".")[0]) >= 24:
        missing("a Node below 24 on PATH")
    return found


def curl(url: str, keys: Sequence[str], folder: Path) -> Sequence[Start]:
    asking = ["curl", "--silent", "--show-error", "--fail-with-body", f"{url}/who"]
    return [Start([*asking, *(["--header", f"Authorization: Bearer {key}"] if key else [])]) for key in keys]


def git(url: str, keys: Sequence[str], folder: Path) -> Sequence[Start]:
    """A clone, and the author of the last commit in it. From the URL it sends a user name only when it was asked to."""
    shown = 'git clone --quiet "$1" "$2" && git -C "$2" log --format=%an'
    starts = []
    for number, key in enumerate(keys):
        header = f"Authorization: Basic {b64encode(f'{key}:x'.encode()).decode()}"
        given = {"GIT_CONFIG_COUNT": "1", "GIT_CONFIG_KEY_0": "http.extraHeader", "GIT_CONFIG_VALUE_0": header}
        command = ["sh", "-ec", shown, "clone", f"{url}/acme/plans.git", str(folder / str(number))]
        starts.append(Start(command, given if key else {}))
    return starts


def aws(url: str, keys: Sequence[str], folder: Path) -> Sequence[Start]:
    asking = [str(clients() / "aws"), "sts", "get-caller-identity", "--region", REGION, "--query", "Arn"]
    based = ["--endpoint-url", url] if url.startswith("http:") else []
    return [
        Start(
            [*asking, *based, "--output", "text"],
            {"AWS_ACCESS_KEY_ID": key, "AWS_SECRET_ACCESS_KEY": PLACEHOLDER} if key else {},
        )
        for key in keys
    ]


CLIENTS = (
    python("requests", "any", "requests_get"),
    python("httpx", "any", "httpx_get"),
    python("httpx, `AsyncClient`", "any", "httpx_async"),
    python("aiohttp, `trust_env=True`", "any", "aiohttp_trust_env"),
    python("aiohttp", "any", "aiohttp_get", obeys=False),
    python("urllib", "any", "urllib_get"),
    python("urllib3", "any", "urllib3_get", obeys=False),
    python("urllib3, `ProxyManager`", "any", "urllib3_proxy"),
    python("slack_sdk, `WebClient`", "slack", "slack_sync"),
    python("slack_sdk, `AsyncWebClient`", "slack", "slack_async"),
    python("PyGithub", "github", "pygithub"),
    python("google-api-python-client, PySocks installed", "google", "google_api", bound=False),
    python("google-api-python-client", "google", "google_api", "socks", obeys=False, bound=False),
    python("google-auth, `AuthorizedSession`", "google", "google_session"),
    python("openai, `OpenAI`", "openai", "openai_chat"),
    python("openai, `AsyncOpenAI`", "openai", "openai_async"),
    python("anthropic", "anthropic", "anthropic_messages"),
    python("stripe", "stripe", "stripe_account", obeys=False),
    python("stripe, `ca_bundle_path` set", "stripe", "stripe_bundle"),
    python("boto3", "sts", "boto3_sts", bare=""),
    Client("AWS CLI", "sts", aws, bare=""),
    Client("curl", "any", curl, bare=""),
    Client("git", "repositories", git, bare=""),
    script("Node 24, `fetch`", "any", "fetch"),
    script("Node 24, `http` and `https`", "any", "http"),
    script("Node 24, undici", "any", "undici"),
    script("Node 24, octokit", "github", "octokit"),
    script("Node below 24, `fetch`", "any", "fetch", old=True, obeys=False),
    script("undici, `EnvHttpProxyAgent`", "any", "undici-agent"),
    script("AWS SDK for JavaScript", "sts", "aws", obeys=False, bare=""),
)


def said(text: str) -> str:
    """What an API answered, as a client prints it: its own reading, or the answer as it came."""
    line = text.strip()
    return str(json.loads(line)["name"]) if line.startswith("{") else line
