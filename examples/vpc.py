"""The provider in a VPC without access to the internet.

    cdk deploy --app "python examples/vpc.py"

The handler reaches AppFlow, CloudFormation and Lambda through interface endpoints. It reads the
stack events in CloudFormation to detect cancelled updates, and the state of the connector's
function in Lambda to wait until the function is ready. It sends its responses to CloudFormation
through the gateway endpoint of S3. Logs need no endpoint, because Lambda does not send them from
the VPC.
"""

from pathlib import Path

import aws_cdk as cdk
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_lambda as lambda_
from cdk_appflow_connector import ConnectorRegistration, ConnectorRegistrationProvider

app = cdk.App()
stack = cdk.Stack(app, "VpcConnector")

isolated = ec2.SubnetConfiguration(name="Isolated", subnet_type=ec2.SubnetType.PRIVATE_ISOLATED)
vpc = ec2.Vpc(stack, "Vpc", max_azs=2, subnet_configuration=[isolated])
vpc.add_flow_log("FlowLog")
vpc.add_gateway_endpoint("S3", service=ec2.GatewayVpcEndpointAwsService.S3)
for name in ("appflow", "cloudformation", "lambda"):
    vpc.add_interface_endpoint(
        name.title(), service=ec2.InterfaceVpcEndpointAwsService(name), open=True
    )

provider = ConnectorRegistrationProvider(
    stack,
    "Provider",
    vpc=vpc,
    vpc_subnets=ec2.SubnetSelection(subnet_type=ec2.SubnetType.PRIVATE_ISOLATED),
)

connector = lambda_.Function(
    stack,
    "Connector",
    runtime=lambda_.Runtime.PYTHON_3_13,
    handler="crm.handler",
    code=lambda_.Code.from_asset(str(Path(__file__).parent / "connector")),
    timeout=cdk.Duration.seconds(30),
)

ConnectorRegistration(
    stack,
    "Registration",
    connector_label="acme-crm",
    connector_function=connector,
    provider=provider,
)

app.synth()
