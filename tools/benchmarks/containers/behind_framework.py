"""A function behind the CDK's Provider framework, which sends the response to CloudFormation."""

import boto3

client = boto3.client("appflow")


def handler(event, _):
    properties = event["ResourceProperties"]
    if event["RequestType"] != "Delete":
        client.update_connector_registration(
            connectorLabel=properties["ConnectorLabel"],
            connectorProvisioningConfig={"lambda": {"lambdaArn": properties["LambdaArn"]}},
            clientToken=event["RequestId"],
        )
    return {"PhysicalResourceId": properties["ConnectorLabel"]}
