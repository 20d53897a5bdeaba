"""The agent's process: as whom it runs, what it is told, and what a shell would say of its end."""

import os
import pwd
import resource
import signal
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

import pytest

from sidecar.agent.child import Child, Unstarted, User, UserUnknown, may_enter, user
from tests import counterparts

ENVIRON = {"PATH": os.environ["PATH"]}
LIMITS = resource.getrlimit(resource.RLIMIT_NOFILE)
STRANGER = User(47_110, 47_111, (47_111, 47_112), "47110", "/")


def child(
    *command: str, environ: Mapping[str, str] = ENVIRON, to_be: User | None = None, limits: tuple[int, int] = LIMITS
) -> Child:
    return Child(command, environ, to_be, limits)


def code(*command: str, environ: Mapping[str, str] = ENVIRON, to_be: User | None = None) -> int:
    process = child(*command, environ=environ, to_be=to_be)
    process.wait()
    assert process.ended()
    assert process.code is not None
    return process.code


def root() -> None:
    if os.geteuid():
        counterparts.missing("root, who alone may become another user")


class TestUser:
    def test_a_name_brings_its_groups_and_its_home(self) -> None:
        entry = pwd.getpwnam("nobody")
        known = user("nobody")
        assert (known.uid, known.gid, known.home) == (entry.pw_uid, entry.pw_gid, entry.pw_dir)
        assert entry.pw_gid in known.groups
        assert known.variables == {"HOME": entry.pw_dir, "USER": "nobody", "LOGNAME": "nobody"}

    def test_a_number_is_the_user_that_has_it(self) -> None:
        assert user(str(pwd.getpwnam("nobody").pw_uid)) == user("nobody")

    def test_a_number_that_nobody_has_is_a_user_all_the_same(self) -> None:
        assert user("47110") == User(47_110, 47_110, (47_110,), "47110", "/")

    @pytest.mark.parametrize("text", ["nobody:47111", "nobody:nogroup"])
    def test_a_group_of_ones_choice_is_the_only_one(self, text: str) -> None:
        known = user(text)
        assert known.groups == (known.gid,)
        assert known.uid == user("nobody").uid

    @pytest.mark.parametrize(
        "text", ["", "no-such-user", "-1", "4294967295", "\u0661", ":0", "nobody:", "nobody:no-such-group"]
    )
    def test_whom_nobody_knows_is_refused(self, text: str) -> None:
        with pytest.raises(UserUnknown, match="there is no"):
            user(text)


class TestStart:
    def test_it_has_its_variables_and_no_others(self) -> None:
        assert code("env", "-i", "true") == 0
        assert (
            code("sh", "-c", '[ "$(env | grep -v -E "^(PWD|SHLVL|_|PATH)=")" = A=1 ]', environ={**ENVIRON, "A": "1"})
            == 0
        )

    def test_it_is_looked_for_on_its_own_path(self, tmp_path: Path) -> None:
        (tmp_path / "an-agent").write_text("#!/bin/sh\nexit 5\n")
        (tmp_path / "an-agent").chmod(0o755)
        assert code("an-agent", environ={"PATH": str(tmp_path)}) == 5

    def test_it_is_somebody_else_altogether(self) -> None:
        root()
        seen = "import os; print(os.getresuid() + os.getresgid(), sorted(os.getgroups()))"
        wanted = "(47110, 47110, 47110, 47111, 47111, 47111) [47111, 47112]"
        assert code("/bin/sh", "-c", f'[ "$(/usr/bin/python3 -c "{seen}")" = "{wanted}" ]', to_be=STRANGER) == 0

    def test_it_has_the_limits_that_were_found_though_ours_were_raised(self) -> None:
        process = child("sh", "-c", "sleep 0.2; [ $(ulimit -n) = 77 ]", limits=(77, LIMITS[1]))
        process.wait()
        assert process.ended()
        assert process.code == 0

    def test_it_has_none_of_our_files(self) -> None:
        with Path(__file__).open() as file:
            os.set_inheritable(file.fileno(), True)
            assert code("sh", "-c", f"[ ! -e /proc/self/fd/{file.fileno()} ]") == 0

    @pytest.mark.parametrize(
        ("content", "mode", "wanted", "why"),
        [
            (None, 0, 127, "there is no such command"),
            ("#!/nowhere/python\n", 0o755, 127, "the interpreter in its first line isn't there"),
            ("#!/bin/sh\n", 0o644, 126, "not executable"),
            ("exit 0\n", 0o755, 126, "not a program"),
        ],
        ids=["absent", "interpreter", "mode", "format"],
    )
    def test_what_cannot_be_started_is_told_as_a_shell_does(
        self, content: str | None, mode: int, wanted: int, why: str, tmp_path: Path
    ) -> None:
        command = tmp_path / "agent"
        if content is not None:
            command.write_text(content)
            command.chmod(mode)
        with pytest.raises(Unstarted, match=why) as raised:
            child(str(command))
        assert raised.value.code == wanted


class TestEnd:
    @pytest.mark.parametrize("number", [0, 1, 3, 255])
    def test_its_exit_code_is_its_own(self, number: int) -> None:
        assert code("sh", "-c", f"exit {number}") == number

    @pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL, signal.SIGINT])
    def test_a_signal_is_told_as_a_shell_does(self, number: signal.Signals) -> None:
        assert code("sh", "-c", f"kill -{int(number)} $$") == 128 + number

    def test_it_gets_the_signals_that_it_is_sent(self) -> None:
        process = child("sleep", "60")
        assert not process.ended()
        process.send(signal.SIGUSR1)
        process.wait()
        assert process.ended()
        assert process.code == 128 + signal.SIGUSR1
        process.send(signal.SIGTERM)  # nobody is meant any more

    def test_its_number_stays_its_own_until_it_is_known_to_have_ended(self) -> None:
        process = child("true")
        process.wait()
        assert Path(f"/proc/{process.pid}").exists()
        assert process.ended()
        assert not Path(f"/proc/{process.pid}").exists()

    def test_it_is_ended_politely(self) -> None:
        process = child("sh", "-c", "trap 'exit 9' TERM; echo; while :; do sleep 0.01; done")
        time.sleep(0.2)  # for the trap to be set
        process.end(5.0)
        assert process.code == 9

    def test_it_is_ended_for_certain(self) -> None:
        process = child(sys.executable, "-c", "import signal, time; signal.signal(15, signal.SIG_IGN); time.sleep(60)")
        time.sleep(0.3)
        process.end(0.1)
        assert process.code == 128 + signal.SIGKILL


@pytest.mark.parametrize(
    ("mode", "uid", "gid", "may"),
    [
        (0o755, 0, 0, True),
        (0o750, 0, 0, False),
        (0o750, 0, 47_112, True),
        (0o705, 0, 47_112, False),
        (0o700, 47_110, 0, True),
        (0o075, 47_110, 47_111, False),
    ],
)
def test_who_may_enter_a_folder(mode: int, uid: int, gid: int, may: bool) -> None:
    root()
    with tempfile.TemporaryDirectory() as made:  # pytest's own are in one that is its owner's alone
        folder = Path(made)
        os.chown(folder, uid, gid)
        folder.chmod(mode)
        assert may_enter(folder, STRANGER) is may
        assert may_enter(folder, User(0, 0, (0,), "root", "/root"))


def test_who_cannot_enter_one_above_cannot_enter_it(tmp_path: Path) -> None:
    root()
    (tmp_path / "below").mkdir(mode=0o755)
    tmp_path.chmod(0o700)
    assert not may_enter(tmp_path / "below", STRANGER)
