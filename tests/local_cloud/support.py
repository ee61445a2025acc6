"""Requests and clients that several tests of the local cloud use.

A test of a rule of AppFlow or CloudFormation states the rule in its docstring. Its mark ``rule``
has the rule's sources, by their names in ``tools/local_cloud_rules.py``, and the setting, if there
is one, that changes the rule. ``python -m tools.local_cloud_rules`` writes the page of all rules.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from tests.support import Account

LABEL = "acme-crm"

WITHOUT_RETRIES = Config(retries={"total_max_attempts": 1})
"""Makes a client report the first failure of a call."""


def refusal(call: Any, **parameters: Any) -> tuple[str, int, str]:
    """The code, HTTP status and message of a call that fails."""
    with pytest.raises(ClientError) as error:
        call(**parameters)
    response = error.value.response
    status = response["ResponseMetadata"]["HTTPStatusCode"]
    return response["Error"]["Code"], status, response["Error"]["Message"]


def provisioned_by(arn: str) -> dict[str, Any]:
    """The members of a request that name a connector's function."""
    return {"connectorProvisioningConfig": {"lambda": {"lambdaArn": arn}}}


def registration(label: str, arn: str, **members: Any) -> dict[str, Any]:
    """The members of a RegisterConnector request."""
    return {
        "connectorLabel": label,
        "connectorProvisioningType": "LAMBDA",
        **provisioned_by(arn),
        **members,
    }


def described(appflow: Any, label: str = LABEL) -> Mapping[str, Any]:
    """The configuration that DescribeConnector returns for a registered label."""
    configuration: Mapping[str, Any] = appflow.describe_connector(
        connectorType="CustomConnector", connectorLabel=label
    )["connectorConfiguration"]
    return configuration


def user_client(
    account: Account, actions: list[str], *, resource: str = "*", **settings: Any
) -> Any:
    """An AppFlow client of an IAM user with certain permissions only."""
    iam = account.client("iam")
    iam.create_user(UserName="clerk")
    statement = {"Effect": "Allow", "Action": actions, "Resource": resource}
    document = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    iam.put_user_policy(UserName="clerk", PolicyName="p", PolicyDocument=document)
    key = iam.create_access_key(UserName="clerk")["AccessKey"]
    secret = {"aws_secret_access_key": key["SecretAccessKey"]}
    return account.cloud.client("appflow", key["AccessKeyId"], **secret, **settings)
