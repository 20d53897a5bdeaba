"""Grants to test with."""

from dataclasses import replace

from sidecar.secret import Secret
from sidecar.vault.grant import At, Grant, Owner, Place

ALICE = Owner("https://idp.example", "acme", "alice-7f2c@users")
BOB = Owner("https://idp.example", "acme", "bob-81aa@users")
CALENDAR = At("https://accounts.example", "client-of-ours")


def grant(owner: Owner = ALICE, *scopes: str, at: At = CALENDAR, number: int = 0) -> Grant:
    """*number* tells one refresh from the next."""
    return Grant(
        place=Place(owner, at, frozenset(scopes or {"calendar.readonly"})),
        account=f"account-of-{owner.subject}",
        label=f"{owner.subject}.mail.example",
        refresh_token=Secret(f"refresh-token-{number}-of-{owner.subject}"),
        access_token=Secret(f"access-token-{number}-of-{owner.subject}"),
        token_type="Bearer",
        expires=1_800_000_000.0 + number,
        since=1_790_000_000.0,
        used=None,
        used_by="",
    )


def renewed(old: Grant) -> Grant:
    """What a provider that rotates gives for *old*."""
    assert old.refresh_token is not None
    number = int(old.refresh_token.reveal().split("-")[2]) + 1
    new = grant(old.place.owner, *old.place.scopes, at=old.place.at, number=number)
    return replace(new, version=old.version)
