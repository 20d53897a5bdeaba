"""A whole file: every problem at once, in the order of its lines; and whatever the text, settings or problems."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from sidecar.settings import Problems, Settings, load
from sidecar.settings.issuers import TYPES
from sidecar.settings.providers import PROVIDER_TYPES
from sidecar.settings.sections import Named, Section, Typed
from sidecar.settings.shapes import Either, Shape
from sidecar.settings.table import CONFIGURATION
from tests.settings.conftest import AGENT, Read, Wrong

SECRET = "sk-live-4Vq SECRET"


def test_every_problem_is_reported_at_once_in_the_order_of_its_lines(wrong: Wrong) -> None:
    text = """\
agent:
  name: travel agent
inbound:
  listen: 8080
  publik: [/healthz]
issuers:
  shop:
    type: cognito
    region: eu-central-1
    user_pool_id: eu-central-1_a1
egress:
  routes:
    code: {url: "https://api.github.com", provider: githb}
providers:
  github: {type: github, client_id: a, client_secret: {env: SECRET}}
audit: {keep: 400}
audit: {required: no}
"""
    assert [str(problem).partition("sidecar.yaml:")[2] for problem in wrong(text, whole=True)] == [
        "1  agent.url  is missing\n    Set  url: http://127.0.0.1:8000",
        '2  agent.name  "travel agent" is not a name without spaces\n    Write it like  my-agent',
        '4  inbound.listen  "8080" is to YAML an integer, not host:port or unix:/path\n'
        "    Write host:port, such as 127.0.0.1:8080, or unix:/path.",
        '5  inbound.publik  is not a key here\n    Did you mean "public"?',
        "7  issuers.shop.client_ids  is missing\n"
        "    Cognito access tokens carry the app client id, not an audience; set  client_ids: [<app client id>]",
        '13  egress.routes.code.provider  "githb" is not a provider\n    Did you mean "github"?',
        "15  providers.github.client_secret  needs the variable SECRET, which is not set\n"
        "    Set SECRET in the sidecar's environment.",
        '16  audit.keep  "400" is to YAML an integer, not a duration above zero, such as 30s\n'
        "    Say the unit: 400s, 400m, …",
        "17  audit  stands here again; it is given in line 16 already\n    Keep one of the two.",
    ]


def test_the_file_is_named_as_it_was_given(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "config").mkdir()
    (tmp_path / "config" / "sidecar.yaml").write_text("{}")
    with pytest.raises(Problems) as found:
        load(Path("config/sidecar.yaml"), {})
    assert {problem.file for problem in found.value.problems} == {"config/sidecar.yaml"}
    assert str(found.value).startswith("config/sidecar.yaml:1  agent.name  is missing\n")


@pytest.mark.parametrize("text", ["", "# nothing\n", "{}"])
def test_an_empty_file_lacks_what_is_required(wrong: Wrong, text: str) -> None:
    assert [problem.path for problem in wrong(text, whole=True)] == ["agent.name", "agent.url"]


@pytest.mark.parametrize(
    ("text", "line", "what"),
    [
        ("[a]", 0, "is a list, not a table with agent, agentcore"),
        ("agent", 0, "is not a table with agent"),
        ("a: [", 2, "is not YAML"),
        ("a: *b", 1, "refers with * to an anchor that isn't there"),
    ],
)
def test_a_file_that_is_no_table_is_one_problem(wrong: Wrong, text: str, line: int, what: str) -> None:
    (problem,) = wrong(text, whole=True)
    assert (problem.path, problem.line) == ("", line)
    assert problem.what.startswith(what)


def _misplaced() -> Iterator[dict[str, Any]]:
    """Configurations with a secret in every place below providers and issuers where it doesn't belong."""
    for parts, types in (("providers", PROVIDER_TYPES), ("issuers", TYPES)):
        for value in (SECRET, [SECRET], {SECRET: SECRET}, {"key": SECRET}):
            yield {parts: value} if not isinstance(value, dict) else {parts: {"x": {"type": value}}}
            yield {parts: {"x": value if not isinstance(value, dict) else [value]}}
            for kind, section in types.items():
                for key in section.keys:
                    yield {parts: {"x": {"type": kind, key: value}}}


def test_no_value_below_providers_or_issuers_is_ever_shown(wrong: Wrong) -> None:
    found = 0
    for given_ in _misplaced():
        problems = wrong(yaml.safe_dump(given_))
        found += len(problems)
        shown = [problem for problem in problems if SECRET in problem.what + problem.mend]
        assert not [problem for problem in shown if f"{SECRET}" not in problem.path]
    assert found > 500


@pytest.mark.parametrize(
    "text", [SECRET, f"API_KEY={SECRET}", f"'{SECRET}'", "17951795", f"-----BEGIN\n{SECRET}\n-----"]
)
def test_a_file_that_is_one_text_is_not_shown(wrong: Wrong, text: str) -> None:
    """Whoever names the wrong file may have named a secret's."""
    (problem,) = wrong(text, whole=True)
    assert "not a table" in problem.what
    assert text.strip("'")[-8:] not in str(problem)
    assert SECRET not in str(problem)


def test_a_file_that_cannot_be_read_is_one_problem(tmp_path: Path) -> None:
    for path, what in ((tmp_path / "none.yaml", "which is not there"), (tmp_path, "which is not a regular file")):
        with pytest.raises(Problems, match=what) as found:
            load(path, {})
        assert [(problem.path, problem.line) for problem in found.value.problems] == [("", 0)]


def test_a_file_that_everybody_may_write_to_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "sidecar.yaml"
    path.write_text(AGENT)
    path.chmod(0o666)
    with pytest.raises(Problems, match="which everybody on this machine may write to"):
        load(path, {})
    path.chmod(0o664)
    assert load(path, {}).agent.name == "travel-agent"


def test_anchors_and_merges_are_read(read: Read) -> None:
    text = "inbound: {timeouts: &times {idle: 2h, head: 5s}}\negress: {timeouts: {<<: *times, head: 6s}}"
    settings = read(text)
    assert (settings.inbound.timeouts.idle, settings.inbound.timeouts.head) == (7200, 5)
    assert (settings.egress.timeouts.idle, settings.egress.timeouts.head) == (7200, 6)


ABSENT = """
issuers: {okta: {type: okta, domain: acme.okta.com, audience: a, login: {client_id: a, client_secret: {env: OKTA}}}}
providers: {p: {type: github, client_id: {env: ID}, client_secret: {file: secret}}}
inbound: {public_url: {env: PUBLIC}, tls: {cert: cert.pem, key: key.pem}}
consent: {public_url: 'https://agent.example.com'}
agent: {name: {env: NAME}, url: {env: URL}}
"""


def test_a_name_may_hold_dots(read: Read, wrong: Wrong) -> None:
    text = """\
issuers: {okta.eu: {type: oidc, issuer: "https://eu.example", audience: a}}
providers: {maps.eu: {type: bearer, token: {env: TOKEN}}, maps: {type: bearer, token: {env: TOKEN}}}
egress: {routes: {maps.eu: {url: "https://maps.example", provider: maps.eu}}}
capabilities: {look.up: {who: {issuer: okta.eu}, routes: [maps.eu]}}
"""
    settings = read(text, {"TOKEN": SECRET})
    tables = (settings.issuers, settings.providers, settings.egress.routes, settings.capabilities)
    assert [[(key, one.name) for key, one in table.items()] for table in tables] == [
        [("okta.eu", "okta.eu")],
        [("maps.eu", "maps.eu"), ("maps", "maps")],
        [("maps.eu", "maps.eu")],
        [("look.up", "look.up")],
    ]
    nested = text.replace("provider: maps.eu", "provider: maps.token")  # which is a key of maps, and no provider
    assert [problem.path for problem in wrong(nested, {"TOKEN": SECRET})] == ["egress.routes.maps.eu.provider"]


def test_what_this_machine_lacks_is_a_problem_where_it_is_to_run(wrong: Wrong) -> None:
    assert [problem.path for problem in wrong(ABSENT, whole=True)] == [
        "issuers.okta.login.client_secret",
        "providers.p.client_id",
        "providers.p.client_secret",
        "inbound.public_url",
        "inbound.tls.cert",
        "inbound.tls.key",
        "agent.name",
        "agent.url",
    ]


def test_what_this_machine_lacks_is_a_note_where_it_is_checked(read: Read, tmp_path: Path) -> None:
    settings = read(ABSENT, strict=False, whole=True)
    assert [note for note in settings.notes if "yet" not in note and "is empty" not in note] == [
        "agent.name needs the variable NAME, which is not set",
        "agent.url needs the variable URL, which is not set",
        "inbound.public_url needs the variable PUBLIC, which is not set",
        f"inbound.tls.cert is {tmp_path}/cert.pem, which is not there",
        f"inbound.tls.key is {tmp_path}/key.pem, which is not there",
        "issuers.okta.login.client_secret needs the variable OKTA, which is not set",
        "providers.p.client_id needs the variable ID, which is not set",
        f"providers.p.client_secret is {tmp_path}/secret, which is not there",
    ]
    assert settings.environ == {"OKTA", "ID", "PUBLIC", "NAME", "URL"}
    assert tmp_path / "secret" in settings.files


def test_what_is_there_is_judged_where_it_is_checked_too(wrong: Wrong) -> None:
    problems = wrong("inbound: {listen: {env: LISTEN}}\naudit: {keep: {env: NONE}}", {"LISTEN": "x"}, strict=False)
    assert [(problem.path, problem.what) for problem in problems] == [
        ("inbound.listen", "is not an address to listen on")
    ]


def test_problems_carry_the_notes(read: Read) -> None:
    with pytest.raises(Problems) as found:
        read("agentcore: {enabled: true}\nreload: x")
    assert found.value.notes == ("agentcore.enabled has no effect yet",)


SECRETIVE = """
issuers: {okta: {type: okta, domain: acme.okta.com, audience: a, login: {client_id: a, client_secret: %(s)s}}}
providers:
  a: {type: google, client_id: a, client_secret: %(s)s}
  b: {type: api_key, key: %(s)s, header: X-Key}
  c: {type: bearer, token: %(s)s}
telemetry: {otlp: 'http://127.0.0.1:4318', headers: {authorization: %(s)s}}
"""


@pytest.mark.parametrize("where", ["hunter2hunter2hunter2", "{env: SECRET}", "{file: secret}"])
def test_no_secret_is_ever_shown(read: Read, tmp_path: Path, where: str) -> None:
    (tmp_path / "secret").write_text("hunter2hunter2hunter2\n")
    environ = {"SECRET": "hunter2hunter2hunter2"}
    text = SECRETIVE % {"s": where} + f"agent: {{name: a, url: 'unix:a', token: {where}}}"
    found = read(text, environ, whole=True)
    assert found.providers["b"].key is not None
    assert found.providers["b"].key.reveal() == "hunter2hunter2hunter2"
    assert "hunter2" not in repr(found) + str(found) + "".join(found.notes)


@pytest.mark.parametrize(
    "text",
    [
        *(
            f"{key}: {where}"
            for where in ("{env: S}", "{file: s}")
            for key in ("reload", "development", "jwks", "health")
        ),
        "inbound: {listen: {env: S}, public_url: {env: S}, public: [{env: S}], who: {env: S}}",
        "inbound: {trusted_proxies: [{env: S}]}",
        "inbound: {preflight: {env: S}, limits: {head: {env: S}}, timeouts: {idle: {env: S}}}",
        "state: {key: hunter2}\nvault: {url: hunter2}",
        "state: {key: {env: S}}\nvault: {url: {env: S}}\ntelemetry: {otlp: {env: S}, headers: {x: {env: BAD}}}",
        "issuers: {x: {type: {env: S}}, y: {type: oidc, issuer: {env: S}, audience: a}}",
        "issuers: {x: {type: okta, domain: {env: S}, leeway: {env: S}, kind: {env: S}, algorithms: [{env: S}]}}",
        "providers: {x: {type: api_key, key: &hunter2x [a]}, y: {type: aws, role_arn: {env: S}, region: {env: S}}}",
        "providers: {x: {type: api_key, key: {hunter2: }}, y: {type: bearer, token: [hunter2]}}",
        "providers: {x: {type: bearer, token: *hunter2}}",
        "providers: {x: {type: api_key, key: !hunter2 x}}",
        "providers: {x: {type: api_key, key: 'hunter2\n\n  x'}}",
        "capabilities: {x: {who: any, routes: [{env: S}], hours: {env: S}, provider: {env: S}}}",
        "egress: {routes: {x: {url: {env: S}, methods: [{env: S}]}}}",
        "egress: {routes: {x: {url: 'https://user:hunter2@a.example'}}}",
        "telemetry: {otlp: 'http://:hunter2@a.example'}",
        "agent: {token: hunter2}",
    ],
)
def test_no_problem_ever_shows_a_secret_nor_what_came_from_elsewhere(read: Read, tmp_path: Path, text: str) -> None:
    (tmp_path / "s").write_text("hunter2 x")
    with pytest.raises(Problems) as found:
        read(text, {"S": "hunter2 x", "BAD": "hunter2\n"}, whole=True)
    shown = str(found.value) + repr(found.value) + "".join(found.value.notes)
    assert "hunter2" not in shown.replace("hunter2:", "")
    assert found.value.problems


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("any") / "sidecar.yaml"


def anything(file: Path, content: bytes, *, strict: bool) -> None:
    """Settings or problems, and never another exception."""
    file.write_bytes(content)
    try:
        found: Settings | Problems = load(file, {"NAME": "value", "BYTES": os.fsdecode(b"\xff")}, strict=strict)
    except Problems as problems:
        found = problems
    if isinstance(found, Problems):
        assert found.problems
        assert all(problem.what and problem.mend and problem.line >= 0 for problem in found.problems)
        str(found).encode()


@settings(deadline=None)
@given(content=st.binary() | st.text().map(str.encode), strict=st.booleans())
def test_any_bytes_are_settings_or_problems(file: Path, content: bytes, strict: bool) -> None:
    anything(file, content, strict=strict)


def names(shape: Shape) -> Iterator[str]:
    """Every key and word that the configuration knows."""
    below: list[Shape] = []
    if isinstance(shape, Section):
        yield from shape.keys
        below = [key.shape for key in shape.keys.values()]
    elif isinstance(shape, Typed):
        yield from shape.types
        below = [*shape.types.values()]
    elif isinstance(shape, Either):
        below = [*shape.shapes]
    elif isinstance(shape, Named):
        below = [shape.of]
    for one in below:
        yield from names(one)


WORDS = sorted(
    {*names(CONFIGURATION), "env", "file", "NAME", "BYTES", "any", "all", "not", "groups", "30s", "1KiB", "off"}
)
scalars = (
    st.sampled_from(WORDS)
    | st.sampled_from(["https://a.example", "127.0.0.1:80", "unix:x", "/x", "", "\0", "10.0.0.0/8"])
    | st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text()
    | st.dates()
)
trees = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(WORDS) | scalars, inner, max_size=4),
    max_leaves=20,
)


def deferred(shape: Shape) -> st.SearchStrategy[Any]:
    return st.deferred(lambda: shaped(shape))


def shaped(shape: Shape) -> st.SearchStrategy[Any]:
    """Mostly what the shape asks for, and now and then something else."""
    if isinstance(shape, Section):
        below = {name: deferred(key.shape) for name, key in shape.keys.items()}
        right: st.SearchStrategy[Any] = st.fixed_dictionaries({}, optional=below)
    elif isinstance(shape, Named):
        right = st.dictionaries(st.sampled_from(["a", "b", "NAME"]), deferred(shape.of), max_size=2)
    elif isinstance(shape, Typed):
        right = st.sampled_from([*shape.types.items()]).flatmap(
            lambda item: shaped(item[1]).map(lambda keys: keys | {"type": item[0]} if isinstance(keys, dict) else keys)
        )
    elif isinstance(shape, Either):
        right = st.one_of(*(shaped(one) for one in shape.shapes))
    else:
        right = st.just(shape.example)
    return st.integers(0, 19).flatmap(lambda die: trees if die == 0 else right)


@settings(max_examples=300, deadline=None)
@given(tree=trees | shaped(CONFIGURATION), strict=st.booleans())
def test_any_tree_is_settings_or_problems(file: Path, tree: Any, strict: bool) -> None:
    anything(file, yaml.safe_dump(tree).encode("utf-8", "surrogatepass"), strict=strict)


EXAMPLES = sorted((Path(__file__).parents[2] / "config").glob("*.yaml"))


@settings(deadline=None)
@given(
    example=st.sampled_from(EXAMPLES),
    start=st.floats(0, 1, exclude_max=True),
    length=st.integers(0, 40),
    instead=st.sampled_from(["", *WORDS, ": ", "{", "}", "[", "]", "- ", "\n", "  ", "*", "&", "!", "'"])
    | st.text(max_size=5),
)
def test_an_example_with_a_hole_or_a_splinter_in_it_is_settings_or_problems(
    file: Path, example: Path, start: float, length: int, instead: str
) -> None:
    text = example.read_text()
    at = int(start * len(text))
    anything(file, (text[:at] + instead + text[at + length :]).encode(), strict=False)
