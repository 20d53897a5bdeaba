"""The agent as a child of the sidecar: as whom it runs, how it is started and told, and what became of it."""

import errno
import grp
import os
import pwd
import resource
import signal
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

NOT_FOUND, NOT_EXECUTABLE = 127, 126
"""What a shell says of such a command."""
_SIGNALLED = 128


class Unstarted(Exception):
    """The agent can't be started; the text says why, ``code`` is what a shell would exit with."""

    def __init__(self, text: str, code: int) -> None:
        super().__init__(text)
        self.code = code


class UserUnknown(Exception):
    """Nobody has that name."""


@dataclass(frozen=True, slots=True)
class User:
    """As whom the agent runs."""

    uid: int
    gid: int
    groups: tuple[int, ...]
    """All of them, ``gid`` included."""
    name: str
    """A number where the system has no name for it."""
    home: str

    @property
    def variables(self) -> Mapping[str, str]:
        return {"HOME": self.home, "USER": self.name, "LOGNAME": self.name}


def user(text: str) -> User:
    """The user of that name or number, with its groups; a number that nobody has is a user with a group of the same
    number. ``USER:GROUP`` gives it that group alone. Raise ``UserUnknown``."""
    who, colon, group = text.partition(":")
    known = _known(who)
    if colon:
        gid = _group(group)
        return User(known.uid, gid, (gid,), known.name, known.home)
    return known


def _known(text: str) -> User:
    try:
        entry = pwd.getpwuid(int(text)) if _is_number(text) else pwd.getpwnam(text)
    except KeyError:
        if not _is_number(text):
            raise UserUnknown(f"there is no user {text!r}: name one that is in /etc/passwd, or a number") from None
        number = int(text)
        return User(number, number, (number,), text, "/")
    groups = tuple(os.getgrouplist(entry.pw_name, entry.pw_gid))
    return User(entry.pw_uid, entry.pw_gid, groups, entry.pw_name, entry.pw_dir)


def _group(text: str) -> int:
    if _is_number(text):
        return int(text)
    try:
        return grp.getgrnam(text).gr_gid
    except KeyError:
        raise UserUnknown(f"there is no group {text!r}: name one that is in /etc/group, or a number") from None


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdecimal() and int(text) < (1 << 32) - 1  # the last one means nobody to the kernel


def may_enter(folder: Path, user: User) -> bool:
    """Whether *user* gets as far as into *folder*."""
    return all(_may_enter(each.stat(), user) for each in (folder, *folder.absolute().parents))


def _may_enter(folder: os.stat_result, user: User) -> bool:
    if user.uid in (0, folder.st_uid):
        return user.uid == 0 or bool(folder.st_mode & 0o100)
    if folder.st_gid in user.groups:
        return bool(folder.st_mode & 0o010)
    return bool(folder.st_mode & 0o001)


class Child:
    """The agent's process, from its start. It is in the sidecar's process group, so that a terminal's keys reach both,
    as they would reach the commands of a pipeline."""

    def __init__(
        self, command: Sequence[str], environ: Mapping[str, str], user: User | None, descriptors: tuple[int, int]
    ) -> None:
        """*descriptors*: its limits of open files, soft and hard, for ours were raised. Raise ``Unstarted``."""
        drop = {} if user is None else {"user": user.uid, "group": user.gid, "extra_groups": user.groups}
        try:
            self._process = subprocess.Popen(command, env=dict(environ), **drop)  # type: ignore[call-overload]  # drop's values  # noqa: S603 - the operator's own command
        except OSError as error:
            raise _unstarted(command[0], error) from error
        with suppress(OSError):  # it has ended, or has become somebody whose limits are none of ours to set
            resource.prlimit(self.pid, resource.RLIMIT_NOFILE, descriptors)
        self.code: int | None = None
        """Its exit code, once it has one; for a signal 128 and its number, as a shell says it."""

    @property
    def pid(self) -> int:
        return int(self._process.pid)

    def send(self, number: signal.Signals) -> None:
        """Nothing happens where it has ended: its number isn't anybody else's while nobody has waited for it."""
        if self.code is None:
            os.kill(self.pid, number)

    def wait(self) -> None:
        """Until it has ended; for a thread. It stays a zombie till ``ended``, so that its number stays its own."""
        with suppress(ChildProcessError):
            os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOWAIT)

    def ended(self) -> bool:
        """Whether it has ended; then it is no zombie either."""
        if self.code is None:
            status = self._process.poll()
            if status is not None:
                self.code = status if status >= 0 else _SIGNALLED - status
        return self.code is not None

    def end(self, seconds: float) -> None:
        """End it: politely, and after *seconds* for certain. For a thread."""
        self.send(signal.SIGTERM)
        try:
            self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self.ended()

    @property
    def hears_the_terminal(self) -> bool:
        """Whether the keys of the terminal, such as Ctrl-C, signal it as they do us."""
        try:
            terminal = os.open("/dev/tty", os.O_RDONLY | os.O_NOCTTY | os.O_CLOEXEC)
        except OSError:
            return False
        try:
            return os.tcgetpgrp(terminal) == os.getpgrp() == os.getpgid(self.pid)
        except OSError:  # the terminal, or the child, has gone meanwhile
            return False
        finally:
            os.close(terminal)


def _unstarted(command: str, error: OSError) -> Unstarted:
    if isinstance(error, FileNotFoundError):
        why = "the interpreter in its first line isn't there" if Path(command).exists() else "there is no such command"
        return Unstarted(f"{command}: {why}", NOT_FOUND)
    if isinstance(error, PermissionError):
        return Unstarted(
            f"{command}: not executable for the agent's user, or that user can't be become", NOT_EXECUTABLE
        )
    if error.errno == errno.ENOEXEC:
        return Unstarted(f"{command}: not a program; a script begins with #! and its interpreter", NOT_EXECUTABLE)
    return Unstarted(f"{command}: {error.strerror or error}", NOT_EXECUTABLE)
