"""The same custom resource as in cfn-handler's README."""

import boto3
from cfn_handler import CustomResource

resource = CustomResource()
client = boto3.client("appflow")


@resource.create
@resource.update
def update(event, _):
    properties = event["ResourceProperties"]
    client.update_connector_registration(
        connectorLabel=properties["ConnectorLabel"],
        connectorProvisioningConfig={"lambda": {"lambdaArn": properties["LambdaArn"]}},
        clientToken=event["RequestId"],
    )
    return {}


@resource.delete
def delete(_, __):
    """Leave the registration, as RemovalPolicy.RETAIN does."""


def handler(event, context):
    return resource(event, context)
