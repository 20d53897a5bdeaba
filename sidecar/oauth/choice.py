"""Which of a user's grants is used for a call, and why none is. Pure."""

from collections.abc import Sequence

from sidecar.errors import NotPermitted
from sidecar.oauth.catalog.entry import Entry
from sidecar.oauth.catalog.scopes import apart, missing
from sidecar.secret import Secret
from sidecar.vault.grant import Grant

SPARE_SECONDS = 5.0
"""A token of the vault's that ends sooner is renewed first."""


def enough(entry: Entry, grants: Sequence[Grant], wanted: frozenset[str]) -> Sequence[Grant]:
    """Those of *grants* that cover *wanted* (in the provider's form), in their order; dead ones too."""
    return [grant for grant in grants if not entry.scoped or not missing(entry, wanted, grant.place.scopes)]


def chosen(grants: Sequence[Grant], before: Secret | None, now: float) -> Grant | None:
    """The first that lives and that a good token can be had of: of those that are enough, in the vault's order, it is
    the one with the fewest scopes. *before* is as in ``good``."""
    for grant in grants:
        if grant.alive and (grant.refresh_token is not None or good(grant, before, now)):
            return grant
    return None


def good(grant: Grant, before: Secret | None, now: float) -> bool:
    """Whether its token will do: not if it is *before*, which doesn't any more. *now*: epoch seconds."""
    token = grant.access_token
    if token is None or (before is not None and before == token):
        return False
    return grant.expires is None or grant.expires - now > SPARE_SECONDS


def part(entry: Entry, wanted: frozenset[str], grant: Grant) -> frozenset[str]:
    """Where a token is for one resource alone and *grant* is for several: those of its scopes that the token has to
    have. Empty: any token of *grant* will do. Raise ``NotPermitted`` where no token could have all of *wanted*."""
    parts = apart(entry, grant.place.scopes)
    if len(parts) <= 1:
        return frozenset()
    asked = apart(entry, wanted)
    if len(asked) > 1:
        mend = "Ask for the scopes of one resource at a time: the provider has no token that is good for several."
        raise NotPermitted("scopes of several resources at once", mend=mend)
    return next((each for each in parts if not missing(entry, asked[0], each)), asked[0])


def why(enough: Sequence[Grant], grants: Sequence[Grant]) -> str:
    """Why none of *grants*, of which these are *enough*, could be used."""
    if enough:
        return enough[0].dead or "its token is over, and there is nothing to renew it with"
    if grants:
        return "the user has granted less than that"
    return "the user has granted nothing yet"
