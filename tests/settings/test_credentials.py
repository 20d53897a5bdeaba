"""Secrets, none of which is ever in a message."""

import base64
import secrets
from collections.abc import Callable

import pytest

from sidecar.secret import Secret
from sidecar.settings import credentials
from sidecar.settings.problem import Misfit

KEY = base64.b64encode(bytes(range(224, 256))).decode()


def test_a_secret_is_text_on_one_line() -> None:
    assert credentials.secret("correct horse battery staple") == Secret("correct horse battery staple")


@pytest.mark.parametrize(
    "text", [KEY, KEY.rstrip("="), KEY.replace("+", "-").replace("/", "_"), KEY.translate({43: 45, 47: 95}).rstrip("=")]
)
def test_a_state_key_is_32_bytes_in_base64_of_either_alphabet(text: str) -> None:
    assert credentials.state_key(text) == Secret(KEY)


@pytest.mark.parametrize("text", ["awskms:alias/sidecar", "vault:transit/sidecar"])
def test_a_state_key_may_be_a_key_services(text: str) -> None:
    assert credentials.state_key(text) == Secret(text)


@pytest.mark.parametrize(
    "text",
    [
        "sqlite:/var/lib/vault.db",
        "sqlite://odd:[path",
        "postgresql://user:pass@db/vault?sslmode=verify-full",
        "postgresql://user:pa%2Fss@one:5432,two:5433/vault",
        "postgresql:///vault?host=/run/postgresql",
    ],
)
def test_a_vault_is_one_of_two_kinds(text: str) -> None:
    assert credentials.vault_url(text) == Secret(text)


def test_an_agents_token_stands_as_it_is_in_headers_and_urls() -> None:
    text = f"ag_{secrets.token_urlsafe(32)}"
    assert credentials.agent_token(text) == Secret(text)


@pytest.mark.parametrize(
    ("parse", "text", "what"),
    [
        (credentials.secret, "hunter2\nsecond", "holds a line break, a control character, or white space around it"),
        (credentials.secret, " hunter2", "holds a line break, a control character, or white space around it"),
        (credentials.secret, "hunter2\x00", "holds a line break, a control character, or white space around it"),
        (credentials.state_key, "hunter2", "is not 32 bytes in base64"),
        (credentials.state_key, base64.b64encode(b"hunter2" * 5).decode(), "is not 32 bytes in base64"),
        (credentials.state_key, KEY + "hunter2", "is not 32 bytes in base64"),
        (credentials.state_key, "hunter2größer", "is not 32 bytes in base64"),
        (credentials.vault_url, "mysql://root:hunter2@db", "is not the URL of a vault"),
        (credentials.vault_url, "sqlite:", "is not the URL of a vault"),
        (credentials.vault_url, "postgresql://root:hunter2@[::1/v", "is not the URL of a vault"),
        (credentials.vault_url, "postgresql://root:hunter2@db:99999/v", "is not the URL of a vault"),
        (credentials.vault_url, "postgresql://root:hunter2/@db/v", "is not the URL of a vault"),
        (credentials.agent_token, "hunter2", "is not 16 to 256 letters, digits, - . _ and ~"),
        (credentials.agent_token, "hunter2:hunter2:hunter2", "is not 16 to 256 letters, digits, - . _ and ~"),
    ],
)
def test_what_is_no_secret_is_refused_and_not_cited(parse: Callable[[str], Secret], text: str, what: str) -> None:
    with pytest.raises(Misfit) as refused:
        parse(text)
    assert refused.value.what == what
    assert "hunter2" not in refused.value.mend + repr(refused.value)
