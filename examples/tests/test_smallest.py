"""How to test an app of your own: ``cdk deploy`` on the local cloud, then look at AppFlow.

python -m pytest examples/tests
"""

import subprocess
import sys
from pathlib import Path

import pytest

from appflow_local_cloud.process import LocalCloud

# The line that belongs into your conftest.py, unless there is only one module of tests.
pytest_plugins = ["appflow_local_cloud.pytest_plugin"]

# Any 12 digits are an account, and an empty one until something is deployed.
ACCOUNT = "444455556666"
APP = f"{sys.executable} {Path(__file__).parents[1] / 'smallest.py'}"


@pytest.fixture
def deployed(appflow_local_cloud: LocalCloud, tmp_path: Path) -> None:
    """The app, deployed as its users do."""
    for command in (
        ["bootstrap", f"aws://{ACCOUNT}/us-east-1"],
        ["deploy", "--require-approval", "never"],
    ):
        subprocess.run(
            ["cdk", *command, "--app", APP, "--output", str(tmp_path)],
            env=appflow_local_cloud.environment(ACCOUNT),
            check=True,
        )


@pytest.mark.usefixtures("deployed")
def test_appflow_knows_the_connector(appflow_local_cloud: LocalCloud) -> None:
    """The deployment has registered it, and has looked whether it worked."""
    appflow = appflow_local_cloud.client("appflow", ACCOUNT)

    held = appflow.describe_connector(connectorType="CustomConnector", connectorLabel="acme-crm")

    assert held["connectorConfiguration"]["connectorName"] == "Acme CRM"
    assert [call["operation"] for call in appflow_local_cloud.appflow_calls(ACCOUNT)] == [
        "RegisterConnector",
        "DescribeConnector",
        "DescribeConnector",
    ]
