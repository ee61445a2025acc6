"""Calling AWS, and saying what went wrong in words that lead on.

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

# Enough to look at hundreds of stacks within a minute, and few enough for the rates of the APIs.
_CALLS_AT_ONCE = 4
_PATIENT = Config(retries={"mode": "standard", "total_max_attempts": 5})
# For the first call, which finds out whether there is anybody to talk to.
_IMPATIENT = Config(retries={"mode": "standard", "total_max_attempts": 2})

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
    """The command cannot do its work; the message says why, and what to do about it."""


class Place:
    """An account and a Region.

    Args:
        region: None for the Region of the environment or the profile.
        profile: None for the profile or the credentials of the environment.
    """

    def __init__(self, *, region: str | None, profile: str | None) -> None:
        self._session = boto3.session.Session(region_name=region, profile_name=profile)
        sts = self._session.client("sts", config=_IMPATIENT)
        self.account: str = sts.get_caller_identity()["Account"]

    def __str__(self) -> str:
        return f"account {self.account}, Region {self.region}"

    @property
    def region(self) -> str:
        """The Region."""
        return str(self._session.region_name)

    def client(self, service: str) -> Any:
        """A boto3 client."""
        return self._session.client(service, config=_PATIENT)


def in_parallel(
    call: Callable[[_Argument], _Result], arguments: Iterable[_Argument]
) -> list[_Result]:
    """Make a call for each argument, some at a time; the results come in the arguments' order."""
    with ThreadPoolExecutor(_CALLS_AT_ONCE) as executor:
        return list(executor.map(call, arguments))


@contextmanager
def readable_errors() -> Iterator[None]:
    """Turn the errors of the SDK into a StatusError with the next step."""
    try:
        yield
    except ClientError as error:
        raise StatusError(_refusal(error)) from error
    except BotoCoreError as error:
        raise StatusError(_failure(error)) from error


def _refusal(error: ClientError) -> str:
    code, message = (error.response["Error"].get(key, "") for key in ("Code", "Message"))
    said = f"{error.operation_name} was refused with {code}: {message}"
    if code in _BAD_CREDENTIALS:
        return f"{said}\nSign in again, or choose other credentials with --profile"
    if code in _DENIED:
        suffix = f":{error.operation_name}"
        needed = next((action for action in PERMISSIONS if action.endswith(suffix)), suffix[1:])
        return f"{said}\nThis needs the permission {needed}; status --help lists all of them"
    return said


def _failure(error: BotoCoreError) -> str:
    if isinstance(error, NoRegionError):
        return "no Region is set. Name one with --region, or set AWS_DEFAULT_REGION"
    if isinstance(error, NoCredentialsError):
        return (
            "no AWS credentials were found. Name a profile with --profile, or sign in as for the"
            " CDK CLI"
        )
    if isinstance(error, ProfileNotFound):
        known = ", ".join(boto3.session.Session().available_profiles) or "none"
        return f"{error}. Choose one of those there are: {known}"
    if isinstance(error, EndpointConnectionError):
        return f"{error}. Check the network, and that AppFlow is offered in the Region"
    return str(error)
