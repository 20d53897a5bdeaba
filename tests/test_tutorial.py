"""The tutorial, done as it is written: its agent, its configuration, its commands, at other addresses."""

import os
import re
import shlex
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.child import ROOT, child
from tests.counterparts import missing

PAGE = (ROOT / "docs" / "tutorial" / "first-agent.md").read_text()


def example(language: str, words: str) -> str:
    """The block of *language* that holds *words*."""
    found = [
        text for text in re.findall(rf"^```{language}\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL) if words in text
    ]
    assert len(found) == 1, words
    return str(found[0])


@pytest.fixture
def folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="tutorial-", dir="/tmp") as folder:
        yield Path(folder)


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


def test_the_tutorial_leads_where_it_says(folder: Path) -> None:
    if not shutil.which("curl"):
        missing("curl, which the tutorial uses")
    environ = {**os.environ, "PYTHONPATH": str(ROOT), "TMPDIR": str(folder)}
    python = shlex.quote(sys.executable)
    with ExitStack() as running:
        demo = running.enter_context(child([sys.executable, "-m", "sidecar", "demo"], folder, "demo", env=environ))
        issuer = demo.said(r"ISSUER=(\S+) AGENT=")[1]
        ours = {
            "http://127.0.0.1:40123": issuer,
            **{f"127.0.0.1:{port}": f"127.0.0.1:{free_port()}" for port in (8000, 8080, 9090)},
            "/tmp/sidecar": f"{folder}/sidecar",
            "sidecar.yaml": f"{folder}/sidecar.yaml",
        }

        def here(text: str) -> str:
            for theirs, own in ours.items():
                text = text.replace(theirs, own)
            return text

        def shell(words: str) -> str:
            script = f'sidecar() {{ {python} -m sidecar "$@"; }}\n' + here(words)
            done = subprocess.run(
                ["bash", "-c", script], cwd=folder, env=environ, capture_output=True, text=True, timeout=30, check=False
            )
            return done.stdout + done.stderr

        (folder / "agent.py").write_text(example("python", "FastAPI"))
        (folder / "sidecar.yaml").write_text(here(example("yaml", "issuers")))
        port = ours["127.0.0.1:8000"].rpartition(":")[2]
        assert "uvicorn agent:app --host 127.0.0.1 --port 8000" in PAGE
        uvicorn = child(
            [sys.executable, "-m", "uvicorn", "agent:app", "--app-dir", str(folder), "--port", port],
            folder,
            "uvicorn",
            env=environ,
        )
        running.enter_context(uvicorn).said("Uvicorn running")

        check, serve = example("shell", "sidecar serve").splitlines()
        assert "nothing is wrong with it" in shell(check)
        sidecar = child([sys.executable, "-m", *shlex.split(here(serve))], folder, "sidecar", env=environ)
        running.enter_context(sidecar).said(r"^sidecar: health on ")

        assert "token_missing" in shell(example("shell", "curl -i http://127.0.0.1:8080/"))
        greeting = shell(example("shell", "/token/alice"))
        assert '"hello":"alice"' in greeting
        assert '"your_groups":["everyone","sales"]' in greeting
        shown = shell("sleep 0.5\n" + example("shell", "audit/"))
        assert '"identity.init"' in shown
        assert re.search("^sidecar .*, ready$", shown, re.MULTILINE)
        assert 'sidecar_requests_total{listener="inbound",outcome="done"} 1' in shown
