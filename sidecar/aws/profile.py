"""The shared files of a developer's machine, by botocore, which knows all that they may say: keys, roles, single
sign-on, processes that lend keys."""

import logging
from typing import Any

from sidecar.aws.keys import Keys
from sidecar.errors import ProviderRefused
from sidecar.secret import Secret

_ELSEWHERE = ("env", "container-role", "iam-role")
"""What is looked for without botocore."""
_SECONDS = 5


def found() -> Keys | None:
    """The keys of the profile that the environment names, or of the default one; ``None`` where there is none. It waits
    for files, programs and AWS: for a thread. Raise ``ProviderRefused``."""
    from botocore.config import Config
    from botocore.exceptions import BotoCoreError, ClientError
    from botocore.session import Session

    logging.getLogger("botocore").setLevel(logging.WARNING)  # it logs answers, keys and all, for debugging
    try:
        session = Session()
        config = Config(connect_timeout=_SECONDS, read_timeout=_SECONDS, retries={"total_max_attempts": 1})
        session.set_default_client_config(config)
        resolver = session.get_component("credential_provider")
        for name in _ELSEWHERE:
            resolver.remove(name)
        credentials = resolver.load_credentials()
        return _keys(credentials) if credentials is not None else None
    except (BotoCoreError, ClientError, OSError, ValueError, LookupError) as error:  # the latter of programs that lend
        raise ProviderRefused(
            f"the shared AWS files: {type(error).__name__}",
            mend="Check AWS_PROFILE and the files that it stands in: `aws sts get-caller-identity` says what is wrong.",
        ) from error


def _keys(credentials: Any) -> Keys:
    given = credentials.get_frozen_credentials()
    ends = getattr(credentials, "_expiry_time", None)  # those that are renewed keep it there, and nowhere else
    token = Secret(given.token) if given.token else None
    return Keys(given.access_key, Secret(given.secret_key), token, ends.timestamp() if ends is not None else None)
