"""boto3. The key is an access key's id; without one it looks for credentials as it always does."""

import boto3
from botocore.config import Config

REGION = "eu-central-1"


def call(url: str, key: str) -> str:
    given = {"aws_access_key_id": key, "aws_secret_access_key": "a-placeholder"}
    once = Config(retries={"total_max_attempts": 1})
    endpoint = {"endpoint_url": url} if url.startswith("http://") else {}
    client = boto3.client("sts", region_name=REGION, config=once, **endpoint, **(given if key else {}))
    return str(client.get_caller_identity()["Arn"])
