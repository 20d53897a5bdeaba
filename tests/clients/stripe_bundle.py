"""stripe, told which CAs to trust."""

import os

import stripe

from tests.clients import stripe_account


def call(url: str, key: str) -> str:
    stripe.ca_bundle_path = os.environ["SSL_CERT_FILE"]
    return stripe_account.call(url, key)
