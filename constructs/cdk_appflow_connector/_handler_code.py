"""The handler's code as an asset: its source beside what it imports, crhelper and shared code.

Staging needs no Docker, no installer and no network, because crhelper is pure Python and installed
with this library, at the version that its requirements pin. Equal inputs give equal files, and
therefore an equal asset hash, on every machine.
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import shutil
from collections.abc import Iterator
from pathlib import Path

import aws_cdk as cdk
from aws_cdk import aws_lambda as lambda_

ENTRY_POINT = "connector_registration.function.handler"

_HERE = Path(__file__).parent
# An installed wheel has the source inside the package; a checkout has it in another folder.
_SOURCES = (_HERE / "_handler", _HERE.parents[1] / "handler")

_SHARED_PACKAGE = "appflow_connector_configuration"

# What the handler does not import of it.
_NOT_OF_HANDLER = ("entities.py", "faults.py", "model.py")

# The notice is included. The licence, a tenth of the whole, is not needed, because an upload into
# an AWS account of the same owner is no distribution.
_CRHELPER_FILES = ("*.py", "NOTICE")


def handler_code(stage: cdk.Stage) -> lambda_.Code:
    """Stage the handler in the cloud assembly of a stage and return it as code for a function.

    The folder stays in the assembly: with asset staging disabled, the CDK CLI reads it after
    synthesis.
    """
    staging = Path(stage.asset_outdir, "appflow-connector-registration-handler")
    # Files of an earlier version of the library would become part of the asset.
    shutil.rmtree(staging, ignore_errors=True)
    copy_handler(staging)
    return lambda_.Code.from_asset(str(staging))


def copy_handler(folder: Path) -> None:
    """Copy the handler and what it imports into a folder."""
    for source, target in (*_handler_files(), *_shared_files(), *_crhelper_files()):
        _copy(source, folder / target)


def _handler_files() -> Iterator[tuple[Path, Path]]:
    root = next(source for source in _SOURCES if source.is_dir())
    for file in root.rglob("*.py"):
        yield file, file.relative_to(root)


def _shared_files() -> Iterator[tuple[Path, Path]]:
    # Found and not imported: the constructs do not need it.
    found = importlib.util.find_spec(_SHARED_PACKAGE)
    assert found is not None, "it is installed with this library"
    assert found.origin is not None, "it is a package with an __init__.py"
    for file in Path(found.origin).parent.glob("*.py"):
        if file.name in _NOT_OF_HANDLER:
            continue
        yield file, Path(_SHARED_PACKAGE, file.name)


def _crhelper_files() -> list[tuple[Path, Path]]:
    files = [
        (Path(str(file.locate())), Path("crhelper", file.name))
        for file in importlib.metadata.files("crhelper") or ()
        if any(file.match(pattern) for pattern in _CRHELPER_FILES)
    ]
    if not files:
        raise RuntimeError(
            "the installed crhelper does not list its files, so they cannot be copied into the"
            " handler's asset. Install it with pip, for example with pip install --force-reinstall"
            " crhelper"
        )
    return files


def _copy(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, target)
    # The asset's hash ignores the mode, but its archive keeps it, and Lambda runs as another user.
    target.chmod(0o644)
    target.parent.chmod(0o755)
