"""How to test your own app: run ``cdk deploy`` on the local cloud, then call AppFlow.

python -m pytest examples/tests
"""

import subprocess
import sys
from pathlib import Path

import pytest

from appflow_local_cloud.process import LocalCloud

# Put this line into your conftest.py, unless you have only one test module.
pytest_plugins = ["appflow_local_cloud.pytest_plugin"]

# Any 12 digits are an account, which is empty until you deploy to it.
ACCOUNT = "444455556666"
APP = f"{sys.executable} {Path(__file__).parents[1] / 'smallest.py'}"


@pytest.fixture
def deployed(appflow_local_cloud: LocalCloud, tmp_path: Path) -> None:
    """Deploys the app with the CDK CLI."""
    for command in (
        ["bootstrap", f"aws://{ACCOUNT}/us-east-1"],
        ["deploy", "--app", APP, "--require-approval", "never"],
    ):
        subprocess.run(
            ["cdk", *command],
            # Without a cdk.json, so that bootstrapping synthesises no app.
            cwd=tmp_path,
            env=appflow_local_cloud.environment(ACCOUNT),
            check=True,
        )


@pytest.mark.usefixtures("deployed")
def test_deployment_registers_the_connector(appflow_local_cloud: LocalCloud) -> None:
    """The deployment registers the connector and verifies the registration."""
    appflow = appflow_local_cloud.client("appflow", ACCOUNT)

    response = appflow.describe_connector(
        connectorType="CustomConnector", connectorLabel="acme-crm"
    )

    assert response["connectorConfiguration"]["connectorName"] == "Acme CRM"
    assert [call["operation"] for call in appflow_local_cloud.appflow_calls(ACCOUNT)] == [
        "RegisterConnector",
        "DescribeConnector",
        "DescribeConnector",
    ]
