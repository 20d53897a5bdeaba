"""Whom the sidecar trusts: the issuers' keys, and the tokens that were verified with them."""

from sidecar.keyring.keyring import Keyring
from sidecar.keyring.source import State
from sidecar.keyring.verified import Verified, Verifier

__all__ = ["Keyring", "State", "Verified", "Verifier"]
