"""The JSON Schema takes what the reader takes, and refuses what has another form."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator

from sidecar.settings import schema

ROOT = Path(__file__).parents[2]
SCHEMA = schema()
VALIDATOR = Draft202012Validator(SCHEMA)
AGENT = "agent: {name: a, url: 'http://127.0.0.1:8000'}\n"


def errors(text: str) -> list[str]:
    return ["/".join(map(str, error.absolute_path)) for error in VALIDATOR.iter_errors(yaml.safe_load(text))]


def test_it_is_a_schema() -> None:
    assert SCHEMA["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    Draft202012Validator.check_schema(SCHEMA)


@pytest.mark.parametrize("path", sorted((ROOT / "config").glob("*.yaml")), ids=lambda path: path.name)
def test_every_example_is_valid(path: Path) -> None:
    assert errors(path.read_text()) == []


@pytest.mark.parametrize(
    "text",
    [
        "agent: {name: {env: NAME}, url: {file: url}, token: off}",
        AGENT
        + "inbound: {listen: 'unix:a', who: {any: [{groups: a}, any], not: {kind: [user]}, claims: {a: [1, true, b]}}}",
        AGENT + "inbound: {limits: {head: 1KiB, requests: 5}, timeouts: {idle: {env: IDLE}}, tls: {cert: a, key: b}}",
        AGENT + "admin: off\ntelemetry: {otlp: 'off', sample: 0.5, headers: {a: {env: B}}}",
        AGENT + "issuers: {x: {type: sidecar, url: 'https://a.example', issuers: [y]}}",
        AGENT + "capabilities: {x: {who: agent, tools: ['a/*'], hours: '08:00-18:00'}}",
    ],
)
def test_what_the_reader_takes_is_valid(text: str) -> None:
    assert errors(text) == []


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("{}", ""),
        ("agent: {name: a}", "agent"),
        (AGENT + "inbund: {}", ""),
        (AGENT + "inbound: {listen: 8080}", "inbound/listen"),
        (AGENT + "inbound: {listen: nowhere}", "inbound/listen"),
        (AGENT + "inbound: {who: {group: a}}", "inbound/who"),
        (AGENT + "inbound: {who: {}}", "inbound/who"),
        (AGENT + "inbound: {who: agent}", "inbound/who"),
        (AGENT + "inbound: {public: [healthz]}", "inbound/public/0"),
        (AGENT + "inbound: {timeouts: {idle: 30}}", "inbound/timeouts/idle"),
        (AGENT + "inbound: {timeouts: {idle: '30'}}", "inbound/timeouts/idle"),
        (AGENT + "inbound: {timeouts: {idle: {env: A, file: b}}}", "inbound/timeouts/idle"),
        (AGENT + "inbound: {limits: {requests: 0}}", "inbound/limits/requests"),
        (AGENT + "telemetry: {sample: 2}", "telemetry/sample"),
        (AGENT + "audit: {required: 'no'}", "audit/required"),
        (AGENT + "reload: restart", "reload"),
        (AGENT + "issuers: {x: {}}", "issuers/x"),
        (AGENT + "issuers: {x: {type: y}}", "issuers/x/type"),
        (AGENT + "issuers: {x: {type: okta, domain: a.example}}", "issuers/x"),
        (AGENT + "issuers: {x: {type: okta, domain: a.example, audience: a, region: b}}", "issuers/x"),
        (
            AGENT + "issuers: {x: {type: okta, domain: a.example, audience: a, algorithms: [HS256]}}",
            "issuers/x/algorithms/0",
        ),
        (AGENT + "providers: {x: {type: api_key}}", "providers/x"),
        (AGENT + "egress: {routes: {x: {}}}", "egress/routes/x"),
        (AGENT + "capabilities: {x: {routes: [a]}}", "capabilities/x"),
    ],
)
def test_what_has_another_form_is_not_valid(text: str, path: str) -> None:
    assert path in errors(text)


def described(part: Any, path: str = "") -> list[str]:
    """The keys without a description."""
    if not isinstance(part, dict):
        return [missing for one in part for missing in described(one, path)] if isinstance(part, list) else []
    missing = [
        f"{path}.{name}"
        for name, key in part.get("properties", {}).items()
        if not ("description" in key or "const" in key)
    ]
    return missing + [one for name, below in part.items() for one in described(below, f"{path}.{name}")]


def test_every_key_is_described() -> None:
    assert [path for path in described(SCHEMA) if "elsewhere" not in path] == []
