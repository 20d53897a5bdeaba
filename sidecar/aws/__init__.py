"""The agent's identity at AWS: sessions that say who is behind a call, signatures, keys that the agent may have."""

from sidecar.aws.document import chosen, document
from sidecar.aws.source import Aws

__all__ = ["Aws", "chosen", "document"]
