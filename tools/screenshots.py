"""Make the pictures of commands in the documentation: ``python -m tools.screenshots``.

Each picture shows what a command prints on a terminal of 80 columns. The commands run against the
local cloud, in which an example is deployed and the code of its connector is changed afterwards.
"""

from __future__ import annotations

import io
import re
import subprocess
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from rich.console import Console
from rich.text import Text

from appflow_local_cloud.process import LocalCloud, local_cloud
from tools.terminal import run_cli

ROOT = Path(__file__).resolve().parent.parent
BUILD = ROOT / "build" / "screenshots"
PICTURES = ROOT / "docs" / "reference"

_ACCOUNT = "111122223333"
_COLUMNS = 80
_APP = "python examples/profile_and_flow.py"
_CONNECTOR = ROOT / "examples" / "connector" / "crm.py"
_CHANGES = {
    '"connectorVersion": "1.0"': '"connectorVersion": "1.1"',
    '"supportedApiVersions": ["v1"]': '"supportedApiVersions": ["v2"]',
    '"INSERT", "UPDATE", "UPSERT", "DELETE"': '"INSERT", "UPDATE", "UPSERT"',
}


class Screenshot(NamedTuple):
    """A picture of a command, which runs in the folder with the changed connector."""

    file: str
    arguments: tuple[str, ...]


SCREENSHOTS = [
    Screenshot("status.svg", ("status",)),
    Screenshot("check.svg", ("check", "crm:handler", "--against", "acme-crm")),
]


def main() -> None:
    """Make all pictures."""
    BUILD.mkdir(parents=True, exist_ok=True)
    with (BUILD / "log").open("w") as log, local_cloud(log) as cloud:
        for arguments in (
            ["bootstrap", f"aws://{_ACCOUNT}/us-east-1"],
            ["deploy", "--require-approval", "never", "--parameters", "Password=any"],
        ):
            subprocess.run(
                ["cdk", *arguments, "--app", _APP, "--output", str(BUILD / "cdk.out")],
                cwd=ROOT,
                env=cloud.environment(_ACCOUNT),
                stdout=log,
                stderr=log,
                check=True,
            )
        source = _changed_source()
        (BUILD / _CONNECTOR.name).write_text(source)
        cloud.client("lambda", _ACCOUNT).update_function_code(
            FunctionName=_function_name(cloud), ZipFile=_zipped(source)
        )
        for file, words in SCREENSHOTS:
            _save(file, words, _printed(cloud, words))


def _function_name(cloud: LocalCloud) -> str:
    """The name of the function that is registered."""
    appflow = cloud.client("appflow", _ACCOUNT)
    shown = appflow.describe_connector(connectorType="CustomConnector", connectorLabel="acme-crm")
    provisioning = shown["connectorConfiguration"]["connectorProvisioningConfig"]
    return str(provisioning["lambda"]["lambdaArn"].split(":")[6])


def _changed_source() -> str:
    source = _CONNECTOR.read_text()
    for old, new in _CHANGES.items():
        if source.count(old) != 1:
            raise ValueError(f"{_CONNECTOR} does not have {old} once")
        source = source.replace(old, new)
    return source


def _zipped(source: str) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr(_CONNECTOR.name, source)
    return buffer.getvalue()


def _printed(cloud: LocalCloud, words: Sequence[str]) -> str:
    environment = cloud.environment(_ACCOUNT)
    _, printed = run_cli(words, cwd=BUILD, environment=environment, columns=_COLUMNS)
    return printed


def _save(file: str, words: Sequence[str], printed: str) -> None:
    console = Console(record=True, width=_COLUMNS, file=io.StringIO(), highlight=False)
    console.print(Text.from_ansi(f"$ cdk-appflow-connector {' '.join(words)}\n{printed}"))
    picture = console.export_svg(title="cdk-appflow-connector")
    # A browser would load the font from another host. Every browser has a monospaced one.
    picture = re.sub(r"\s*@font-face \{.*?\}", "", picture, flags=re.DOTALL)
    (PICTURES / file).write_text(picture)


if __name__ == "__main__":
    main()
