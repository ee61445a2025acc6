"""A provider that the NIST 800-53 R5 and HIPAA packs of cdk-nag accept.

    cdk deploy --app "python examples/hardened_provider.py"

The role has a managed policy that this app writes, since the packs accept no inline policies. The
VPC is the company's, with endpoints for AppFlow, CloudFormation, Lambda and S3. The identifiers
are examples.
"""

import aws_cdk as cdk
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from aws_cdk import aws_sqs as sqs
from cdk_appflow_connector import ConnectorRegistration, ConnectorRegistrationProvider

LABEL = "acme-crm"

app = cdk.App()
stack = cdk.Stack(app, "HardenedConnector")

connector = lambda_.Function.from_function_arn(
    stack, "Connector", f"arn:aws:lambda:{stack.region}:{stack.account}:function:crm"
)
vpc = ec2.Vpc.from_vpc_attributes(
    stack,
    "Vpc",
    vpc_id="vpc-0a1b2c3d4e5f60718",
    availability_zones=["us-east-1a", "us-east-1b"],
    isolated_subnet_ids=["subnet-0a1b2c3d4e5f60718", "subnet-0a1b2c3d4e5f60719"],
)
key = kms.Key(stack, "Key", enable_key_rotation=True)
key.grant_encrypt_decrypt(iam.ServicePrincipal(f"logs.{stack.region}.amazonaws.com"))
log_group = logs.LogGroup(stack, "Logs", encryption_key=key, retention=logs.RetentionDays.ONE_YEAR)
dead_letters = sqs.Queue(stack, "DeadLetters", encryption_master_key=key, enforce_ssl=True)
connector_arn = stack.format_arn(service="appflow", resource="connector", resource_name=LABEL)

policy = iam.ManagedPolicy(
    stack,
    "HandlerPolicy",
    statements=[
        iam.PolicyStatement(actions=["appflow:RegisterConnector"], resources=["*"]),
        iam.PolicyStatement(
            actions=["appflow:DescribeConnector", "appflow:UpdateConnectorRegistration"],
            resources=[connector_arn],
        ),
        iam.PolicyStatement(
            actions=["cloudformation:DescribeStackEvents"], resources=[stack.stack_id]
        ),
        iam.PolicyStatement(
            actions=["lambda:GetFunctionConfiguration", "lambda:InvokeFunction"],
            resources=[connector.function_arn],
        ),
        iam.PolicyStatement(
            actions=["logs:CreateLogStream", "logs:PutLogEvents"],
            resources=[log_group.log_group_arn],
        ),
        iam.PolicyStatement(actions=["sqs:SendMessage"], resources=[dead_letters.queue_arn]),
        iam.PolicyStatement(
            actions=["kms:Decrypt", "kms:GenerateDataKey"], resources=[key.key_arn]
        ),
        iam.PolicyStatement(
            actions=[
                "ec2:CreateNetworkInterface",
                "ec2:DescribeNetworkInterfaces",
                "ec2:DescribeSubnets",
                "ec2:DeleteNetworkInterface",
                "ec2:AssignPrivateIpAddresses",
                "ec2:UnassignPrivateIpAddresses",
                "xray:PutTelemetryRecords",
                "xray:PutTraceSegments",
            ],
            resources=["*"],
        ),
    ],
)
role = iam.Role(
    stack,
    "HandlerRole",
    assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"),
    managed_policies=[policy],
)

provider = ConnectorRegistrationProvider(
    stack,
    "Provider",
    role=role.without_policy_updates(),
    vpc=vpc,
    vpc_subnets=ec2.SubnetSelection(subnet_type=ec2.SubnetType.PRIVATE_ISOLATED),
    log_group=log_group,
    dead_letter_queue=dead_letters,
    reserved_concurrent_executions=10,
    environment_encryption=key,
    tracing=lambda_.Tracing.ACTIVE,
)

ConnectorRegistration(
    stack,
    "Registration",
    connector_label=LABEL,
    connector_function=connector,
    provider=provider,
    triggers={"Release": "1"},
)

app.synth()
