"""One template for each account and Region, for CloudFormation StackSets.

    cdk synth --app "python examples/stack_set.py" --output cdk.out

The template contains no account and no Region. The code of its functions is in one bucket for each
Region, which all accounts may read, instead of the bootstrap bucket of each account.
"""

from pathlib import Path

import aws_cdk as cdk
from aws_cdk import aws_lambda as lambda_
from cdk_appflow_connector import ConnectorRegistration

app = cdk.App()
stack = cdk.Stack(
    app,
    "CrmEverywhere",
    synthesizer=cdk.CliCredentialsStackSynthesizer(
        file_assets_bucket_name="acme-assets-${AWS::Region}"
    ),
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
    stack, "Registration", connector_label="acme-crm", connector_function=connector
)

app.synth()
