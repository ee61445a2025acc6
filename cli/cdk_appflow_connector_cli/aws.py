"""Calls to AWS, and error messages that name the next step.

Source of the error codes: "Common errors" in the CloudFormation and AppFlow API References, and
"Common Error Types" in the AWS STS API Reference.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any, TypeVar

import boto3
from botocore.config import Config
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    EndpointConnectionError,
    NoCredentialsError,
    NoRegionError,
    ProfileNotFound,
)

from .arguments import PERMISSIONS

_Argument = TypeVar("_Argument")
_Result = TypeVar("_Result")

# Hundreds of stacks take less than a minute, and the calls stay below the APIs' rate limits.
_MAX_CONCURRENT_CALLS = 4
_RETRYING = Config(retries={"mode": "standard", "total_max_attempts": 5})
# The first call fails fast when AWS cannot be reached.
_PROBING = Config(retries={"mode": "standard", "total_max_attempts": 2})

_DENIED = frozenset({"AccessDenied", "AccessDeniedException"})
_BAD_CREDENTIALS = frozenset(
    {
        "ExpiredToken",
        "ExpiredTokenException",
        "InvalidClientTokenId",
        "InvalidSignatureException",
        "SignatureDoesNotMatch",
        "UnrecognizedClientException",
    }
)


class StatusError(Exception):
    """The command failed; the message gives the cause and the next step."""


class Session:
    """A session in an account and a Region.

    Args:
        region: None for the Region of the environment or the profile.
        profile: None for the profile or the credentials of the environment.
    """

    def __init__(self, *, region: str | None, profile: str | None) -> None:
        self._session = boto3.session.Session(region_name=region, profile_name=profile)
        sts = self._session.client("sts", config=_PROBING)
        self.account: str = sts.get_caller_identity()["Account"]

    def __str__(self) -> str:
        return f"account {self.account}, Region {self.region}"

    @property
    def region(self) -> str:
        """The Region."""
        return str(self._session.region_name)

    def client(self, service: str) -> Any:
        """A boto3 client."""
        return self._session.client(service, config=_RETRYING)


def in_parallel(
    call: Callable[[_Argument], _Result], arguments: Iterable[_Argument]
) -> list[_Result]:
    """Make a call for each argument, a few at a time; return the results in the same order."""
    with ThreadPoolExecutor(_MAX_CONCURRENT_CALLS) as executor:
        return list(executor.map(call, arguments))


@contextmanager
def translated_sdk_errors() -> Iterator[None]:
    """Raise errors of the SDK as a StatusError that names the next step."""
    try:
        yield
    except ClientError as error:
        raise StatusError(_client_error(error)) from error
    except BotoCoreError as error:
        raise StatusError(_sdk_error(error)) from error


def _client_error(error: ClientError) -> str:
    code, message = (error.response["Error"].get(key, "") for key in ("Code", "Message"))
    text = f"{error.operation_name} failed with {code}: {message}"
    if code in _BAD_CREDENTIALS:
        return f"{text}\nSign in again, or choose other credentials with --profile"
    if code in _DENIED:
        suffix = f":{error.operation_name}"
        needed = next((action for action in PERMISSIONS if action.endswith(suffix)), suffix[1:])
        return f"{text}\nThe call needs the permission {needed}; status --help lists all of them"
    return text


def _sdk_error(error: BotoCoreError) -> str:
    if isinstance(error, NoRegionError):
        return "no Region is set. Pass --region, or set AWS_DEFAULT_REGION"
    if isinstance(error, NoCredentialsError):
        return "no AWS credentials were found. Pass --profile, or sign in as for the CDK CLI"
    if isinstance(error, ProfileNotFound):
        available = ", ".join(boto3.session.Session().available_profiles) or "none"
        return f"{error}. Available profiles: {available}"
    if isinstance(error, EndpointConnectionError):
        return f"{error}. Check the network, and that AppFlow is available in the Region"
    return str(error)
