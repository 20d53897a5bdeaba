"""Our CA: kept sealed across restarts, made anew when it has to be, and good for the routes' hosts alone."""

import asyncio
import re
import shutil
import ssl
import statistics
import time
from pathlib import Path

import pytest

from sidecar.egress import ca
from sidecar.egress.ca import CaUnusable
from tests import counterparts
from tests.egress.intercepted import NOW, answering, authority, client, shaken

HOST = "api.example.com"
DAY = 86_400.0


class TestKept:
    def test_a_restart_finds_the_same_one(self, tmp_path: Path) -> None:
        first, second = authority(tmp_path), authority(tmp_path)
        assert first.pem == second.pem
        assert (first.changed, second.changed) == ("", "")
        assert shaken(second.context(HOST), client(first.pem), HOST).version() == "TLSv1.3"

    def test_its_file_is_its_owners_alone_and_shows_no_key(self, tmp_path: Path) -> None:
        authority(tmp_path)
        file = tmp_path / "ca.sealed"
        assert file.stat().st_mode & 0o777 == 0o600
        assert b"PRIVATE KEY" not in file.read_bytes()
        assert [path.name for path in tmp_path.iterdir()] == ["ca.sealed"]

    def test_for_fewer_hosts_it_stays(self, tmp_path: Path) -> None:
        first = authority(tmp_path)
        assert authority(tmp_path, frozenset({HOST})).pem == first.pem

    def test_for_another_host_a_new_one_is_made_and_that_is_said(self, tmp_path: Path) -> None:
        first = authority(tmp_path)
        second = authority(tmp_path, frozenset({HOST, "new.example.net", "more.example.net"}))
        assert second.changed == "it isn't good for more.example.net, new.example.net"
        assert second.hosts == {HOST, "new.example.net", "more.example.net"}
        assert second.pem != first.pem
        assert authority(tmp_path, second.hosts).pem == second.pem

    @pytest.mark.parametrize(("later", "changed"), [(9 * 365 * DAY - DAY, False), (9 * 365 * DAY + DAY, True)])
    def test_a_year_before_its_end_a_new_one_is_made(self, later: float, changed: bool, tmp_path: Path) -> None:
        authority(tmp_path)
        assert bool(authority(tmp_path, clock=lambda: NOW + later).changed) is changed

    def test_one_of_the_future_is_replaced(self, tmp_path: Path) -> None:
        authority(tmp_path, clock=lambda: NOW + 3 * DAY)
        assert authority(tmp_path).changed

    def test_addresses_have_no_certificate(self, tmp_path: Path) -> None:
        made = authority(tmp_path, frozenset({HOST, "10.0.0.1", "2001:db8::1"}))
        assert made.hosts == {HOST}
        assert not made.permits("10.0.0.1")
        assert not authority(tmp_path, frozenset({HOST, "10.0.0.1"})).changed

    def test_without_routes_there_is_one_that_is_good_for_nothing(self, tmp_path: Path) -> None:
        made = authority(tmp_path, frozenset())
        assert made.pem.startswith(b"-----BEGIN CERTIFICATE-----")
        assert not made.permits("invalid")


class TestUnusable:
    MEND = "give the state.key that it was made with, or remove the file"

    def test_under_another_key(self, tmp_path: Path) -> None:
        authority(tmp_path)
        with pytest.raises(CaUnusable, match=re.escape(str(tmp_path / "ca.sealed"))) as raised:
            authority(tmp_path, key=b"x" * 32)
        assert self.MEND in str(raised.value)

    @pytest.mark.parametrize("at", [0, 20, -60, -1])
    def test_damaged(self, at: int, tmp_path: Path) -> None:
        authority(tmp_path)
        content = bytearray((tmp_path / "ca.sealed").read_bytes())
        content[at] ^= 1
        (tmp_path / "ca.sealed").write_bytes(content)
        with pytest.raises(CaUnusable) as raised:
            authority(tmp_path)
        assert self.MEND in str(raised.value)

    def test_hosts_that_are_written_in_are_not_believed(self, tmp_path: Path) -> None:
        authority(tmp_path)
        file = tmp_path / "ca.sealed"
        file.write_bytes(file.read_bytes().replace(b"files.example.org", b"files.example.net"))
        with pytest.raises(CaUnusable):
            authority(tmp_path)

    @pytest.mark.parametrize("content", [b"", b"\n", b"{}", b"{}\nshort"])
    def test_cut_short(self, content: bytes, tmp_path: Path) -> None:
        (tmp_path / "ca.sealed").write_bytes(content)
        with pytest.raises(CaUnusable):
            authority(tmp_path)

    def test_what_cannot_be_read_is_told(self, tmp_path: Path) -> None:
        (tmp_path / "ca.sealed").mkdir()
        with pytest.raises(CaUnusable, match=r"can't be read: Is a directory; let the sidecar's user read it"):
            authority(tmp_path)

    def test_what_cannot_be_written_is_told(self, tmp_path: Path) -> None:
        with pytest.raises(CaUnusable, match=r"can't be written: .*; check the space and the rights of state\.dir"):
            authority(tmp_path / "nowhere")


class TestContexts:
    def test_the_agents_client_speaks_http_1_1_over_tls(self, tmp_path: Path) -> None:
        made = authority(tmp_path)
        tls = shaken(made.context(HOST), client(made.pem), HOST)
        assert (tls.version(), tls.selected_alpn_protocol()) == ("TLSv1.3", "http/1.1")

    def test_one_is_kept_for_each_host(self, tmp_path: Path) -> None:
        made = authority(tmp_path)
        assert made.context(HOST) is made.context(HOST)
        assert made.context(HOST) is not made.context("files.example.org")

    @pytest.mark.parametrize("host", ["evil.example", f"below.{HOST}", "example.com", "10.0.0.1", ""])
    def test_another_host_is_not_signed_for(self, host: str, tmp_path: Path) -> None:
        with pytest.raises(ValueError, match="is no host of a route"):
            authority(tmp_path).context(host)

    @pytest.mark.parametrize("name", ["files.example.org", "evil.example", f"below.{HOST}"])
    def test_a_client_that_names_another_server_is_told_so(self, name: str, tmp_path: Path) -> None:
        made = authority(tmp_path)
        with pytest.raises(ssl.SSLError, match="UNRECOGNIZED_NAME"):
            shaken(made.context(HOST), client(made.pem), name)

    def test_names_are_compared_without_regard_to_case(self, tmp_path: Path) -> None:
        made = authority(tmp_path)
        assert shaken(made.context(HOST), client(made.pem), "API.Example.COM").version() == "TLSv1.3"

    def test_a_client_that_names_no_server_gets_the_hosts(self, tmp_path: Path) -> None:
        made = authority(tmp_path)
        context = client(made.pem)
        context.check_hostname = False
        assert shaken(made.context(HOST), context, None).version() == "TLSv1.3"

    def test_nothing_older_than_tls_1_2_is_spoken(self, tmp_path: Path) -> None:
        assert authority(tmp_path).context(HOST).minimum_version == ssl.TLSVersion.TLSv1_2

    def test_a_leaf_is_renewed_long_before_it_ends(self, tmp_path: Path) -> None:
        now = [NOW]
        made = authority(tmp_path, clock=lambda: now[0])
        first = made.context(HOST)
        now[0] += 13 * DAY
        assert made.context(HOST) is first
        now[0] += 2 * DAY
        assert made.context(HOST) is not first

    def test_a_leaf_is_made_anew_when_the_clock_was_put_back(self, tmp_path: Path) -> None:
        authority(tmp_path)
        now = [NOW + 3 * DAY]
        made = authority(tmp_path, clock=lambda: now[0])
        first = made.context(HOST)
        now[0] = NOW
        assert shaken(made.context(HOST), client(made.pem), HOST).version() == "TLSv1.3"
        assert made.context(HOST) is not first

    def test_the_least_used_makes_room(self, tmp_path: Path) -> None:
        hosts = [f"host-{number}.example.com" for number in range(ca.MOST_CONTEXTS + 1)]
        made = authority(tmp_path, frozenset(hosts))
        contexts = {host: made.context(host) for host in hosts[:-1]}
        assert made.context(hosts[0]) is contexts[hosts[0]]
        made.context(hosts[-1])
        assert made.context(hosts[0]) is contexts[hosts[0]]
        assert made.context(hosts[1]) is not contexts[hosts[1]]

    def test_contexts_that_were_made_ahead_are_used_once_they_are_called_for(self, tmp_path: Path) -> None:
        made = authority(tmp_path, frozenset({HOST, "other.example.com"}))
        made.warm()
        began = time.thread_time()
        first = made.context(HOST)
        assert time.thread_time() - began < 0.0003
        assert made.context(HOST) is first
        assert shaken(first, client(made.pem), HOST).version() == "TLSv1.3"

    def test_one_that_was_made_ahead_is_of_no_use_when_the_clock_was_put_back(self, tmp_path: Path) -> None:
        authority(tmp_path)
        now = [NOW + 3 * DAY]
        made = authority(tmp_path, clock=lambda: now[0])
        made.warm()
        now[0] = NOW
        assert shaken(made.context(HOST), client(made.pem), HOST).version() == "TLSv1.3"

    def test_a_new_host_costs_at_most_three_milliseconds(self, tmp_path: Path) -> None:
        hosts = [f"host-{number}.example.com" for number in range(50)]
        made = authority(tmp_path, frozenset(hosts))
        made.prepare()
        spent = []
        for host in hosts:
            began = time.thread_time()
            made.context(host)
            spent.append(time.thread_time() - began)
        assert statistics.median(spent) < 0.003


class TestClients:
    """As agents have them, on a real socket."""

    async def test_curl(self, tmp_path: Path) -> None:
        curl = shutil.which("curl") or counterparts.missing("curl")
        made = authority(tmp_path)
        (tmp_path / "ca.pem").write_bytes(made.pem)
        async with answering(made.context(HOST)) as port:
            argv = [curl, "--silent", "--show-error", "--noproxy", "*", "--cacert", str(tmp_path / "ca.pem")]
            argv += ["--resolve", f"{HOST}:{port}:127.0.0.1", f"https://{HOST}:{port}/"]
            assert await _said(argv) == "intercepted"

    async def test_node(self, tmp_path: Path) -> None:
        made = authority(tmp_path)
        (tmp_path / "ca.pem").write_bytes(made.pem)
        async with answering(made.context(HOST)) as port:
            code = f"""
                const lookup = (name, options, then) => then(null, [{{address: "127.0.0.1", family: 4}}]);
                const print = (answer) => answer.pipe(process.stdout);
                require("node:https").get("https://{HOST}:{port}/", {{lookup}}, print);
            """
            argv = [counterparts.node("jose"), "--eval", code]
            assert await _said(argv, NODE_EXTRA_CA_CERTS=str(tmp_path / "ca.pem")) == "intercepted"


async def _said(argv: list[str], **env: str) -> str:
    process = await asyncio.create_subprocess_exec(
        *argv, env=env, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    out, error = await process.communicate()
    assert process.returncode == 0, error.decode()
    return out.decode()
