"""What the tests of the local AppFlow share."""

from __future__ import annotations

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.support import Account


def refusal(call: Any, **parameters: Any) -> tuple[str, int, str]:
    """The code, HTTP status and message of a call that has to fail."""
    with pytest.raises(ClientError) as error:
        call(**parameters)
    response = error.value.response
    status = response["ResponseMetadata"]["HTTPStatusCode"]
    return response["Error"]["Code"], status, response["Error"]["Message"]


def provisioned_by(arn: str) -> dict[str, Any]:
    return {"connectorProvisioningConfig": {"lambda": {"lambdaArn": arn}}}


def registration(label: str, arn: str, **members: Any) -> dict[str, Any]:
    """The members of a RegisterConnector request."""
    return {
        "connectorLabel": label,
        "connectorProvisioningType": "LAMBDA",
        **provisioned_by(arn),
        **members,
    }


def user_client(
    account: Account, actions: list[str], *, resource: str = "*", **settings: Any
) -> Any:
    """An AppFlow client of an IAM user who may do a few things only."""
    iam = account.client("iam")
    iam.create_user(UserName="clerk")
    statement = {"Effect": "Allow", "Action": actions, "Resource": resource}
    document = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    iam.put_user_policy(UserName="clerk", PolicyName="p", PolicyDocument=document)
    key = iam.create_access_key(UserName="clerk")["AccessKey"]
    secret = {"aws_secret_access_key": key["SecretAccessKey"]}
    return account.cloud.client("appflow", key["AccessKeyId"], **secret, **settings)
