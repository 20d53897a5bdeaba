"""Callers' tokens: sealed, in memory alone, and dead with the invocation that they opened."""

import gc
import os
from dataclasses import replace

import pytest

from sidecar.invocation.invocation import Invocation, Lifetimes
from sidecar.invocation.proof import Proof, Proofs
from tests.invocation.scene import ALICE, BOB, Scene

TOKEN = b"eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiJhbGljZSJ9.c2lnbmF0dXJl"


def kept(scene: Scene, invocation: Invocation, token: bytes = TOKEN) -> tuple[Proofs, Proof]:
    proofs = Proofs(scene.all, os.urandom)
    proofs.keep(invocation, token)
    proof = proofs.of(invocation.id, invocation.principal)
    assert proof is not None
    return proofs, proof


def test_a_token_comes_back_as_it_was_and_shows_nowhere() -> None:
    scene = Scene()
    invocation, _ = scene.open()
    _, proof = kept(scene, invocation)
    secret = proof.reveal()
    assert secret is not None
    assert secret.reveal().encode() == TOKEN
    assert "eyJ" not in repr(proof) + repr(secret) + repr(invocation)


def test_of_what_is_kept_nothing_can_be_read() -> None:
    scene = Scene()
    invocation, _ = scene.open()
    proofs, proof = kept(scene, invocation)
    gc.collect()
    held = [each for each in gc.get_referents(proof, proofs) if isinstance(each, bytes)]
    assert held
    assert all(TOKEN not in each for each in held)


def test_the_same_token_has_the_same_digest_and_another_one_another() -> None:
    scene = Scene()
    proofs = Proofs(scene.all, os.urandom)
    digests = []
    for span, token in ((b"1", TOKEN), (b"2", TOKEN), (b"3", TOKEN + b"x")):
        invocation, _ = scene.all.open(ALICE, b"trace", span, 600.0)
        proofs.keep(invocation, token)
        proof = proofs.of(span, ALICE)
        assert proof is not None
        digests.append(proof.digest)
    assert digests[0] == digests[1] != digests[2]
    assert len(proofs) == 3


def test_it_is_nobody_elses() -> None:
    scene = Scene()
    invocation, _ = scene.open()
    proofs, _ = kept(scene, invocation)
    assert proofs.of(invocation.id, BOB) is None
    assert proofs.of(invocation.id, replace(ALICE)) is None  # it is this caller's, not one's that looks the same
    assert proofs.of(b"another", ALICE) is None


@pytest.mark.parametrize("how", ["ended", "swept", "killed"])
def test_it_dies_with_its_invocation(how: str) -> None:
    scene = Scene(Lifetimes(linger=30.0, most=100.0))
    invocation, _ = scene.open()
    proofs, proof = kept(scene, invocation)
    if how == "ended":
        scene.all.end(invocation)
        assert proof.reveal() is not None  # its agent may have something under way
        scene.now += 30
        scene.all.sweep()
    elif how == "swept":
        scene.now += 100
        scene.all.sweep()
    else:
        scene.all.end_all(lambda principal: principal == ALICE)
    assert proofs.of(invocation.id, ALICE) is None
    assert proof.reveal() is None
    assert len(proofs) == 0


def test_it_lives_on_while_a_detached_handle_does() -> None:
    scene = Scene(Lifetimes(linger=0.0, detach=600.0))
    invocation, _ = scene.open()
    proofs, proof = kept(scene, invocation)
    scene.all.detach(invocation, 300)
    scene.all.end(invocation)
    assert proofs.of(invocation.id, ALICE) is proof
    scene.now += 300
    scene.all.sweep()
    assert proofs.of(invocation.id, ALICE) is None


def test_of_an_invocation_that_is_dead_already_nothing_is_kept() -> None:
    scene = Scene(Lifetimes(linger=0.0))
    invocation, _ = scene.open()
    scene.all.end(invocation)
    proofs = Proofs(scene.all, os.urandom)
    proofs.keep(invocation, TOKEN)
    assert len(proofs) == 0


def test_what_another_sidecar_asserts_is_not_the_callers_own_token() -> None:
    scene = Scene()
    invocation, _ = scene.open(replace(ALICE, via="front"))
    proofs = Proofs(scene.all, os.urandom)
    proofs.keep(invocation, TOKEN)
    assert len(proofs) == 0
