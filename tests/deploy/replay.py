"""A container image without a container engine: a Dockerfile's stages, replayed in roots of their own.

Each step runs in a mount namespace that ends with it. In place of the base image, which isn't fetched, stands a base
that is ``Borrowed`` (this machine's /usr, with this Python as /usr/local) or ``Bootstrapped`` (a Debian of its own).
"""

import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import pip

from tests.counterparts import missing
from tests.deploy.dockerfile import Instruction, Stage, context

PATH = "/usr/local/bin:/usr/local/sbin:/usr/bin:/usr/sbin:/bin:/sbin"
STEP_SECONDS = 300
LONG = os.environ.get("LONG") == "1"
BUILD_SECONDS = 500 if LONG else 200
"""The time limit of a test that may be the first to want the image."""
RELEASE = "trixie"
"""The Debian under the base images."""
# How this machine reaches its package registry; an image builder gets these as build arguments.
REGISTRY = ("PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL", "PIP_CERT", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY")

# Said of the image, not done to it.
SAID = frozenset({"ARG", "CMD", "ENTRYPOINT", "EXPOSE", "HEALTHCHECK", "LABEL", "STOPSIGNAL", "USER", "VOLUME"})


class Base(Protocol):
    """What a stage begins with."""

    def prepare(self, folder: Path) -> None:
        """Lay the ground in a stage's own folder, once."""

    def mount(self, folder: Path, root: Path) -> Sequence[str]:
        """The shell commands that make *root* the stage's root, from what *folder* holds."""

    def seal(self, root: Path) -> Sequence[str]:
        """The shell commands that make the mounted *root* read-only."""

    def written(self, folder: Path) -> Path:
        """Where what a stage wrote is found from outside."""


class Borrowed:
    """This machine's system and this Python: more than a base image has, so it can't show what is absent."""

    ACCOUNTS = ("passwd", "group", "shadow", "gshadow", "login.defs")
    NETWORK = ("nsswitch.conf", "resolv.conf", "hosts", "ssl", "pip.conf")
    OWN = Path(sys.base_prefix)  # where this Python was built to stand, and looks for its shared library

    def prepare(self, folder: Path) -> None:
        root = folder / "root"
        for name in ("usr", "etc", "tmp", "opt", "mnt", "proc", "dev", "run", "var/lib", "var/tmp"):
            (root / name).mkdir(parents=True)
        for name in ("bin", "sbin", "lib", "lib64"):
            (root / name).symlink_to(f"usr/{name}")
        for name in (*self.ACCOUNTS, *self.NETWORK, "ld.so.cache"):
            source, target = Path("/etc", name), root / "etc" / name
            if source.is_dir():
                shutil.copytree(source, target, symlinks=True)
            elif source.exists():
                shutil.copy2(source, target)
        for name in ("usr", "usr-work", "local", "local-work"):
            (folder / name).mkdir()
        if self._apart():
            (root / self.OWN.relative_to("/")).mkdir(parents=True)
        else:
            (folder / "local" / "bin").mkdir()
            (folder / "local" / "bin" / "python").symlink_to(Path(sys.executable).resolve())
            # A distribution's Python comes without the pip that the base image has; this environment has it.
            packages = folder / "local" / "lib" / f"python3.{sys.version_info.minor}" / "dist-packages"
            shutil.copytree(Path(str(pip.__file__)).parent, packages / "pip")

    def mount(self, folder: Path, root: Path) -> Sequence[str]:
        local = self.OWN if self._apart() else "/usr/local"
        mounts = [
            f"mount --bind {folder}/root {root}",
            _overlay("/usr", folder / "usr", folder / "usr-work", root / "usr"),
            _overlay(local, folder / "local", folder / "local-work", root / "usr/local"),
        ]
        if self._apart():
            own = root / self.OWN.relative_to("/")
            mounts += [f"mount --bind {self.OWN} {own}", f"mount -o remount,bind,ro {own}"]
        return mounts

    def seal(self, root: Path) -> Sequence[str]:
        return [f"mount -o remount,bind,ro {place}" for place in (root / "usr/local", root / "usr", root)]

    def written(self, folder: Path) -> Path:
        return folder / "root"

    def _apart(self) -> bool:
        return not self.OWN.is_relative_to("/usr")


@dataclass(frozen=True, slots=True)
class Bootstrapped:
    """A Debian of its own, made by debootstrap; its python3 is called python, as in the base image."""

    lower: Path

    @classmethod
    def make(cls, lower: Path, release: str, include: Sequence[str]) -> "Bootstrapped":
        if shutil.which("debootstrap") is None:
            missing("debootstrap: on Debian, apt-get install debootstrap")
        more = [f"--include={','.join(include)}"] if include else []
        command = ["debootstrap", "--variant=minbase", *more, release, str(lower)]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=STEP_SECONDS)
        assert done.returncode == 0, done.stdout[-2000:]
        if "python3" in include:
            (lower / "usr/local/bin/python").symlink_to("/usr/bin/python3")
        shutil.copy2("/etc/resolv.conf", lower / "etc/resolv.conf")
        certificates = "etc/ssl/certs/ca-certificates.crt"
        (lower / certificates).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(Path("/", certificates), lower / certificates)
        return cls(lower)

    def prepare(self, folder: Path) -> None:
        for name in ("upper", "work"):
            (folder / name).mkdir()

    def mount(self, folder: Path, root: Path) -> Sequence[str]:
        return [_overlay(self.lower, folder / "upper", folder / "work", root)]

    def seal(self, root: Path) -> Sequence[str]:
        return [f"mount -o remount,bind,ro {root}"]

    def written(self, folder: Path) -> Path:
        return folder / "upper"


def _overlay(lower: Path | str, upper: Path, work: Path, place: Path) -> str:
    return f"mount -t overlay -o lowerdir={lower},upperdir={upper},workdir={work} overlay {place}"


@dataclass(slots=True)
class Image:
    """A stage that is being replayed, or has been."""

    base: Base
    folder: Path
    env: dict[str, str] = field(default_factory=lambda: {"PATH": PATH})
    workdir: str = "/"

    def __post_init__(self) -> None:
        self.root.mkdir(parents=True)
        self.base.prepare(self.folder)

    @property
    def root(self) -> Path:
        """Where the root is mounted, in the namespaces that mount it."""
        return self.folder / "mounted"

    @property
    def written(self) -> Path:
        return self.base.written(self.folder)

    def inside(self, command: Sequence[str], extra: Mapping[str, str], mounts: Sequence[str] = ()) -> list[str]:
        """An argument list that runs *command* in the image, after more *mounts*, with *extra* in its environment."""
        system = [f"mount -t proc proc {self.root}/proc", f"mount --rbind /dev {self.root}/dev"]
        mounting = " && ".join([*self.base.mount(self.folder, self.root), *system, *mounts])
        env = [f"{name}={value}" for name, value in {**self.env, **extra}.items()]
        entered = ["chroot", str(self.root), "/usr/bin/env", "-i", f"--chdir={self.workdir}", *env, *command]
        return ["sh", "-ec", f"{mounting} && exec {shlex.join(entered)}"]

    def run(self, command: str) -> None:
        """A RUN step."""
        registry = {name: os.environ[name] for name in REGISTRY if name in os.environ}
        step = ["unshare", "--mount", *self.inside(["/bin/sh", "-c", command], registry)]
        done = subprocess.run(step, capture_output=True, text=True, check=False, timeout=STEP_SECONDS)
        assert done.returncode == 0, f"RUN {command}\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}"


def replay(stages: Sequence[Stage], context_root: Path, base: Base, folder: Path) -> Image:
    """The image of the last stage."""
    images: list[Image] = []
    for stage in stages:
        images.append(Image(base, folder / stage.name))
        for step in stage.instructions:
            if step.word not in SAID:
                _take(step, images, context_root)
    return images[-1]


def _take(step: Instruction, images: Sequence[Image], context_root: Path) -> None:
    """One step of the last of the images."""
    image = images[-1]
    match step.word:
        case "ENV":
            image.env |= {name: value.replace("$PATH", image.env["PATH"]) for name, value in step.pairs.items()}
        case "WORKDIR":
            image.run(f"mkdir -p {step.rest}")
            image.workdir = step.rest
        case "COPY":
            _copy(step, images, context_root)
        case "RUN":
            image.run(step.rest)
        case word:
            raise NotImplementedError(word)


def _copy(step: Instruction, images: Sequence[Image], context_root: Path) -> None:
    image = images[-1]
    *sources, target = step.words
    into = image.written / Path(image.workdir, target).relative_to("/")
    if "from" in step.flags:
        (source,) = sources
        other = next(earlier for earlier in images if earlier.folder.name == step.flags["from"])
        shutil.copytree(other.written / source.lstrip("/"), into, symlinks=True)
        return
    given = context(context_root)
    for source in sources:
        whole = context_root / source
        for path in given:
            if path == whole:
                _place(path, into / path.name if target.endswith("/") else into)
            elif path.is_relative_to(whole):
                _place(path, into / path.relative_to(whole))


def _place(path: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy2(path, target)
