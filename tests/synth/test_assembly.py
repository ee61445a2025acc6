"""Every synthesis of an app writes the same cloud assembly, file by file."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).parents[2]

# Nearly every feature of the library in one app.
EVERYTHING = """
import aws_cdk as cdk
from aws_cdk import aws_iam as iam, aws_kms as kms, aws_lambda as lambda_
from cdk_appflow_connector import ConnectorRegistration, ConnectorRegistrationProvider

app = cdk.App()
stack = cdk.Stack(app, "Stack")
nested = cdk.NestedStack(stack, "Nested")
role = iam.Role(stack, "Role", assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"))
environment = {"NO_PROXY": "acme.example", "HTTPS_PROXY": "http://proxy.acme.example"}
provider = ConnectorRegistrationProvider(nested, "Provider", role=role, environment=environment)


def function(scope, name):
    return lambda_.Function(
        scope, name, runtime=lambda_.Runtime.PYTHON_3_13, handler="index.handler", role=role,
        code=lambda_.Code.from_inline("version = 1"), environment={"B": "1", "A": "2"},
    )


def register(scope, connector, label, **arguments):
    return ConnectorRegistration(
        scope, label, connector_label=label, connector_function=connector, **arguments
    )


destroy = cdk.RemovalPolicy.DESTROY
version = function(stack, "Versioned").current_version
alias = lambda_.Alias(stack, "Alias", alias_name="live", version=version)
register(stack, alias, "acme-alias", removal_policy=destroy, force_delete=True)
register(nested, function(nested, "Nested"), "acme-nested", provider=provider)
arn = "arn:aws:lambda:us-east-1:111122223333:function:crm"
imported = lambda_.Function.from_function_arn(stack, "Imported", arn)
kept = register(stack, imported, "acme-imported", triggers={"B": "1", "A": "2"})
kept.grant_read_credentials(version, kms.Key(stack, "Key"))
register(stack, imported, "acme-external", skip_permissions=True)
for number in range(30):
    register(stack, function(stack, f"Function{number}"), f"acme-{number}", removal_policy=destroy)
app.synth()
"""

APPS = ["app.py", "examples/many_accounts.py", "examples/vpc.py"]

# The CDK writes the call stack of each warning into the assembly, with the temporary folders that
# jsii has extracted the CDK and itself into.
_TEMPORARY_FOLDER = re.compile(rb"/[^\"\s]*/(jsii-kernel-|tmp)\w+/")


# Every app in one process, since the start of the CDK takes longer than most syntheses. Without
# CDK_OUTDIR, which counts when the CDK starts, each app has a temporary folder.
PROGRAM = """
import pathlib, runpy, shutil, sys

folder = pathlib.Path(sys.argv[1])
for path in map(pathlib.Path, sys.argv[2:]):
    shutil.move(runpy.run_path(str(path))["app"].outdir, folder / path.stem)
"""


def test_assembly_is_the_same_each_time(tmp_path: Path) -> None:
    """Two processes that order hashes differently write the same files of every app."""
    everything = tmp_path / "everything.py"
    everything.write_text(EVERYTHING)
    apps = [everything, *(ROOT / app for app in APPS)]

    first, second = (synthesise(apps, tmp_path / "out", hash_seed) for hash_seed in ("1", "2"))

    assert first.keys() == second.keys()
    for app in apps:
        assert {f"{app.stem}/manifest.json", f"{app.stem}/tree.json"} <= first.keys()
    for file, content in first.items():
        assert content == second[file], file


def synthesise(apps: Sequence[Path], folder: Path, hash_seed: str) -> dict[str, bytes]:
    """The files of the assemblies that a fresh process writes."""
    environment = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(ROOT),
        "PYTHONHASHSEED": hash_seed,
        "CDK_VALIDATION": "false",
    }
    folder.mkdir()
    command = [sys.executable, "-c", PROGRAM, str(folder), *map(str, apps)]
    subprocess.run(command, cwd=ROOT, env=environment, check=True)
    files = {
        str(file.relative_to(folder)): _TEMPORARY_FOLDER.sub(b"", file.read_bytes())
        for file in sorted(folder.rglob("*"))
        if file.is_file()
    }
    folder.rename(folder.with_name(f"{folder.name}-{hash_seed}"))
    return files
