"""The agent's variables: what each client family reads, and what a child of the sidecar doesn't get."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.agent.environment import AWS_CREDENTIALS, hands_out_aws, inherited, signs_aws, variables
from sidecar.oauth.provider import Provider
from sidecar.wire.endpoint import Tcp, Unix

LISTEN = Tcp("127.0.0.1", 8181)
RUN = Path("/run/sidecar")
NAMES = st.sampled_from(["PATH", "HOME", "SECRET", "https_proxy", "AWS_PROFILE", "AWS_REGION", "SSL_CERT_FILE"])


def provider(kind: str, *, hand_out: bool = False) -> Provider:
    return Provider(name="cloud", type=kind, acts_as="agent", hand_out=hand_out)


class TestVariables:
    def test_they_are_those_of_the_convention(self) -> None:
        bundle, ca = "/run/sidecar/ca-bundle.pem", "/run/sidecar/ca.pem"
        assert variables(listen=LISTEN, run=RUN, handle="ag_1", aws=False) == {
            "SIDECAR_URL": "http://127.0.0.1:8181",
            "HTTP_PROXY": "http://ag_1:x@127.0.0.1:8181",
            "http_proxy": "http://ag_1:x@127.0.0.1:8181",
            "HTTPS_PROXY": "http://ag_1:x@127.0.0.1:8181",
            "https_proxy": "http://ag_1:x@127.0.0.1:8181",
            "NO_PROXY": "127.0.0.1,localhost,169.254.170.2",
            "no_proxy": "127.0.0.1,localhost,169.254.170.2",
            "NODE_USE_ENV_PROXY": "1",
            "GIT_HTTP_PROXY_AUTHMETHOD": "basic",
            "SSL_CERT_FILE": bundle,
            "REQUESTS_CA_BUNDLE": bundle,
            "CURL_CA_BUNDLE": bundle,
            "HTTPLIB2_CA_CERTS": bundle,
            "AWS_CA_BUNDLE": bundle,
            "GIT_SSL_CAINFO": bundle,
            "CARGO_HTTP_CAINFO": bundle,
            "NODE_EXTRA_CA_CERTS": ca,
            "DENO_CERT": ca,
        }

    def test_where_users_agree_is_told_where_they_are_asked(self) -> None:
        found = variables(listen=LISTEN, run=RUN, handle=None, aws=False, consent="https://accounts.example.com")
        assert found["SIDECAR_CONSENT_URL"] == "https://accounts.example.com"

    def test_without_a_handle_the_proxy_has_no_user(self) -> None:
        assert variables(listen=LISTEN, run=RUN, handle=None, aws=False)["HTTPS_PROXY"] == "http://127.0.0.1:8181"

    def test_run_dir_moves_the_files(self) -> None:
        moved = variables(listen=LISTEN, run=Path("/srv/agent"), handle=None, aws=True)
        assert moved["SSL_CERT_FILE"] == "/srv/agent/ca-bundle.pem"
        assert moved["AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"] == "/srv/agent/token"

    def test_another_address_on_loopback_is_reached_directly_too(self) -> None:
        found = variables(listen=Tcp("::1", 9000), run=RUN, handle=None, aws=False)
        assert (found["SIDECAR_URL"], found["https_proxy"]) == ("http://[::1]:9000", "http://[::1]:9000")
        assert found["NO_PROXY"] == "127.0.0.1,localhost,169.254.170.2,::1"

    def test_aws_credentials_come_from_here_and_from_nowhere_else(self) -> None:
        found = variables(listen=LISTEN, run=RUN, handle="ag_1", aws=True)
        given = {name: value for name, value in found.items() if name in AWS_CREDENTIALS and value is not None}
        assert given == {
            "AWS_CONTAINER_CREDENTIALS_FULL_URI": "http://127.0.0.1:8181/v1/aws/credentials",
            "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE": "/run/sidecar/token",
        }
        assert {name for name in AWS_CREDENTIALS if found[name] is None} >= {
            "AWS_ACCESS_KEY_ID",
            "AWS_SECRET_ACCESS_KEY",
            "AWS_SESSION_TOKEN",
            "AWS_PROFILE",
            "AWS_WEB_IDENTITY_TOKEN_FILE",
            "AWS_ROLE_ARN",
            "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
        }

    def test_where_calls_of_aws_are_signed_its_clients_get_something_to_sign_with(self) -> None:
        found = variables(listen=LISTEN, run=RUN, handle="ag_1", aws=False, signs=True)
        given = {name: value for name, value in found.items() if name in AWS_CREDENTIALS and value is not None}
        assert given == {"AWS_ACCESS_KEY_ID": "placeholder", "AWS_SECRET_ACCESS_KEY": "placeholder"}
        assert found["AWS_PROFILE"] is None

    def test_a_placeholder_does_not_win_over_what_is_handed_out(self) -> None:
        assert variables(listen=LISTEN, run=RUN, handle="ag_1", aws=True, signs=True)["AWS_ACCESS_KEY_ID"] is None

    @pytest.mark.parametrize("aws", [False, True])
    def test_a_unix_socket_has_no_proxy_variables(self, aws: bool) -> None:
        found = variables(listen=Unix(Path("/run/sidecar/egress.sock")), run=RUN, handle="ag_1", aws=aws)
        assert found["SIDECAR_URL"] == "unix:/run/sidecar/egress.sock"
        assert not [name for name, value in found.items() if "proxy" in name.lower() or "ag_1" in str(value)]
        assert found.get("AWS_CONTAINER_CREDENTIALS_FULL_URI") is None


@pytest.mark.parametrize(
    ("kind", "hand_out", "does"), [("aws", True, True), ("aws", False, False), ("api_key", True, False)]
)
def test_aws_is_handed_out_where_its_provider_says_so(kind: str, hand_out: bool, does: bool) -> None:
    assert hands_out_aws([provider(kind, hand_out=hand_out)]) is does


@pytest.mark.parametrize(("kind", "does"), [("aws", True), ("api_key", False)])
def test_calls_of_aws_are_signed_where_there_is_a_provider_for_it(kind: str, does: bool) -> None:
    assert signs_aws([provider(kind)]) is does


class TestInherited:
    def test_what_the_configuration_reads_stays_behind(self) -> None:
        environ = {"PATH": "/bin", "MODEL_KEY": "sk-1", "https_proxy": "http://proxy.example"}
        got = inherited(environ, {"https_proxy": "http://127.0.0.1:8181"}, read={"MODEL_KEY"}, providers=[])
        assert got == {"PATH": "/bin", "https_proxy": "http://127.0.0.1:8181"}

    def test_a_variable_of_ours_is_given_though_the_configuration_reads_one_of_its_name(self) -> None:
        assert inherited({"SIDECAR_URL": "x"}, {"SIDECAR_URL": "y"}, read={"SIDECAR_URL"}, providers=[]) == {
            "SIDECAR_URL": "y"
        }

    def test_the_sidecars_own_aws_credentials_stay_behind_though_none_are_handed_out(self) -> None:
        environ = {"AWS_ACCESS_KEY_ID": "AKIA", "AWS_SECRET_ACCESS_KEY": "secret", "AWS_REGION": "eu-central-1"}
        assert inherited(environ, {}, read=(), providers=[provider("aws")]) == {"AWS_REGION": "eu-central-1"}

    def test_without_an_aws_provider_the_agents_own_ones_are_left_to_it(self) -> None:
        environ = {"AWS_ACCESS_KEY_ID": "AKIA"}
        assert inherited(environ, {}, read=(), providers=[provider("api_key")]) == environ

    @given(st.dictionaries(NAMES, st.text()), st.dictionaries(NAMES, st.none() | st.text()), st.sets(NAMES))
    def test_nothing_is_there_but_what_was_given_or_may_be_inherited(
        self, environ: dict[str, str], given: dict[str, str | None], read: set[str]
    ) -> None:
        got = inherited(environ, given, read=read, providers=[])
        for name, value in got.items():
            assert given.get(name, environ.get(name)) == value
            assert name in given or name not in read
        assert not [name for name, value in given.items() if value is None and name in got]
