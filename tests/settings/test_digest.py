"""One text for one configuration."""

import base64

from sidecar.secret import Secret
from sidecar.settings.digest import digest
from tests.settings.conftest import AGENT, Read

KEY = base64.b64encode(bytes(range(32))).decode()
TEXT = "issuers: {x: {type: okta, domain: acme.okta.com, audience: a, login: {client_id: a, client_secret: {env: S}}}}"


def test_the_same_configuration_has_the_same_digest_however_it_is_written(read: Read) -> None:
    other = """# a comment
issuers:
  x:
    audience: [a]
    type: "okta"
    login: &login {client_secret: {env: OTHER}, client_id: a}
    domain: {env: DOMAIN}
    leeway: 30s
inbound: {}
"""
    environ = {"S": "hunter2", "OTHER": "hunter2", "DOMAIN": "acme.okta.com"}
    assert read(TEXT, environ).digest == read(AGENT.replace("\n", " # other\n") + other, environ, whole=True).digest


def test_another_configuration_has_another_digest(read: Read) -> None:
    base = read(TEXT, {"S": "hunter2"}).digest
    assert len(base) == 64
    others = [
        read(TEXT, {"S": "hunter3"}),
        read(TEXT.replace("audience: a", "audience: b"), {"S": "hunter2"}),
        read(TEXT + "\nreload: watch", {"S": "hunter2"}),
        read(TEXT + "\negress: {default: tunnel}", {"S": "hunter2"}),
        read(f"{TEXT}\nstate: {{key: {{env: K}}}}", {"S": "hunter2", "K": KEY}),
    ]
    assert len({base, *(other.digest for other in others)}) == 6


def test_a_secret_goes_into_it_by_its_hmac_alone() -> None:
    parts = {"a": (Secret("hunter2"), "hunter2")}
    assert digest(parts, Secret("one")) != digest(parts, Secret("two"))
    assert digest({"a": Secret("hunter2")}, None) != digest({"a": "hunter2"}, None)


def test_sets_and_tables_have_no_order_and_lists_have_one() -> None:
    assert digest({"a": 1, "b": frozenset("xyz")}, None) == digest({"b": frozenset("zyx"), "a": 1}, None)
    assert digest({"a": (1, 2)}, None) != digest({"a": (2, 1)}, None)
    assert digest({"a": "1"}, None) != digest({"a": 1}, None)
    assert digest({"a": True}, None) != digest({"a": "True"}, None)
    assert digest({"a": ("b,c",)}, None) != digest({"a": ("b", "c")}, None)
