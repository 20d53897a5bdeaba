"""``sidecar run``, the real one: the agent gets what it needs, nothing of ours, every signal, and the last word."""

import json
import os
import pty
import shutil
import signal
import subprocess
import sys
import tempfile
import textwrap
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests import counterparts, running
from tests.child import ROOT, TICK, Child
from tests.counterparts import missing

GIVEN: Mapping[str, Any] = {"agent": {"name": "travel-agent", "url": "http://127.0.0.1:9"}}
KEYED: Mapping[str, Any] = {
    **GIVEN,
    "providers": {
        "model": {"type": "api_key", "key": {"env": "MODEL_KEY"}},
        "cloud": {"type": "aws", "source": "ambient", "hand_out": True},
    },
}
PRINTS = "import json, os; print(json.dumps(dict(os.environ)))"
HEARS = """
    import os, signal, sys, time

    def told(number, _frame):
        with open(sys.argv[1], "a") as file:
            print(signal.Signals(number).name, file=file)

    for name in sys.argv[2:]:
        signal.signal(signal.Signals[name], told)
    print("listening", flush=True)
    while True:
        time.sleep(0.05)
"""
"""An agent that writes down which signals it got, and lives on."""


class Runs:
    """``sidecar run`` with a configuration of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.own = Path(tempfile.mkdtemp(prefix="sidecar-"))  # as a unix socket's path has to be
        self.children: list[Child] = []

    def argv(self, *command: str, given: Mapping[str, Any] = GIVEN, user: str | None = None) -> list[str]:
        config = self.own / "sidecar.yaml"
        config.write_text(yaml.safe_dump(running.settings(given, self.own)))
        as_whom = ["--user", user] if user is not None else []
        return [sys.executable, "-m", "sidecar", "run", "--config", str(config), *as_whom, "--", *command]

    def start(self, *command: str, before: tuple[str, ...] = (), **more: Any) -> Child:
        bare = {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}
        env = {**bare, "PYTHONWARNINGS": "error", "MODEL_KEY": "sk-model", "AWS_PROFILE": "prod"}
        child = Child([*before, *self.argv(*command, **more)], self.folder, f"run-{len(self.children)}", env=env)
        self.children.append(child)
        return child

    def done(self, *command: str, **more: Any) -> tuple[int, str, str]:
        """Its exit code, and what it and the agent said."""
        child = self.start(*command, **more)
        return child.wait(20.0), child.stdout, child.stderr

    def hearing(self, *names: str) -> tuple[Child, Path]:
        """One whose agent hears these signals, and where it writes them down."""
        command, heard = self.listening(*names)
        child = self.start(*command)
        child.said("^listening$")
        return child, heard

    def listening(self, *names: str) -> tuple[list[str], Path]:
        script, heard = self.folder / "hears.py", self.folder / "heard"
        script.write_text(textwrap.dedent(HEARS))
        heard.touch()
        return [sys.executable, str(script), str(heard), *names], heard


@pytest.fixture
def runs(tmp_path: Path) -> Iterator[Runs]:
    made = Runs(tmp_path)
    yield made
    for child in made.children:
        child.end()
    shutil.rmtree(made.own)


def root() -> None:
    if os.geteuid():
        counterparts.missing("root, who alone may become another user")


class TestWhatTheAgentGets:
    def test_its_variables_and_nothing_that_the_configuration_reads(self, runs: Runs) -> None:
        code, out, _ = runs.done(sys.executable, "-c", PRINTS, given=KEYED)
        told = json.loads(out)  # and nothing else is on its standard output
        assert code == 0
        assert told["PATH"] == os.environ["PATH"]
        assert not {"MODEL_KEY", "AWS_PROFILE"} & told.keys()
        url = told["SIDECAR_URL"]
        assert url.startswith("http://127.0.0.1:")
        assert told["HTTPS_PROXY"].startswith("http://ag_")
        assert told["HTTPS_PROXY"].endswith(f":x@{url.removeprefix('http://')}")
        assert told["AWS_CONTAINER_CREDENTIALS_FULL_URI"] == f"{url}/v1/aws/credentials"
        assert told["SSL_CERT_FILE"] == str(runs.own / "run" / "ca-bundle.pem")

    def test_one_that_serves_one_call_at_a_time_has_a_handle_in_its_file_alone(self, runs: Runs) -> None:
        given = {**GIVEN, "agent": {**GIVEN["agent"], "concurrency": "one"}}
        prints = f"{PRINTS}; print(open(os.path.dirname(os.environ['SSL_CERT_FILE']) + '/token').read(3))"
        _, out, _ = runs.done(sys.executable, "-c", prints, given=given)
        told, handle = out.splitlines()
        assert json.loads(told)["HTTPS_PROXY"] == json.loads(told)["SIDECAR_URL"]
        assert handle == "ag_"

    def test_its_files_are_there_and_the_sidecar_answers(self, runs: Runs) -> None:
        script = """
            import os, urllib.request
            run = os.path.dirname(os.environ["SSL_CERT_FILE"])
            handle = open(run + "/token").read()
            ca = open(os.environ["NODE_EXTRA_CA_CERTS"]).read()
            assert handle in os.environ["HTTPS_PROXY"], "the handle is another one"
            assert ca in open(os.environ["SSL_CERT_FILE"]).read(), "the CA isn't in the bundle"
            try:
                urllib.request.urlopen("http://nowhere.example/")
            except urllib.error.HTTPError as error:
                print(error.code, error.headers["Sidecar-Error"])
        """
        code, out, error = runs.done(sys.executable, "-c", textwrap.dedent(script))
        assert (code, out) == (0, "403 destination_denied\n"), error
        assert not (runs.own / "run" / "token").exists()  # it was good for that run alone

    def test_that_it_reads_the_sidecars_files_is_said(self, runs: Runs) -> None:
        _, _, error = runs.done("true")
        assert "it can read the sidecar's files, keys included" in error
        assert "egress on http://127.0.0.1:" in error

    def test_a_handle_that_the_configuration_forbids_is_nowhere(self, runs: Runs) -> None:
        given = {**KEYED, "agent": {**GIVEN["agent"], "token": "off"}}
        _, out, _ = runs.done(sys.executable, "-c", PRINTS, given=given)
        told = json.loads(out)
        assert told["HTTPS_PROXY"] == told["SIDECAR_URL"]
        assert "AWS_CONTAINER_CREDENTIALS_FULL_URI" not in told

    def test_on_a_unix_socket_it_is_told_that_there_is_no_proxy(self, runs: Runs) -> None:
        given = {**GIVEN, "egress": {"listen": f"unix:{runs.own}/egress.sock"}}
        code, out, error = runs.done(sys.executable, "-c", PRINTS, given=given)
        told = json.loads(out)
        assert (code, told["SIDECAR_URL"]) == (0, f"unix:{runs.own}/egress.sock")
        assert "clients know no variable for a proxy there" in error


def _anyones() -> bool:
    """Whether ``/usr/bin/python3``, which anybody may run, takes the packages of this interpreter."""
    asked = ["/usr/bin/python3", "-c", "import sys; print(sys.version_info[:2])"]
    said = subprocess.run(asked, capture_output=True, text=True, check=False).stdout
    return said.strip() == str(sys.version_info[:2])


class TestAnotherUser:
    SEES = """
        import json, os
        def able(path):
            try:
                return bool(open(path).read())
            except PermissionError:
                return False
        run = os.path.dirname(os.environ["SSL_CERT_FILE"])
        print(json.dumps({
            "ids": [*os.getresuid(), *os.getresgid()], "groups": os.getgroups(),
            "home": os.environ["HOME"], "user": os.environ["USER"],
            "token": able(run + "/token"), "bundle": able(os.environ["SSL_CERT_FILE"]),
            "key": able(os.path.dirname(run) + "/state/key"), "environ": able(f"/proc/{os.getppid()}/environ"),
        }))
    """

    def test_it_reads_its_own_files_and_not_the_sidecars(self, runs: Runs) -> None:
        root()
        runs.own.chmod(0o755)
        code, out, error = runs.done("/usr/bin/python3", "-c", textwrap.dedent(self.SEES), user="47110")
        assert code == 0, error
        assert json.loads(out) == {
            "ids": [47_110] * 6,
            "groups": [47_110],
            "home": "/",
            "user": "47110",
            "token": True,
            "bundle": True,
            "key": False,
            "environ": False,
        }
        assert "can read the sidecar's files" not in error

    def test_its_handle_is_its_own_alone(self, runs: Runs) -> None:
        root()
        runs.own.chmod(0o755)
        code, out, _ = runs.done("stat", "--format=%u:%g %a", str(runs.own / "run" / "token"), user="47110:47111")
        assert (code, out) == (0, "47110:47111 400\n")

    def test_a_folder_that_it_cannot_enter_is_told(self, runs: Runs) -> None:
        root()
        code, _, error = runs.done("true", user="47110")  # mkdtemp's are their owner's alone
        assert code == 0
        assert f"user 47110 can't enter {runs.own / 'run'}" in error

    @pytest.mark.parametrize("user", ["no-such-user", "nobody:no-such-group"])
    def test_whom_nobody_knows_is_told_before_anything_starts(self, user: str, runs: Runs) -> None:
        code, out, error = runs.done("echo", "started", user=user)
        assert (code, out) == (1, "")
        assert "--user: there is no" in error

    def test_who_is_not_root_cannot(self, runs: Runs) -> None:
        root()
        if not _anyones():
            missing("a Python of this version that another user may run")
        runs.own.chmod(0o755)
        argv = ["setpriv", "--reuid=47110", "--regid=47110", "--clear-groups", *runs.argv("true", user="47111")]
        argv[argv.index("-m") - 1 : argv.index("-m") + 2] = ["/usr/bin/python3", "-m", "sidecar"]
        env = {"PATH": os.environ["PATH"], "PYTHONPATH": f"{ROOT}:{_packages()}", "PYTHONDONTWRITEBYTECODE": "1"}
        done = subprocess.run(argv, cwd=ROOT, env=env, capture_output=True, text=True, timeout=30, check=False)
        assert done.returncode == 1
        assert "--user: only root can start the agent as another user, and this is user 47110" in done.stderr


def _packages() -> str:
    return str(Path(yaml.__file__).parent.parent)


class TestTheEnd:
    @pytest.mark.parametrize(
        ("script", "wanted"), [("exit 0", 0), ("exit 7", 7), ("kill -9 $$", 128 + 9), ("kill -15 $$", 128 + 15)]
    )
    def test_the_agents_exit_code_is_the_commands(self, script: str, wanted: int, runs: Runs) -> None:
        code, _, error = runs.done("sh", "-c", script)
        assert code == wanted
        assert f"the agent has ended with {wanted}" in error

    @pytest.mark.parametrize(("command", "wanted"), [("no-such-command", 127), ("/etc/passwd", 126)])
    def test_an_agent_that_cannot_be_started_is_told(self, command: str, wanted: int, runs: Runs) -> None:
        code, _, error = runs.done(command)
        assert code == wanted
        assert f"the agent can't be started: {command}: " in error

    def test_where_the_sidecar_cannot_start_nor_does_the_agent(self, runs: Runs) -> None:
        given = {**GIVEN, "health": {"listen": "unix:/nowhere/health.sock"}}
        code, out, error = runs.done("echo", "started", given=given)
        assert (code, out) == (1, "")
        assert "health can't listen on" in error

    def test_a_configuration_with_problems_is_not_run(self, runs: Runs) -> None:
        code, out, error = runs.done("echo", "started", given={"agent": {"name": "travel-agent"}})
        assert (code, out) == (2, "")
        assert "agent.url  is missing" in error


class TestSignals:
    def test_the_agent_is_told_to_stop_and_has_the_last_word(self, runs: Runs) -> None:
        script = "trap 'echo stopping; exit 3' TERM; echo listening; while :; do sleep 0.02; done"
        child = runs.start("sh", "-c", script)
        child.said("^listening$")
        child.send(signal.SIGTERM)
        assert child.wait() == 3
        assert child.stdout == "listening\nstopping\n"

    def test_an_agent_without_manners_ends_by_the_signal(self, runs: Runs) -> None:
        child = runs.start("sh", "-c", "echo listening; exec sleep 60")
        child.said("^listening$")
        child.send(signal.SIGTERM)
        assert child.wait() == 128 + signal.SIGTERM

    def test_every_signal_is_passed_on_but_sighup_which_is_the_sidecars(self, runs: Runs) -> None:
        passed = ("SIGINT", "SIGQUIT", "SIGUSR1", "SIGUSR2")
        child, heard = runs.hearing(*passed, "SIGHUP")
        child.send(signal.SIGHUP)
        child.said("the configuration was read again")
        for index, name in enumerate(passed):
            child.send(signal.Signals[name])
            _heard(heard, *passed[: index + 1])
        child.send(signal.SIGTERM)
        assert child.wait() == 128 + signal.SIGTERM

    def test_what_is_ignored_from_the_start_is_ignored_by_both(self, runs: Runs) -> None:
        nohup = ("sh", "-c", 'trap "" HUP USR1; exec "$@"', "nohup")
        child = runs.start("sh", "-c", "kill -USR1 $$; kill -HUP $$; echo listening; exec sleep 60", before=nohup)
        child.said("^listening$")
        child.send(signal.SIGHUP)
        child.send(signal.SIGUSR1)
        child.send(signal.SIGTERM)
        assert child.wait() == 128 + signal.SIGTERM
        assert "read again" not in child.stderr


def _heard(file: Path, *names: str) -> None:
    """Wait until the agent has written down these signals, and no others."""
    deadline = time.monotonic() + 10.0
    while (heard := file.read_text().split()) != [*names] and time.monotonic() < deadline:
        time.sleep(TICK)
    assert heard == [*names]


class TestATerminal:
    """The sidecar and its agent as the foreground of a terminal, as a shell leaves them."""

    @pytest.fixture
    def terminal(self) -> Iterator[tuple[int, int]]:
        ours, its = pty.openpty()
        yield ours, its
        for end in (ours, its):
            try:
                os.close(end)
            except OSError:  # the test has closed it
                continue

    def on(self, runs: Runs, its: int, *names: str) -> tuple["subprocess.Popen[bytes]", Path]:
        """The command with *its* end as its controlling terminal, once the agent listens."""
        command, heard = runs.listening(*names)
        argv = runs.argv(*command)
        ready = runs.folder / "terminal.out"
        with (runs.folder / "terminal.err").open("wb") as log, ready.open("wb") as out:
            process = subprocess.Popen(["setsid", "--ctty", *argv], cwd=ROOT, stdin=its, stdout=out, stderr=log)
        while not ready.read_bytes() and process.poll() is None:
            time.sleep(TICK)
        return process, heard

    def test_ctrl_c_is_the_agents_and_comes_once(self, runs: Runs, terminal: tuple[int, int]) -> None:
        ours, its = terminal
        process, heard = self.on(runs, its, "SIGINT")
        for pressed in (1, 2):
            os.write(ours, b"\x03")
            _heard(heard, *["SIGINT"] * pressed)
        process.send_signal(signal.SIGTERM)
        assert process.wait(15) == 128 + signal.SIGTERM
        assert heard.read_text().split() == ["SIGINT", "SIGINT"]

    def test_when_the_terminal_goes_the_agent_is_told(self, runs: Runs, terminal: tuple[int, int]) -> None:
        ours, its = terminal
        process, _ = self.on(runs, its)
        os.close(its)
        os.close(ours)
        assert process.wait(15) == 128 + signal.SIGHUP


def test_as_the_first_process_of_a_container_it_leaves_no_zombies(runs: Runs) -> None:
    unshare = ("unshare", "--pid", "--fork", "--mount-proc", "--kill-child")
    tried = subprocess.run([*unshare, "true"], capture_output=True, text=True, check=False)
    if tried.returncode:
        counterparts.missing(f"a PID namespace: {tried.stderr.strip()}")
    script = """
        for i in 1 2 3; do (sleep 0.1 &) ; done
        sleep 3.2
        cat /proc/[0-9]*/stat | grep -c ') Z ' || true
        [ $PPID = 1 ] && exit 4
    """
    code, out, error = runs.done("sh", "-c", textwrap.dedent(script), before=unshare)
    assert (code, out) == (4, "0\n"), error
