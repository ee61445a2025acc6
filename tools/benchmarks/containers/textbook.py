"""A custom resource as in crhelper's README, without the wait on Delete."""

import boto3
from crhelper import CfnResource

helper = CfnResource(
    json_logging=False, log_level="DEBUG", boto_level="CRITICAL", sleep_on_delete=0
)
client = boto3.client("appflow")


@helper.create
@helper.update
def update(event, _):
    properties = event["ResourceProperties"]
    client.update_connector_registration(
        connectorLabel=properties["ConnectorLabel"],
        connectorProvisioningConfig={"lambda": {"lambdaArn": properties["LambdaArn"]}},
        clientToken=event["RequestId"],
    )
    return properties["ConnectorLabel"]


@helper.delete
def delete(_, __):
    """Leave the registration, as RemovalPolicy.RETAIN does."""


def handler(event, context):
    helper(event, context)
