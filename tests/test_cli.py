"""The commands, run as a shell runs them."""

import asyncio
import json
import os
import pty
import re
import subprocess
import sys
import tomllib
from collections.abc import Mapping
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from tests import running

ROOT = Path(__file__).parent.parent
GOOD = """\
agent: {name: travel-agent, url: "http://127.0.0.1:8000"}
issuers:
  okta: {type: okta, domain: acme.okta.com, audience: "api://travel"}
"""
BAD = """\
agent: {name: travel-agent}
isuers: {}
inbound: {listen: 8080}
"""


def sidecar(*arguments: str, cwd: Path, env: Mapping[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    environ = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONWARNINGS": "error", **(env or {})}
    command = [sys.executable, "-m", "sidecar", *arguments]
    return subprocess.run(command, cwd=cwd, env=environ, capture_output=True, text=True, timeout=30, check=False)


def on_a_terminal(*arguments: str, cwd: Path, env: Mapping[str, str]) -> str:
    """What the command shows on a terminal."""
    ours, its = pty.openpty()
    command = [sys.executable, "-m", "sidecar", *arguments]
    environ = {name: value for name, value in os.environ.items() if name != "NO_COLOR"}
    with subprocess.Popen(command, cwd=cwd, env={**environ, "PYTHONPATH": str(ROOT), **env}, stdout=its, stderr=its):
        os.close(its)
        shown = b""
        try:
            while piece := os.read(ours, 65536):
                shown += piece
        except OSError:  # EIO: the other side of a terminal has gone
            os.close(ours)
    return shown.decode()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a good configuration where it is looked for, and a bad one."""
    (tmp_path / "config").mkdir()
    (tmp_path / "config" / "sidecar.yaml").write_text(GOOD)
    (tmp_path / "bad.yaml").write_text(BAD)
    return tmp_path


class TestUsage:
    def test_the_version_is_the_packages(self, tmp_path: Path) -> None:
        project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
        assert sidecar("--version", cwd=tmp_path).stdout == f"sidecar {project['version']}\n"

    def test_an_unknown_command_is_answered_with_those_there_are(self, tmp_path: Path) -> None:
        done = sidecar("grant", cwd=tmp_path)
        assert done.returncode == 2
        known = "serve env check schema demo status reload policy explain grants keys"
        for command in known.split():
            assert f"'{command}'" in done.stderr

    def test_no_command_is_wrong_usage(self, tmp_path: Path) -> None:
        done = sidecar(cwd=tmp_path)
        assert (done.returncode, done.stdout) == (2, "")
        assert done.stderr.startswith("usage: sidecar")

    @pytest.mark.parametrize("arguments", [("status", "g_x"), ("grants", "list", "--json", "g_x", "--no-option")])
    def test_what_a_command_does_not_take_is_wrong_usage(self, tmp_path: Path, arguments: tuple[str, ...]) -> None:
        done = sidecar(*arguments, cwd=tmp_path)
        assert (done.returncode, done.stdout) == (2, "")
        assert "unrecognized arguments" in done.stderr

    def test_help_tells_what_each_command_does(self, tmp_path: Path) -> None:
        shown = sidecar("--help", cwd=tmp_path).stdout
        assert re.search(r"check +show every problem", shown)

    def test_the_command_imports_nothing_that_it_does_not_need(self, tmp_path: Path) -> None:
        code = "import sys, sidecar.cli; sidecar.cli.parser(); print(*sorted(sys.modules))"
        done = subprocess.run(
            [sys.executable, "-c", code],
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
            check=True,
        )
        loaded = set(done.stdout.split())
        assert not loaded & {"aiohttp", "asyncio", "yaml", "jwt", "cryptography", "opentelemetry", "sidecar.settings"}


class TestCheck:
    def test_a_good_configuration_is_one_line(self, folder: Path) -> None:
        done = sidecar("check", cwd=folder)
        assert (done.returncode, done.stdout, done.stderr) == (0, "config/sidecar.yaml: nothing is wrong with it\n", "")

    def test_every_problem_has_its_place_and_its_remedy(self, folder: Path) -> None:
        done = sidecar("check", "--config", "bad.yaml", cwd=folder)
        assert done.returncode == 2
        assert re.search(r"^bad.yaml:1  agent.url  is missing\n    \S.*$", done.stdout, re.MULTILINE)
        assert re.search(r"^bad.yaml:2  isuers  .*\n    .*issuers", done.stdout, re.MULTILINE)
        assert re.search(r"^bad.yaml:3  inbound.listen  ", done.stdout, re.MULTILINE)
        assert done.stdout.endswith("\n3 problems\n")

    def test_a_key_of_a_later_room_is_noted(self, folder: Path) -> None:
        (folder / "later.yaml").write_text(GOOD + "agentcore: {enabled: true}\n")
        done = sidecar("check", "--config", "later.yaml", cwd=folder)
        assert done.returncode == 0
        assert re.search("^note: agentcore.*no effect yet", done.stdout, re.MULTILINE)

    def test_what_this_machine_lacks_is_a_note_or_strictly_a_problem(self, folder: Path) -> None:
        (folder / "secret.yaml").write_text(GOOD + "state: {key: {env: STATE_KEY}}\n")
        noted = sidecar("check", "--config", "secret.yaml", cwd=folder)
        assert noted.returncode == 0
        assert re.search("^note: .*STATE_KEY", noted.stdout, re.MULTILINE)
        strict = sidecar("check", "--config", "secret.yaml", "--strict", cwd=folder)
        assert strict.returncode == 2
        assert "state.key" in strict.stdout

    def test_notes_are_shown_beside_problems(self, folder: Path) -> None:
        (folder / "both.yaml").write_text(BAD + "state: {key: {env: STATE_KEY}}\n")
        done = sidecar("check", "--config", "both.yaml", cwd=folder)
        assert done.returncode == 2
        assert re.search(r"\n3 problems\nnote: .*STATE_KEY", done.stdout)

    def test_a_file_that_is_not_there_is_a_problem(self, folder: Path) -> None:
        done = sidecar("check", "--config", "nowhere.yaml", cwd=folder)
        assert done.returncode == 2
        assert "nowhere.yaml" in done.stdout
        assert done.stdout.endswith("\n1 problem\n")

    def test_problems_as_json(self, folder: Path) -> None:
        done = sidecar("check", "--config", "bad.yaml", "--json", cwd=folder)
        assert done.returncode == 2
        problems = json.loads(done.stdout)["problems"]
        assert {problem["path"] for problem in problems} == {"agent.url", "isuers", "inbound.listen"}
        assert {frozenset(problem) for problem in problems} == {frozenset({"path", "file", "line", "what", "mend"})}

    def test_nothing_wrong_as_json(self, folder: Path) -> None:
        done = sidecar("check", "--json", cwd=folder)
        answer = json.loads(done.stdout)
        assert (done.returncode, answer["problems"], answer["notes"]) == (0, [], [])
        assert re.fullmatch("[0-9a-f]{64}", answer["digest"])

    def test_colour_is_for_terminals_that_want_it(self, folder: Path) -> None:
        arguments = ("check", "--config", "bad.yaml")
        assert "\033[1mbad.yaml:1" in on_a_terminal(*arguments, cwd=folder, env={})
        assert "\033" not in on_a_terminal(*arguments, cwd=folder, env={"NO_COLOR": "1"})
        assert "\033" not in sidecar(*arguments, cwd=folder).stdout


class TestSchema:
    def test_it_is_a_json_schema_that_takes_a_good_configuration(self, tmp_path: Path) -> None:
        schema = json.loads(sidecar("schema", cwd=tmp_path).stdout)
        Draft202012Validator.check_schema(schema)
        agent = {"name": "travel-agent", "url": "http://127.0.0.1:8000"}
        validator = Draft202012Validator(schema)
        assert validator.is_valid({"agent": agent})
        assert not validator.is_valid({"agent": agent, "isuers": {}})

    def test_who_reads_only_its_beginning_is_no_error(self, tmp_path: Path) -> None:
        shell = f"{sys.executable} -m sidecar schema | head -c 1"
        done = subprocess.run(
            ["bash", "-c", shell],
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
            check=False,
        )
        assert (done.stdout, done.stderr) == ("{", "")


class TestEnv:
    """What the variables come to in each format is the agent room's; here is whence they come."""

    GIVEN: Mapping[str, object] = {"agent": {"name": "travel-agent", "url": "http://127.0.0.1:9"}}

    def test_a_running_sidecar_says_where_it_listens_and_leaves_its_handle(self, tmp_path: Path) -> None:
        with running.serving(self.GIVEN, tmp_path) as house:
            done = sidecar("env", "--config", str(house.config), "--format", "json", cwd=tmp_path)
            assert (done.returncode, done.stderr) == (0, "")
            told = json.loads(done.stdout)
            assert told["SIDECAR_URL"] == house.listener("egress")
            run = Path(told["NODE_EXTRA_CA_CERTS"]).parent
            handle = (run / "token").read_text()
            assert told["HTTPS_PROXY"] == told["SIDECAR_URL"].replace("http://", f"http://{handle}:x@")
            assert Path(told["NODE_EXTRA_CA_CERTS"]).read_text() in Path(told["SSL_CERT_FILE"]).read_text()

    def test_where_none_runs_an_open_port_is_not_known(self, folder: Path) -> None:
        (folder / "open.yaml").write_text(GOOD + f'egress: {{listen: "127.0.0.1:0"}}\nstate: {{dir: {folder}/state}}\n')
        done = sidecar("env", "--config", "open.yaml", cwd=folder)
        assert (done.returncode, done.stdout) == (1, "")
        assert "egress.listen leaves the port open" in done.stderr

    def test_the_convention_needs_no_running_sidecar(self, folder: Path) -> None:
        done = sidecar("env", cwd=folder)
        assert done.returncode == 0
        assert "export HTTPS_PROXY=http://127.0.0.1:8181\n" in done.stdout
        assert "/run/sidecar/token" in done.stderr

    def test_a_handle_that_the_configuration_shares_is_taken_or_named(self, folder: Path) -> None:
        agent = 'agent: {name: travel-agent, url: "http://127.0.0.1:8000", token: {env: AGENT_TOKEN}}\n'
        (folder / "shared.yaml").write_text(agent)
        there = sidecar("env", "--config", "shared.yaml", cwd=folder, env={"AGENT_TOKEN": "a-shared-agent-token"})
        assert "export https_proxy=http://a-shared-agent-token:x@127.0.0.1:8181\n" in there.stdout
        manifest = sidecar("env", "--config", "shared.yaml", "--format", "kubernetes", cwd=folder)
        assert (manifest.returncode, manifest.stderr) == (0, "")
        assert "http://$(SIDECAR_AGENT_TOKEN):x@127.0.0.1:8181" in manifest.stdout

    def test_what_dotenv_cannot_carry_is_refused(self, folder: Path) -> None:
        (folder / "odd.yaml").write_text(GOOD + 'run: {dir: "/srv/it\'s"}\n')
        done = sidecar("env", "--config", "odd.yaml", "--format", "dotenv", cwd=folder)
        assert (done.returncode, done.stdout) == (1, "")
        assert "use another format, or a simpler run.dir" in done.stderr


class TestServe:
    def test_a_configuration_with_problems_is_not_served(self, folder: Path) -> None:
        done = sidecar("serve", "--config", "bad.yaml", cwd=folder)
        assert (done.returncode, done.stdout) == (2, "")
        assert "agent.url  is missing" in done.stderr
        assert done.stderr.endswith("3 problems\n")

    @pytest.mark.parametrize("key", ["state", "run"])
    @pytest.mark.parametrize("below", ["", "/below/it"])
    def test_a_folder_that_is_a_file_is_said_to_be_one(self, folder: Path, key: str, below: str) -> None:
        (folder / "taken").write_text("")
        free = {name: {"listen": "127.0.0.1:0"} for name in ("inbound", "egress", "health")}
        given = {**free, "state": {"dir": "state"}, "run": {"dir": "run"}, key: {"dir": f"taken{below}"}}
        lines = (f"{name}: {json.dumps(section)}\n" for name, section in given.items())
        (folder / "taken.yaml").write_text(GOOD + "".join(lines))
        done = sidecar("serve", "--config", "taken.yaml", cwd=folder)
        assert done.returncode == 1
        assert f"{folder / 'taken'} is a file, not a folder\n" in done.stderr
        assert f"{key}.dir" in done.stderr
        assert "writable" not in done.stderr


class TestRunning:
    """``status`` and ``reload``, asked of a sidecar that runs."""

    AGENT: Mapping[str, object] = {"name": "travel-agent", "url": "http://127.0.0.1:9"}
    GIVEN: Mapping[str, object] = {"agent": AGENT}

    def test_status_and_reload_of_a_sidecar_that_runs(self, tmp_path: Path) -> None:
        with running.serving(self.GIVEN, tmp_path) as house:
            config = ("--config", str(house.config))
            shown = sidecar("status", *config, cwd=tmp_path)
            assert shown.returncode == 0
            assert re.match(r"sidecar \S+, up .*, ready\n", shown.stdout)
            assert house.url in shown.stdout

            told = json.loads(sidecar("status", *config, "--json", cwd=tmp_path).stdout)
            assert (told["ready"], told["listeners"]["inbound"]) == (True, house.url)

            assert sidecar("reload", *config, cwd=tmp_path).stdout.startswith("nothing has changed: sha256:")
            house.write({**self.GIVEN, "health": {"listen": "127.0.0.1:1"}, "inbound": {"public": ["/open"]}})
            taken = sidecar("reload", *config, cwd=tmp_path)
            assert taken.returncode == 0
            assert taken.stdout.startswith("reloaded: sha256:")
            assert "    health.listen changed: it takes effect at the next start\n" in taken.stdout

            house.write({**self.GIVEN, "egress": {"routes": {"api": {"url": "https://api.example.com"}}}})
            taken = sidecar("reload", *config, cwd=tmp_path)
            assert "note: the CA is a new one: restart the agent, which trusts the old run.dir/ca.pem\n" in taken.stdout
            assert "the agent, which" not in str(json.loads(sidecar("reload", *config, "--json", cwd=tmp_path).stdout))

            house.config.write_text(BAD)
            socket = ("--socket", str(house.state / "control.sock"))
            refused = sidecar("reload", *socket, cwd=tmp_path)
            assert (refused.returncode, refused.stdout) == (2, "")
            assert "agent.url  is missing" in refused.stderr
            assert refused.stderr.endswith("The configuration that was in force stays in force.\n")
            assert sidecar("status", *socket, cwd=tmp_path).returncode == 0

    def test_what_waits_for_a_restart_is_what_differs_from_what_runs(self, tmp_path: Path) -> None:
        waits = {**self.GIVEN, "health": {"listen": "127.0.0.1:1"}, "agent": {**self.AGENT, "token": "off"}}
        with running.serving(self.GIVEN, tmp_path) as house:
            config = ("--config", str(house.config))

            def restart(*command: str) -> list[str]:
                found: list[str] = json.loads(sidecar(*command, *config, "--json", cwd=tmp_path).stdout)["restart"]
                return found

            assert restart("status") == []
            house.write(waits)
            assert restart("reload") == ["agent.token", "health.listen"]
            house.write({**waits, "inbound": {"public": ["/open"]}})
            assert restart("reload") == ["agent.token", "health.listen"]
            assert restart("status") == ["agent.token", "health.listen"]
            shown = sidecar("status", *config, cwd=tmp_path).stdout
            assert "waits for a restart:\n    agent.token\n    health.listen\n" in shown
            house.write(self.GIVEN)
            assert restart("reload") == []
            assert restart("status") == []

    def test_a_reload_that_is_refused_stands_in_the_log(self, tmp_path: Path) -> None:
        """And a file that is bad doesn't hide where the sidecar is."""
        with running.serving(self.GIVEN, tmp_path) as house:
            good = house.config.read_text()
            house.config.write_text(good.replace("agent:", "agnt:"))
            refused = sidecar("reload", "--config", str(house.config), cwd=tmp_path)
            assert (refused.returncode, refused.stdout) == (2, "")
            assert refused.stderr.endswith("The configuration that was in force stays in force.\n")
            assert "the configuration is not taken" in house.stderr
            assert "agnt  is not a key here" in house.stderr
            assert sidecar("status", "--config", str(house.config), cwd=tmp_path).returncode == 0

    def test_where_no_sidecar_runs_a_bad_file_is_what_is_said(self, folder: Path) -> None:
        for text in (BAD + "state: {dir: nowhere}\n", "state: {dir: [a]}\n", "{"):
            (folder / "bad.yaml").write_text(text)
            done = sidecar("reload", "--config", "bad.yaml", cwd=folder)
            assert done.returncode == 2
            assert re.match("bad.yaml:[0-9]", done.stderr)

    def test_a_start_with_a_new_host_says_that_the_agent_must_restart(self, tmp_path: Path) -> None:
        with running.serving(self.GIVEN, tmp_path) as house:
            house.write({**self.GIVEN, "egress": {"routes": {"api": {"url": "https://api.example.com"}}}})
            house.stop()
            asyncio.run(house.again())
            assert "the CA is a new one (it isn't good for api.example.com): restart the agent" in house.stderr

    def test_the_control_socket_is_its_owners(self, tmp_path: Path) -> None:
        with running.serving(self.GIVEN, tmp_path) as house:
            assert (house.state / "control.sock").stat().st_mode & 0o777 == 0o600

    def test_a_sidecar_without_keys_is_not_ready_and_says_why(self, tmp_path: Path) -> None:
        issuer = {"type": "oidc", "issuer": "http://127.0.0.1:9", "audience": "travel"}
        with running.serving({**self.GIVEN, "issuers": {"away": issuer}}, tmp_path) as house:
            shown = sidecar("status", "--config", str(house.config), cwd=tmp_path)
            assert shown.returncode == 1
            assert shown.stdout.splitlines()[1] == "    no issuer's keys were fetched yet: away"

    @pytest.mark.parametrize("command", ["status", "reload"])
    def test_where_none_runs_that_is_said(self, command: str, folder: Path) -> None:
        (folder / "config" / "sidecar.yaml").write_text(GOOD + f"state: {{dir: {folder}/state}}\n")
        done = sidecar(command, cwd=folder)
        assert (done.returncode, done.stdout) == (1, "")
        assert done.stderr.startswith(f"sidecar: no sidecar runs at {folder}/state/control.sock")


DECLARED = """\
egress: {routes: {crm: {url: "https://crm.example.com"}}}
capabilities: {sell: {who: {groups: [sales]}, routes: [crm]}}
"""
ALICE = '{"uid": "alice", "groups": ["eng", "ops"]}'


class TestPolicy:
    """What they say is in tests/assembly: here it is how they are called, and how they end."""

    @pytest.fixture
    def folder(self, folder: Path) -> Path:
        (folder / "config" / "sidecar.yaml").write_text(GOOD + DECLARED)
        (folder / "alice.json").write_text(ALICE)
        return folder

    def test_a_denial_is_explained_and_ends_with_1(self, folder: Path) -> None:
        done = sidecar("explain", "--claims", "alice.json", "--issuer", "okta", "--route", "crm", cwd=folder)
        assert (done.returncode, done.stderr) == (1, "")
        assert done.stdout.splitlines()[1] == "  needs group sales; alice has eng, ops"

    def test_what_is_allowed_ends_with_0_and_can_be_read_by_programs(self, folder: Path) -> None:
        done = sidecar("explain", "--table", "--json", cwd=folder)
        assert (done.returncode, json.loads(done.stdout)[0]["capability"]) == (0, "sell")

    @pytest.mark.parametrize(
        ("arguments", "says"),
        [
            (("explain", "--agent", "--route", "crn"), 'sidecar: "crn" is not a route. Did you mean "crm"?'),
            (("policy", "test"), "usage: sidecar policy test "),
            (("policy", "try"), "usage: sidecar policy "),
            (("policy", "test", "bad.yaml"), "bad.yaml:"),
        ],
    )
    def test_what_cannot_be_asked_ends_with_2(self, folder: Path, arguments: tuple[str, ...], says: str) -> None:
        done = sidecar(*arguments, cwd=folder)
        assert (done.returncode, done.stdout) == (2, "")
        assert done.stderr.startswith(says)

    def test_the_policies_are_printed(self, folder: Path) -> None:
        done = sidecar("policy", cwd=folder)
        assert (done.returncode, done.stderr) == (0, "")
        assert '@capability("sell")' in done.stdout

    @pytest.mark.parametrize(
        "arguments", [("policy",), ("policy", "test", "e.yaml"), ("explain", "--agent"), ("explain", "--table")]
    )
    def test_nothing_is_said_without_a_policy_that_may_forbid_it(
        self, folder: Path, arguments: tuple[str, ...]
    ) -> None:
        (folder / "e.yaml").write_text("- {principal: agent, route: crm, expect: deny}\n")
        with (folder / "config" / "sidecar.yaml").open("a") as config:
            config.write("policy: {files: [own.cedar]}\n")
        done = sidecar(*arguments, cwd=folder)
        assert (done.returncode, done.stdout) == (2, "")
        missing = f"policy.files[0] is {folder}/config/own.cedar, which is not there"
        assert done.stderr == f"sidecar: {missing}: without it nobody knows what is decided\n"

    def test_expectations_that_do_not_hold_end_with_1(self, folder: Path) -> None:
        (folder / "e.yaml").write_text("- {principal: agent, route: crm, expect: allow}\n")
        (folder / "config" / "sidecar.yaml").rename(folder / "other.yaml")
        done = sidecar("policy", "test", "--config", "other.yaml", "e.yaml", cwd=folder)
        assert (done.returncode, done.stderr) == (1, "")
        assert sidecar("policy", "--config", "other.yaml", "test", "e.yaml", cwd=folder).stdout == done.stdout
        assert done.stdout.endswith("e.yaml: 1 case, 1 not as expected\n")

    def test_proposals_are_made_of_a_log_that_is_there(self, folder: Path) -> None:
        done = sidecar("policy", "propose", "--from", "nowhere", cwd=folder)
        assert (done.returncode, done.stderr) == (1, "sidecar: nowhere can't be read: No such file or directory\n")
        (folder / "log").write_text("")
        assert sidecar("policy", "propose", "--from", "log", "--json", cwd=folder).returncode == 0
