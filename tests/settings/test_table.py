"""Every key of the configuration: its default, and what it takes."""

import base64
from collections.abc import Iterator
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import pytest

from sidecar.secret import Secret
from sidecar.settings.sections import REQUIRED, Key, Section
from sidecar.settings.settings import (
    Admin,
    Agent,
    AgentCore,
    Audit,
    Consent,
    Egress,
    Health,
    Inbound,
    Jwks,
    Lifetimes,
    Limits,
    PolicyFile,
    PolicyMode,
    Run,
    State,
    Telemetry,
    Timeouts,
    Tls,
    Vault,
)
from sidecar.settings.shapes import Either
from sidecar.settings.table import CONFIGURATION
from sidecar.settings.who import ANY
from sidecar.wire.endpoint import Tcp, Unix
from tests.settings.conftest import Read, Wrong

KEY = base64.b64encode(bytes(range(32))).decode()


def keys(section: Section, path: str = "") -> Iterator[tuple[str, Key]]:
    for name, key in section.keys.items():
        yield path + name, key
        for shape in key.shape.shapes if isinstance(key.shape, Either) else (key.shape,):
            if isinstance(shape, Section):
                yield from keys(shape, f"{path}{name}.")


def test_what_is_not_given_has_its_default(read: Read) -> None:
    settings = read("")
    assert settings.agent == Agent("travel-agent", Tcp("127.0.0.1", 8000), "many", False, False, None)
    assert settings.agentcore == AgentCore(False, False, False)
    limits = Limits(32 * 1024, 16 * 1024, 10_000, 1000)
    times = Timeouts(10, 1, 120, 3600, 30, 30)
    assert settings.inbound == Inbound(Tcp("0.0.0.0", 8080), None, (), ANY, "refuse", "all", (), None, limits, times)
    assert settings.invocation == Lifetimes(30, 3600, None, False, False)
    assert settings.egress == Egress(Tcp("127.0.0.1", 8181), "deny", {}, limits, times._replace(connect=10))
    assert (settings.issuers, settings.providers, settings.capabilities) == ({}, {}, {})
    assert settings.jwks == Jwks(86400, 600)
    assert settings.consent == Consent(None, Tcp("0.0.0.0", 8082), ())
    assert settings.vault == Vault(None, None)
    assert settings.state == State(Path("/var/lib/sidecar"), None)
    assert settings.run == Run(Path("/run/sidecar"))
    assert settings.audit == Audit(True, "hashed", 400 * 86400, 64 * 1024 * 1024, False)
    assert settings.telemetry == Telemetry(None, "http", {}, 1.0)
    assert settings.policy == PolicyMode("enforce", "record", ())
    assert settings.health == Health(Tcp("0.0.0.0", 9090))
    assert (settings.admin, settings.tls.ca_file, settings.resolve) == (None, None, {})
    assert (settings.reload, settings.development) == ("sighup", False)


def test_every_key_may_be_given(read: Read, tmp_path: Path) -> None:
    for name in ("cert.pem", "key.pem", "ca.pem", "policy.cedar"):
        (tmp_path / name).write_text("forbid (principal, action, resource);\n")
    settings = read(
        """
agent:
  {name: a, url: 'unix:agent.sock', concurrency: one, forward_authorization: true, assertion: true, token: {env: TOKEN}}
agentcore: {enabled: true, trust_user_ids: true, session_uri_only: true}
inbound:
  listen: 0.0.0.0:443
  public_url: https://agent.example.com/a
  public: [/healthz, /docs/]
  who: any
  preflight: pass
  groups: named
  trusted_proxies: [10.0.0.0/8, 192.0.2.1]
  tls: {cert: cert.pem, key: key.pem}
  limits: {head: 64KiB, token: 8KiB, connections: 5, requests: 4}
  timeouts: {head: 1s, connect: 2s, first_byte: 3s, idle: 4s, turn: 5s, drain: 0s}
invocation: {linger: 0s, max: 2h, detach: 24h, baggage: true, end_with_token: true}
egress:
  {listen: 'unix:egress.sock', default: tunnel, routes: {}, limits: {head: 2KiB, token: 1KiB}, timeouts: {connect: 1s}}
issuers: {}
providers: {}
capabilities: {}
jwks: {max_stale: 48h, refresh: 5m}
consent: {public_url: 'https://accounts.example.com', listen: 127.0.0.1:1, return_urls: ['https://app.example.com/?done=1']}
vault: {url: {env: VAULT}, namespace: blue}
state: {dir: state, key: {env: KEY}}
run: {dir: run}
audit: {required: false, subjects: plain, keep: 1d, journal: 1MiB, stdout: true}
telemetry: {otlp: 'http://otel:4317', protocol: grpc, headers: {Authorization: {env: OTLP}}, sample: 0.5}
policy: {mode: shadow, explain: agent, files: [policy.cedar]}
health: {listen: 127.0.0.1:2}
admin: {listen: 'unix:admin.sock', who: {roles: [operator]}}
tls: {ca_file: ca.pem}
resolve: {ID.example.com: 10.0.0.1, other.example: 'fd00::1'}
reload: watch
development: false
""",
        {"TOKEN": "ag_0123456789abcdef", "VAULT": "postgresql://u:p@db/v", "KEY": KEY, "OTLP": "Bearer hunter2"},
        whole=True,
    )
    assert settings.agent == Agent("a", Unix(tmp_path / "agent.sock"), "one", True, True, Secret("ag_0123456789abcdef"))
    assert settings.agentcore == AgentCore(True, True, True)
    inbound = settings.inbound
    assert (inbound.listen, inbound.public_url) == (Tcp("0.0.0.0", 443), "https://agent.example.com/a")
    assert (inbound.public, inbound.preflight, inbound.groups) == (("/healthz", "/docs/"), "pass", "named")
    assert inbound.trusted_proxies == (ip_network("10.0.0.0/8"), ip_network("192.0.2.1/32"))
    assert inbound.tls == Tls(tmp_path / "cert.pem", tmp_path / "key.pem")
    assert inbound.limits == Limits(65536, 8192, 5, 4)
    assert inbound.timeouts == Timeouts(1, 2, 3, 4, 5, 0)
    assert settings.invocation == Lifetimes(0, 7200, 86400, True, True)
    assert settings.egress.listen == Unix(tmp_path / "egress.sock")
    assert (settings.egress.default, settings.egress.limits.head, settings.egress.timeouts.connect) == (
        "tunnel",
        2048,
        1,
    )
    assert settings.jwks == Jwks(172800, 300)
    assert settings.consent == Consent(
        "https://accounts.example.com",
        Tcp("127.0.0.1", 1),
        ("https://app.example.com/?done=1",),
    )
    assert settings.vault == Vault(Secret("postgresql://u:p@db/v"), "blue")
    assert settings.state == State(tmp_path / "state", Secret(KEY))
    assert settings.run == Run(tmp_path / "run")
    assert settings.audit == Audit(False, "plain", 86400, 1048576, True)
    assert settings.telemetry == Telemetry("http://otel:4317", "grpc", {"Authorization": Secret("Bearer hunter2")}, 0.5)
    own = PolicyFile(tmp_path / "policy.cedar", "forbid (principal, action, resource);")
    assert settings.policy == PolicyMode("shadow", "agent", (own,))
    assert settings.admin is not None
    assert settings.admin == Admin(Unix(tmp_path / "admin.sock"), None, settings.admin.who)
    assert settings.tls.ca_file == tmp_path / "ca.pem"
    assert settings.resolve == {"id.example.com": "10.0.0.1", "other.example": "fd00::1"}
    assert settings.reload == "watch"
    names = ("sidecar.yaml", "cert.pem", "key.pem", "policy.cedar", "ca.pem")
    assert set(settings.files) == {tmp_path / name for name in names}
    assert settings.environ == {"TOKEN", "VAULT", "KEY", "OTLP"}
    assert [note for note in settings.notes if "yet" in note] == [f"{path} has no effect yet" for path in LATER]


LATER = [
    "agentcore.enabled",
    "agentcore.trust_user_ids",
    "agentcore.session_uri_only",
    "admin",
]
"""What is read and checked before its room is built, in the order of the table."""


def test_what_has_no_effect_yet_is_said_of_just_that() -> None:
    assert [path for path, key in keys(CONFIGURATION) if not key.now] == LATER


@pytest.mark.parametrize(("path", "key"), [*keys(CONFIGURATION)], ids=[path for path, _ in keys(CONFIGURATION)])
def test_every_key_explains_itself(path: str, key: Key) -> None:
    assert key.says.endswith(".")
    assert "|" not in key.says
    assert path.rpartition(".")[2].isidentifier()
    if key.default is not None and key.default is not REQUIRED and not isinstance(key.shape, Section):
        key.shape.plain(key.default)


@pytest.mark.parametrize(
    ("text", "value"), [("off", "off"), ("'off'", "off"), ("no", "off"), ("{env: T}", Secret("t" * 16))]
)
def test_the_agents_token_may_be_off(read: Read, text: str, value: Any) -> None:
    settings = read(f"agent: {{name: a, url: 'unix:a', token: {text}}}", {"T": "t" * 16}, whole=True)
    assert settings.agent.token == value


@pytest.mark.parametrize("text", ["invocation: {detach: off}", "telemetry: {otlp: off}", "admin: off", "admin: false"])
def test_what_is_off_is_none(read: Read, text: str) -> None:
    settings = read(text)
    assert (settings.invocation.detach, settings.telemetry.otlp, settings.admin) == (None, None, None)


@pytest.mark.parametrize(
    ("text", "path", "what", "mend"),
    [
        ("inbund: {}", "inbund", "is not a key here", 'Did you mean "inbound"?'),
        ("inbound: {lissen: 'x:1'}", "inbound.lissen", "is not a key here", 'Did you mean "listen"?'),
        ("inbound: []", "inbound", None, None),
        ("inbound:", "inbound", None, None),
        (
            "inbound: {listen: 8080}",
            "inbound.listen",
            '"8080" is to YAML an integer, not host:port or unix:/path',
            None,
        ),
        (
            "inbound: {preflight: allow}",
            "inbound.preflight",
            '"allow" is not one of refuse, pass',
            "Use one of refuse, pass.",
        ),
        (
            "inbound: {public: /healthz}",
            "inbound.public",
            '"/healthz" is not a list of paths',
            "Write it like  [/healthz]",
        ),
        ("inbound: {public: [/a, b]}", "inbound.public[1]", '"b" does not begin with /', "Write /b"),
        (
            "inbound: {trusted_proxies: [10.0.0.1/8]}",
            "inbound.trusted_proxies[0]",
            '"10.0.0.1/8" has bits beyond its prefix',
            "Write 10.0.0.0/8, or 10.0.0.1 for the one address.",
        ),
        (
            "inbound: {tls: {cert: none.pem, key: none.pem}}",
            "inbound.tls.cert",
            None,
            "Put the file there, or correct the path.",
        ),
        ("inbound: {tls: {}}", "inbound.tls.cert", "is missing", "Set  cert: /etc/sidecar/file.pem"),
        ("inbound: {limits: {head: 1B}}", "inbound.limits.head", '"1B" is not from 1KiB to 1MiB', None),
        (
            "inbound: {limits: {requests: 0}}",
            "inbound.limits.requests",
            '"0" is not a whole number from 1 to 1000000',
            None,
        ),
        (
            "inbound: {timeouts: {idle: 0s}}",
            "inbound.timeouts.idle",
            '"0s" is no time at all',
            "Write a time above zero.",
        ),
        (
            "inbound: {timeouts: {idle: 30}}",
            "inbound.timeouts.idle",
            '"30" is to YAML an integer, not a duration above zero, such as 30s',
            None,
        ),
        ("inbound: {timeouts: {idle: '30'}}", "inbound.timeouts.idle", '"30" has no unit', "Say the unit: 30s, 30m, …"),
        ("inbound: {public_url: agent.example.com}", "inbound.public_url", None, None),
        ("audit: {required: 'no'}", "audit.required", '"no" is not true or false', "Write it like  true"),
        ("audit: {journal: 1TiB}", "audit.journal", '"1TiB" is not a size', None),
        ("audit: {subjects: hash}", "audit.subjects", '"hash" is not one of hashed, plain', 'Did you mean "hashed"?'),
        ("telemetry: {sample: 2}", "telemetry.sample", '"2" is not a number from 0 to 1', None),
        ("telemetry: {otlp: true}", "telemetry.otlp", '"true" is to YAML a boolean, not an http or https URL', None),
        (
            "telemetry: {headers: {Host: x}}",
            "telemetry.headers.Host",
            "is a header of HTTP's or the sidecar's own",
            None,
        ),
        (
            "consent: {public_url: 'http://accounts.example.com'}",
            "consent.public_url",
            '"http://accounts.example.com" is not https',
            "Use https.",
        ),
        (
            "vault: {url: 'mysql://x'}",
            "vault.url",
            "is not the URL of a vault",
            "Write  sqlite:PATH  or  postgresql://…",
        ),
        ("state: {key: short}", "state.key", "is not 32 bytes in base64", "Make one with  openssl rand -base64 32"),
        ("resolve: {'a b': 10.0.0.1}", "resolve.a b", "names no host that can be", None),
        ("resolve: {a.example: b.example}", "resolve.a.example", '"b.example" is not an IP address', None),
        ("reload: restart", "reload", '"restart" is not one of sighup, watch', None),
        ("development: 'true'", "development", '"true" is not true or false', None),
        ("admin: {}", "admin.listen", "is missing", "Set  listen: 127.0.0.1:8080"),
        ("policy: {files: [none]}", "policy.files[0]", None, None),
        ("egress: {routes: []}", "egress.routes", "is a list, not a table of routes", None),
        ("inbound: {listen: 'unix:" + "x" * 120 + "'}", "inbound.listen", None, "Put the socket at a shorter path."),
    ],
)
def test_a_value_that_does_not_fit_its_key_is_reported(
    wrong: Wrong, text: str, path: str, what: str | None, mend: str | None
) -> None:
    problem, *others = wrong(text)
    assert (problem.path, problem.line) == (path, 2)
    assert what in (None, problem.what)
    assert mend in (None, problem.mend)
    assert not others or path == "inbound.tls.cert"


@pytest.mark.parametrize("key", ["vault:transit/sidecar", "awskms:alias/sidecar"])
def test_a_state_key_may_be_held_by_a_key_service(read: Read, key: str) -> None:
    settings = read("state: {key: {env: KEY}}", {"KEY": key})
    assert settings.state.key == Secret(key)
