"""The AWS CLI's commands for custom connectors, on the local cloud."""

from __future__ import annotations

import json
import subprocess
from typing import Any

from tests.local_cloud.support import LABEL, provisioned_by, registration
from tests.support import Account, connector


def run(account: Account, *arguments: str, members: Any = None) -> subprocess.CompletedProcess[str]:
    """The result of a command of ``aws appflow``."""
    command = ["aws", "appflow", *arguments, "--output", "json"]
    if members is not None:
        command += ["--cli-input-json", json.dumps(members)]
    environment = account.cloud.environment(account.id)
    return subprocess.run(command, env=environment, capture_output=True, text=True)


def aws(account: Account, *arguments: str, members: Any = None) -> Any:
    """The output of a command of ``aws appflow`` that succeeds."""
    result = run(account, *arguments, members=members)
    assert result.returncode == 0, result.stderr
    return json.loads(result.stdout or "null")


def test_connector_can_be_managed(account: Account, arn: str) -> None:
    """A connector can be registered, described, updated, listed and unregistered."""
    registered = aws(
        account, "register-connector", members=registration(LABEL, arn, description="Acme CRM")
    )
    assert registered == {
        "connectorArn": f"arn:aws:appflow:us-east-1:{account.id}:connector/{LABEL}"
    }

    described = aws(
        account,
        *("describe-connector", "--connector-type", "CustomConnector"),
        *("--connector-label", LABEL),
    )["connectorConfiguration"]
    assert described["connectorProvisioningConfig"] == {"lambda": {"lambdaArn": arn}}
    assert described["connectorDescription"] == "Acme CRM"

    account.change_code("crm", connector("2.0"))
    update = {"connectorLabel": LABEL, **provisioned_by(arn), "clientToken": "by-hand"}
    assert aws(account, "update-connector-registration", members=update) == registered
    [listed] = aws(account, "describe-connectors", "--connector-types", "CustomConnector")[
        "connectors"
    ]
    assert listed["connectorVersion"] == "2.0"

    aws(account, "unregister-connector", "--connector-label", LABEL)
    assert aws(account, "list-connectors") == {"connectors": []}


def test_lists_have_pages(account: Account, arn: str) -> None:
    """A list returns pages, with the token of the next one."""
    account.register("acme-1", arn)
    account.register("acme-2", arn)

    first = aws(account, "list-connectors", "--max-results", "1")
    second = aws(account, "list-connectors", "--next-token", first["nextToken"])

    labels = [one["connectorLabel"] for page in (first, second) for one in page["connectors"]]
    assert labels == ["acme-1", "acme-2"]
    assert "nextToken" not in second


def test_profile_keeps_connector_registered(account: Account, arn: str) -> None:
    """A connector with a profile is unregistered only with ``--force-delete``."""
    account.register(LABEL, arn)
    credentials = {"authenticationType": "BASIC", "basic": {"username": "u", "password": "p"}}
    profile = {
        "connectorProfileName": "sales",
        "connectorType": "CustomConnector",
        "connectorLabel": LABEL,
        "connectionMode": "Public",
        "connectorProfileConfig": {
            "connectorProfileProperties": {
                "CustomConnector": {"profileProperties": {"url": "https://acme.example"}}
            },
            "connectorProfileCredentials": {"CustomConnector": credentials},
        },
    }
    aws(account, "create-connector-profile", members=profile)
    [found] = aws(account, "describe-connector-profiles", "--connector-label", LABEL)[
        "connectorProfileDetails"
    ]
    assert found["connectorProfileName"] == "sales"

    refused = run(account, "unregister-connector", "--connector-label", LABEL)
    assert refused.returncode != 0
    assert "(ConflictException)" in refused.stderr
    assert "Connector acme-crm is in use by connector profiles: sales." in refused.stderr

    aws(account, "unregister-connector", "--connector-label", LABEL, "--force-delete")
    aws(account, "delete-connector-profile", "--connector-profile-name", "sales")
    assert aws(account, "describe-connector-profiles") == {"connectorProfileDetails": []}
