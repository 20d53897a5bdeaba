"""The variables in every format, read back by what reads that format."""

import io
import json
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest
import yaml
from dotenv import dotenv_values
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sidecar.agent import formats
from sidecar.agent.environment import variables
from sidecar.agent.formats import SecretKey, Unwritable
from sidecar.wire.endpoint import Tcp
from tests import counterparts

LISTEN = Tcp("127.0.0.1", 8181)
VALUES = st.text(st.characters(codec="utf-8", exclude_characters="\0"))
NAMES = st.from_regex("[A-Z]{3}[A-Z_0-9]{0,9}", fullmatch=True).map("T_{}".format)
GIVEN = st.dictionaries(NAMES, VALUES, max_size=4)
FEW = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
"""Each example is a process."""


def known(run: str = "/run/sidecar", *, handle: str | None = "ag_1", aws: bool = True) -> Mapping[str, str | None]:
    return variables(listen=LISTEN, run=Path(run), handle=handle, aws=aws)


def evaluated(shell: str, text: str, env: Mapping[str, str]) -> dict[str, str]:
    """What a shell has in its environment after it has evaluated *text*."""
    done = subprocess.run(
        [shell, "-c", 'eval "$1"; exec /usr/bin/env -0', shell, text], env=env, capture_output=True, check=True
    )
    pairs = (entry.partition(b"=") for entry in done.stdout.split(b"\0") if entry)
    return {name.decode(): value.decode() for name, _, value in pairs}


class TestShell:
    @FEW
    @given(GIVEN)
    @pytest.mark.parametrize("shell", ["sh", "bash"])
    def test_a_shell_evaluates_any_value_back(self, shell: str, given: dict[str, str]) -> None:
        found = shutil.which(shell) or counterparts.missing(shell)
        got = evaluated(found, formats.shell(given), {"LC_ALL": "C.UTF-8"})
        assert {name: value for name, value in got.items() if name.startswith("T_")} == given

    def test_what_must_not_be_set_is_unset(self) -> None:
        before = {"AWS_PROFILE": "prod", "AWS_ACCESS_KEY_ID": "AKIA", "AWS_REGION": "eu-central-1"}
        got = evaluated("/bin/sh", formats.shell(known()), before)
        assert got["AWS_REGION"] == "eu-central-1"
        assert not {"AWS_PROFILE", "AWS_ACCESS_KEY_ID"} & got.keys()
        assert got["HTTPS_PROXY"] == "http://ag_1:x@127.0.0.1:8181"


class TestDotenv:
    def test_what_needs_no_quotes_has_none(self) -> None:
        lines = formats.dotenv(known()).splitlines()
        assert "HTTPS_PROXY=http://ag_1:x@127.0.0.1:8181" in lines
        assert "NO_PROXY=127.0.0.1,localhost,169.254.170.2" in lines
        assert not [line for line in lines if "'" in line]
        assert "# must not be set: AWS_PROFILE" in lines

    @given(GIVEN)
    def test_dotenv_reads_any_value_back_that_can_be_written(self, given: dict[str, str]) -> None:
        try:
            text = formats.dotenv(given)
        except Unwritable:
            return
        assert dotenv_values(stream=io.StringIO(text)) == given

    @FEW
    @given(GIVEN)
    def test_node_reads_any_value_back_that_can_be_written(self, tmp_path: Path, given: dict[str, str]) -> None:
        try:
            text = formats.dotenv(given)
        except Unwritable:
            return
        (tmp_path / "agent.env").write_text(text)
        code = "process.stdout.write(JSON.stringify(process.env))"
        argv = [counterparts.node("jose"), f"--env-file={tmp_path / 'agent.env'}", "--eval", code]
        got = json.loads(subprocess.run(argv, env={}, capture_output=True, check=True).stdout)
        assert {name: value for name, value in got.items() if name.startswith("T_")} == given

    @pytest.mark.parametrize("value", ["it's", "a\\b", "/srv/${HOME}", "two\nlines", "tab\t", "del\x7f"])
    def test_what_readers_read_differently_is_not_written(self, value: str) -> None:
        with pytest.raises(Unwritable, match=r"^SSL_CERT_FILE holds"):
            formats.dotenv({"SSL_CERT_FILE": value})

    @pytest.mark.parametrize("value", ["/srv/my agent/ca.pem", "/srv/#1", '/srv/"x"', "/srv/ü"])
    def test_other_values_are_quoted(self, value: str) -> None:
        assert formats.dotenv({"SSL_CERT_FILE": value}) == f"SSL_CERT_FILE='{value}'\n"


class TestJson:
    @given(st.dictionaries(NAMES, st.none() | VALUES))
    def test_any_value_is_read_back(self, given: dict[str, str | None]) -> None:
        assert json.loads(formats.json(given)) == given


class TestKubernetes:
    def test_it_is_a_containers_env(self) -> None:
        entries = yaml.safe_load(formats.kubernetes(known(handle=None), None))["env"]
        got = {entry["name"]: entry["value"] for entry in entries}
        assert got == {name: value for name, value in known(handle=None).items() if value is not None}

    def test_the_handle_comes_from_a_secret(self) -> None:
        text = formats.kubernetes(known(handle=formats.referred()), SecretKey())
        first, *others = yaml.safe_load(text)["env"]
        assert first == {
            "name": "SIDECAR_AGENT_TOKEN",
            "valueFrom": {"secretKeyRef": {"name": "agent-identity-sidecar", "key": "agent-token"}},
        }
        assert {"name": "HTTPS_PROXY", "value": "http://$(SIDECAR_AGENT_TOKEN):x@127.0.0.1:8181"} in others

    def test_what_must_not_be_set_is_told(self) -> None:
        assert "# must not be set: AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY" in formats.kubernetes(known(), None)
        assert "# must" not in formats.kubernetes(known(aws=False), None)

    def test_a_reference_that_is_none_stays_what_it_is(self) -> None:
        entries = yaml.safe_load(formats.kubernetes(known("/srv/$(HOME)"), None))["env"]
        assert {"name": "SSL_CERT_FILE", "value": "/srv/$$(HOME)/ca-bundle.pem"} in entries

    @given(VALUES)
    def test_any_value_is_read_back(self, value: str) -> None:
        (entry,) = yaml.safe_load(formats.kubernetes({"NAME": value}, None))["env"]
        assert entry == {"name": "NAME", "value": value.replace("$(", "$$(")}
