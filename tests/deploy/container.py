"""A replayed image running as the manifests run it: its own user, no capability, a root that nobody can write to."""

import os
import re
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from tests.child import TICK, Child, child
from tests.deploy.dockerfile import Stage
from tests.deploy.replay import Image

UNPRIVILEGED = ("setpriv", "--clear-groups", "--no-new-privs", "--bounding-set=-all", "--inh-caps=-all")


class Container:
    """What runs, and a way to run more beside it."""

    def __init__(self, stage: Stage, image: Image, running: Child) -> None:
        self._stage, self._image, self.child = stage, image, running

    def exec(self, *command: str) -> subprocess.CompletedProcess[str]:
        """What ``docker exec`` does: as the image's user, in its namespaces, under its root."""
        entered = ["nsenter", f"--target={self.child.pid}", "--mount", "--net", "--root", "--wd"]
        env = ["/usr/bin/env", "-i", *(f"{name}={value}" for name, value in self._image.env.items())]
        whole = [*entered, *env, *as_user(self._stage), *command]
        return subprocess.run(whole, capture_output=True, text=True, check=False, timeout=30)

    def healthy(self) -> bool:
        """The image's own HEALTHCHECK."""
        return self.exec(*self._stage.last("HEALTHCHECK").exec_form).returncode == 0

    def waits_until_healthy(self, seconds: float) -> None:
        """Give it so long."""
        deadline = time.monotonic() + seconds
        while not self.healthy():
            waited_enough = time.monotonic() > deadline or not self.child.running
            assert not waited_enough, f"not healthy\n{self.child.stdout}\n{self.child.stderr}"
            time.sleep(5 * TICK)

    def status(self) -> Mapping[str, str]:
        """The kernel's view of it."""
        text = Path(f"/proc/{self.child.pid}/status").read_text()
        return dict(re.findall(r"^(\w+):\s+(.*)$", text, re.MULTILINE))


def as_user(stage: Stage) -> list[str]:
    """The beginning of a command that is to run as the image's user, and can't become another."""
    uid, gid = stage.last("USER").rest.split(":")
    return [*UNPRIVILEGED, f"--reuid={uid}", f"--regid={gid}"]


@contextmanager
def container(stage: Stage, image: Image, folder: Path, config: Path, env: Mapping[str, str]) -> Iterator[Container]:
    """ENTRYPOINT and CMD in a network of their own, *config* as /etc/sidecar, volumes owned as in the image."""
    mounts = [f"mount --bind {config} {image.root}/etc/sidecar", "ip link set lo up"]
    for volume in stage.last("VOLUME").exec_form:
        empty = folder / volume.replace("/", "_")
        empty.mkdir()
        owned = (image.written / volume.lstrip("/")).stat()
        empty.chmod(owned.st_mode)
        os.chown(empty, owned.st_uid, owned.st_gid)
        mounts.append(f"mount --bind {empty} {image.root}{volume}")
    command = [*as_user(stage), *stage.last("ENTRYPOINT").exec_form, *stage.last("CMD").exec_form]
    whole = ["unshare", "--mount", "--net", *image.inside(command, env, [*mounts, *image.base.seal(image.root)])]
    with child(whole, folder, "container") as running:
        yield Container(stage, image, running)
