"""AWS's Security Token Service: the messages of AssumeRole and AssumeRoleWithWebIdentity. Pure.

Query protocol, version 2011-06-15: a form is posted, XML comes back. It goes to the region's endpoint: the global one
is one machine room more to depend on, and its sessions don't hold in regions that are off by default.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlencode, urlsplit

from sidecar.aws.keys import Keys, keys
from sidecar.wire.http import Response

SECONDS = 3600
"""How long sessions last: the most that a session made from a session may, and what every role allows."""
MOST_TOKEN = 20_000
"""The longest web identity token that STS takes, in bytes."""
MOST_ANSWER = 65_536
FORM = {"Content-Type": "application/x-www-form-urlencoded; charset=utf-8"}
_VERSION = "2011-06-15"
_SUFFIXES = (
    ("cn-", "amazonaws.com.cn"),
    ("us-isob-", "sc2s.sgov.gov"),
    ("us-isof-", "csp.hci.ic.gov"),
    ("us-iso-", "c2s.ic.gov"),
    ("eu-isoe-", "cloud.adc-e.uk"),
    ("eusc-", "amazonaws.eu"),
)
_THROTTLES = frozenset({"RequestLimitExceeded", "SlowDown", "TooManyRequestsException"})
_CREDENTIAL = re.compile(r"eyJ[\w.-]{8,}|\b(?:AKIA|ASIA)\w{12,}", re.ASCII)
_NOT_PRINTABLE = re.compile(r"[^\x20-\x7e]+")


class Unreadable(ValueError):
    """An answer that isn't what AWS answers; the text says why, and none of it."""


@dataclass(frozen=True, slots=True)
class Fault:
    """Why STS refused."""

    status: int
    code: str
    message: str
    """For the record: it may name roles and accounts, and never a credential."""

    @property
    def passes(self) -> bool:
        """Whether to ask again may help."""
        return self.status >= 500 or self.code == "IDPCommunicationError"

    @property
    def throttled(self) -> bool:
        return self.status == 429 or self.code.startswith("Throttl") or self.code in _THROTTLES


def endpoint(region: str, environ: Mapping[str, str], service: str = "sts") -> str:
    """The URL of *region*'s *service*, or what AWS's SDKs would take in its place. Raise ``ValueError`` for plain http
    to another machine: the answer is a secret."""
    variable = f"AWS_ENDPOINT_URL_{service.upper()}"
    given = environ.get(variable) or environ.get("AWS_ENDPOINT_URL")
    if not given:
        suffix = next((suffix for prefix, suffix in _SUFFIXES if region.startswith(prefix)), "amazonaws.com")
        return f"https://{service}.{region}.{suffix}/"
    parts = urlsplit(given)
    loopback = parts.hostname in ("127.0.0.1", "::1", "localhost")
    if parts.scheme != "https" and not (parts.scheme == "http" and loopback):
        raise ValueError(f"{variable} is neither https:// nor on loopback")
    return f"{given.rstrip('/')}/"


def with_web_identity(role_arn: str, session: str, token: str) -> bytes:
    """AssumeRoleWithWebIdentity, which needs no signature: *token* is the proof."""
    fields = {"RoleArn": role_arn, "RoleSessionName": session, "WebIdentityToken": token}
    return _form("AssumeRoleWithWebIdentity", fields)


def with_keys(role_arn: str, session: str, tags: Mapping[str, str]) -> bytes:
    """AssumeRole, to be signed. All *tags* are transitive."""
    fields = {"RoleArn": role_arn, "RoleSessionName": session}
    for number, (key, value) in enumerate(tags.items(), 1):
        fields[f"Tags.member.{number}.Key"] = key
        fields[f"Tags.member.{number}.Value"] = value
        fields[f"TransitiveTagKeys.member.{number}"] = key
    return _form("AssumeRole", fields)


def _form(action: str, fields: Mapping[str, str]) -> bytes:
    form = {"Action": action, "Version": _VERSION, "DurationSeconds": str(SECONDS), **fields}
    return urlencode(form).encode()


def lent(answer: Response) -> Keys | Fault:
    """The session's keys. Raise ``Unreadable``."""
    found = _leaves(answer.body)
    if answer.status == 200:
        try:
            return keys(found["AccessKeyId"], found["SecretAccessKey"], found["SessionToken"], found["Expiration"])
        except KeyError as error:
            raise Unreadable(f"the answer has no {error.args[0]}") from None
        except ValueError as error:
            raise Unreadable(str(error)) from None
    message = _CREDENTIAL.sub("{credential}", _NOT_PRINTABLE.sub(" ", found.get("Message", "")))
    return Fault(answer.status, _NOT_PRINTABLE.sub("", found.get("Code", ""))[:64], message[:512])


def _leaves(body: bytes) -> dict[str, str]:
    """The texts of the elements that hold nothing but text, by local name; each of ours comes once."""
    from xml.etree import ElementTree

    if b"<!" in body or len(body) > MOST_ANSWER:  # no document type: so no entities either
        raise Unreadable("the answer isn't plain XML")
    try:
        root = ElementTree.fromstring(body)  # noqa: S314 - without a document type there is nothing to expand
    except ElementTree.ParseError:
        raise Unreadable("the answer isn't XML") from None
    return {element.tag.rpartition("}")[2]: (element.text or "").strip() for element in root.iter() if not len(element)}
