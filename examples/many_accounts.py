"""The same connector in several accounts and Regions, one Stage for each.

    cdk deploy --app "python examples/many_accounts.py" "Test/*"

The app names its accounts and Regions, so synthesis can check it for each of them.
"""

from pathlib import Path

import aws_cdk as cdk
from aws_cdk import aws_lambda as lambda_
from cdk_appflow_connector import ConnectorRegistration

ENVIRONMENTS = {
    "Test": cdk.Environment(account="111122223333", region="eu-west-1"),
    "ProductionEurope": cdk.Environment(account="444455556666", region="eu-west-1"),
    "ProductionAmerica": cdk.Environment(account="444455556666", region="us-east-1"),
}


class Crm(cdk.Stage):
    """The stacks of one account and Region."""

    def __init__(self, scope: cdk.App, name: str, env: cdk.Environment) -> None:
        super().__init__(scope, name, env=env)
        stack = cdk.Stack(self, "Crm")
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


app = cdk.App()

for name, environment in ENVIRONMENTS.items():
    Crm(app, name, environment)

app.synth()
