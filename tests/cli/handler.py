"""The handler's function in an account, made without the CDK."""

from __future__ import annotations

import io
import json
import zipfile

from cdk_appflow_connector._handler_files import handler_files

from tests.support import Account

# What the handler's role may do, without the resources that a provider limits it to.
_POLICY = {
    "Version": "2012-10-17",
    "Statement": [
        {
            "Effect": "Allow",
            "Action": ["appflow:*", "cloudformation:DescribeStackEvents", "lambda:*"],
            "Resource": "*",
        }
    ],
}


def make_handler(account: Account) -> str:
    """Make the handler's function, with its asset as the code, and return the service token."""
    iam = account.client("iam")
    role = account._make_role("handler-role")
    iam.put_role_policy(
        RoleName="handler-role", PolicyName="handler", PolicyDocument=json.dumps(_POLICY)
    )
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as opened:
        for name, content in handler_files().items():
            opened.writestr(name, content)
    arn: str = account.client("lambda").create_function(
        FunctionName="handler",
        Runtime="python3.13",
        Role=role,
        Handler="connector_registration.function.handler",
        Timeout=300,
        Code={"ZipFile": archive.getvalue()},
    )["FunctionArn"]
    return arn
