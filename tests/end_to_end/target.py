"""The target of the end-to-end tests: the local cloud, or an AWS account.

``E2E_TARGET=aws`` selects the account of the ambient credentials. ``E2E_CONFIRM`` must be its
number.
"""

from __future__ import annotations

import os
import re
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import boto3
import botocore.session
from botocore.exceptions import BotoCoreError, ClientError

from appflow_local_cloud.process import search_path
from tests.support import Account

_BOOTSTRAP_VERSION = "/cdk-bootstrap/hnb659fds/version"
_ROLE_SECONDS = 60


class RefusedError(Exception):
    """The tests may not run in the target; the message gives the cause and the next step."""


def new_prefix() -> str:
    """A random prefix for the names of all resources of one run."""
    return f"e2e-{secrets.token_hex(4)}-"


def is_prefix(text: str) -> bool:
    """Whether a text has the form of ``new_prefix``."""
    return re.fullmatch(r"e2e-[0-9a-f]{8}-", text) is not None


def aws_is_target() -> bool:
    """Whether the target is an AWS account.

    Raises:
        RefusedError: E2E_TARGET is neither local nor aws.
    """
    target = os.environ.get("E2E_TARGET") or "local"
    if target not in ("local", "aws"):
        raise RefusedError(f"TARGET is {target!r}; it can be local or aws.")
    return target == "aws"


@dataclass(frozen=True)
class RealCloud:
    """AWS with the ambient credentials; the counterpart of LocalCloud."""

    region: str

    def client(self, service: str, account: str, **settings: Any) -> Any:
        return boto3.session.Session().client(service, **{"region_name": self.region, **settings})

    def environment(self, account: str) -> dict[str, str]:
        return {**os.environ, "AWS_REGION": self.region, "PATH": search_path()}

    def appflow_calls(self, account: str, *, after: int = 0) -> list[Mapping[str, Any]]:
        raise NotImplementedError("AWS shows calls only in CloudTrail, 15 minutes later")


class RealAccount(Account):
    """An AWS account, in which new resources are not usable at once."""

    has_journal = False

    def _create_function(self, name: str, source: str, role: str) -> str:
        deadline = time.monotonic() + _ROLE_SECONDS
        while True:
            try:
                arn = super()._create_function(name, source, role)
                break
            except ClientError as error:
                # Lambda cannot assume a new role for some seconds.
                is_about_role = "cannot be assumed" in str(error)
                if not is_about_role or time.monotonic() > deadline:
                    raise
                time.sleep(2)
        self.client("lambda").get_waiter("function_active_v2").wait(FunctionName=name)
        return arn

    def change_code(self, name: str, source: str) -> None:
        super().change_code(name, source)
        self.client("lambda").get_waiter("function_updated_v2").wait(FunctionName=name)


def confirmed_account(prefix: str) -> RealAccount:
    """The account of the ambient credentials, if E2E_CONFIRM confirms it.

    Prints the resources that the tests create, and their cost.

    Raises:
        RefusedError: there are no credentials, the Region lacks AppFlow, the account is not
            bootstrapped, or it is not confirmed.
    """
    region = botocore.session.Session().get_config_variable("region")
    regions = boto3.session.Session().get_available_regions("appflow")
    if region not in regions:
        raise RefusedError(
            f"The Region is {region!r}; set AWS_REGION to one that has AppFlow: "
            f"{', '.join(sorted(regions))}."
        )
    try:
        identity = boto3.client("sts", region_name=region).get_caller_identity()
        boto3.client("ssm", region_name=region).get_parameter(Name=_BOOTSTRAP_VERSION)
    except BotoCoreError as error:
        raise RefusedError(f"AWS cannot be reached: {error}. Set credentials.") from error
    except ClientError as error:
        raise RefusedError(
            f"{error}. The credentials must be valid, and the account must be bootstrapped in"
            f" {region} (npx cdk bootstrap)."
        ) from error
    number = identity["Account"]
    description = _description(number, region, identity["Arn"], prefix)
    if os.environ.get("E2E_CONFIRM") != number:
        raise RefusedError(
            f"{description}\nNothing has been created. To continue, confirm the account:"
            f" make e2e TARGET=aws CONFIRM={number}"
        )
    print(description)  # noqa: T201
    return RealAccount(RealCloud(region), number, region)


def _description(number: str, region: str, arn: str, prefix: str) -> str:
    return f"""\
The end-to-end tests run in AWS account {number}, Region {region}, as {arn}.
They create resources whose names begin with {prefix} and remove them, also when they are
interrupted. At any time there are at most:
  - two CloudFormation stacks with 5 Lambda functions, their roles and log groups,
  - a Lambda function and its role outside of the stacks,
  - 6 AppFlow connectors, and no flow.
They use the account's CDK bootstrap, and leave about 350 KB in its bucket.
The run costs less than 0.01 USD; no resource has a monthly price.
If the program is killed, remove the resources with: python -m tests.end_to_end.cleanup {prefix}"""
