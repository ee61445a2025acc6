"""Amazon's integration tests for custom connectors, which need an account of AWS elsewhere."""

from __future__ import annotations

import io
import json
import re
import shutil
import subprocess
import sys
import zipfile
from importlib.metadata import distribution
from pathlib import Path

import pytest

from tests.support import Account

ROOT = Path(__file__).parents[2]
# The package is not imported, since its enums cause a warning.
SDK = Path(str(distribution("custom-connector-sdk").locate_file("custom_connector_sdk")))
CONFIGURATION = ROOT / "examples" / "connector_tests"
CONNECTORS = [
    pytest.param(ROOT / "examples" / "connector" / "crm.py", id="example"),
    pytest.param(
        ROOT / "tests" / "local_cloud" / "sdk_connector.py",
        id="SDK",
        marks=pytest.mark.skipif(sys.version_info >= (3, 13), reason="the SDK cannot be imported"),
    ),
]


def with_sdk(source: Path) -> bytes:
    """A deployment package with a module and Amazon's SDK."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.write(source, "index.py")
        for file in SDK.rglob("*.py"):
            archive.write(file, file.relative_to(SDK.parent))
    return buffer.getvalue()


def prepare(account: Account, source: Path) -> None:
    """Make the function, the secret and the bucket that the configuration names."""
    account.make_function("crm", source.read_text())
    account.client("lambda").update_function_code(FunctionName="crm", ZipFile=with_sdk(source))
    statement = {"Effect": "Allow", "Action": "secretsmanager:GetSecretValue", "Resource": "*"}
    account.client("iam").put_role_policy(
        RoleName="crm-role",
        PolicyName="credentials",
        PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [statement]}),
    )
    account.client("secretsmanager").create_secret(
        Name="crm-token", SecretString='{"accessToken": "secret-token"}'
    )
    bucket = f"crm-{account.id}"
    account.client("s3").create_bucket(Bucket=bucket)
    policy = {
        "Effect": "Allow",
        "Principal": {"Service": "appflow.amazonaws.com"},
        "Action": ["s3:PutObject", "s3:GetObject", "s3:ListBucket"],
        "Resource": [f"arn:aws:s3:::{bucket}", f"arn:aws:s3:::{bucket}/*"],
    }
    account.client("s3").put_bucket_policy(
        Bucket=bucket, Policy=json.dumps({"Version": "2012-10-17", "Statement": [policy]})
    )


@pytest.mark.parametrize("connector", CONNECTORS)
def test_amazons_tests_pass(account: Account, tmp_path: Path, connector: Path) -> None:
    """All six of Amazon's integration tests pass, and clean up after themselves."""
    prepare(account, connector)
    folder = tmp_path / "connector_tests"
    shutil.copytree(CONFIGURATION, folder)
    config = folder / "config.json"
    config.write_text(config.read_text().replace("000000000000", account.id))

    result = subprocess.run(
        [sys.executable, "-m", "unittest", "custom_connector_integ_test.appflow_test.test_case"],
        cwd=folder,
        env={**account.cloud.environment(account.id), "TEST_CONFIG": "config.json"},
        capture_output=True,
        text=True,
    )

    assert result.returncode == 0, result.stderr
    assert re.search(r"^Ran 6 tests in .*\n\nOK\n$", result.stderr, re.M)
    appflow = account.client("appflow")
    assert appflow.list_flows()["flows"] == []
    assert appflow.describe_connector_profiles()["connectorProfileDetails"] == []
    assert account.connectors() == []
