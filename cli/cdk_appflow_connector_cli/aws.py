"""Calls to AWS, and error messages that name the next step.

Source of the error codes: "Common errors" in the CloudFormation and AppFlow API References, and
"Common Error Types" in the AWS STS API Reference.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any, NamedTuple, TypeVar

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
from .errors import CommandError

_Argument = TypeVar("_Argument")
_Result = TypeVar("_Result")

# Hundreds of stacks take less than a minute, and the calls stay below the APIs' rate limits.
_MAX_CONCURRENT_CALLS = 4
_RETRYING = Config(retries={"mode": "standard", "total_max_attempts": 5})
# The first call fails fast when AWS cannot be reached.
_PROBING = Config(retries={"mode": "standard", "total_max_attempts": 2})

_FIRST_ERROR_STATUS = 300
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


SDK_ERRORS = (ClientError, BotoCoreError)
"""The errors of a call: from the service, or from the SDK."""


class Unknown(NamedTuple):
    """Stands for a value that cannot be resolved or read, with the reason.

    ``next_step`` is empty if the reason has none that is special.
    """

    reason: str
    next_step: str = ""


class Session:
    """A session in an account and a Region.

    A call that fails for one stack or connector leaves one value unknown. A permission that is
    missing for all of them is an error of the command.

    Args:
        region: None for the Region of the environment or the profile.
        profile: None for the profile or the credentials of the environment.
    """

    def __init__(self, *, region: str | None, profile: str | None) -> None:
        self._session = boto3.session.Session(region_name=region, profile_name=profile)
        sts = self._session.client("sts", config=_PROBING)
        self.account: str = sts.get_caller_identity()["Account"]
        self._permitted: set[str] = set()
        self._denied: list[ClientError] = []

    def __str__(self) -> str:
        return f"account {self.account}, Region {self.region}"

    @property
    def region(self) -> str:
        """The Region."""
        return str(self._session.region_name)

    def client(self, service: str, region: str | None = None, config: Config = _RETRYING) -> Any:
        """A boto3 client, in the session's Region by default."""
        client = self._session.client(service, region_name=region, config=config)
        client.meta.events.register("after-call", self._after_call)
        return client

    def unknown(self, error: ClientError | BotoCoreError, *, is_required: bool = True) -> Unknown:
        """The value that a failed call leaves unknown.

        Args:
            error: the error of the call.
            is_required: whether the command fails if it is denied all calls of the operation.
                Default: True.

        Raises:
            ClientError: every other call would fail as well, because of the credentials.
        """
        if isinstance(error, ClientError):
            code = error_code(error)
            if code in _BAD_CREDENTIALS:
                raise error
            if code in _DENIED and is_required:
                self._denied.append(error)
        return explained(error)

    def check_permissions(self) -> None:
        """Check that each operation that was denied has succeeded for another stack or connector.

        Raises:
            ClientError: all calls of an operation were denied.
        """
        for error in self._denied:
            if error.operation_name not in self._permitted:
                raise error

    def _after_call(self, *, http_response: Any, model: Any, **_: Any) -> None:
        if http_response.status_code < _FIRST_ERROR_STATUS:
            self._permitted.add(model.name)


def in_parallel(
    call: Callable[[_Argument], _Result], arguments: Iterable[_Argument]
) -> list[_Result]:
    """Make a call for each argument, a few at a time; return the results in the same order."""
    with ThreadPoolExecutor(_MAX_CONCURRENT_CALLS) as executor:
        return list(executor.map(call, arguments))


@contextmanager
def translated_sdk_errors() -> Iterator[None]:
    """Raise errors of the SDK as a CommandError that names the next step."""
    try:
        yield
    except ClientError as error:
        raise CommandError("\n".join(filter(None, explained(error)))) from error
    except BotoCoreError as error:
        raise CommandError(". ".join(filter(None, explained(error)))) from error


def error_code(error: ClientError) -> str:
    """The code of a service's error."""
    return str(error.response["Error"].get("Code"))


def explained(error: ClientError | BotoCoreError) -> Unknown:
    """What an error of a call means, and the next step."""
    return Unknown(
        *(_sdk_error(error) if isinstance(error, BotoCoreError) else _client_error(error))
    )


def _client_error(error: ClientError) -> tuple[str, str]:
    """The reason and the next step."""
    code = error_code(error)
    reason = f"{error.operation_name} failed with {code}: {error.response['Error'].get('Message')}"
    if code in _BAD_CREDENTIALS:
        return reason, "Sign in again, or choose other credentials with --profile"
    if code in _DENIED:
        needed = _action(error.operation_name)
        return reason, f"The call needs the permission {needed}; --help lists all permissions"
    return reason, ""


def _action(operation: str) -> str:
    """The IAM action of an operation, whose name it has with one exception."""
    name = {"Invoke": "InvokeFunction"}.get(operation, operation)
    actions = {action for permissions in PERMISSIONS.values() for action in permissions}
    return next((action for action in actions if action.endswith(f":{name}")), name)


def _sdk_error(error: BotoCoreError) -> tuple[str, str]:
    """The reason and the next step."""
    if isinstance(error, NoRegionError):
        return "no Region is set", "Pass --region, or set AWS_DEFAULT_REGION"
    if isinstance(error, NoCredentialsError):
        return "no AWS credentials were found", "Pass --profile, or sign in as for the CDK CLI"
    if isinstance(error, ProfileNotFound):
        available = ", ".join(boto3.session.Session().available_profiles) or "none"
        return str(error), f"Available profiles: {available}"
    if isinstance(error, EndpointConnectionError):
        return str(error), "Check the network, and that AppFlow is available in the Region"
    return str(error), ""
