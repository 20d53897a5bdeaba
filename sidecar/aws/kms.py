"""The state key out of AWS KMS.

``awskms:`` and a key's ARN, id or alias: an HMAC over a text of ours (GenerateMac), which whoever may ask for it gets,
the same each time and for a whole fleet. So nothing has to be kept, and the key that it is made with never leaves KMS.
It has to be of the spec ``HMAC_256``; whoever asks needs ``kms:GenerateMac``.
"""

import base64
import json
import re
from collections.abc import Callable, Mapping
from urllib.parse import urlsplit

from sidecar.aws.keys import Keys
from sidecar.aws.signing import Signature
from sidecar.aws.sts import endpoint
from sidecar.keyring.root import KeyUnusable, Root
from sidecar.keyring.transit import MESSAGE
from sidecar.oauth.credential import Outgoing
from sidecar.wire.http import Fetch, Request, Response, Unreachable

SCHEME = "awskms:"
_KEY = re.compile(r"awskms:(arn:[\w-]+:kms:([a-z0-9-]+):\d+:(?:key|alias)/[\w/-]+|alias/[\w/-]+|[\w-]{8,64})", re.ASCII)
_TYPE = re.compile(r"[A-Za-z]{1,64}")


async def held(text: str, environ: Mapping[str, str], keys: Keys, fetch: Fetch, clock: Callable[[], float]) -> Root:
    """By the access key *keys*; botocore's signers are loaded. Raise ``KeyUnusable``."""
    asked = request(text, environ, keys, clock)
    try:
        return read(await fetch(asked))
    except Unreachable as error:
        raise KeyUnusable(f"the state key can't be had of KMS: {error}") from error


def named(text: str, environ: Mapping[str, str]) -> tuple[str, str]:
    """Which key it is, and of which region. Raise ``KeyUnusable``."""
    key = _KEY.fullmatch(text)
    if key is None:
        raise KeyUnusable("state.key names no key of KMS; write  awskms:  and its ARN, or  awskms:alias/NAME")
    region = key[2] or environ.get("AWS_REGION") or environ.get("AWS_DEFAULT_REGION")
    if not region:
        raise KeyUnusable("state.key doesn't say the region of its key: write its ARN, or set AWS_REGION")
    return key[1], region


def request(text: str, environ: Mapping[str, str], keys: Keys, clock: Callable[[], float]) -> Request:
    """Signed. Raise ``KeyUnusable``."""
    key, region = named(text, environ)
    try:
        url = endpoint(region, environ, "kms")
    except ValueError as error:
        raise KeyUnusable(str(error)) from error
    asked = {"KeyId": key, "MacAlgorithm": "HMAC_SHA_256", "Message": base64.b64encode(MESSAGE).decode()}
    body = json.dumps(asked).encode()
    where = urlsplit(url)
    headers = (("Content-Type", "application/x-amz-json-1.1"), ("X-Amz-Target", "TrentService.GenerateMac"))
    outgoing = Outgoing("POST", where.scheme, where.netloc, where.path, headers)
    signature = Signature(keys, region=region, service="kms", clock=clock)
    return Request(url, "POST", dict(signature.headers(outgoing, body)), body, most=65_536)


def read(answer: Response) -> Root:
    """Raise ``KeyUnusable``, without anything of the answer but the kind of a fault."""
    try:
        said = json.loads(answer.body)
        if answer.status == 200:
            return Root(base64.b64decode(said["Mac"], validate=True))
        fault = _TYPE.search(str(said["__type"]).rpartition("#")[2])
    except (ValueError, LookupError, TypeError):
        fault = None
    why = fault[0] if fault else "it can't be read"
    raise KeyUnusable(
        f"KMS gives no state key: {answer.status}, {why}\n"
        "    the key has to be of the spec HMAC_256, and the sidecar's identity needs kms:GenerateMac for it"
    )
