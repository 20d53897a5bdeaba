"""A replayed image running as the manifests run it: a user of its own, no capability, a root nobody can write to."""

import os
import re
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.child import TICK, Child, child
from tests.deploy.dockerfile import Stage
from tests.deploy.replay import Image

UNPRIVILEGED = ("setpriv", "--no-new-privs", "--bounding-set=-all", "--inh-caps=-all")


@dataclass(frozen=True, slots=True)
class Container:
    """What is run of an image, and how: ``run`` starts it."""

    image: Image
    command: Sequence[str]
    uid: int
    mounts: Mapping[Path, str]
    env: Mapping[str, str] = field(default_factory=dict)
    network: Sequence[str] = ("unshare", "--net")
    """The words before a command that is to run in its network."""
    group: int | None = None
    """A group that its user is in, beside the one of the user's own number."""

    @classmethod
    def of(cls, stage: Stage, image: Image, config: Path, folder: Path, env: Mapping[str, str]) -> "Container":
        """What ENTRYPOINT, CMD, USER and VOLUME say; *config* is mounted at /etc/sidecar, volumes are in *folder*."""
        uid, gid = stage.last("USER").rest.split(":")
        assert uid == gid
        mounts = {config: "/etc/sidecar"}
        for volume in stage.last("VOLUME").exec_form:
            empty = folder / volume.replace("/", "_")
            empty.mkdir()
            owned = (image.written / volume.lstrip("/")).stat()
            empty.chmod(owned.st_mode)
            os.chown(empty, owned.st_uid, owned.st_gid)
            mounts[empty] = volume
        command = [*stage.last("ENTRYPOINT").exec_form, *stage.last("CMD").exec_form]
        return cls(image, command, int(uid), mounts, env)

    @property
    def user(self) -> list[str]:
        """The words before a command that is to run as its user, and can't become another."""
        groups = "--clear-groups" if self.group is None else f"--groups={self.group}"
        return [*UNPRIVILEGED, groups, f"--reuid={self.uid}", f"--regid={self.uid}"]

    @contextmanager
    def run(self, folder: Path, name: str) -> Iterator["Running"]:
        """Started; what it prints goes to *folder*."""
        root = self.image.root
        mounts = [f"mount --bind {source} {root}{place}" for source, place in self.mounts.items()]
        steps = [*mounts, *self.image.base.seal(root), "ip link set lo up"]
        whole = [*self.network, "unshare", "--mount", *self.image.inside([*self.user, *self.command], self.env, steps)]
        with child(whole, folder, name) as started:
            yield Running(self, started)


@dataclass(frozen=True, slots=True)
class Running:
    """A container that was started, and a way to run more beside it."""

    container: Container
    child: Child

    def exec(self, *command: str) -> subprocess.CompletedProcess[str]:
        """What ``docker exec`` does: as the same user, in its namespaces, under its root."""
        entered = ["nsenter", f"--target={self.child.pid}", "--mount", "--net", "--root", "--wd"]
        given = {**self.container.image.env, **self.container.env}
        env = ["/usr/bin/env", "-i", *(f"{name}={value}" for name, value in given.items())]
        whole = [*entered, *env, *self.container.user, *command]
        return subprocess.run(whole, capture_output=True, text=True, check=False, timeout=30)

    def waits_until_healthy(self, stage: Stage, seconds: float = 15) -> None:
        """Until the image's own HEALTHCHECK is content."""
        deadline = time.monotonic() + seconds
        while self.exec(*stage.last("HEALTHCHECK").exec_form).returncode:
            waited_enough = time.monotonic() > deadline or not self.child.running
            assert not waited_enough, f"not healthy\n{self.child.stdout}\n{self.child.stderr}"
            time.sleep(5 * TICK)

    def status(self) -> Mapping[str, str]:
        """The kernel's view of it."""
        text = Path(f"/proc/{self.child.pid}/status").read_text()
        return dict(re.findall(r"^(\w+):\s+(.*)$", text, re.MULTILINE))
