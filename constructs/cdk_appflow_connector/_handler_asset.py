"""The handler's code as an asset: our source and crhelper's, side by side.

No Docker, no installer and no network: crhelper is pure Python and installed with this library, at
the version pinned in its requirements. Equal inputs give equal files, hence an equal asset hash, on
every machine.
"""

from __future__ import annotations

import importlib.metadata
import shutil
from collections.abc import Iterator
from pathlib import Path

import aws_cdk as cdk
from aws_cdk import aws_lambda as lambda_

from constructs import Construct

ENTRY_POINT = "connector_registration.function.handler"

_HERE = Path(__file__).parent
# In an installed wheel the source travels inside the package; in a checkout it lies beside it.
_SOURCES = (_HERE / "_handler", _HERE.parents[1] / "handler")

# Its notice goes with it. Its licence, a tenth of the whole, need not: an upload into one's own
# account hands crhelper on to nobody.
_CRHELPER_FILES = ("*.py", "NOTICE")


def handler_code(scope: Construct) -> lambda_.Code:
    """Stage the handler beside the app's cloud assembly and return it as code for a function.

    The folder lies in the assembly and is kept: with asset staging disabled, the CDK CLI reads it
    after synthesis.
    """
    stage = cdk.Stage.of(scope)
    assert stage is not None, "every stack is in a stage"
    staging = Path(stage.asset_outdir, "appflow-connector-registration-handler")
    # What an earlier version left there would become part of the asset.
    shutil.rmtree(staging, ignore_errors=True)
    for source, target in (*_handler_files(), *_crhelper_files()):
        _copy(source, staging / target)
    return lambda_.Code.from_asset(str(staging))


def _handler_files() -> Iterator[tuple[Path, Path]]:
    root = next(source for source in _SOURCES if source.is_dir())
    for file in root.rglob("*.py"):
        yield file, file.relative_to(root)


def _crhelper_files() -> list[tuple[Path, Path]]:
    files = [
        (Path(str(file.locate())), Path("crhelper", file.name))
        for file in importlib.metadata.files("crhelper") or ()
        if any(file.match(pattern) for pattern in _CRHELPER_FILES)
    ]
    if not files:
        raise RuntimeError(
            "the installed crhelper does not say which files it consists of: install it with pip,"
            " for instance with pip install --force-reinstall crhelper"
        )
    return files


def _copy(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, target)
    # The mode is no part of the asset's hash but of its archive, and Lambda runs as another user.
    target.chmod(0o644)
    target.parent.chmod(0o755)
