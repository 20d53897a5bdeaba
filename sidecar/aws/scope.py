"""For which region and service a request is signed. Pure.

The configuration says it, else the signature that the agent's client made with its placeholder, else the host's name:
``<service>.<region>.amazonaws.com`` and its many cousins. Where a service signs by another name than its host has, a
table knows it.
"""

import re
from typing import NamedTuple

REGION = r"[a-z]{2,4}(?:-[a-z]+)+-[0-9]+"
_REGION = re.compile(REGION)
_S3_REGION = re.compile(rf"s3-(?:external-1|fips-)?({REGION})?")
_CREDENTIAL = re.compile(rf"\bCredential=[^/,\s]+/[0-9]{{8}}/({REGION}|\*)/([a-z0-9-]{{1,64}})/aws4_request\b")
_SUFFIX = re.compile(r"\.(?:amazonaws\.com(?:\.cn)?|amazonaws\.eu|api\.aws|on\.aws|api\.amazonwebservices\.com\.cn)\Z")

S3_RULES = frozenset({"s3", "s3-outposts", "s3-object-lambda", "s3express"})
"""Services that sign paths as they are, and want ``X-Amz-Content-SHA256``."""


class Scope(NamedTuple):
    region: str
    service: str
    """Its signing name."""


_SIGNING_NAMES: dict[str, str] = {
    host: service
    for service, hosts in {
        "appconfig": "appconfigdata",
        "appstream": "appstream2",
        "awsssoportal": "portal.sso",
        "aws-marketplace": "agreement-marketplace catalog.marketplace deployment-marketplace discovery-marketplace "
        "entitlement.marketplace metering.marketplace reporting-marketplace",
        "bedrock": "bedrock-agent bedrock-agent-runtime bedrock-data-automation bedrock-data-automation-runtime "
        "bedrock-runtime",
        "bedrock-agentcore": "bedrock-agentcore-control",
        "cassandra": "cassandra-streams",
        "chime": "identity-chime media-pipelines-chime meetings-chime messaging-chime voice-chime",
        "cloudhsm": "cloudhsmv2",
        "connect": "contact-lens",
        "detective": "api.detective",
        "dynamodb": "ddb streams.dynamodb",
        "ecr": "api.ecr",
        "ecr-public": "api.ecr-public",
        "execute-api": "participant.connect",
        "forecast": "forecastquery",
        "iotdata": "data.iot data-ats.iot",
        "iotdeviceadvisor": "api.iotdeviceadvisor",
        "iotwireless": "api.iotwireless",
        "ivs": "ivsrealtime",
        "lambda": "lambda-url",
        "lex": "models.lex models-v2-lex runtime.lex runtime-v2-lex",
        "mediastore": "data.mediastore",
        "mediatailor": "api.mediatailor",
        "memorydb": "memory-db",
        "mgh": "migrationhub-config",
        "mobiletargeting": "pinpoint",
        "payment-cryptography": "controlplane.payment-cryptography dataplane.payment-cryptography",
        "personalize": "personalize-events personalize-runtime",
        "pricing": "api.pricing",
        "qapps": "data.qapps",
        "s3": "s3-accesspoint s3-control",
        "sagemaker": "a2i-runtime.sagemaker api.sagemaker edge.sagemaker featurestore-runtime.sagemaker "
        "metrics.sagemaker runtime.sagemaker",
        "servicecatalog": "servicecatalog-appregistry",
        "ses": "email mail-manager",
        "sms-voice": "sms-voice.pinpoint",
        "sso-oauth": "oidc",
        "timestream": "ingest.timestream query.timestream",
    }.items()
    for host in hosts.split()
}
"""By what stands in the host's name, for those that sign by another name."""


def placeholder(authorization: str) -> Scope | None:
    """What the agent's client signed for. It may sign for several regions (``*``): such a request has no region."""
    found = _CREDENTIAL.search(authorization)
    return Scope(found[1], found[2]) if found and found[1] != "*" else None


def host(name: str) -> Scope | None:
    """What a host of AWS's is signed for; ``None`` for another host, and for one that doesn't say."""
    suffix = _SUFFIX.search(name)
    if suffix is None:
        return None
    labels = [label for label in name[: suffix.start()].split(".") if label not in ("dualstack", "vpce")]
    at = next((index for index in range(len(labels) - 1, -1, -1) if _REGION.fullmatch(labels[index])), None)
    if at is None:
        return _global(labels, name)
    behind = labels[at + 1 :]  # <id>.<region>.es, .aoss, .cloudsearch
    return Scope(labels[at], _service(behind or labels[:at])) if behind or at else None


def _global(labels: list[str], name: str) -> Scope | None:
    """A host that names no region: IAM's, CloudFront's, S3's old ones."""
    if not labels or not labels[-1]:
        return None
    old = _S3_REGION.fullmatch(labels[-1])
    if old is not None:
        return Scope(old[1] or "us-east-1", "s3")
    return Scope("cn-north-1" if name.endswith(".cn") else "us-east-1", _service(labels))


def _service(labels: list[str]) -> str:
    """The signing name of the service that *labels* end with."""
    words = [label.removesuffix("-fips").removeprefix("fips-") for label in labels[-2:]]
    pair = ".".join(words)
    if words[-1] == "iot" and words[0].endswith("-ats"):  # an account's own data endpoint
        return "iotdata"
    return _SIGNING_NAMES.get(pair) or _SIGNING_NAMES.get(words[-1], words[-1])
