"""A connector, a connector profile that uses it, and a flow from it into a bucket.

    cdk deploy --app "python examples/profile_and_flow.py" --parameters Password=...

The profile refers to the label of the registration, and the flow to the name of the profile.
Therefore CloudFormation creates the registration, the profile and the flow in this order, and
deletes them in the reverse order.
"""

from pathlib import Path

import aws_cdk as cdk
from aws_cdk import aws_appflow as appflow
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_s3 as s3
from cdk_appflow_connector import ConnectorRegistration, OnBreakingChange

app = cdk.App()
stack = cdk.Stack(app, "CrmToBucket")

connector = lambda_.Function(
    stack,
    "Connector",
    runtime=lambda_.Runtime.PYTHON_3_13,
    handler="crm.handler",
    code=lambda_.Code.from_asset(
        app.node.try_get_context("connectorCode") or str(Path(__file__).parent / "connector")
    ),
    timeout=cdk.Duration.seconds(30),
)
registration = ConnectorRegistration(
    stack,
    "Registration",
    connector_label="acme-crm",
    connector_function=connector,
    # A deployment that breaks the flow fails, and is rolled back.
    on_breaking_change=OnBreakingChange.FAIL,
    removal_policy=cdk.RemovalPolicy.DESTROY,
)
registration.grant_read_credentials(connector)

password = cdk.CfnParameter(stack, "Password", no_echo=True)
profile = appflow.CfnConnectorProfile(
    stack,
    "Profile",
    connector_profile_name="acme",
    connection_mode="Public",
    connector_type="CustomConnector",
    connector_label=registration.connector_label,
    connector_profile_config=appflow.CfnConnectorProfile.ConnectorProfileConfigProperty(
        connector_profile_credentials=(
            appflow.CfnConnectorProfile.ConnectorProfileCredentialsProperty(
                custom_connector=(
                    appflow.CfnConnectorProfile.CustomConnectorProfileCredentialsProperty(
                        authentication_type="BASIC",
                        basic=appflow.CfnConnectorProfile.BasicAuthCredentialsProperty(
                            username="appflow", password=password.value_as_string
                        ),
                    )
                )
            )
        )
    ),
)

bucket = s3.Bucket(
    stack,
    "Bucket",
    enforce_ssl=True,
    block_public_access=s3.BlockPublicAccess.BLOCK_ALL,
)
bucket.add_to_resource_policy(
    iam.PolicyStatement(
        principals=[iam.ServicePrincipal("appflow.amazonaws.com")],
        actions=[
            "s3:AbortMultipartUpload",
            "s3:GetBucketAcl",
            "s3:ListMultipartUploadParts",
            "s3:PutObject",
            "s3:PutObjectAcl",
        ],
        resources=[bucket.bucket_arn, bucket.arn_for_objects("*")],
        conditions={"StringEquals": {"aws:SourceAccount": stack.account}},
    )
)

flow = appflow.CfnFlow(
    stack,
    "Flow",
    flow_name="acme-accounts",
    trigger_config=appflow.CfnFlow.TriggerConfigProperty(trigger_type="OnDemand"),
    source_flow_config=appflow.CfnFlow.SourceFlowConfigProperty(
        connector_type="CustomConnector",
        api_version="v1",
        connector_profile_name=profile.ref,
        source_connector_properties=appflow.CfnFlow.SourceConnectorPropertiesProperty(
            custom_connector=appflow.CfnFlow.CustomConnectorSourcePropertiesProperty(
                entity_name="account"
            )
        ),
    ),
    destination_flow_config_list=[
        appflow.CfnFlow.DestinationFlowConfigProperty(
            connector_type="S3",
            destination_connector_properties=appflow.CfnFlow.DestinationConnectorPropertiesProperty(
                s3=appflow.CfnFlow.S3DestinationPropertiesProperty(
                    bucket_name=bucket.bucket_name, bucket_prefix="accounts"
                )
            ),
        )
    ],
    tasks=[
        appflow.CfnFlow.TaskProperty(
            task_type="Map_all",
            source_fields=[],
            task_properties=[
                appflow.CfnFlow.TaskPropertiesObjectProperty(
                    key="EXCLUDE_SOURCE_FIELDS_LIST", value="[]"
                )
            ],
        )
    ],
)
flow.node.add_dependency(bucket.policy)

app.synth()
