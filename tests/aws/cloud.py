"""AWS in a world of our own: an STS that lends keys, and services that take only what is signed with them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import parse_qs

from sidecar.aws.keys import rfc3339
from tests.aws.sigv4 import AUTHORIZATION, Received, verify
from tests.world import Answer, Seen, World

REGION = "eu-central-1"
STS = f"sts.{REGION}.amazonaws.com"
BUCKET = f"bucket.s3.{REGION}.amazonaws.com"
QUEUES = f"sqs.{REGION}.amazonaws.com"
STORAGE = "storage.example.com"
HOSTS = (STS, BUCKET, QUEUES, STORAGE)
ENDS = 4070908800.0
_XML = [("Content-Type", "text/xml")]


@dataclass(slots=True)
class Cloud:
    """``Cloud(world)``: what it lent and what it took."""

    world: World
    calls: list[Mapping[str, str]] = field(default_factory=list)
    """What STS was asked, in its order; the keys of each have its number."""
    taken: list[tuple[str, str, Seen]] = field(default_factory=list)
    """The session's name, what was signed for, and the request of every call that was taken."""
    refused: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.world.says |= {STS: self._sts, BUCKET: self._s3, STORAGE: self._s3, QUEUES: self._sqs}

    def _sts(self, seen: Seen) -> Answer:
        call = {name: value for name, (value,) in parse_qs(seen.body.decode()).items()}
        if call["Action"] == "GetCallerIdentity":
            arn = f"<Arn>arn:aws:sts::1:assumed-role/{self._name(seen)}</Arn>"
            return self._take(seen, f"<a><GetCallerIdentityResult>{arn}</GetCallerIdentityResult></a>")
        if call["Action"] == "AssumeRole":
            self._verify(seen)
        self.calls.append(call)
        number = len(self.calls)
        return Answer(
            200,
            _XML,
            f"<a><Credentials><AccessKeyId>ASIASESSION{number:010}</AccessKeyId><SecretAccessKey>secret-{number}"
            f"</SecretAccessKey><SessionToken>token-{number}</SessionToken><Expiration>{rfc3339(ENDS)}</Expiration>"
            "</Credentials></a>".encode(),
        )

    def _s3(self, seen: Seen) -> Answer:
        listing = "<ListBucketResult><Name>bucket</Name><KeyCount>0</KeyCount></ListBucketResult>"
        return self._take(seen, listing if seen.method == "GET" else "")

    def _sqs(self, seen: Seen) -> Answer:
        answer = self._take(seen, '{"QueueUrls": []}')
        return Answer(answer.status, [("Content-Type", "application/x-amz-json-1.0")], answer.body)

    def _take(self, seen: Seen, body: str) -> Answer:
        try:
            region, service = self._verify(seen)
        except AssertionError as error:
            self.refused.append(f"{seen.method} {seen.target}: {error}")
            return Answer(403, _XML, b"<Error><Code>SignatureDoesNotMatch</Code><Message>no</Message></Error>")
        self.taken.append((self._name(seen), f"{region}/{service}", seen))
        return Answer(200, [*_XML, ("ETag", '"1"')], body.encode())

    def _number(self, seen: Seen) -> int:
        said = AUTHORIZATION.fullmatch(seen.values("authorization")[0])
        assert said is not None
        assert said[1].startswith("ASIASESSION"), said[1]
        return int(said[1].removeprefix("ASIASESSION"))

    def _name(self, seen: Seen) -> str:
        return self.calls[self._number(seen) - 1]["RoleSessionName"]

    def _verify(self, seen: Seen) -> tuple[str, str]:
        number = self._number(seen)
        arrived = Received(seen.method, seen.target, seen.headers, seen.body, tls=seen.tls)
        return verify(arrived, f"ASIASESSION{number:010}", f"secret-{number}", f"token-{number}")
