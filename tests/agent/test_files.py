"""The agent's files: whose they are, who may read them, and what is in the bundle."""

import os
import ssl
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from sidecar.agent import files
from sidecar.agent.files import FilesUnusable
from sidecar.secret import Secret
from tests import counterparts

CA = b"-----BEGIN CERTIFICATE-----\nT1VS\n-----END CERTIFICATE-----\n"
COMPANY = b"-----BEGIN CERTIFICATE-----\nQ09NUEFOWQ==\n-----END CERTIFICATE-----\n"
PUBLIC = b"-----BEGIN CERTIFICATE-----\nUFVCTElD\n-----END CERTIFICATE-----\n"
TOKEN = Secret("ag_" + "t" * 43)
STRANGER = 47_110


@pytest.fixture(autouse=True)
def _umask() -> Iterator[None]:
    """Whatever the umask: this one takes everything away."""
    before = os.umask(0o077)
    yield
    os.umask(before)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def root() -> None:
    if os.geteuid():
        counterparts.missing("root, who alone may give files away")


class TestWrite:
    def test_a_missing_folder_is_made_for_all_to_enter_and_the_handle_is_ours_alone(self, tmp_path: Path) -> None:
        run = tmp_path / "run" / "sidecar"
        files.write(run, CA, PUBLIC + CA, TOKEN)
        assert (mode(run), mode(run / "ca.pem"), mode(run / "ca-bundle.pem")) == (0o755, 0o644, 0o644)
        assert (mode(run / "token"), (run / "token").read_text()) == (0o600, TOKEN.reveal())
        assert (run / "ca.pem").read_bytes() == CA
        assert (run / "ca-bundle.pem").read_bytes() == PUBLIC + CA
        assert sorted(path.name for path in run.iterdir()) == ["ca-bundle.pem", "ca.pem", "token"]

    @pytest.mark.parametrize(
        ("folder", "token"),
        [
            (0o700, 0o600),
            (0o755, 0o600),
            (0o777, 0o600),
            (0o750, 0o640),
            (0o770, 0o640),
            (0o2777, 0o640),
            (0o740, 0o600),
        ],
        ids=oct,
    )
    def test_a_folder_for_its_group_shares_the_handle_with_it(self, folder: int, token: int, tmp_path: Path) -> None:
        tmp_path.chmod(folder)
        files.write(tmp_path, CA, CA, TOKEN)
        assert (mode(tmp_path), mode(tmp_path / "token")) == (folder, token)

    @pytest.mark.parametrize("folder", [0o750, 0o2770])
    def test_it_is_the_folders_group_that_reads_it(self, folder: int, tmp_path: Path) -> None:
        root()
        os.chown(tmp_path, -1, STRANGER)
        tmp_path.chmod(folder)
        files.write(tmp_path, CA, CA, TOKEN)
        assert ((tmp_path / "token").stat().st_gid, mode(tmp_path / "token")) == (STRANGER, 0o640)

    def test_without_a_handle_an_old_one_goes(self, tmp_path: Path) -> None:
        files.write(tmp_path, CA, CA, TOKEN)
        files.write(tmp_path, CA, CA, None)
        assert not (tmp_path / "token").exists()

    def test_what_is_as_it_should_be_stays_with_its_owner(self, tmp_path: Path) -> None:
        root()
        files.write(tmp_path, CA, CA, TOKEN)
        files.give(tmp_path, STRANGER, STRANGER)
        files.write(tmp_path, COMPANY, CA, TOKEN)
        assert ((tmp_path / "token").stat().st_uid, mode(tmp_path / "token")) == (STRANGER, 0o400)
        assert (tmp_path / "ca.pem").read_bytes() == COMPANY

    def test_a_handle_that_others_may_read_is_written_anew(self, tmp_path: Path) -> None:
        (tmp_path / "token").write_text(TOKEN.reveal())
        (tmp_path / "token").chmod(0o644)
        files.write(tmp_path, CA, CA, TOKEN)
        assert mode(tmp_path / "token") == 0o600

    def test_a_link_in_its_place_is_replaced_and_not_followed(self, tmp_path: Path) -> None:
        run, elsewhere = tmp_path / "run", tmp_path / "elsewhere"
        run.mkdir()
        elsewhere.write_text("precious")
        (run / "token").symlink_to(elsewhere)
        files.write(run, CA, CA, TOKEN)
        assert elsewhere.read_text() == "precious"
        assert not (run / "token").is_symlink()

    def test_a_folder_that_cannot_be_is_told_with_what_to_do(self, tmp_path: Path) -> None:
        (tmp_path / "file").write_text("")
        for folder in (tmp_path / "file", tmp_path / "file" / "run", tmp_path / "file" / "a" / "run"):
            with pytest.raises(FilesUnusable, match=r"/file is a file, not a folder\n    .*run\.dir"):
                files.write(folder, CA, CA, TOKEN)


class TestToken:
    def test_what_a_sidecar_has_left_is_found(self, tmp_path: Path) -> None:
        assert files.token(tmp_path) is None
        files.write(tmp_path, CA, CA, TOKEN)
        assert files.token(tmp_path) == TOKEN.reveal()

    def test_it_goes_at_the_end(self, tmp_path: Path) -> None:
        files.write(tmp_path, CA, CA, TOKEN)
        files.remove_token(tmp_path)
        files.remove_token(tmp_path)
        assert files.token(tmp_path) is None

    def test_it_is_given_to_one_user_to_read(self, tmp_path: Path) -> None:
        root()
        tmp_path.chmod(0o750)
        files.write(tmp_path, CA, CA, TOKEN)
        files.give(tmp_path, STRANGER, STRANGER + 1)
        given = (tmp_path / "token").stat()
        assert (given.st_uid, given.st_gid, stat.S_IMODE(given.st_mode)) == (STRANGER, STRANGER + 1, 0o400)

    def test_a_link_is_not_given_away(self, tmp_path: Path) -> None:
        (tmp_path / "precious").write_text("")
        (tmp_path / "token").symlink_to(tmp_path / "precious")
        with pytest.raises(FilesUnusable, match="can't be given to user 47110"):
            files.give(tmp_path, STRANGER, STRANGER)
        assert (tmp_path / "precious").stat().st_uid == os.geteuid()


def paths(cafile: Path | None, capath: Path | None) -> ssl.DefaultVerifyPaths:
    where = (str(cafile) if cafile else None, str(capath) if capath else None)
    return ssl.DefaultVerifyPaths(*where, "SSL_CERT_FILE", "", "SSL_CERT_DIR", "")  # type: ignore[arg-type]  # as ssl itself makes them


class TestBundle:
    def test_it_holds_the_systems_roots_the_companys_and_ours_each_once(self, tmp_path: Path) -> None:
        (tmp_path / "system.pem").write_bytes(b"# Some Root\n" + PUBLIC + b"\n" + COMPANY)
        (tmp_path / "company.pem").write_bytes(COMPANY)
        found = files.bundle(CA, tmp_path / "company.pem", paths(tmp_path / "system.pem", None))
        assert found == PUBLIC + COMPANY + CA

    def test_a_folder_of_hashed_names_is_read_as_openssl_does(self, tmp_path: Path) -> None:
        (tmp_path / "0a1b2c3d.0").write_bytes(PUBLIC)
        (tmp_path / "README").write_bytes(COMPANY)
        (tmp_path / "ffffffff.1").symlink_to(tmp_path / "nowhere")
        assert files.bundle(CA, None, paths(None, tmp_path)) == PUBLIC + CA

    def test_without_roots_that_is_said(self, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
        assert files.bundle(CA, None, paths(None, tmp_path / "nowhere")) == CA
        assert "ca-certificates" in caplog.text

    def test_a_company_file_that_cannot_be_read_is_told(self, tmp_path: Path) -> None:
        with pytest.raises(FilesUnusable, match=r"tls\.ca_file can't be read: No such file"):
            files.bundle(CA, tmp_path / "nowhere", paths(None, None))

    def test_openssl_reads_what_comes_of_this_machines_roots(self, tmp_path: Path) -> None:
        found = files.bundle(b"", None)
        assert ssl.create_default_context(cadata=found.decode()).cert_store_stats()["x509_ca"] > 50
