"""The root key: made once, kept for its owner alone, and what is derived from it."""

import base64
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import hashes, hmac

from sidecar.keyring.root import BYTES, KeyUnusable, Root, given, kept
from sidecar.secret import Secret

KEY = bytes(range(32))


def _hkdf(key: bytes, info: bytes) -> bytes:
    """RFC 5869 by hand, for one block of SHA-256."""

    def mac(by: bytes, data: bytes) -> bytes:
        made = hmac.HMAC(by, hashes.SHA256())
        made.update(data)
        return made.finalize()

    return mac(mac(bytes(32), key), info + b"\x01")


def test_each_use_has_a_key_of_its_own() -> None:
    root = Root(KEY)
    assert root.derive("one") == _hkdf(KEY, b"one")
    assert root.derive("one") == Root(KEY).derive("one")
    assert len({root.derive("one"), root.derive("two"), Root(bytes(32)).derive("one"), KEY}) == 4
    assert len(root.derive("long", 48)) == 48


def test_a_root_shows_nothing_of_itself() -> None:
    assert repr(Root(KEY)) == str(Root(KEY)) == "Root(…)"


@pytest.mark.parametrize("size", [0, 16, 31, 33, 64])
def test_only_32_bytes_are_a_key(size: int) -> None:
    with pytest.raises(KeyUnusable, match=f"{size} bytes; give {BYTES}"):
        Root(bytes(size))


def test_a_key_that_is_given_is_used() -> None:
    assert given(Secret(base64.b64encode(KEY).decode())).derive("x") == Root(KEY).derive("x")


@pytest.mark.parametrize(
    "text", ["", "short", "no base64!", "Ä" * 44, base64.b64encode(KEY).decode()[:-1], "a" * 44 + "\n"]
)
def test_a_key_that_is_none_is_refused_without_showing_it(text: str) -> None:
    with pytest.raises(KeyUnusable) as caught:
        given(Secret(text))
    assert "base64" in str(caught.value)
    assert not text or text not in str(caught.value)


@pytest.mark.parametrize("text", ["awskms:arn:aws:kms:eu-west-1:1:key/2", "vault:transit/sidecar"])
def test_a_key_that_is_held_elsewhere_is_not_taken_for_base64(text: str) -> None:
    with pytest.raises(KeyUnusable, match="the name of a key at a key service"):
        given(Secret(text))


def test_a_key_is_made_once_and_found_again(tmp_path: Path) -> None:
    first = kept(tmp_path)
    path = tmp_path / "key"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert len(base64.b64decode(path.read_text())) == BYTES
    assert kept(tmp_path).derive("x") == first.derive("x")
    assert first.derive("x") != kept_elsewhere(tmp_path).derive("x")


def test_all_who_start_at_once_have_the_same_key_and_leave_nothing_else(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        roots = list(pool.map(kept, [tmp_path] * 64))
    assert len({root.derive("x") for root in roots}) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["key"]


def kept_elsewhere(folder: Path) -> Root:
    (folder / "other").mkdir()
    return kept(folder / "other")


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o644])
def test_a_key_that_others_can_read_is_refused_and_the_mend_is_said(tmp_path: Path, mode: int) -> None:
    kept(tmp_path)
    (tmp_path / "key").chmod(mode)
    with pytest.raises(KeyUnusable, match="chmod 600"):
        kept(tmp_path)


@pytest.mark.parametrize("content", [b"", b"garbage", b"\xff\xfe\x00", base64.b64encode(KEY)[:20]])
def test_a_damaged_key_is_refused_and_left_as_it_is(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "key"
    path.write_bytes(content)
    path.chmod(0o600)
    with pytest.raises(KeyUnusable) as caught:
        kept(tmp_path)
    assert str(caught.value).startswith(f"{path}: the state key is ")
    assert path.read_bytes() == content


def test_a_folder_that_is_not_there_is_an_error_of_the_system(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        kept(tmp_path / "nowhere")
