"""Handles: 256 random bits each, drawn in batches, kept as a hash."""

import base64
import hashlib
import os
import re

import pytest

from sidecar.invocation.handle import AGENT_PREFIX, PREFIX, Handles, agent_handle, digest


class Random:
    """A source that counts what is drawn from it and never repeats itself."""

    def __init__(self) -> None:
        self.drawn: list[int] = []

    def __call__(self, size: int) -> bytes:
        self.drawn.append(size)
        return b"".join(hashlib.sha256(b"%d %d" % (len(self.drawn), number)).digest() for number in range(size // 32))


def test_a_handle_is_the_prefix_and_256_bits_in_base64url() -> None:
    random = Random()
    handle, key = Handles(random, batch=2).make()
    assert re.fullmatch(rb"ih_[A-Za-z0-9_-]{43}", handle)
    bits = base64.urlsafe_b64decode(handle.removeprefix(PREFIX) + b"=")
    assert bits == hashlib.sha256(b"1 0").digest()
    assert key == digest(handle)


def test_each_of_a_batch_is_256_bits_of_what_was_drawn() -> None:
    handles = Handles(os.urandom, batch=64)
    for _ in range(200):
        handle, key = handles.make()
        assert re.fullmatch(rb"ih_[A-Za-z0-9_-]{42}[AEIMQUYcgkosw048]", handle)
        assert len(base64.urlsafe_b64decode(handle.removeprefix(PREFIX) + b"=")) == 32
        assert key == digest(handle)


@pytest.mark.parametrize("batch", [1, 2, 64])
def test_no_two_handles_share_a_bit_that_was_drawn(batch: int) -> None:
    random = Random()
    handles = Handles(random, batch)
    made = {handles.make()[0] for _ in range(3 * batch)}
    assert len(made) == 3 * batch
    assert random.drawn == [32 * batch] * 3  # a system call for each batch alone


def test_what_is_kept_does_not_yield_the_handle() -> None:
    handle, key = Handles(Random()).make()
    assert key == digest(handle) == hashlib.blake2s(handle).digest()


def test_the_agents_handle_is_its_own_prefix_and_256_bits() -> None:
    handle = agent_handle(lambda size: bytes(range(size)))
    assert re.fullmatch(rb"ag_[A-Za-z0-9_-]{43}", handle)
    assert base64.urlsafe_b64decode(handle.removeprefix(AGENT_PREFIX) + b"=") == bytes(range(32))
