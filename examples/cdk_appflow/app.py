"""A connector with a connector profile, and a flow of cdklabs' ``cdk-appflow``.

    pip install -r examples/cdk_appflow/requirements.txt
    cdk deploy --app "python examples/cdk_appflow/app.py" --parameters Password=...

cdk-appflow is experimental. It has constructs for flows, and for the profiles, sources and
destinations of about twenty applications that AppFlow supports by itself. It registers no connector
and has no class for one of yours. Its interface for sources is open: the class below makes an
entity of your connector a source, and the flow, its mapping, its destination and the bucket's
policy are cdk-appflow's. Its base class for profiles calls methods of the subclass before the CDK's
Python has added them, so the profile is a resource of aws-cdk-lib.

``profile_and_flow.py`` deploys the same without cdk-appflow.
"""

from pathlib import Path

import aws_cdk as cdk
import jsii
from aws_cdk import aws_appflow as cfn
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_s3 as s3
from cdk_appflow_connector import ConnectorRegistration, OnBreakingChange
from cdklabs import cdk_appflow as appflow


@jsii.implements(appflow.ISource)
class CrmSource:
    """An entity of a registered connector as the source of a flow of cdk-appflow."""

    def __init__(self, profile: cfn.CfnConnectorProfile, entity: str) -> None:
        self._profile = profile
        self._entity = entity

    @property
    def connector_type(self) -> appflow.ConnectorType:
        """The type of every custom connector."""
        return appflow.ConnectorType(str(self._profile.connector_label), True)

    def bind(self, scope: appflow.IFlow) -> cfn.CfnFlow.SourceFlowConfigProperty:  # noqa: ARG002
        """The source in the template."""
        return cfn.CfnFlow.SourceFlowConfigProperty(
            connector_type=self.connector_type.as_profile_connector_type,
            api_version="v1",
            connector_profile_name=self._profile.ref,
            source_connector_properties=cfn.CfnFlow.SourceConnectorPropertiesProperty(
                custom_connector=cfn.CfnFlow.CustomConnectorSourcePropertiesProperty(
                    entity_name=self._entity
                )
            ),
        )


app = cdk.App()
stack = cdk.Stack(app, "CrmToBucketWithCdkAppFlow")

connector = lambda_.Function(
    stack,
    "Connector",
    runtime=lambda_.Runtime.PYTHON_3_13,
    handler="crm.handler",
    code=lambda_.Code.from_asset(str(Path(__file__).parents[1] / "connector")),
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
profile = cfn.CfnConnectorProfile(
    stack,
    "Profile",
    connector_profile_name="acme",
    connection_mode="Public",
    connector_type="CustomConnector",
    connector_label=registration.connector_label,
    connector_profile_config=cfn.CfnConnectorProfile.ConnectorProfileConfigProperty(
        connector_profile_credentials=(
            cfn.CfnConnectorProfile.ConnectorProfileCredentialsProperty(
                custom_connector=(
                    cfn.CfnConnectorProfile.CustomConnectorProfileCredentialsProperty(
                        authentication_type="BASIC",
                        basic=cfn.CfnConnectorProfile.BasicAuthCredentialsProperty(
                            username="appflow", password=password.value_as_string
                        ),
                    )
                )
            )
        )
    ),
)

bucket = s3.Bucket(
    stack, "Bucket", enforce_ssl=True, block_public_access=s3.BlockPublicAccess.BLOCK_ALL
)
appflow.OnDemandFlow(
    stack,
    "Flow",
    name="acme-accounts",
    source=CrmSource(profile, "account"),
    destination=appflow.S3Destination(
        location=appflow.S3Location(bucket=bucket, prefix="accounts")
    ),
    mappings=[appflow.Mapping.map(appflow.Field(name=name), name=name) for name in ("id", "name")],
)

app.synth()
