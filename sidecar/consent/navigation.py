"""What a browser says of how a request came about (Fetch Metadata; RFC 6454), and what it may therefore do. Pure."""

import hashlib
import hmac
from collections.abc import Mapping

from sidecar.wire.strict import base64url_encode

Fields = Mapping[str, str]
"""Header fields, names lower-case."""


def looked_ahead(fields: Fields) -> bool:
    """Whether nobody asked for the page yet: a browser fetches it in advance."""
    said = " ".join(fields.get(name, "") for name in ("sec-purpose", "purpose", "x-moz")).lower()
    return "prefetch" in said or "prerender" in said or "preview" in said


def arrives(fields: Fields) -> bool:
    """Whether a user's browser was sent here as a whole: no frame, no image, no script of another page. A browser that
    says nothing is believed: what it brings is good once and in one browser."""
    mode, dest = fields.get("sec-fetch-mode"), fields.get("sec-fetch-dest")
    return mode in (None, "navigate") and dest in (None, "document") and not looked_ahead(fields)


def own(fields: Fields, origin: str) -> bool:
    """Whether a form was sent from a page of *origin*. What doesn't say so was not."""
    site, sent_by = fields.get("sec-fetch-site"), fields.get("origin")
    if site is None and sent_by is None:
        return False
    return site in (None, "same-origin") and sent_by in (None, origin) and arrives(fields)


def form_token(key: bytes, cookie: str, path: str) -> str:
    """What a form on a page for the browser with *cookie* carries so as to be sent to *path*: no other site can know
    it."""
    text = f"{path}\0{cookie}".encode("utf-8", "surrogateescape")
    return base64url_encode(hmac.digest(key, text, hashlib.sha256)).decode()


def form_holds(key: bytes, cookie: str | None, path: str, said: str | None) -> bool:
    if cookie is None or said is None:
        return False
    return hmac.compare_digest(form_token(key, cookie, path).encode(), said.encode("utf-8", "replace"))
