"""Claims that nobody has proved, as a token would hold them: for explaining beforehand whom rules let in. Pure."""

from collections.abc import Mapping
from typing import Any

from sidecar.errors import ClaimMissing, IssuerUnknown
from sidecar.identity import call
from sidecar.identity import claims as read
from sidecar.identity.issuer import SIDECAR, Issuer, by_url
from sidecar.identity.jws import Jws
from sidecar.identity.token import Unverified


def of_claims(
    claims: Mapping[str, Any], issuers: Mapping[str, Issuer], name: str | None = None
) -> tuple[Unverified, Issuer]:
    """*claims* as a token, and whose it would be: the issuer configured as *name*, or that of their ``iss``.

    Raise ``IssuerUnknown``, and ``ClaimMissing`` where *name* has several ``iss`` and the claims don't tell which.
    """
    issuer = _of_iss(claims.get("iss"), issuers) if name is None else issuers.get(name)
    if issuer is None:
        known = f"Configured: {', '.join(issuers) or 'none'}."
        raise IssuerUnknown("iss is not that of a configured issuer" if name is None else "no such issuer", mend=known)
    if claims.get("iss", issuer.urls[0]) not in issuer.urls:
        raise IssuerUnknown(f"iss is not that of {issuer.name}", mend=f"It is {' or '.join(issuer.urls)}.")
    header = {"typ": call.TYP} if issuer.type == SIDECAR else {}
    return Unverified(Jws(header, b"", b"", b""), {"iss": _iss(claims, issuer), **claims}), issuer


def _of_iss(iss: object, issuers: Mapping[str, Issuer]) -> Issuer | None:
    if not isinstance(iss, str):
        return None
    issuer = by_url(issuers.values()).get(iss)
    if issuer is not None and iss in issuer.refused:
        raise IssuerUnknown(f"tokens of this issuer cannot be validated here ({issuer.name})", mend=issuer.refused[iss])
    return issuer


def _iss(claims: Mapping[str, Any], issuer: Issuer) -> str:
    """What ``iss`` would be, where it isn't given."""
    if not issuer.tenants or "iss" in claims:
        return issuer.urls[0]
    tenants = sorted(set(issuer.tenants.values()))
    tenant = read.identifier(claims, "tid") if "tid" in claims or len(tenants) > 1 else tenants[0]
    found = next((url for url, each in issuer.tenants.items() if each == tenant), None)
    if found is None:
        raise ClaimMissing(
            f"the claim tid is none of the tenants of {issuer.name}", mend=f"Use one of {', '.join(tenants)}."
        )
    return found
