"""stripe, which asks with requests, and trusts the CAs that it ships alone."""

from stripe import StripeClient


def call(url: str, key: str) -> str:
    client = StripeClient(key, base_addresses={"api": url}, max_network_retries=0)
    return str(client.v1.accounts.retrieve_current().id)
