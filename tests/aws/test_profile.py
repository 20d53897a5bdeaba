"""A developer's shared files, read by botocore."""

import logging
import sys
from pathlib import Path

import pytest

from sidecar.aws.profile import found
from sidecar.errors import ProviderRefused

PROCESS = """
import json
print(json.dumps({"Version": 1, "AccessKeyId": "ASIAPROCESS123456789", "SecretAccessKey": "of-process",
                  "SessionToken": "t", "Expiration": "2099-01-01T00:00:00Z"}))
"""


@pytest.fixture(autouse=True)
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An environment in which the shared files are in a folder of the test's own."""
    for name in ("AWS_PROFILE", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_WEB_IDENTITY_TOKEN_FILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    return tmp_path


def test_keys_are_found(files: Path) -> None:
    (files / "credentials").write_text(
        "[default]\naws_access_key_id = AKIAPROFILE123456789\naws_secret_access_key = of-profile\n"
    )
    lent = found()
    assert lent is not None
    assert (lent.id, lent.secret.reveal(), lent.token, lent.expires) == (
        "AKIAPROFILE123456789",
        "of-profile",
        None,
        None,
    )


def test_a_program_lends_them_until_a_time(files: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (files / "lend.py").write_text(PROCESS)
    (files / "config").write_text(f"[profile dev]\ncredential_process = {sys.executable} {files / 'lend.py'}\n")
    monkeypatch.setenv("AWS_PROFILE", "dev")
    lent = found()
    assert lent is not None
    assert (lent.id, lent.expires) == ("ASIAPROCESS123456789", 4070908800.0)
    assert lent.token is not None
    assert lent.token.reveal() == "t"


def test_files_without_keys_lend_none(files: Path) -> None:
    (files / "config").write_text("[default]\nregion = eu-central-1\n")
    assert found() is None


@pytest.mark.parametrize(
    "config",
    [
        "[profile dev]\ncredential_process = /nonexistent/program\n",
        "[profile dev]\ncredential_process = echo nonsense\n",
        "[profile dev]\ncredential_process = echo '{\"Version\": 1}'\n",
        "[profile dev]\nrole_arn = arn:aws:iam::1:role/r\nsource_profile = absent\n",
        "nonsense",
        "",
    ],
)
def test_what_is_wrong_with_them_is_a_refusal(files: Path, monkeypatch: pytest.MonkeyPatch, config: str) -> None:
    (files / "config").write_text(config)
    monkeypatch.setenv("AWS_PROFILE", "dev")
    with pytest.raises(ProviderRefused) as refused:
        found()
    assert "AWS_PROFILE" in refused.value.detail


def test_botocore_writes_no_answers_into_a_debuggers_log(files: Path, caplog: pytest.LogCaptureFixture) -> None:
    (files / "credentials").write_text(
        "[default]\naws_access_key_id = AKIAPROFILE123456789\naws_secret_access_key = of-profile\n"
    )
    with caplog.at_level(logging.DEBUG):
        found()
    assert "of-profile" not in caplog.text
    assert not [record for record in caplog.records if record.name.startswith("botocore") and record.levelno < 30]
