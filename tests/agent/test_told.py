"""What ``sidecar env`` prints for each format, with the handle that is to be had, and what it says beside it."""

import json
from pathlib import Path
from typing import Literal

import pytest
import yaml

from sidecar.agent.formats import Unwritable
from sidecar.agent.told import FORMATS, MANIFEST, Known, told
from sidecar.secret import Secret
from sidecar.wire.endpoint import Tcp, Unix

GIVEN = "given-by-the-configuration"
LEFT = "ag_left-by-a-running-sidecar"
LISTEN = Tcp("127.0.0.1", 8181)
ALL = pytest.mark.parametrize("form", [*FORMATS, MANIFEST])


def known(
    *,
    token: str | None = None,
    shared: bool = False,
    left: str | None = None,
    aws: bool = False,
    listen: Tcp | Unix = LISTEN,
    run: str = "/run/sidecar",
    one: bool = False,
    consent: str | None = None,
) -> Known:
    given: Secret | Literal["off"] | None = "off" if token == "off" else Secret(token) if token else None
    return Known(
        listen, Path(run), given, shared or isinstance(given, Secret), aws, one=one, consent=consent, left=left
    )


def proxy(one: Known) -> str:
    return str(json.loads(told(one, "json").text)["HTTPS_PROXY"])


class TestTheHandle:
    def test_the_configurations_comes_before_the_one_that_lies_there(self) -> None:
        assert GIVEN in proxy(known(token=GIVEN, left=LEFT))

    def test_the_one_that_a_running_sidecar_has_left_is_taken(self) -> None:
        assert LEFT in proxy(known(left=LEFT))
        assert LEFT in proxy(known(left=LEFT, shared=True))
        assert told(known(left=LEFT), "shell").notes == ()

    def test_where_there_is_none_that_is_said(self) -> None:
        assert proxy(known()) == "http://127.0.0.1:8181"
        (note,) = told(known(), "shell").notes
        assert "a running sidecar leaves one in /run/sidecar/token" in note

    def test_off_is_off(self) -> None:
        answer = told(known(token="off", left=LEFT, aws=True), "json")
        assert (LEFT in answer.text, answer.notes) == (False, ())
        assert not [name for name in json.loads(answer.text) if name.startswith("AWS_CONTAINER")]

    def test_the_consent_pages_are_told_too(self) -> None:
        at = "https://accounts.example.com"
        assert json.loads(told(known(consent=at), "json").text)["SIDECAR_CONSENT_URL"] == at

    def test_it_shows_in_no_representation(self) -> None:
        assert LEFT not in repr(known(left=LEFT))
        assert GIVEN not in repr(told(known(token=GIVEN), "shell"))


class TestAManifest:
    @pytest.mark.parametrize("one", [known(token=GIVEN), known(shared=True), known(shared=True, left=LEFT)])
    def test_it_names_a_secret_and_never_holds_the_handle(self, one: Known) -> None:
        answer = told(one, MANIFEST)
        assert yaml.safe_load(answer.text)["env"][0]["name"] == "SIDECAR_AGENT_TOKEN"
        assert not [handle for handle in (GIVEN, LEFT) if handle in answer.text]
        assert answer.notes == ()

    def test_a_handle_that_is_made_at_each_start_is_in_none(self) -> None:
        answer = told(known(left=LEFT), MANIFEST)
        assert LEFT not in answer.text
        assert {"name": "HTTPS_PROXY", "value": "http://127.0.0.1:8181"} in yaml.safe_load(answer.text)["env"]
        assert "agent.token: {env: NAME}" in answer.notes[0]


@ALL
def test_where_one_call_is_served_at_a_time_no_handle_is_told(form: str) -> None:
    for each in (known(token=GIVEN, one=True), known(left=LEFT, one=True), known(one=True)):
        answer = told(each, form)
        assert not [handle for handle in (GIVEN, LEFT, "SIDECAR_AGENT_TOKEN", ":x@") if handle in answer.text]
        assert answer.notes == ()


@ALL
def test_a_unix_socket_is_told_and_has_no_proxy(form: str) -> None:
    answer = told(known(token=GIVEN, listen=Unix(Path("/run/egress.sock"))), form)
    assert "PROXY" not in answer.text.replace("NODE_USE_ENV_PROXY", "")
    assert "clients know no variable for a proxy on one" in answer.notes[0]


@ALL
def test_aws_variables_come_where_credentials_are_handed_out(form: str) -> None:
    assert "/v1/aws/credentials" in told(known(token=GIVEN, aws=True), form).text
    assert "AWS_ACCESS_KEY_ID" not in told(known(token=GIVEN), form).text


def test_a_folder_that_dotenv_cannot_carry_is_refused() -> None:
    with pytest.raises(Unwritable):
        told(known(token=GIVEN, run="/srv/it's"), "dotenv")
