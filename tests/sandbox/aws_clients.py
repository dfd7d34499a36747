"""The vendor's own client of the AWS world, for tests that speak to a service without the project."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from importlib import import_module
from typing import Any

from sandbox.aws import AwsWorld
from sandbox.aws.access import AccessKey
from sandbox.aws.world import KEY

Client = Any
"""What botocore makes of a service's model; botocore is not typed."""


@cache
def _session() -> Any:
    """One for all, because reading the models takes long."""
    return import_module("botocore.session").Session()


def client(world: AwsWorld, service: str, key: AccessKey = KEY, region: str = "eu-west-1") -> Client:
    """A client that sends each request once."""
    config = import_module("botocore.config").Config
    return _session().create_client(
        service,
        region_name=region,
        endpoint_url=world.url,
        aws_access_key_id=key.id,
        aws_secret_access_key=key.secret,
        aws_session_token=key.token,
        config=config(retries={"total_max_attempts": 1}, connect_timeout=5, read_timeout=10),
    )


def refusal(call: Callable[..., Any], **parameters: Any) -> tuple[int, str, str]:
    """Status, code and message of the error that a call ends with; fails the test if there is none."""
    client_error: type[Exception] = import_module("botocore.exceptions").ClientError
    try:
        call(**parameters)
    except client_error as error:
        answer: Any = vars(error)["response"]
        return (
            answer["ResponseMetadata"]["HTTPStatusCode"],
            answer["Error"]["Code"],
            answer["Error"].get("Message", ""),
        )
    raise AssertionError("it was not refused")
