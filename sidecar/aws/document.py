"""The document by which AWS's SDKs get keys from beside a container (``AWS_CONTAINER_CREDENTIALS_FULL_URI``). Pure.

boto3, the AWS CLI and the SDKs for JavaScript read it unmodified: ``AccessKeyId``, ``SecretAccessKey``, ``Token`` and
``Expiration``, all of them texts.
"""

from collections.abc import Iterable

from sidecar.aws.keys import Keys, rfc3339
from sidecar.errors import BadRequest, NotPermitted, ProviderUnknown
from sidecar.oauth.provider import Provider

_LONG_LIVED_SECONDS = 3600.0
"""What keys without an end are said to be good for, so that they are asked for again."""


class NoneNamed(BadRequest):
    title = "Several providers hand out AWS credentials."


def chosen(providers: Iterable[Provider], named: str | None) -> Provider:
    """The provider whose keys are meant: the one that hands out, or where there are several the one that ``?provider=``
    names. Raise ``ProviderUnknown``, ``NotPermitted`` or ``BadRequest``."""
    aws = {provider.name: provider for provider in providers if provider.type == "aws"}
    if named is not None and named not in aws:
        raise ProviderUnknown("no provider of type aws has that name")
    lending = [provider for provider in aws.values() if provider.hand_out and named in (None, provider.name)]
    if not lending:
        raise NotPermitted(
            "no provider of type aws hands out", mend="Set hand_out: true on the provider (type: aws) that is meant."
        )
    if len(lending) > 1:
        raise NoneNamed(
            "several providers of type aws hand out",
            mend="Add ?provider=NAME to AWS_CONTAINER_CREDENTIALS_FULL_URI.",
        )
    return lending[0]


def document(keys: Keys, now: float) -> dict[str, str]:
    """What is answered, to be sent with ``Cache-Control: no-store``. *now*: epoch seconds."""
    return {
        "AccessKeyId": keys.id,
        "SecretAccessKey": keys.secret.reveal(),
        "Token": keys.token.reveal() if keys.token is not None else "",
        "Expiration": rfc3339(now + _LONG_LIVED_SECONDS if keys.expires is None else keys.expires),
    }
