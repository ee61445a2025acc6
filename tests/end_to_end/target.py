"""Where the end-to-end tests run: on the local cloud, or in an AWS account.

``E2E_TARGET=aws`` chooses the account of the ambient credentials, and ``E2E_CONFIRM`` has to repeat
its number.
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
    """The tests may not run there; the message is for whoever started them."""


def new_prefix() -> str:
    """How the names of everything that one run makes begin."""
    return f"e2e-{secrets.token_hex(4)}-"


def is_prefix(text: str) -> bool:
    """Whether a text can have come from ``new_prefix``."""
    return re.fullmatch(r"e2e-[0-9a-f]{8}-", text) is not None


def aws_is_target() -> bool:
    """Whether a real account is asked for.

    Raises:
        RefusedError: something else is.
    """
    target = os.environ.get("E2E_TARGET") or "local"
    if target not in ("local", "aws"):
        raise RefusedError(f"TARGET is {target!r}; it can be local or aws.")
    return target == "aws"


@dataclass(frozen=True)
class RealCloud:
    """AWS, as the ambient credentials see it; the counterpart of LocalCloud."""

    region: str

    def client(self, service: str, account: str, **settings: Any) -> Any:
        return boto3.session.Session().client(service, **{"region_name": self.region, **settings})

    def environment(self, account: str) -> dict[str, str]:
        return {**os.environ, "AWS_REGION": self.region, "PATH": search_path()}

    def appflow_calls(self, account: str, *, after: int = 0) -> list[Mapping[str, Any]]:
        raise NotImplementedError("AWS shows its calls in CloudTrail, a quarter of an hour later")


class RealAccount(Account):
    """An account of AWS, where new things take a while to work."""

    has_journal = False

    def _create_function(self, name: str, source: str, role: str) -> str:
        give_up = time.monotonic() + _ROLE_SECONDS
        while True:
            try:
                arn = super()._create_function(name, source, role)
                break
            except ClientError as error:
                # Lambda does not know a new role for some seconds.
                is_about_role = "cannot be assumed" in str(error)
                if not is_about_role or time.monotonic() > give_up:
                    raise
                time.sleep(2)
        self.client("lambda").get_waiter("function_active_v2").wait(FunctionName=name)
        return arn

    def change_code(self, name: str, source: str) -> None:
        super().change_code(name, source)
        self.client("lambda").get_waiter("function_updated_v2").wait(FunctionName=name)


def confirmed_account(prefix: str) -> RealAccount:
    """The account of the ambient credentials, if that is the one that was confirmed.

    Prints what will be made there, and what that costs.

    Raises:
        RefusedError: there are no credentials, the Region lacks AppFlow, the account is not
            bootstrapped, or nobody has confirmed it.
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
            f"{error}. The credentials have to be valid, and the account has to be bootstrapped in"
            f" {region} (npx cdk bootstrap)."
        ) from error
    number = identity["Account"]
    announcement = _announcement(number, region, identity["Arn"], prefix)
    if os.environ.get("E2E_CONFIRM") != number:
        raise RefusedError(
            f"{announcement}\nNothing has been created. To go on, confirm the account:"
            f" make e2e TARGET=aws CONFIRM={number}"
        )
    print(announcement)  # noqa: T201
    return RealAccount(RealCloud(region), number, region)


def _announcement(number: str, region: str, arn: str, prefix: str) -> str:
    return f"""\
The end-to-end tests are for AWS account {number}, Region {region}, as {arn}.
They create the following under names that begin with e2e- and 8 digits, as {prefix}, and
remove it again, also when they are interrupted; at any time there are at most:
  - two CloudFormation stacks with 5 Lambda functions, their roles and log groups,
  - a Lambda function and its role outside of them,
  - 6 AppFlow connectors, and no flow.
They use the account's CDK bootstrap, and leave about 350 KB in its bucket.
That costs less than 0.01 USD; nothing of it has a monthly price.
If the program is killed, this removes everything: python -m tests.end_to_end.cleanup {prefix}"""
